// The elements that a person can use, in messages and in forms.
import type { InputHTMLAttributes } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Text, unescaped } from "./mrkdwn";
import { Names } from "./names";
import { SearchedSelect } from "./search";
import type { Chosen, Confirm, Element, Option } from "./types";

interface Use {
  element: Element;
  /** Names the element to those who do not see its label. */
  label?: string;
  id?: string;
  chosen: Chosen;
  busy?: boolean;
  invalid?: boolean;
  choose: (chosen: Chosen) => void;
}

const words = (of: { text: string } | undefined): string => unescaped(of?.text ?? "");

export function Button({ element, busy, press }: { element: Element; busy: boolean; press: () => void }) {
  const self = useRef<HTMLButtonElement>(null);
  const pressed = useRef(false);
  // A button that is disabled loses the focus; whoever uses the keyboard gets it back as soon as it is enabled.
  useLayoutEffect(() => {
    if (busy || !pressed.current) return;
    pressed.current = false;
    if (document.activeElement === document.body) self.current?.focus({ preventScroll: true });
  }, [busy]);
  return (
    <button
      ref={self}
      type="button"
      class={`button ${element.style ?? ""}`}
      data-testid="button"
      data-action-id={element.action_id}
      aria-label={element.accessibility_label}
      aria-busy={busy}
      disabled={busy}
      onClick={() => {
        pressed.current = true;
        if (element.url && /^https?:/i.test(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
        press();
      }}
    >
      <span class="face">{element.text && <Text of={element.text} />}</span>
      {busy && <span class="spinner" />}
    </button>
  );
}

/** One choice out of a list; the browser's own menu, for it is the most accessible one. */
function Select({ element, label, id, chosen, busy, invalid, choose }: Use) {
  const { people } = useContext(Names);
  const users = element.type === "users_select";
  const options: Option[] = users
    ? Object.entries(people).map(([value, name]) => ({ value, text: { type: "plain_text", text: name } }))
    : (element.options ?? []);
  const current = users ? chosen.selected_user : chosen.selected_option?.value;
  const pick = (value: string): void => {
    const option = options.find((known) => known.value === value) ?? null;
    choose(users ? { selected_user: value || null } : { selected_option: option });
  };
  return (
    <select
      id={id}
      class="select"
      data-testid="select"
      data-action-id={element.action_id}
      aria-label={label ?? words(element.placeholder)}
      aria-invalid={invalid}
      disabled={busy}
      value={current ?? ""}
      onChange={(event) => pick(event.currentTarget.value)}
    >
      <option value="">{words(element.placeholder) || "Choose an option"}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {words(option.text)}
        </option>
      ))}
    </select>
  );
}

function Choices({ element, label, chosen, busy, choose }: Use) {
  const many = element.type === "checkboxes";
  const [name] = useState(() => crypto.randomUUID());
  const picked = many ? (chosen.selected_options ?? []) : chosen.selected_option ? [chosen.selected_option] : [];
  const toggle = (option: Option, on: boolean): void => {
    if (!many) choose({ selected_option: option });
    else choose({ selected_options: [...picked.filter((known) => known.value !== option.value), ...(on ? [option] : [])] });
  };
  return (
    <div role={many ? "group" : "radiogroup"} aria-label={label} class="choices" data-testid={element.type} data-action-id={element.action_id}>
      {element.options?.map((option) => (
        <label key={option.value}>
          <input
            type={many ? "checkbox" : "radio"}
            name={name}
            value={option.value}
            disabled={busy}
            checked={picked.some((known) => known.value === option.value)}
            onChange={(event) => toggle(option, event.currentTarget.checked)}
          />
          <span>
            <Text of={option.text} />
            {option.description && (
              <small>
                <Text of={option.description} />
              </small>
            )}
          </span>
        </label>
      ))}
    </div>
  );
}

function Overflow({ element, busy, choose }: Use) {
  return (
    <details class="overflow" data-testid="overflow" data-action-id={element.action_id}>
      <summary class="button" aria-label="More actions">
        ⋯
      </summary>
      <ul>
        {element.options?.map((option) => (
          <li key={option.value}>
            <button
              type="button"
              disabled={busy}
              onClick={(event) => {
                event.currentTarget.closest("details")?.removeAttribute("open");
                choose({ selected_option: option });
              }}
            >
              <Text of={option.text} />
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

interface Kind {
  type: "text" | "email" | "url" | "number" | "date" | "time";
  key: "value" | "selected_date" | "selected_time";
}

const INPUTS: Record<string, Kind> = {
  plain_text_input: { type: "text", key: "value" },
  email_text_input: { type: "email", key: "value" },
  url_text_input: { type: "url", key: "value" },
  number_input: { type: "number", key: "value" },
  datepicker: { type: "date", key: "selected_date" },
  timepicker: { type: "time", key: "selected_time" },
};

function Input({ element, label, id, chosen, busy, invalid, choose }: Use) {
  const { type, key }: Kind = INPUTS[element.type] ?? { type: "text", key: "value" };
  const shared = {
    id,
    class: "entry",
    "aria-label": label,
    "aria-invalid": invalid,
    "data-action-id": element.action_id,
    disabled: busy,
    placeholder: words(element.placeholder),
    minLength: element.min_length,
    maxLength: element.max_length,
    value: chosen[key] ?? "",
    onInput: (event: { currentTarget: { value: string } }) => choose({ [key]: event.currentTarget.value || null }),
  };
  return element.multiline ? <textarea rows={4} {...shared} /> : <input {...({ type, ...shared } as InputHTMLAttributes)} />;
}

/** Any element but a button. */
export function Field(use: Use) {
  const { type } = use.element;
  if (type === "static_select" || type === "users_select") return <Select {...use} />;
  if (type === "external_select") return <SearchedSelect {...{ label: undefined, id: undefined, invalid: undefined, ...use }} />;
  if (type === "radio_buttons" || type === "checkboxes") return <Choices {...use} />;
  if (type === "overflow") return <Overflow {...use} />;
  if (INPUTS[type]) return <Input {...use} />;
  return <em class="unknown">({type} is not shown here)</em>;
}

export function initially(element: Element): Chosen {
  return {
    ...(element.initial_value !== undefined && { value: element.initial_value }),
    ...(element.initial_option && { selected_option: element.initial_option }),
    ...(element.initial_options && { selected_options: element.initial_options }),
    ...(element.initial_user && { selected_user: element.initial_user }),
    ...(element.initial_date && { selected_date: element.initial_date }),
    ...(element.initial_time && { selected_time: element.initial_time }),
  };
}

/** Asks before an action that says that it wants to be asked about. */
export function Confirmation({ confirm, done }: { confirm: Confirm; done: (yes: boolean) => void }) {
  const self = useRef<HTMLDialogElement>(null);
  useEffect(() => self.current?.showModal(), []);
  return (
    <dialog ref={self} class="modal small" data-testid="confirm" aria-label={words(confirm.title)} onCancel={() => done(false)}>
      <header>
        <h2>
          <Text of={confirm.title} />
        </h2>
      </header>
      <div class="body">
        <Text of={confirm.text} />
      </div>
      <footer>
        <button type="button" class="button" onClick={() => done(false)}>
          <Text of={confirm.deny} />
        </button>
        <button type="button" class={`button ${confirm.style ?? "primary"}`} onClick={() => done(true)}>
          <Text of={confirm.confirm} />
        </button>
      </footer>
    </dialog>
  );
}
