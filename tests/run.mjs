// tests/run.mjs BUILD SUITE...: runs the tests that were built and tells the totals.
//
// Suites: unit (BUILD/tests/test_*), crash (BUILD/crash/tests/test_*_crash: with named crash points), lua (`banyan script test scripts-lua`), ui (ui/test.mjs), integration and e2e
// (tests/SUITE/*.mjs by `node --test`, tests/SUITE/*.sh by their exit code or their TAP). Every program has a time limit
// and its own process group; one that crashes, hangs, says nothing or ends before its plan counts as a failure with its
// name. What failed is shown whole. The last line is "N passed, N failed", with ", N skipped" when there were any.
// Programs find what was built by BUILD and BANYAN in their environment. Also: ONLY="WORD..." runs those with one of the
// words in their name, TEST_SECONDS=N gives each of them so long.

import {spawn} from "node:child_process";
import {existsSync, mkdirSync, readdirSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {performance} from "node:perf_hooks";

const [build, ...suites] = process.argv.slice(2);
if (!build || suites.length === 0) {
  console.error("usage: node tests/run.mjs BUILD SUITE...");
  process.exit(2);
}
const slow = build.includes("san-") ? 4 : 1;
const banyan = resolve(build, "banyan");
const environment = {...process.env, BUILD: resolve(build), BANYAN: banyan, CMOCKA_MESSAGE_OUTPUT: "TAP", NO_COLOR: "1"};
// What a developer has set for an appliance of their own must not reach the tests, nor node's marks of a test in a test.
for (const name of Object.keys(environment)) {
  if (/^BANYAN_|^NODE_(OPTIONS|TEST_CONTEXT|V8_COVERAGE)$|^MAKE|^MFLAGS$/.test(name)) delete environment[name];
}

const only = (process.env.ONLY ?? "").split(/\s+/);
const total = {passed: 0, failed: 0, skipped: 0};
const failures = [];
const children = new Set();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    for (const child of children) end(child);
    process.exit(130);
  });
}

// The whole group: a test that hangs may have started servers.
function end(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

function files(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => pattern.test(name)).sort().map((name) => join(folder, name));
}

function programs(suite) {
  const test = (command, args, name, limit, options = {}) => ({command, args, name, limit: Number(process.env.TEST_SECONDS ?? limit * slow), ...options});
  switch (suite) {
    case "unit": {
      // Only tests whose source is there: a program left by another branch is none of ours.
      const there = files("tests/unit", /^test_.*\.c$/).map((path) => path.slice("tests/unit/".length, -2));
      return there.map((name) => test(resolve(build, "tests", name), [], `unit/${name}`, 180));
    }
    case "crash": {
      const there = files("tests/unit", /^test_.*_crash\.c$/).map((path) => path.slice("tests/unit/".length, -2));
      return there.map((name) => test(resolve(build, "crash", "tests", name), [], `crash/${name}`, 300));
    }
    case "lua":
      return existsSync("scripts-lua") ? [test(banyan, ["script", "test", "scripts-lua"], "lua/scripts-lua", 120)] : [];
    case "ui":
      return existsSync("ui/test.mjs") ? [test(process.execPath, ["test.mjs"], "ui/test", 180, {cwd: "ui", tap: true})] : [];
    default:
      return [
        ...files(`tests/${suite}`, /\.mjs$/)
          .filter((path) => !path.endsWith(".lib.mjs"))
          .map((path) => test(process.execPath, ["--test", "--test-reporter=tap", path], path.slice(6), 900)),
        ...files(`tests/${suite}`, /\.sh$/)
          .filter((path) => !path.endsWith(".lib.sh"))
          .map((path) => test("sh", [path], path.slice(6), 900)),
      ];
  }
}

// Results as TAP tells them: node's own totals when it ends with them, else the outermost test lines.
function read(output) {
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
  if (/^# pass \d+$/m.test(output)) {
    return {passed: count("pass"), failed: count("fail") + count("cancelled"), skipped: count("skipped") + count("todo"), planned: null};
  }
  const lines = output.match(/^(?:not )?ok\b.*$/gm) ?? [];
  const skipped = lines.filter((line) => /# skip/i.test(line)).length;
  const failed = lines.filter((line) => line.startsWith("not ") && !/# skip/i.test(line)).length;
  const plans = [...output.matchAll(/^1\.\.(\d+)/gm)].map((match) => Number(match[1]));
  const planned = plans.length ? plans.reduce((a, b) => a + b, 0) : null;
  return {passed: lines.length - failed - skipped, failed, skipped, planned};
}

// What the way a program ended adds to what it said: a sentence, or nothing when all is well.
function fault(program, result, code, signal, timedOut) {
  if (timedOut) return `did not end within ${program.limit} s`;
  if (signal) return `crashed (${signal})`;
  if (result.planned !== null && result.passed + result.failed + result.skipped < result.planned) {
    return `ended after ${result.passed + result.failed + result.skipped} of ${result.planned} tests (exit ${code})`;
  }
  if (code !== 0 && result.failed === 0) return `ended with exit ${code}`;
  return "";
}

function run(program) {
  return new Promise((done) => {
    const started = performance.now();
    const chunks = [];
    let timedOut = false;
    const env = program.tap ? {...environment, NODE_OPTIONS: "--test-reporter=tap"} : environment;
    const options = {cwd: program.cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"]};
    const child = spawn(program.command, program.args, options);
    children.add(child);
    const timer = setTimeout(() => {
      timedOut = true;
      end(child);
    }, program.limit * 1000);
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    let finished = false;
    const finish = (code, signal, words) => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      end(child); // What it started and left behind.
      children.delete(child);
      const output = Buffer.concat(chunks).toString("utf8") + (words ?? "");
      report(program, output, code, signal, timedOut, (performance.now() - started) / 1000);
      done();
    };
    child.on("error", (error) => finish(127, null, `${error.message}\n`));
    // A server left behind holds the pipes open: the end of the program itself is what counts.
    child.on("exit", (code, signal) => setTimeout(() => finish(code, signal), 200));
    child.on("close", (code, signal) => finish(code, signal));
  });
}

function report(program, output, code, signal, timedOut, seconds) {
  const skippedWhole = code === 77;
  const result = skippedWhole ? {passed: 0, failed: 0, skipped: 1, planned: null} : read(output);
  const words = skippedWhole ? "" : fault(program, result, code, signal, timedOut);
  if (words) result.failed += 1;
  else if (result.passed + result.failed + result.skipped === 0) result.passed = 1; // A plain program: its exit code is its answer.
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  const counts = `${result.passed} passed${result.failed ? `, ${result.failed} FAILED` : ""}${result.skipped ? `, ${result.skipped} skipped` : ""}`;
  console.log(`${result.failed ? "FAIL" : "ok  "} ${program.name}: ${counts}${words ? ` (${words})` : ""} [${seconds.toFixed(1)} s]`);
  if (result.failed === 0) return;
  failures.push(`${program.name}${words ? `: ${words}` : ""}`);
  console.log(output.trimEnd().split("\n").slice(-200).map((line) => `    ${line}`).join("\n"));
}

// Unit tests share nothing and run two at a time; the others start servers and measure time, one after another.
async function runSuite(suite) {
  const waiting = programs(suite).filter((program) => only.some((word) => program.name.includes(word)));
  const worker = async () => {
    for (let program = waiting.shift(); program; program = waiting.shift()) await run(program);
  };
  await Promise.all(Array.from({length: suite === "unit" ? 2 : 1}, worker));
}

for (const suite of suites) await runSuite(suite);

if (failures.length) console.log(`\nfailed:\n${failures.map((name) => `  ${name}`).join("\n")}`);
mkdirSync(build, {recursive: true});
writeFileSync(join(build, "test-totals"), `${total.passed} ${total.failed} ${total.skipped}\n`);
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped ? `, ${total.skipped} skipped` : ""}`);
process.exit(total.failed ? 1 : 0);
