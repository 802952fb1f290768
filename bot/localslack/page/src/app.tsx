import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, follow, problemOf, Refused } from "./api";
import { Avatar, BotAvatar } from "./avatar";
import { type Act, Blocks } from "./blocks";
import { Composer } from "./composer";
import type { Press } from "./message";
import { MessageList } from "./message_list";
import { Modal } from "./modal";
import { Names } from "./names";
import { Suggest } from "./search";
import { type Offered, Shortcuts } from "./shortcuts";
import { HOME, Sidebar } from "./sidebar";
import { ThreadPane } from "./thread_pane";
import type { Channel, Ephemeral, Message, Option, State } from "./types";

const EARLIER = 100;
const ME = "tandem-local-me";

interface Place {
  channel: string;
  ts: string | undefined;
}

/** A permalink ends in `#channel/ts`. */
function placeOf(hash: string): Place {
  const [channel = "", ts] = hash.replace(/^#/, "").split("/");
  return { channel, ts };
}

/** The channel's messages, with the replies that it shows, too; the oldest first. */
function shownIn(channel: Channel): Message[] {
  const broadcast = Object.values(channel.threads).flat().filter((reply) => reply.subtype === "thread_broadcast");
  return [...channel.messages, ...broadcast].sort((one, other) => Number(one.ts) - Number(other.ts));
}

const newestOf = (channel: Channel): string => shownIn(channel).at(-1)?.ts ?? "0";

const titleOf = (channel: Channel): string => (channel.person ? "@ Tandem" : `# ${channel.name}`);

async function problemIn(work: Promise<number>): Promise<string | undefined> {
  try {
    return problemOf(await work);
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

/** The workspace's state, kept fresh; the number of messages that are asked for can grow. */
function useWorkspace() {
  const [state, setState] = useState<State>();
  const [connected, setConnected] = useState(true);
  const last = useRef(EARLIER);
  const followed = useRef<ReturnType<typeof follow> | null>(null);
  useEffect(() => {
    followed.current = follow(() => last.current, setState, setConnected);
    return () => followed.current?.stop();
  }, []);
  const showEarlier = useCallback(() => {
    last.current += EARLIER;
    followed.current?.look();
  }, []);
  return { state, connected, showEarlier };
}

export function App() {
  const { state, connected, showEarlier } = useWorkspace();
  const [me, setMe] = useState(localStorage.getItem(ME) ?? "");
  const [place, setPlace] = useState<Place>(() => placeOf(location.hash));
  const [threads, setThreads] = useState<Record<string, string | undefined>>({});
  const [read, setRead] = useState<Record<string, string>>({});
  const [notes, setNotes] = useState<Ephemeral[]>([]);
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());

  useEffect(() => {
    const moved = (): void => setPlace(placeOf(location.hash));
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);

  const user = state && (state.users[me] ? me : Object.keys(state.users)[0]);
  const home = place.channel === HOME && Boolean(user);
  useEffect(() => {
    if (home && user) void ask("open_home", { user }).catch(() => undefined);
  }, [home, user]);
  const mine = state?.channels.filter((known) => !known.person || known.person === user) ?? [];
  const channel = state && !home ? (mine.find((known) => known.id === place.channel) ?? mine[0]) : undefined;
  const channelId = channel?.id ?? "";
  const newest = channel ? newestOf(channel) : "";
  useEffect(() => {
    if (channelId) setRead((before) => ({ ...before, [channelId]: newest }));
  }, [channelId, newest]);
  useEffect(() => {
    document.title = channel ? `${titleOf(channel).replace(" ", "")} · Tandem local` : "Tandem local";
  }, [channel?.id]);

  const seen = useMemo(
    () => [...(state?.ephemerals ?? []), ...notes].filter((said) => said.user === user && said.channel === channelId && !dismissed.has(said.ts)),
    [state, notes, dismissed, user, channelId],
  );
  const messages = useMemo(() => {
    const said = [...(channel ? shownIn(channel) : []), ...seen.filter((one) => !one.thread_ts)];
    return said.sort((one, other) => Number(one.ts) - Number(other.ts));
  }, [channel, seen]);

  const press: Press = useCallback(
    (message, block, element, chosen) =>
      problemIn(ask("click", { user, channel: channelId, ts: message.ts, block_id: block.block_id, action_id: element.action_id, state: chosen })),
    [user, channelId],
  );
  const inView =
    (kind: "modal" | "home"): Act =>
    async (block, element, chosen) => {
      const body = { user, view: kind, block_id: block.block_id, action_id: element.action_id, state: chosen };
      const problem = await problemIn(ask("click_view", body));
      if (problem) tell(problem);
    };
  const react = useCallback(
    (message: { ts: string }, name: string) => void ask("react", { user, channel: channelId, ts: message.ts, name }).catch(() => undefined),
    [user, channelId],
  );
  const suggest = useCallback(
    (action: string, text: string) => ask<Option[]>("suggest", { user, action_id: action, value: text }).catch(() => []),
    [user],
  );
  const openThread = useCallback((ts: string) => setThreads((before) => ({ ...before, [channelId]: ts })), [channelId]);
  const closeThread = useCallback(() => {
    const ts = threads[channelId];
    setThreads((before) => ({ ...before, [channelId]: undefined }));
    document.querySelector<HTMLElement>(`.main [data-ts="${CSS.escape(ts ?? "")}"] [data-testid="replies"]`)?.focus();
  }, [channelId, threads]);
  const dismiss = useCallback((ts: string) => setDismissed((before) => new Set([...before, ts])), []);

  if (!state || !user) return <p class="waiting">{connected ? "Loading…" : "The local Slack is not running."}</p>;

  const tell = (text: string): void => {
    const ts = (Date.now() / 1000).toFixed(6);
    setNotes((before) => [...before, { ts, user, text, channel: channelId, local: true }]);
  };
  const send = async (text: string, thread?: string): Promise<void> => {
    const command = thread ? null : /^(\/\S+)\s*([^]*)$/.exec(text);
    if (command) {
      const [, name = "", rest = ""] = command;
      const problem = await problemIn(ask("command", { user, channel: channelId, command: name, text: rest }));
      if (problem) tell(`\`${name}\` failed: ${problem}.`);
      return;
    }
    const escaped = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    try {
      await ask("post", { user, channel: channelId, text: escaped, thread_ts: thread });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      tell(`Your message was not sent: ${error.message}.`);
    }
  };
  const offered: Offered = {
    known: state.shortcuts,
    use: (shortcut, message) => {
      const about = message ? { channel: channelId, ts: message.ts } : {};
      void problemIn(ask("shortcut", { user, callback_id: shortcut.callback_id, ...about })).then((problem) => {
        if (problem) tell(`“${shortcut.name}” failed: ${problem}.`);
      });
    },
  };
  const visit = (where: string): void => {
    location.hash = where;
  };
  const become = (id: string): void => {
    localStorage.setItem(ME, id);
    setMe(id);
  };

  const linked = place.ts && channel?.messages.some((one) => one.ts === place.ts) ? place.ts : undefined;
  const threadTs = threads[channelId];
  const parent = threadTs ? channel?.messages.find((one) => one.ts === threadTs) : undefined;
  const replies = parent ? [...(channel?.threads[parent.ts] ?? []), ...seen.filter((one) => one.thread_ts === parent.ts)] : [];
  const view = state.views[user];
  const groups = Object.keys(state.members).filter((group) => state.members[group]?.includes(user));
  const calls = [`<@${user}>`, ...groups.map((group) => `<!subteam^${group}`)];
  const unseenMentions = (known: Channel): number =>
    shownIn(known).filter(
      (one) => one.ts > (read[known.id] ?? "0") && (Boolean(known.person) || calls.some((call) => (one.text + JSON.stringify(one.blocks ?? [])).includes(call))),
    ).length;
  const names = {
    me: user,
    people: state.users,
    channels: Object.fromEntries(state.channels.map((known) => [known.id, known.name])),
    usergroups: state.usergroups,
  };
  return (
    <Names.Provider value={names}>
      <Shortcuts.Provider value={offered}>
        <Suggest.Provider value={suggest}>
          <div class="rail" aria-hidden="true">
            <BotAvatar size={36} />
            <Avatar user={user} name={state.users[user] ?? ""} />
          </div>
          <Sidebar
            state={state}
            me={user}
            place={home ? HOME : channelId}
            unread={(known) => known.id !== channelId && known.messages.length > 0 && newestOf(known) > (read[known.id] ?? "0")}
            mentions={(known) => (known.id === channelId ? 0 : unseenMentions(known))}
            visit={visit}
            become={become}
          />
          <main class="main">
            <header>
              <h2>{home || !channel ? "Tandem" : titleOf(channel)}</h2>
              <span class="members" title="Members">
                {Object.entries(state.users).map(([id, name]) => (
                  <Avatar key={id} user={id} name={name} size={22} />
                ))}
                <b>{Object.keys(state.users).length + 1}</b>
              </span>
            </header>
            {!connected && (
              <p class="offline" role="status">
                The local Slack is not running; what you see may be out of date.
              </p>
            )}
            {home ? (
              <div class="home-view" data-testid="home-view">
                {state.homes[user] ? (
                  <Blocks key={user} blocks={state.homes[user].blocks} act={inView("home")} />
                ) : (
                  <p class="only">Nothing is here yet: the app shows a page once it has learnt that you opened this.</p>
                )}
              </div>
            ) : (
              channel && (
                <>
                  <MessageList
                    key={channelId}
                    messages={messages}
                    hidden={channel.total - channel.messages.length}
                    highlighted={linked}
                    press={press}
                    showEarlier={showEarlier}
                    openThread={openThread}
                    dismiss={dismiss}
                  />
                  <Composer key={`to-${channelId}`} placeholder={`Message ${titleOf(channel).replace(" ", "")}, or a command: /incident help`} testid="composer" send={send} shortcuts />
                </>
              )
            )}
          </main>
          {parent && channel && (
            <ThreadPane
              key={parent.ts}
              channel={channel.name}
              parent={parent}
              replies={replies}
              press={press}
              react={react}
              reply={(text) => send(text, parent.ts)}
              dismiss={dismiss}
              close={closeThread}
            />
          )}
          {view && (
            <Modal
              key={view.id}
              view={view}
              act={inView("modal")}
              submit={async (values) => {
                try {
                  return await ask<Record<string, string>>("submit_view", { user, values });
                } catch (error) {
                  if (error instanceof Refused) return { "": error.message };
                  throw error;
                }
              }}
              close={() => void problemIn(ask("close_view", { user }))}
            />
          )}
        </Suggest.Provider>
      </Shortcuts.Provider>
    </Names.Provider>
  );
}
