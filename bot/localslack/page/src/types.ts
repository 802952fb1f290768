// What /_local/state tells, as far as the page looks at it.

export interface Text {
  type: "plain_text" | "mrkdwn";
  text: string;
  emoji?: boolean;
  verbatim?: boolean;
}

export interface Option {
  text: Text;
  value: string;
  description?: Text;
}

export interface Confirm {
  title: Text;
  text: Text;
  confirm: Text;
  deny: Text;
  style?: "primary" | "danger";
}

/** An interactive element; which of the optional parts it has depends on its type. */
export interface Element {
  type: string;
  action_id?: string;
  text?: Text;
  value?: string;
  url?: string;
  style?: "primary" | "danger";
  accessibility_label?: string;
  confirm?: Confirm;
  placeholder?: Text;
  options?: Option[];
  initial_option?: Option;
  initial_options?: Option[];
  initial_user?: string;
  initial_value?: string;
  initial_date?: string;
  initial_time?: string;
  multiline?: boolean;
  min_length?: number;
  max_length?: number;
  image_url?: string;
  alt_text?: string;
}

export interface RichText {
  type: string;
  elements?: RichText[];
  text?: string;
  style?: "bullet" | "ordered" | { bold?: boolean; italic?: boolean; strike?: boolean; code?: boolean };
  indent?: number;
  name?: string;
  unicode?: string;
  url?: string;
  user_id?: string;
  channel_id?: string;
  usergroup_id?: string;
  range?: string;
  timestamp?: number;
  format?: string;
  fallback?: string;
  value?: string;
}

export interface Block {
  type: string;
  block_id?: string;
  text?: Text;
  fields?: Text[];
  accessory?: Element;
  elements?: (Element | Text | RichText)[];
  element?: Element;
  label?: Text;
  hint?: Text;
  optional?: boolean;
  image_url?: string;
  alt_text?: string;
  title?: Text;
}

/** What the app shows under a link. */
export interface Attachment {
  from_url: string;
  blocks: Block[];
}

/** https://docs.slack.dev/interactivity/implementing-shortcuts */
export interface OwnShortcut {
  callback_id: string;
  name: string;
  type: "global" | "message";
}

export interface Message {
  ts: string;
  user: string;
  text: string;
  bot_id?: string;
  /** `thread_broadcast`: a reply that the channel shows, too. */
  subtype?: string;
  blocks?: Block[];
  attachments?: Attachment[];
  edited?: { ts: string };
  thread_ts?: string;
  reply_count?: number;
  latest_reply?: string;
  reactions?: { name: string; count: number }[];
  files?: { id: string; name: string; title?: string; mimetype?: string; alt_txt?: string; url_private: string }[];
}

/** Seen by one person only, who is its `user`; a local one is the page's own. */
export interface Ephemeral extends Message {
  channel: string;
  local?: boolean;
}

export const isEphemeral = (message: Message | Ephemeral): message is Ephemeral => "channel" in message;

export interface View {
  id: string;
  type: "modal" | "home";
  title?: Text;
  submit?: Text;
  close?: Text;
  blocks: Block[];
}

export interface Channel {
  id: string;
  name: string;
  /** With whom it is a conversation; empty for channels. */
  person: string;
  total: number;
  messages: Message[];
  threads: Record<string, Message[]>;
}

export interface State {
  version: number;
  users: Record<string, string>;
  usergroups: Record<string, string>;
  /** Who is in which user group. */
  members: Record<string, string[]>;
  channels: Channel[];
  ephemerals: Ephemeral[];
  views: Record<string, View>;
  homes: Record<string, View>;
  shortcuts: OwnShortcut[];
}

/** What a person has chosen in an element, in the words of Slack's payloads. */
export interface Chosen {
  value?: string | null;
  selected_option?: Option | null;
  selected_options?: Option[];
  selected_user?: string | null;
  selected_date?: string | null;
  selected_time?: string | null;
}
