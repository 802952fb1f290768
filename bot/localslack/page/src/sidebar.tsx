import { Avatar, BotAvatar } from "./avatar";
import type { Channel, State } from "./types";

interface Shown {
  state: State;
  me: string;
  place: string;
  unread: (channel: Channel) => boolean;
  /** How many messages that this person has not seen mention them. */
  mentions: (channel: Channel) => number;
  visit: (place: string) => void;
  become: (user: string) => void;
}

/** Where the app's own page stands among the channels. */
export const HOME = "home";

export function Sidebar({ state, me, place, unread, mentions, visit, become }: Shown) {
  const listed = (channel: Channel, mark: string, name: string) => (
    <li key={channel.id}>
      <button
        type="button"
        class={`place${unread(channel) ? " unread" : ""}`}
        aria-current={channel.id === place ? "page" : undefined}
        data-testid="channel"
        onClick={() => visit(channel.id)}
      >
        <span class="mark">{mark}</span> {name}
        {mentions(channel) > 0 && (
          <b class="mentions" data-testid="mentions" title="Mentions of you">
            {mentions(channel)}
          </b>
        )}
      </button>
    </li>
  );
  const direct = state.channels.filter((channel) => channel.person === me);
  return (
    <nav class="sidebar" aria-label="Workspace">
      <h1>Tandem local</h1>
      <div class="places">
        <h2>Channels</h2>
        <ul>
          {state.channels.filter((channel) => !channel.person).map((channel) => listed(channel, "#", channel.name))}
        </ul>
        {direct.length > 0 && (
          <>
            <h2>Direct messages</h2>
            <ul>{direct.map((channel) => listed(channel, "@", "Tandem"))}</ul>
          </>
        )}
        <h2>Apps</h2>
        <ul>
          <li>
            <button type="button" class="place" aria-current={place === HOME ? "page" : undefined} data-testid="home" onClick={() => visit(HOME)}>
              <BotAvatar size={18} /> Tandem
            </button>
          </li>
        </ul>
      </div>
      <fieldset class="people" data-testid="user-switch">
        <legend>Act as</legend>
        {Object.entries(state.users).map(([id, name]) => (
          <label key={id} class={id === me ? "me" : ""}>
            <input type="radio" name="me" value={id} checked={id === me} onChange={() => become(id)} />
            <Avatar user={id} name={name} size={20} />
            <span>{name}</span>
            <i class="presence" aria-hidden="true" />
          </label>
        ))}
        <p>Clicks, commands and messages come from this person. Switch to see what others may and may not do.</p>
      </fieldset>
    </nav>
  );
}
