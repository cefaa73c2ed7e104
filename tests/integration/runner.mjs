// The test runner itself: what crashes, hangs, stops early or says nothing is counted, and named.

import {test} from "node:test";
import assert from "node:assert/strict";
import {spawnSync} from "node:child_process";
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join, resolve} from "node:path";

const runner = resolve("tests/run.mjs");

// Runs the runner over programs that are shell scripts; gives its lines and exit code.
function run(programs) {
  const root = mkdtempSync(join(tmpdir(), "banyan-runner-"));
  mkdirSync(join(root, "tests/unit"), {recursive: true});
  mkdirSync(join(root, "build/tests"), {recursive: true});
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(root, "tests/unit", `${name}.c`), "");
    if (script === null) continue;
    writeFileSync(join(root, "build/tests", name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(root, "build/tests", name), 0o755);
  }
  const env = {...process.env};
  delete env.NODE_TEST_CONTEXT;
  const result = spawnSync(process.execPath, [runner, "build", "unit"], {cwd: root, env, encoding: "utf8"});
  rmSync(root, {recursive: true});
  return {code: result.status, output: result.stdout, last: result.stdout.trimEnd().split("\n").at(-1)};
}

test("tests that pass are counted and the last line is plain", () => {
  const {code, last} = run({test_a: "echo 1..2; echo 'ok 1 - a'; echo 'ok 2 - b'", test_b: "echo 1..1; echo 'ok 1 - c'"});
  assert.equal(last, "3 passed, 0 failed");
  assert.equal(code, 0);
});

test("a test that fails is counted, named and shown", () => {
  const {code, last, output} = run({test_a: "echo 1..2; echo 'ok 1 - a'; echo 'not ok 2 - b'; echo '# why'; exit 1"});
  assert.equal(last, "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(output, /FAIL unit\/test_a/);
  assert.match(output, /# why/);
});

test("a skipped test is neither passed nor failed", () => {
  const {code, last} = run({test_a: "echo 1..2; echo 'ok 1 - a'; echo 'ok 2 - b # SKIP no server'", test_b: "exit 77"});
  assert.equal(last, "1 passed, 0 failed, 2 skipped");
  assert.equal(code, 0);
});

test("a crash is a failure of its own", () => {
  const {code, last, output} = run({test_a: "echo 1..2; echo 'ok 1 - a'; kill -SEGV $$"});
  assert.equal(last, "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(output, /unit\/test_a.*crashed \(SIGSEGV\)/);
});

test("ending before the plan is a failure, whatever the exit code", () => {
  const {code, last, output} = run({test_a: "echo 1..3; echo 'ok 1 - a'; exit 0"});
  assert.equal(last, "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(output, /ended after 1 of 3 tests/);
});

test("passing tests do not outweigh a bad exit code", () => {
  const {code, last} = run({test_a: "echo 1..1; echo 'ok 1 - a'; exit 9"});
  assert.equal(last, "1 passed, 1 failed");
  assert.equal(code, 1);
});

test("a program that was not built is a failure", () => {
  const {code, last} = run({test_a: null});
  assert.equal(last, "0 passed, 1 failed");
  assert.equal(code, 1);
});

test("what a test leaves running does not hold the runner up", () => {
  const {code, last} = run({test_a: "sleep 100 & echo 1..1; echo 'ok 1 - a'"});
  assert.equal(last, "1 passed, 0 failed");
  assert.equal(code, 0);
});
