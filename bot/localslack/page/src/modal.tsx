import { useEffect, useRef, useState } from "preact/hooks";
import { isChosen } from "./api";
import { type Act, Blocks } from "./blocks";
import { initially } from "./elements";
import { Text } from "./mrkdwn";
import type { Block, Chosen, View } from "./types";

interface Opened {
  view: View;
  act: Act;
  /** Sends what was filled in, by block; returns the errors, those of the whole form under an empty name. */
  submit: (values: Record<string, Chosen>) => Promise<Record<string, string>>;
  close: () => void;
}

const REQUIRED = "Please complete this required field.";

export function Modal({ view, act, submit, close }: Opened) {
  const self = useRef<HTMLDialogElement>(null);
  const [given, setGiven] = useState<Record<string, Chosen>>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    self.current?.showModal();
    self.current?.querySelector<HTMLElement>(".field input, .field textarea, .field select")?.focus();
  }, []);

  const inputs = view.blocks.filter((block) => block.type === "input" && block.element);
  const chosen = (block: Block): Chosen => given[block.block_id ?? ""] ?? (block.element ? initially(block.element) : {});
  const send = async (): Promise<void> => {
    if (busy) return;
    const missing = inputs.filter((block) => !block.optional && !isChosen(chosen(block)));
    if (missing.length) {
      setErrors(Object.fromEntries(missing.map((block) => [block.block_id ?? "", REQUIRED])));
      return;
    }
    setBusy(true);
    setErrors(await submit(Object.fromEntries(inputs.map((block) => [block.block_id ?? "", chosen(block)]))));
    setBusy(false);
  };
  const form = {
    errors,
    chosen,
    choose: (block: Block, value: Chosen) => setGiven((before) => ({ ...before, [block.block_id ?? ""]: value })),
  };
  return (
    <dialog
      ref={self}
      class="modal"
      data-testid="modal"
      aria-labelledby="modal-title"
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <header>
          <h2 id="modal-title">{view.title && <Text of={view.title} />}</h2>
          <button type="button" class="close" aria-label="Close" onClick={close}>
            ✕
          </button>
        </header>
        <div class="body">
          <Blocks blocks={view.blocks} act={act} form={form} />
          {errors[""] && (
            <p class="problem" role="alert">
              ⚠️ {errors[""]}
            </p>
          )}
        </div>
        <footer>
          <button type="button" class="button" data-testid="modal-close" onClick={close}>
            {view.close ? <Text of={view.close} /> : "Cancel"}
          </button>
          {view.submit && (
            <button type="submit" class="button primary" data-testid="modal-submit" disabled={busy} aria-busy={busy}>
              <span class="face">
                <Text of={view.submit} />
              </span>
              {busy && <span class="spinner" />}
            </button>
          )}
        </footer>
      </form>
    </dialog>
  );
}
