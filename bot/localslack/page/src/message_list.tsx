import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { day, momentOf } from "./dates";
import { Message, type Press } from "./message";
import { type Ephemeral, isEphemeral, type Message as Said } from "./types";

const NEAR_END = 48;
const TOGETHER_SECONDS = 300;

interface Listed {
  messages: (Said | Ephemeral)[];
  hidden: number;
  highlighted: string | undefined;
  press: Press;
  showEarlier: () => void;
  openThread: (ts: string) => void;
  dismiss: (ts: string) => void;
}

/** A channel's messages. Whoever reads the newest keeps seeing the newest; whoever reads older ones is left alone. */
export function MessageList({ messages, hidden, highlighted, press, showEarlier, openThread, dismiss }: Listed) {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const fromEnd = useRef<number | null>(null);
  const [behind, setBehind] = useState(false);
  const newest = messages.at(-1)?.ts;
  const oldest = messages[0]?.ts;

  useLayoutEffect(() => {
    const box = list.current;
    if (!box) return;
    if (fromEnd.current !== null) box.scrollTop = box.scrollHeight - fromEnd.current;
    else if (atEnd.current) box.scrollTop = box.scrollHeight;
    fromEnd.current = null;
  }, [messages, oldest]);
  useLayoutEffect(() => setBehind(!atEnd.current), [newest]);
  useLayoutEffect(() => {
    if (!highlighted) return;
    atEnd.current = false;
    list.current?.querySelector(`[data-ts="${CSS.escape(highlighted)}"]`)?.scrollIntoView({ block: "center" });
  }, [highlighted]);

  const toEnd = (): void => {
    atEnd.current = true;
    list.current?.scrollTo({ top: list.current.scrollHeight });
  };
  const scrolled = (): void => {
    const box = list.current;
    if (!box) return;
    atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
    if (atEnd.current) setBehind(false);
  };
  return (
    <div class="list-frame">
      <div ref={list} class="list" role="log" aria-label="Messages" tabIndex={0} data-testid="messages" onScroll={scrolled}>
        <div class="filler" />
        {hidden > 0 && (
          <button
            type="button"
            class="link earlier"
            onClick={() => {
              fromEnd.current = (list.current?.scrollHeight ?? 0) - (list.current?.scrollTop ?? 0);
              showEarlier();
            }}
          >
            Show earlier messages ({hidden})
          </button>
        )}
        {messages.map((message, i) => {
          const before = messages[i - 1];
          const date = day(momentOf(message.ts));
          const newDay = !before || day(momentOf(before.ts)) !== date;
          return [
            newDay && (
              <div key={`day-${date}`} class="day">
                <span>{date}</span>
              </div>
            ),
            <Message
              key={message.ts}
              message={message}
              press={press}
              highlighted={message.ts === highlighted}
              following={!newDay && goesOn(before, message)}
              openThread={openThread}
              {...(isEphemeral(message) && { dismiss })}
            />,
          ];
        })}
      </div>
      {behind && (
        <button type="button" class="newer" onClick={toEnd}>
          ↓ New messages
        </button>
      )}
    </div>
  );
}

/** Whether a message goes on where the same person's last one ended. */
function goesOn(before: Said | Ephemeral | undefined, message: Said | Ephemeral): boolean {
  if (!before || isEphemeral(before) || isEphemeral(message)) return false;
  const plain = !before.blocks?.length && !message.blocks?.length && !before.reply_count;
  return plain && before.user === message.user && Number(message.ts) - Number(before.ts) < TOGETHER_SECONDS;
}
