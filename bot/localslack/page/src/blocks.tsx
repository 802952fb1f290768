// Block Kit, as Slack shows it. https://docs.slack.dev/reference/block-kit/blocks
import { useState } from "preact/hooks";
import { Button, Confirmation, Field, initially } from "./elements";
import { Text, unescaped } from "./mrkdwn";
import { RichText } from "./rich_text";
import type { Block, Chosen, Element, RichText as RichTextPart, Text as TextObject } from "./types";

/** Carries out what a person did with an element. */
export type Act = (block: Block, element: Element, chosen: Chosen) => Promise<void>;

/** An input of a form: what it holds, and how it is filled. */
export interface Form {
  chosen: (block: Block) => Chosen;
  choose: (block: Block, chosen: Chosen) => void;
  errors: Record<string, string>;
}

export function Blocks({ blocks, act, form }: { blocks: Block[]; act: Act; form?: Form }) {
  return (
    <div class="blocks">
      {blocks.map((block, i) => (
        <div key={block.block_id ?? i} class={`block ${block.type}`}>
          <Shown block={block} act={act} form={form} />
        </div>
      ))}
    </div>
  );
}

function Shown({ block, act, form }: { block: Block; act: Act; form: Form | undefined }) {
  switch (block.type) {
    case "header":
      return <h3>{block.text && <Text of={block.text} />}</h3>;
    case "section":
      return <Section block={block} act={act} />;
    case "context":
      return <Context elements={(block.elements ?? []) as (TextObject | Element)[]} />;
    case "actions":
      return (
        <>
          {(block.elements as Element[] | undefined)?.map((element, i) => (
            <Interactive key={element.action_id ?? i} block={block} element={element} act={act} />
          ))}
        </>
      );
    case "divider":
      return <hr />;
    case "image":
      return <Picture url={block.image_url} alt={block.alt_text ?? ""} title={block.title} />;
    case "rich_text":
      return <RichText parts={(block.elements ?? []) as RichTextPart[]} />;
    case "input":
      return form ? <InputBlock block={block} form={form} /> : null;
    default:
      return <em class="unknown">({block.type} is not shown here)</em>;
  }
}

function Section({ block, act }: { block: Block; act: Act }) {
  const { accessory } = block;
  return (
    <>
      <div class="said">
        {block.text && (
          <div class="text">
            <Text of={block.text} />
          </div>
        )}
        {block.fields && (
          <div class="fields">
            {block.fields.map((field, i) => (
              <div key={i}>
                <Text of={field} />
              </div>
            ))}
          </div>
        )}
      </div>
      {accessory && (
        <div class="accessory">
          {accessory.type === "image" ? (
            <Picture url={accessory.image_url} alt={accessory.alt_text ?? ""} />
          ) : (
            <Interactive block={block} element={accessory} act={act} />
          )}
        </div>
      )}
    </>
  );
}

function Context({ elements }: { elements: (TextObject | Element)[] }) {
  return (
    <>
      {elements.map((element, i) =>
        element.type === "image" ? (
          <Picture key={i} url={(element as Element).image_url} alt={(element as Element).alt_text ?? ""} />
        ) : (
          <span key={i}>
            <Text of={element as TextObject} />
          </span>
        ),
      )}
    </>
  );
}

/** Pictures of this server are shown; others only named, for the page loads nothing from outside. */
function Picture({ url = "", alt, title }: { url?: string | undefined; alt: string; title?: TextObject | undefined }) {
  const own = url.startsWith(`${location.origin}/`);
  return (
    <figure>
      {title && (
        <figcaption>
          <Text of={title} />
        </figcaption>
      )}
      {own ? (
        <img src={url} alt={alt} />
      ) : (
        <a class="picture" href={/^https?:/i.test(url) ? url : undefined} target="_blank" rel="noopener noreferrer">
          🖼️ {unescaped(alt)}
        </a>
      )}
    </figure>
  );
}

/** An element that acts at once; it can be used again when the app has answered. */
function Interactive({ block, element, act }: { block: Block; element: Element; act: Act }) {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState<Chosen | null>(null);
  const [chosen, setChosen] = useState(() => initially(element));
  const run = async (wanted: Chosen): Promise<void> => {
    setBusy(true);
    if (element.type !== "overflow") setChosen(wanted);
    await act(block, element, wanted);
    setBusy(false);
  };
  const want = (wanted: Chosen): void => (element.confirm ? setAsked(wanted) : void run(wanted));
  return (
    <>
      {element.type === "button" ? (
        <Button element={element} busy={busy} press={() => want({})} />
      ) : (
        <Field element={element} chosen={chosen} busy={busy} choose={want} />
      )}
      {asked && element.confirm && (
        <Confirmation
          confirm={element.confirm}
          done={(yes) => {
            setAsked(null);
            if (yes) void run(asked);
          }}
        />
      )}
    </>
  );
}

function InputBlock({ block, form }: { block: Block; form: Form }) {
  const id = block.block_id ?? "";
  const error = form.errors[id];
  if (!block.element) return null;
  return (
    <div class="field" data-block-id={id}>
      <label for={`input-${id}`}>
        {block.label && <Text of={block.label} />}
        {block.optional && <span class="optional"> (optional)</span>}
      </label>
      <Field
        element={block.element}
        id={`input-${id}`}
        label={unescaped(block.label?.text ?? "")}
        invalid={error !== undefined}
        chosen={form.chosen(block)}
        choose={(chosen) => form.choose(block, chosen)}
      />
      {error !== undefined && (
        <p class="error" role="alert" data-testid="input-error">
          {error}
        </p>
      )}
      {block.hint && error === undefined && (
        <p class="hint">
          <Text of={block.hint} />
        </p>
      )}
    </div>
  );
}
