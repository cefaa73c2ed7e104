// build.mjs: bundles the admin UI into a directory, ready to be embedded: node build.mjs ../build/ui
//
// Writes index.html, app.js, app.css, icon.svg, licenses.txt, and the parts that app.js loads on demand (part-*.js: the editor, the
// plots, the reader of YAML); compressed (app.js.gz) unless that would hardly be smaller. The server answers with an ETag made of the content, so a browser asks
// once a visit and never runs an old script against a new API.

import {build} from "esbuild";
import {copyFile, mkdir, readFile, rm, writeFile} from "node:fs/promises";
import {existsSync} from "node:fs";
import {dirname, join, resolve} from "node:path";
import {fileURLToPath} from "node:url";
import {gzipSync} from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2];
const LIMIT_BYTES = 120 * 1024; // Compressed JavaScript and CSS before the editor. Past it, something large slipped in.

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
  splitting: true,
  chunkNames: "part-[hash]",
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

// What a browser has to have before the first screen: app.js with everything that it imports at once, and the style sheet.
const outputs = result.metafile.outputs;
const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1);
const first = new Set(["app.css"]);
function reach(path) {
  if (first.has(nameOf(path))) return;
  first.add(nameOf(path));
  for (const {path: next, kind} of outputs[path].imports) if (kind === "import-statement") reach(next);
}
reach(Object.keys(outputs).find((path) => nameOf(path) === "app.js"));
let total = 0;
let later = 0;
for (const path of Object.keys(outputs)) {
  const size = (await compress(nameOf(path))).length;
  if (first.has(nameOf(path))) total += size;
  else later += size;
}
for (const name of ["index.html", "icon.svg", "licenses.txt"]) await compress(name);
if (total > LIMIT_BYTES) {
  console.error(`build.mjs: the first screen needs ${total} bytes compressed, more than the ${LIMIT_BYTES} it may have`);
  process.exit(1);
}
console.log(`  ui   ${(total / 1024).toFixed(1)} KiB compressed, and ${(later / 1024).toFixed(1)} KiB on demand`);

// What a file is as gzip, which takes its place unless it would hardly be smaller.
async function compress(name) {
  const bytes = await readFile(join(out, name));
  const packed = gzipSync(bytes, {level: 9});
  if (packed.length < bytes.length * 0.9) {
    await writeFile(join(out, `${name}.gz`), packed);
    await rm(join(out, name));
  }
  return packed;
}

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
