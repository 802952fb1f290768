// Bundles the page into ../static, with the licences of what it contains.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const read = (path) => readFile(here(path), "utf8");

// Slack's own emoji names come from its data set (iamcal's); "name=hex" is a third of the size of JSON with keywords.
const emoji = {
  name: "emoji",
  setup(build) {
    build.onResolve({ filter: /^virtual:emoji$/ }, ({ path }) => ({ path, namespace: "emoji" }));
    build.onLoad({ filter: /.*/, namespace: "emoji" }, async () => {
      const names = JSON.parse(await read("node_modules/emojibase-data/en/shortcodes/iamcal.json"));
      const toned = /1F3F[B-F]/;
      const lines = Object.entries(names)
        .filter(([hex]) => !toned.test(hex))
        .flatMap(([hex, known]) => [known].flat().map((name) => `${name}=${hex}`));
      return { contents: lines.join(" "), loader: "text" };
    });
  },
};

await build({
  entryPoints: { page: here("src/main.tsx") },
  bundle: true,
  minify: true,
  target: "es2022",
  charset: "utf8",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  outdir: here("../static"),
  external: ["/static/*"],
  plugins: [emoji],
});

const parts = [];
for (const name of ["preact", "emojibase-data"]) {
  const { version, license, homepage } = JSON.parse(await read(`node_modules/${name}/package.json`));
  const text = await read(`node_modules/${name}/LICENSE`);
  parts.push(`${name} ${version} (${license}) ${homepage ?? ""}`.trim() + `\n\n${text.trim()}\n`);
}
parts.push(`Noto Color Emoji (OFL-1.1) https://github.com/googlefonts/noto-emoji\n\n${(await read("EMOJI_LICENSE.txt")).trim()}\n`);
await writeFile(here("../static/THIRD_PARTY.txt"), parts.join(`\n${"-".repeat(80)}\n\n`));
