// test.mjs: bundles each test/*.test.mjs with the TypeScript that it imports, and runs them with node's own test runner.

import {build} from "esbuild";
import {spawnSync} from "node:child_process";
import {mkdtemp, readdir, rm} from "node:fs/promises";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = await mkdtemp(join(tmpdir(), "banyan-ui-test-"));
const names = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.mjs")).sort();
await build({
  entryPoints: names.map((name) => join(here, "test", name)),
  outdir: out,
  outExtension: {".js": ".mjs"},
  bundle: true,
  platform: "neutral", // Of a package, what the page gets is what is tested.
  mainFields: ["module", "main"],
  external: ["node:*"],
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
const files = names.map((name) => join(out, name));
const run = spawnSync(process.execPath, ["--test", ...files], {stdio: "inherit"});
await rm(out, {recursive: true, force: true});
process.exit(run.status ?? 1);
