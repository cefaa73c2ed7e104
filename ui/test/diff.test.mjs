import assert from "node:assert/strict";
import {test} from "node:test";
import {diffLines, hunks} from "../src/diff.ts";

const apply = (lines, kinds) => lines.filter((line) => kinds.includes(line.kind)).map((line) => line.text);

test("a difference gives both texts back, whatever they are", () => {
  let seed = 7;
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 300; round++) {
    const text = () => Array.from({length: random(14)}, () => "abcd"[random(4)]);
    const [a, b] = [text(), text()];
    const lines = diffLines(a.join("\n"), b.join("\n"));
    assert.deepEqual(apply(lines, ["same", "removed"]), a);
    assert.deepEqual(apply(lines, ["same", "added"]), b);
  }
});

test("one line that changed is one removed and one added, nothing else", () => {
  const lines = diffLines("a\nb\nc\nd", "a\nb\nx\nd");
  assert.deepEqual(
    lines.map((line) => [line.kind, line.text, line.left, line.right]),
    [
      ["same", "a", 1, 1],
      ["same", "b", 2, 2],
      ["removed", "c", 3, 0],
      ["added", "x", 0, 3],
      ["same", "d", 4, 4],
    ],
  );
});

test("far from a change lines are left out, once", () => {
  const before = Array.from({length: 40}, (_, index) => `line ${index}`);
  const after = [...before];
  after[20] = "changed";
  const shown = hunks(diffLines(before.join("\n"), after.join("\n")));
  assert.equal(shown.length, 1 + 3 + 2 + 3 + 1);
  assert.equal(shown[0], null);
  assert.equal(shown.at(-1), null);
});

test("two large texts that have nothing in common take no long time", () => {
  const make = (word) => Array.from({length: 20_000}, (_, index) => `${word} ${index}`).join("\n");
  const started = Date.now();
  assert.equal(diffLines(make("a"), make("b")).length, 40_000);
  assert.ok(Date.now() - started < 5000);
});
