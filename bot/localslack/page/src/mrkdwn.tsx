// Slack's mrkdwn as elements, never as HTML. https://docs.slack.dev/messaging/formatting-message-text
import type { ComponentChild, ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { formatted } from "./dates";
import { emoji } from "./emoji";
import { Names } from "./names";
import type { Text as TextObject } from "./types";

/** Slack escapes these three, and no others. */
export const unescaped = (text: string): string => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

const EMOJI = String.raw`(?<![\p{L}\p{N}]):(?<emoji>[a-z0-9_+'-]+):(?::skin-tone-(?<tone>[2-6]):)?`;
// A mark opens before a non-blank and closes behind one, at the edges of words, on one line; behind an invisible
// character it is none.
const span = (name: string, mark: string): string =>
  String.raw`(?<![\p{L}\p{N}\p{Cf}${mark}])${mark}(?<${name}>(?![\s${mark}])(?:<[^<>\n]*>|\x60[^\x60\n]+\x60|[^${mark}\n\x60<])*?(?<!\s))${mark}(?![\p{L}\p{N}${mark}])`;
const URL_TEXT = String.raw`(?<url>https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)\]'"*_~\x60])`;
const MARKS = [
  String.raw`\x60(?<code>[^\x60\n]+)\x60`,
  String.raw`<(?<angle>[^<>\n]+)>`,
  span("bold", String.raw`\*`),
  span("italic", "_"),
  span("strike", "~"),
  EMOJI,
].join("|");
const INLINE = new RegExp(`${MARKS}|${URL_TEXT}`, "gu");
const INLINE_VERBATIM = new RegExp(MARKS, "gu");
const EMOJI_ONLY = new RegExp(EMOJI, "gu");

const QUOTE = /^(?:&gt;|>) ?/;

interface Part {
  kind: "code" | "quote" | "text";
  text: string;
}

/** Code blocks first, for nothing inside them is a mark; then quoted lines; the rest is text. */
function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  const pieces = text.split(/```(?:\r?\n)?([^]*?)```/);
  pieces.forEach((piece, i) => {
    if (i % 2) {
      parts.push({ kind: "code", text: piece.replace(/\n$/, "") });
      return;
    }
    const begun = i ? piece.replace(/^\n/, "") : piece;
    const trimmed = i < pieces.length - 1 ? begun.replace(/\n$/, "") : begun;
    for (const line of trimmed ? trimmed.split("\n") : []) {
      const kind = QUOTE.test(line) ? "quote" : "text";
      const said = kind === "quote" ? line.replace(QUOTE, "") : line;
      const last = parts.at(-1);
      if (last?.kind === kind) last.text += `\n${said}`;
      else parts.push({ kind, text: said });
    }
  });
  return parts;
}

/** Text with its names of emoji shown as such; entities become what they stand for. */
export function withEmoji(text: string): ComponentChild[] {
  return replaced(text, EMOJI_ONLY, (groups, whole) => emojiOf(groups, whole));
}

type Groups = Record<string, string | undefined>;

function replaced(text: string, pattern: RegExp, render: (groups: Groups, whole: string) => ComponentChild): ComponentChild[] {
  const made: ComponentChild[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) made.push(unescaped(text.slice(end, match.index)));
    made.push(render(match.groups ?? {}, match[0]));
    end = match.index + match[0].length;
  }
  if (end < text.length) made.push(unescaped(text.slice(end)));
  return made;
}

function emojiOf(groups: Groups, whole: string): ComponentChild {
  const found = emoji(groups.emoji ?? "", groups.tone);
  return found ? <Emoji name={groups.emoji ?? ""} character={found} /> : whole;
}

export function Emoji({ name, character }: { name: string; character: string }) {
  return (
    <span class="emoji" role="img" aria-label={name.replaceAll("_", " ")} title={`:${name}:`}>
      {character}
    </span>
  );
}

function inline(text: string, verbatim: boolean): ComponentChild[] {
  return replaced(text, verbatim ? INLINE_VERBATIM : INLINE, (groups, whole) => {
    if (groups.code !== undefined) return <code>{unescaped(groups.code)}</code>;
    if (groups.angle !== undefined) return <Angle said={groups.angle} />;
    if (groups.bold !== undefined) return <b>{inline(groups.bold, verbatim)}</b>;
    if (groups.italic !== undefined) return <i>{inline(groups.italic, verbatim)}</i>;
    if (groups.strike !== undefined) return <s>{inline(groups.strike, verbatim)}</s>;
    if (groups.url !== undefined) return <Link url={groups.url}>{unescaped(groups.url)}</Link>;
    return emojiOf(groups, whole);
  });
}

/** What stands between angle brackets: a mention, a date or a link. */
function Angle({ said }: { said: string }) {
  const [target = "", label] = divided(said, "|");
  if (target.startsWith("@")) return <Mention user={target.slice(1)} />;
  if (target.startsWith("#")) return <ChannelMention channel={target.slice(1)} label={label} />;
  if (target.startsWith("!date^")) {
    const [, moment = "", format = "", url] = target.split("^");
    const text = unescaped(formatted(Number(moment), format, label ?? ""));
    const shown = <time dateTime={isoOf(Number(moment))}>{text}</time>;
    return url ? <Link url={url}>{shown}</Link> : shown;
  }
  if (target.startsWith("!subteam^")) return <Usergroup id={target.slice(9)} label={label} />;
  if (target.startsWith("!")) return <span class="mention group">@{label ?? target.slice(1)}</span>;
  return <Link url={target}>{label === undefined ? unescaped(target) : withEmoji(label)}</Link>;
}

function divided(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function isoOf(timestamp: number): string | undefined {
  const date = new Date(timestamp * 1000);
  return Number.isFinite(date.getTime()) ? date.toISOString() : undefined;
}

/** A link where the address is one that a page may lead to; else its text. */
export function Link({ url, children }: { url: string; children: ComponentChildren }) {
  const address = unescaped(url);
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return <>{children}</>;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

export function Mention({ user }: { user: string }) {
  const { people, me } = useContext(Names);
  const id = user.split("|")[0] ?? "";
  return <span class={`mention${id === me ? " mine" : ""}`}>@{people[id] ?? id}</span>;
}

export function ChannelMention({ channel, label }: { channel: string; label?: string | undefined }) {
  const { channels } = useContext(Names);
  return <span class="mention">#{channels[channel] ?? label ?? channel}</span>;
}

export function Usergroup({ id, label }: { id: string; label?: string | undefined }) {
  const { usergroups } = useContext(Names);
  return <span class="mention group">@{usergroups[id] ?? label?.replace(/^@/, "") ?? id}</span>;
}

export function Mrkdwn({ text, verbatim = false }: { text: string; verbatim?: boolean }) {
  return (
    <>
      {partsOf(text).map((part, i) => {
        if (part.kind === "code") return <pre key={i}>{unescaped(part.text)}</pre>;
        const said = inline(part.text, verbatim);
        return part.kind === "quote" ? <blockquote key={i}>{said}</blockquote> : <span key={i}>{said}</span>;
      })}
    </>
  );
}

/** A text object of either type. */
export function Text({ of }: { of: TextObject }) {
  if (of.type === "mrkdwn") return <Mrkdwn text={of.text} verbatim={of.verbatim ?? false} />;
  return <>{of.emoji === false ? unescaped(of.text) : withEmoji(of.text)}</>;
}
