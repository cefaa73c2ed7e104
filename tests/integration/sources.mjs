// Sources with more in them than one look takes, and with files that cannot be taken among them.

import assert from "node:assert/strict";
import {test} from "node:test";
import {mkdirSync, readdirSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

// A source with these files in it, which is looked at when it is configured and not again.
async function withSource(files, flows, check) {
  const appliance = new Appliance({environment: {BANYAN_LIMITS_PAYLOAD: "64KiB"}});
  const folder = (name) => join(appliance.directory, name);
  for (const name of ["in", "out"]) mkdirSync(folder(name), {recursive: true});
  try {
    for (const [name, content] of files) writeFileSync(join(folder("in"), name), content);
    await appliance.start();
    await appliance.apply({
      connections: [
        {name: "in", kind: "file", directory: folder("in"), poll: "1h", stable: "1ms"},
        {name: "out", kind: "file", directory: folder("out")},
      ],
      flows,
    });
    await check(appliance, (name) => readdirSync(folder(name)).filter((file) => !file.startsWith(".")));
  } finally {
    await appliance.remove();
  }
}

const tooLarge = Buffer.alloc(64 * 1024 + 1, "x");
const numbered = (count, prefix, content) => [...Array(count).keys()].map((n) => [`${prefix}${n}`, content]);

test("files that cannot be taken do not hide those behind them, however many they are", async () => {
  const files = [...numbered(1200, "large", tooLarge), ...numbered(12, "good", "hello")];
  const flows = [{name: "copy", from: {connection: "in"}, to: [{connection: "out"}]}];
  await withSource(files, flows, async (appliance, list) => {
    await until("all that can be taken is through", () => list("out").length === 12);
    assert.equal(list("in").length, 1200);
    const failing = await until("the connection tells", async () => {
      const {health} = (await appliance.get("/api/v1/connections")).items.find((c) => c.name === "in");
      return health?.state === "failing" && health;
    });
    assert.match(failing.error, /limits\.payload/);
  });
});

test("a file that cannot be taken for one flow does not stop the other flows of its source", async () => {
  const files = [["a.large", tooLarge], ["b.good", "hello"]];
  const flows = [
    {name: "first", from: {connection: "in", path: "*.large"}, to: [{connection: "out"}]},
    {name: "second", from: {connection: "in", path: "*.good"}, to: [{connection: "out"}]},
  ];
  await withSource(files, flows, (appliance, list) => until("the other one", () => list("out").includes("b.good")));
});

test("what is more than one look takes is taken by the next one at once, not after the pause between two", async () => {
  const flows = [{name: "copy", from: {connection: "in"}, to: [{connection: "out"}]}];
  await withSource(numbered(2600, "file", "hello"), flows, async (appliance, list) => {
    await until("all are taken", () => list("in").length === 0, 60);
  });
});
