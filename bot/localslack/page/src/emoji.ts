import table from "virtual:emoji";

const BY_NAME = new Map(
  table.split(" ").map((line) => {
    const [name = "", hex = ""] = line.split("=");
    return [name, String.fromCodePoint(...hex.split("-").map((code) => parseInt(code, 16)))] as const;
  }),
);

const TONES = ["🏻", "🏼", "🏽", "🏾", "🏿"];
// A bare one of these is a text character; the selector asks for its picture.
const PICTURE = "\uFE0F";

/** The character of an emoji's name, with or without a skin tone; undefined for names nobody knows. */
export function emoji(name: string, tone?: string): string | undefined {
  const found = BY_NAME.get(name);
  if (!found) return undefined;
  if (tone) return found + (TONES[Number(tone) - 2] ?? "");
  return found.length === 1 ? found + PICTURE : found;
}
