// The app's shortcuts, where Slack offers them: beside the composer, and in a message's menu.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Message, OwnShortcut } from "./types";

export interface Offered {
  known: OwnShortcut[];
  /** Uses one, of a message where it is given. */
  use: (shortcut: OwnShortcut, message?: Message) => void;
}

export const Shortcuts = createContext<Offered>({ known: [], use: () => undefined });

const close = (from: HTMLElement): void => from.closest("details")?.removeAttribute("open");

/** A menu of them; nothing where the app has none of the kind. */
export function ShortcutMenu({ message, label, face }: { message?: Message; label: string; face: string }) {
  const { known, use } = useContext(Shortcuts);
  const offered = known.filter((one) => one.type === (message ? "message" : "global"));
  if (!offered.length) return null;
  return (
    <details
      class={`shortcuts ${message ? "down" : "up"}`}
      data-testid={message ? "message-shortcuts" : "shortcuts"}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        close(event.currentTarget);
        event.currentTarget.querySelector("summary")?.focus();
      }}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) event.currentTarget.removeAttribute("open");
      }}
    >
      <summary aria-label={label} title={label}>
        {face}
      </summary>
      <ul>
        {offered.map((one) => (
          <li key={one.callback_id}>
            <button
              type="button"
              data-callback-id={one.callback_id}
              onClick={(event) => {
                close(event.currentTarget);
                use(one, message);
              }}
            >
              {one.name}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
