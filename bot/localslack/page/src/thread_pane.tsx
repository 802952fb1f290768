import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Composer } from "./composer";
import { Message, type Press } from "./message";
import { type Ephemeral, isEphemeral, type Message as Said } from "./types";

interface Thread {
  channel: string;
  parent: Said;
  replies: (Said | Ephemeral)[];
  press: Press;
  react: (message: Said, name: string) => void;
  reply: (text: string) => Promise<void>;
  dismiss: (ts: string) => void;
  close: () => void;
}

export function ThreadPane({ channel, parent, replies, press, react, reply, dismiss, close }: Thread) {
  const list = useRef<HTMLDivElement>(null);
  const closer = useRef<HTMLButtonElement>(null);
  const atEnd = useRef(true);
  useEffect(() => closer.current?.focus({ preventScroll: true }), [parent.ts]);
  useLayoutEffect(() => {
    if (list.current && atEnd.current) list.current.scrollTop = list.current.scrollHeight;
  }, [replies]);
  const count = replies.length;
  return (
    <aside class="thread" data-testid="thread-pane" aria-label="Thread" onKeyDown={(event) => event.key === "Escape" && close()}>
      <header>
        <h2>Thread</h2>
        <span class="where"># {channel}</span>
        <button ref={closer} type="button" class="close" aria-label="Close the thread" onClick={close}>
          ✕
        </button>
      </header>
      <div
        ref={list}
        class="list"
        tabIndex={0}
        role="log"
        aria-label="Replies"
        onScroll={({ currentTarget: box }) => {
          atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 48;
        }}
      >
        <Message message={parent} press={press} />
        {count > 0 && (
          <div class="count">
            <span>
              {count} {count === 1 ? "reply" : "replies"}
            </span>
          </div>
        )}
        {replies.map((message) => (
          <Message key={message.ts} message={message} press={press} react={react} {...(isEphemeral(message) && { dismiss })} />
        ))}
      </div>
      <Composer placeholder="Reply…" testid="thread-composer" send={reply} />
    </aside>
  );
}
