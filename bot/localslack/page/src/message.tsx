import type { ComponentChildren } from "preact";
import { memo } from "./memo";
import { useContext, useState } from "preact/hooks";
import { Avatar, BotAvatar } from "./avatar";
import { type Act, Blocks } from "./blocks";
import { ago, clock, momentOf } from "./dates";
import { emoji } from "./emoji";
import { Mrkdwn } from "./mrkdwn";
import { Names } from "./names";
import { ShortcutMenu } from "./shortcuts";
import { type Block, type Chosen, type Element, type Ephemeral, isEphemeral, type Message as Said } from "./types";

/** Does what a person did with an element of a message; returns what went wrong. */
export type Press = (message: Said, block: Block, element: Element, chosen: Chosen) => Promise<string | undefined>;

interface Shown {
  message: Said | Ephemeral;
  press: Press;
  /** Follows a message of the same author, and leaves out whose it is. */
  following?: boolean;
  highlighted?: boolean;
  /** Opens the message's thread; absent inside one. */
  openThread?: (ts: string) => void;
  /** Present on what only this person sees. */
  dismiss?: (ts: string) => void;
  /** Adds a reaction; present in a thread. */
  react?: (message: Said, name: string) => void;
}

const REACTIONS = ["memo", "pushpin", "eyes"];

function MessageItem({ message, press, following, highlighted, openThread, dismiss, react }: Shown) {
  const [problem, setProblem] = useState<string>();
  const blocks = message.blocks ?? [];
  const act: Act = async (block, element, chosen) => setProblem(await press(message, block, element, chosen));
  const edited = message.edited && <span class="edited">(edited)</span>;
  const moment = momentOf(message.ts);
  const kind = `message${following ? " following" : ""}${dismiss ? " ephemeral" : ""}${highlighted ? " highlighted" : ""}`;
  return (
    <article class={kind} data-testid={dismiss ? "ephemeral" : "message"} data-ts={message.ts} aria-label={message.text.slice(0, 200) || "Message"}>
      <div class="gutter">{following ? <time class="late">{clock(moment).replace(/ [AP]M/, "")}</time> : <Face message={message} />}</div>
      <div class="content">
        {dismiss && <p class="only">👁 Only visible to you</p>}
        {!following && (
          <Author message={message}>
            <time class="at" dateTime={moment.toISOString()} title={moment.toLocaleString()}>
              {clock(moment)}
            </time>
            {blocks.length > 0 && edited}
          </Author>
        )}
        {openThread && message.subtype === "thread_broadcast" && (
          <p class="only">
            replied to{" "}
            <button type="button" class="link" data-testid="whole-thread" onClick={() => openThread(message.thread_ts ?? message.ts)}>
              a thread
            </button>
          </p>
        )}
        {blocks.length > 0 ? (
          <Blocks blocks={blocks} act={act} />
        ) : (
          <div class="text">
            <Mrkdwn text={message.text} />
            {edited}
          </div>
        )}
        <Attached message={message} />
        {problem && (
          <p class="problem" role="alert" data-testid="problem">
            ⚠️ {problem}
          </p>
        )}
        {dismiss && (
          <button type="button" class="link dismiss" onClick={() => dismiss(message.ts)}>
            Dismiss message
          </button>
        )}
        {openThread && <Replies message={message} open={openThread} />}
      </div>
      {openThread && !dismiss && (
        <div class="toolbar">
          <ShortcutMenu message={message} label="More actions" face="⋮" />
          <button type="button" title="Reply in thread" aria-label="Reply in thread" data-testid="reply" onClick={() => openThread(message.thread_ts ?? message.ts)}>
            💬
          </button>
        </div>
      )}
      {react && !dismiss && (
        <div class="toolbar">
          <ShortcutMenu message={message} label="More actions" face="⋮" />
          {REACTIONS.map((name) => (
            <button key={name} type="button" title={`:${name}:`} aria-label={`React with ${name}`} data-testid={`react-${name}`} onClick={() => react(message, name)}>
              {emoji(name) ?? name}
            </button>
          ))}
        </div>
      )}
    </article>
  );
}

const same = (before: Shown, after: Shown): boolean =>
  before.following === after.following &&
  before.highlighted === after.highlighted &&
  before.press === after.press &&
  before.react === after.react &&
  before.openThread === after.openThread &&
  JSON.stringify(before.message) === JSON.stringify(after.message);

/** Drawn anew only when it says something else. */
export const Message = memo(MessageItem, same);

const isLocal = (message: Said | Ephemeral): boolean => isEphemeral(message) && Boolean(message.local);
const isApp = (message: Said | Ephemeral): boolean => Boolean(message.bot_id) || isEphemeral(message);

function Face({ message }: { message: Said | Ephemeral }) {
  const { people } = useContext(Names);
  if (isLocal(message)) return <Avatar user="slackbot" name="♥" />;
  return isApp(message) ? <BotAvatar /> : <Avatar user={message.user} name={people[message.user] ?? message.user} />;
}

function Author({ message, children }: { message: Said | Ephemeral; children: ComponentChildren }) {
  const { people } = useContext(Names);
  const name = isLocal(message) ? "Slackbot" : isApp(message) ? "Tandem" : (people[message.user] ?? message.user);
  return (
    <p class="author">
      <b>{name}</b>
      {isApp(message) && !isLocal(message) && <span class="badge">APP</span>}
      {children}
    </p>
  );
}

function Attached({ message }: { message: Said }) {
  return (
    <>
      {message.attachments?.map((card) => (
        <div key={card.from_url} class="unfurl" data-testid="unfurl">
          <Blocks blocks={card.blocks} act={async () => undefined} />
        </div>
      ))}
      {message.files?.map((file) =>
        file.mimetype?.startsWith("image/") ? (
          <figure key={file.id} class="file-image">
            <figcaption>{file.title ?? file.name}</figcaption>
            <img src={new URL(file.url_private).pathname} alt={file.alt_txt || file.name} />
          </figure>
        ) : (
          <a key={file.id} class="file" href={new URL(file.url_private).pathname} download={file.name}>
            📄 {file.title ?? file.name}
          </a>
        ),
      )}
      {message.reactions && (
        <p class="reactions">
          {message.reactions.map((reaction) => (
            <span key={reaction.name} title={`:${reaction.name}:`}>
              {emoji(reaction.name) ?? `:${reaction.name}:`} {reaction.count}
            </span>
          ))}
        </p>
      )}
    </>
  );
}

function Replies({ message, open }: { message: Said; open: (ts: string) => void }) {
  const count = message.reply_count ?? 0;
  if (!count) return null;
  return (
    <button type="button" class="replies" data-testid="replies" onClick={() => open(message.ts)}>
      <BotAvatar size={22} />
      <b>
        {count} {count === 1 ? "reply" : "replies"}
      </b>
      {message.latest_reply && <span>Last reply {ago(momentOf(message.latest_reply))}</span>}
    </button>
  );
}
