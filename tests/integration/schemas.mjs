// A partner's guide in the estate: schemas/*.schema is applied, checked, exported, and what this partner's documents are held
// against: in flows, by scripts, in the acknowledgement. The other partner knows nothing of it.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance();
const folder = (name) => join(appliance.directory, name);
const guide = `# What acme wants of an order.
overlay acme of X12 004010 850 "order of acme"
REF[DP] required "acme wants the department"
add after BEG
  NTE 0-3
`;
const builder = `local edi = require "edi"
return {translate = function(message)
  return {edi = edi.document("850", "004010", function(d)
    d:segment("BEG", "00", "SA", "4711", nil, "20261128")
    d:segment("NTE", "GEN", "to the back door")
    d:segment("REF", "DP", "12")
    d:segment("PO1", 1, 1, "EA", 1, nil, "VP", message.body)
    d:segment("CTT", 1)
  end)}
end}
`;

before(async () => {
  for (const name of ["acme", "other", "orders", "erp", "to-acme", "to-other", "acks", "estate/schemas", "estate/scripts"])
    mkdirSync(folder(name), {recursive: true});
  writeFileSync(folder("estate/schemas/acme.schema"), guide);
  writeFileSync(folder("estate/scripts/build.lua"), builder);
  const connection = (name, partner) => `  - {name: ${name}, kind: file, directory: ${folder(name)}, poll: 200ms${partner ? `, partner: ${partner}` : ""}}\n`;
  writeFileSync(
    folder("estate/estate.yaml"),
    `stations:
  - {name: us, x12_id: "ZZ:US"}
partners:
  - {name: acme, x12_id: "ZZ:ACME", schemas: [acme]}
  - {name: other, x12_id: "ZZ:OTHER"}
connections:
${connection("acme", "acme")}${connection("other", "other")}${connection("to-acme", "acme")}${connection("to-other", "other")}${connection("orders")}${connection("erp")}${connection("acks")}flows:
  - {name: from-acme, from: {connection: acme}, when: {standard: X12, type: "850"}, to: [{connection: erp}], acknowledge: {kind: "997", to: {connection: acks}}}
  - {name: from-other, from: {connection: other}, when: {standard: X12, type: "850"}, to: [{connection: erp}], acknowledge: {kind: "997", to: {connection: acks}}}
  - {name: build-acme, from: {connection: orders}, when: {filename: "acme-*"}, script: build, to: [{connection: to-acme}]}
  - {name: build-other, from: {connection: orders}, when: {filename: "other-*"}, script: build, to: [{connection: to-other}]}
`,
  );
  await appliance.start();
});
after(() => appliance.remove());

function drop(where, name, content) {
  writeFileSync(folder(`${where}.${name}`), content);
  renameSync(folder(`${where}.${name}`), join(folder(where), name));
}

let control = 100;
function order(sender, segments) {
  const number = String(++control).padStart(9, "0"), id = sender.padEnd(15), group = control;
  const body = ["ST*850*0001", "BEG*00*SA*" + group + "**20261128", ...segments, "PO1*1*1*EA*1**VP*A", "CTT*1"];
  return [
    `ISA*00*          *00*          *ZZ*${id}*ZZ*US             *261128*1200*U*00401*${number}*0*P*>`,
    `GS*PO*${sender}*US*20261128*1200*${group}*X*004010`,
    ...body,
    `SE*${body.length + 1}*0001`,
    `GE*1*${group}`,
    `IEA*1*${number}`,
    "",
  ].join("~");
}

test("schemas/*.schema is part of an estate", async () => {
  const done = appliance.run("apply", folder("estate"));
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /schemas\/acme|acme/);
  const shown = await appliance.get("/api/v1/schemas/acme");
  assert.equal(shown.source, guide);
  assert.match(shown.hash, /^[0-9a-f]{12}$/);
  assert.equal(appliance.run("apply", folder("estate"), "--dry-run").code, 0, "nothing differs the second time");
});

test("a partner's document is held against the partner's guide, another's is not", async () => {
  drop("acme", "bare.x12", order("ACME", []));
  drop("other", "bare.x12", order("OTHER", []));
  const refused = await appliance.message("the order of acme", (m) => m.filename === "bare.x12" && m.connection === "acme" && m.status === "rejected");
  assert.match(refused.reason, /acme wants the department/);
  await appliance.message("the order of the other", (m) => m.filename === "bare.x12" && m.connection === "other" && m.status === "completed");
  const explained = await appliance.get(`/api/v1/messages/${refused.id}/explain`);
  assert.match(explained.text, /acme wants the department/);
});

test("what a guide adds is allowed to this partner alone, and the acknowledgement says the same", async () => {
  const segments = ["NTE*GEN*BACK DOOR", "REF*DP*12"];
  drop("acme", "noted.x12", order("ACME", segments));
  drop("other", "noted.x12", order("OTHER", segments));
  const [good, bad] = await Promise.all([
    appliance.message("the order of acme", (m) => m.filename === "noted.x12" && m.connection === "acme" && m.status === "completed"),
    appliance.message("the order of the other", (m) => m.filename === "noted.x12" && m.connection === "other" && m.status === "rejected"),
  ]);
  const acknowledgement = async (of) => {
    const child = await until("its 997", async () => {
      const parent = await appliance.get(`/api/v1/messages/${of.id}`);
      for (const one of parent.children) {
        const id = typeof one === "string" ? one : one.id, body = String(await appliance.payload(id));
        if (body.includes("AK9*")) return body;
      }
      return null;
    });
    return child;
  };
  assert.match(await acknowledgement(good), /AK5\*A~/);
  assert.match(await acknowledgement(bad), /AK3\*NTE\*3\*\*6~|AK3\*NTE\*3\*\*\d~/);
});

test("a script writes by the guide of the partner that it writes to", async () => {
  drop("orders", "acme-1", "A1");
  drop("orders", "other-1", "A1");
  const sent = await appliance.message("the order to acme", (m) => m.direction === "out" && m.connection === "to-acme" && m.status === "completed");
  assert.match(String(await appliance.payload(sent.id)), /~NTE\*GEN\*to the back door~/);
  const failed = await appliance.message("the order to the other", (m) => m.filename === "other-1" && m.reason);
  assert.match(failed.reason, /NTE does not belong to this document type/);
});

test("a schema that does not compile changes nothing, and the fault names its line", async () => {
  const before = await appliance.get("/api/v1/schemas/acme");
  const answer = await appliance.api("PUT", "/api/v1/schemas/acme", {name: "acme", source: `${guide}XYZ forbidden\n`});
  assert.equal(answer.status, 422, JSON.stringify(answer.body));
  assert.match(JSON.stringify(answer.body), /acme\.schema:6/);
  assert.match(JSON.stringify(answer.body), /\/schemas\/acme\/source|\/source/);
  assert.equal((await appliance.get("/api/v1/schemas/acme")).source, before.source);
});

test("a guide that is changed holds from the next message on", async () => {
  const source = guide.replace('REF[DP] required "acme wants the department"\n', "");
  const answer = await appliance.api("PUT", "/api/v1/schemas/acme", {name: "acme", source});
  assert.ok([200, 201, 204].includes(answer.status), JSON.stringify(answer.body));
  drop("acme", "later.x12", order("ACME", []));
  await appliance.message("the order of acme", (m) => m.filename === "later.x12" && m.status === "completed");
});

test("a schema that a partner uses is not removed, and export writes what apply reads", async () => {
  const refused = await appliance.api("DELETE", "/api/v1/schemas/acme");
  assert.ok(refused.status >= 400, `${refused.status}`);
  const done = appliance.run("export", folder("exported"));
  assert.equal(done.code, 0, done.err);
  assert.match(readFileSync(folder("exported/schemas/acme.schema"), "utf8"), /overlay acme of X12 004010 850/);
  const again = appliance.run("apply", folder("exported"), "--dry-run");
  assert.equal(again.code, 0, again.out + again.err);
});
