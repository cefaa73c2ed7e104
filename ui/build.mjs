// build.mjs: bundles the admin UI into a directory, ready to be embedded: node build.mjs ../build/ui
//
// Writes index.html, app.js, app.css, icon.svg and licenses.txt, and nothing else. The names are fixed: the server answers
// with an ETag made of the content, so a browser asks once a visit and never runs an old script against a new API.

import {build} from "esbuild";
import {copyFile, mkdir, readFile, writeFile} from "node:fs/promises";
import {existsSync} from "node:fs";
import {dirname, join, resolve} from "node:path";
import {fileURLToPath} from "node:url";
import {gzipSync} from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2];
const LIMIT_BYTES = 120 * 1024; // Compressed JavaScript and CSS together. Past it, something large slipped in.

if (!target) {
  console.error("build.mjs: name the directory to write to, for example: node build.mjs ../build/ui");
  process.exit(2);
}
const out = resolve(target);
await mkdir(out, {recursive: true});

const result = await build({
  absWorkingDir: here,
  entryPoints: {app: "src/main.tsx"},
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome111", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  metafile: true,
  logLevel: "warning",
});
await copyFile(join(here, "src/index.html"), join(out, "index.html"));
await copyFile(join(here, "src/icon.svg"), join(out, "icon.svg"));
await writeFile(join(out, "licenses.txt"), await licenses(Object.keys(result.metafile.inputs)));

let total = 0;
for (const name of ["app.js", "app.css"]) total += gzipSync(await readFile(join(out, name))).length;
if (total > LIMIT_BYTES) {
  console.error(`build.mjs: the bundle is ${total} bytes compressed, more than the ${LIMIT_BYTES} it may have`);
  process.exit(1);
}
console.log(`  ui   ${(total / 1024).toFixed(1)} KiB compressed`);

// The licences of the packages that really ended up in the bundle.
async function licenses(inputs) {
  const names = new Set();
  for (const input of inputs) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) names.add(match[1]);
  }
  const parts = ["The admin UI of Banyan contains these packages.\n"];
  for (const name of [...names].sort()) {
    const folder = join(here, "node_modules", name);
    const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = ["LICENSE", "LICENSE.md", "license"].map((n) => join(folder, n)).find(existsSync);
    parts.push(`${name} ${about.version} (${about.license})\n\n${file ? await readFile(file, "utf8") : ""}`);
  }
  return parts.join("\n----\n\n");
}
