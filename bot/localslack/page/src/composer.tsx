import { useRef, useState } from "preact/hooks";
import { ShortcutMenu } from "./shortcuts";

interface Composing {
  placeholder: string;
  testid: string;
  send: (text: string) => Promise<void>;
  /** Whether the app's shortcuts are offered beside it. */
  shortcuts?: boolean;
}

/** Where a person writes: Enter sends, Shift+Enter begins a line, ↑ brings back what was sent last. */
export function Composer({ placeholder, testid, send, shortcuts }: Composing) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const last = useRef("");
  const submit = async (): Promise<void> => {
    const said = text.trim();
    if (!said || busy) return;
    last.current = said;
    setText("");
    setBusy(true);
    await send(said);
    setBusy(false);
  };
  const typed = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void submit();
    } else if (event.key === "ArrowUp" && !text && last.current) {
      event.preventDefault();
      setText(last.current);
    }
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <textarea
        data-testid={testid}
        aria-label={placeholder}
        placeholder={placeholder}
        rows={Math.min(8, text.split("\n").length)}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={typed}
      />
      <div class="bar">
        {shortcuts && <ShortcutMenu label="Shortcuts" face="⚡" />}
        <span class="tip" aria-hidden="true">
          {text.startsWith("/") ? "Enter runs the command" : ""}
        </span>
        <button type="submit" class="send" aria-label="Send" aria-busy={busy} disabled={!text.trim()}>
          {busy ? <span class="spinner" /> : "➤"}
        </button>
      </div>
    </form>
  );
}
