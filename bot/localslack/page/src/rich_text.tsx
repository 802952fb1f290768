// rich_text blocks. https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
import type { ComponentChild } from "preact";
import { formatted } from "./dates";
import { emoji } from "./emoji";
import { ChannelMention, Emoji, Link, Mention, Usergroup } from "./mrkdwn";
import type { RichText as Part } from "./types";

export function RichText({ parts }: { parts: Part[] }) {
  return <>{parts.map((part, i) => <Piece key={i} part={part} />)}</>;
}

function Piece({ part }: { part: Part }) {
  const inside = part.elements ?? [];
  if (part.type === "rich_text_preformatted") return <pre>{inside.map((leaf) => leaf.text ?? leaf.url ?? "").join("")}</pre>;
  if (part.type === "rich_text_quote") return <blockquote>{inside.map(leafOf)}</blockquote>;
  if (part.type === "rich_text_list") {
    const items = inside.map((item, i) => <li key={i}>{(item.elements ?? []).map(leafOf)}</li>);
    const indented = { marginInlineStart: `${(part.indent ?? 0) * 24}px` };
    return part.style === "ordered" ? <ol style={indented}>{items}</ol> : <ul style={indented}>{items}</ul>;
  }
  return <div class="rich">{inside.map(leafOf)}</div>;
}

function leafOf(leaf: Part): ComponentChild {
  return styled(leaf, bare(leaf));
}

function bare(leaf: Part): ComponentChild {
  switch (leaf.type) {
    case "link":
      return <Link url={leaf.url ?? ""}>{leaf.text ?? leaf.url}</Link>;
    case "emoji": {
      const found = emoji(leaf.name ?? "");
      return found ? <Emoji name={leaf.name ?? ""} character={found} /> : `:${leaf.name}:`;
    }
    case "user":
      return <Mention user={leaf.user_id ?? ""} />;
    case "channel":
      return <ChannelMention channel={leaf.channel_id ?? ""} />;
    case "usergroup":
      return <Usergroup id={leaf.usergroup_id ?? ""} />;
    case "broadcast":
      return <span class="mention group">@{leaf.range}</span>;
    case "date":
      return formatted(leaf.timestamp ?? NaN, leaf.format ?? "", leaf.fallback ?? "");
    case "color":
      return leaf.value;
    default:
      return leaf.text ?? "";
  }
}

function styled(leaf: Part, shown: ComponentChild): ComponentChild {
  const style = typeof leaf.style === "object" ? leaf.style : {};
  let made = shown;
  if (style.code) made = <code>{made}</code>;
  if (style.strike) made = <s>{made}</s>;
  if (style.italic) made = <i>{made}</i>;
  if (style.bold) made = <b>{made}</b>;
  return made;
}
