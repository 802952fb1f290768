// The doors of the local Slack, and what comes in by them.
import type { Chosen, State } from "./types";

export class Refused extends Error {}

/** Ask a door; returns its result. Throws Refused with a text for people. */
export async function ask<Result>(door: string, body: object): Promise<Result> {
  let answer: Response;
  try {
    answer = await fetch(`/_local/${door}`, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  } catch {
    throw new Refused("the local Slack is not reachable");
  }
  const said = (await answer.json()) as { ok: boolean; result: Result; error?: string };
  if (!said.ok) throw new Refused(said.error ?? `the local Slack answered with ${answer.status}`);
  return said.result;
}

/** What Slack tells a person when the app did not answer with 200; undefined where it did. */
export function problemOf(status: number): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 504) return "Tandem did not answer within 3 seconds";
  if (status === 502 || status === 503) return "Tandem is not running, or not connected";
  return `Tandem answered with status ${status}`;
}

export const isChosen = (chosen: Chosen): boolean =>
  Boolean(chosen.value?.trim() || chosen.selected_option || chosen.selected_options?.length || chosen.selected_user || chosen.selected_date || chosen.selected_time);

/**
 * Follow the state: every change is told once, however fast they come. Returns how to stop, and how to look anew.
 */
export function follow(last: () => number, tell: (state: State) => void, reach: (connected: boolean) => void): { stop: () => void; look: () => void } {
  let loading = false;
  let stale = false;
  let stopped = false;
  const load = async (): Promise<void> => {
    if (loading) {
      stale = true;
      return;
    }
    loading = true;
    do {
      stale = false;
      try {
        const answer = await fetch(`/_local/state?last=${last()}`, { cache: "no-store" });
        const state = (await answer.json()) as State;
        if (!stopped) tell(state);
      } catch {
        // The stream below tells that the server is gone, and reconnects by itself.
      }
    } while (stale && !stopped);
    loading = false;
  };
  const stream = new EventSource("/_local/live");
  stream.onopen = () => reach(true);
  stream.onerror = () => reach(false);
  stream.onmessage = () => void load();
  void load();
  return {
    stop: () => {
      stopped = true;
      stream.close();
    },
    look: () => void load(),
  };
}
