// A list that asks the app what it offers for what is typed. https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { unescaped } from "./mrkdwn";
import type { Chosen, Element, Option } from "./types";

/** What the app offers in a list for a text. */
export const Suggest = createContext<(action: string, text: string) => Promise<Option[]>>(async () => []);

const PAUSE_MS = 200;
const MOST_ROWS = 8;

interface Searching {
  element: Element;
  label: string | undefined;
  id: string | undefined;
  chosen: Chosen;
  invalid: boolean | undefined;
  choose: (chosen: Chosen) => void;
}

export function SearchedSelect({ element, label, id, chosen, invalid, choose }: Searching) {
  const suggest = useContext(Suggest);
  const [text, setText] = useState("");
  const [found, setFound] = useState<Option[]>();
  const action = element.action_id ?? "";
  useEffect(() => {
    let late = false;
    const timer = setTimeout(() => void suggest(action, text).then((options) => late || setFound(options)), text ? PAUSE_MS : 0);
    return () => {
      late = true;
      clearTimeout(timer);
    };
  }, [suggest, action, text]);
  const current = chosen.selected_option;
  const options = current && !found?.some((known) => known.value === current.value) ? [current, ...(found ?? [])] : (found ?? []);
  return (
    <div class="searched" data-testid="searched" data-action-id={action}>
      <input
        id={id}
        class="entry"
        type="search"
        autocomplete="off"
        aria-label={`${label ?? ""}: search`}
        aria-invalid={invalid}
        placeholder={unescaped(element.placeholder?.text ?? "Search")}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
      />
      <select
        class="select"
        size={Math.max(2, Math.min(MOST_ROWS, options.length))}
        aria-label={label}
        value={current?.value ?? ""}
        onChange={(event) => {
          const { value } = event.currentTarget;
          choose({ selected_option: options.find((known) => known.value === value) ?? null });
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {unescaped(option.text.text)}
          </option>
        ))}
      </select>
      <p class="hint" role="status">
        {found && !found.length ? "No results" : ""}
      </p>
    </div>
  );
}
