import { createContext } from "preact";

/** How ids are called, and who looks on. */
export const Names = createContext<{
  me: string;
  people: Record<string, string>;
  channels: Record<string, string>;
  usergroups: Record<string, string>;
}>({ me: "", people: {}, channels: {}, usergroups: {} });
