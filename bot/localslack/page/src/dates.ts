// Moments as Slack writes them. https://docs.slack.dev/messaging/formatting-message-text#date-formatting

const DAY = 86_400_000;

const written = (date: Date, options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat("en-US", options).format(date);

export const clock = (date: Date): string => written(date, { hour: "numeric", minute: "2-digit" });

const long: Intl.DateTimeFormatOptions = { weekday: "long", month: "long", day: "numeric", year: "numeric" };
const middle: Intl.DateTimeFormatOptions = { month: "long", day: "numeric", year: "numeric" };
const short: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", year: "numeric" };

/** "Today" or "Yesterday" where it is, else the date in the given form. */
function pretty(date: Date, otherwise: Intl.DateTimeFormatOptions): string {
  const midnight = (of: Date): number => new Date(of.getFullYear(), of.getMonth(), of.getDate()).getTime();
  const days = Math.round((midnight(new Date()) - midnight(date)) / DAY);
  const name = { [-1]: "Tomorrow", 0: "Today", 1: "Yesterday" }[days];
  return name ?? written(date, otherwise);
}

export const day = (date: Date): string => pretty(date, { weekday: "long", month: "long", day: "numeric" });

export function ago(date: Date): string {
  const seconds = Math.max(0, (Date.now() - date.getTime()) / 1000);
  const [amount, unit] =
    seconds < 60 ? [0, ""] : seconds < 3600 ? [seconds / 60, "minute"] : seconds < 86_400 ? [seconds / 3600, "hour"] : [seconds / 86_400, "day"];
  const whole = Math.floor(amount);
  return whole ? `${whole} ${unit}${whole > 1 ? "s" : ""} ago` : "just now";
}

const FORMS: Record<string, (date: Date) => string> = {
  date_num: (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`,
  date: (date) => written(date, middle),
  date_short: (date) => written(date, short),
  date_long: (date) => written(date, long),
  date_pretty: (date) => pretty(date, middle).toLowerCase(),
  date_short_pretty: (date) => pretty(date, short).toLowerCase(),
  date_long_pretty: (date) => pretty(date, long).toLowerCase(),
  day_divider_pretty: day,
  time: clock,
  time_secs: (date) => written(date, { hour: "numeric", minute: "2-digit", second: "2-digit" }),
  ago,
};

/** A `<!date^…>`'s text: its tokens replaced, or the fallback where the moment is none. A leading day name is capitalised. */
export function formatted(timestamp: number, format: string, fallback: string): string {
  const date = new Date(timestamp * 1000);
  if (!Number.isFinite(date.getTime())) return fallback;
  const text = format.replace(/\{(\w+)\}/g, (token, name: string) => FORMS[name]?.(date) ?? token);
  return /^\{date(_short|_long)?_pretty\}/.test(format) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

export const momentOf = (ts: string): Date => new Date(Number(ts) * 1000);
