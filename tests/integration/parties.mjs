// Who an interchange is from, in both standards, and several interchanges and documents in one file: each is answered by
// the flow that takes it, and what passes without a script passes once.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance();
const folder = (name) => join(appliance.directory, name);

function x12(type, control, count = 1, sender = "123456789") {
  const bodies = {
    850: (i) => [`BEG*00*SA*PO${control}-${i}**20260115`, "PO1*1*10*EA*9.25**VP*SKU-1", "CTT*1"],
    810: (i) => [`BIG*20260118*INV${control}-${i}*20260115*PO1`, "IT1*1*10*EA*9.25**VP*SKU-1", "TDS*9250", "CTT*1"],
  };
  const sets = Array.from({length: count}, (_, i) => {
    const body = [`ST*${type}*${String(i + 1).padStart(4, "0")}`, ...bodies[type](i + 1)];
    return [...body, `SE*${body.length + 1}*${String(i + 1).padStart(4, "0")}`].join("~\n");
  });
  const number = String(control).padStart(9, "0");
  return [
    `ISA*00*          *00*          *01*${sender.padEnd(15)}*ZZ*${"BANYAN".padEnd(15)}*260115*0930*U*00401*${number}*0*P*>`,
    `GS*${type === 850 ? "PO" : "IN"}*${sender}*BANYAN*20260115*0930*${control}*X*004010`,
    ...sets,
    `GE*${count}*${control}`,
    `IEA*1*${number}`,
    "",
  ].join("~\n");
}

function orders(control, sender = "4012345000009:14") {
  const body = [
    "UNH+M1+ORDERS:D:96A:UN", `BGM+220+O-${control}+9`, "DTM+137:20260115:102", "NAD+BY+4012345000009::9",
    "NAD+SU+BANYAN::92", "LIN+1++4000862141404:EN", "QTY+21:12:PCE", "UNS+S", "CNT+2:1",
  ];
  return [`UNB+UNOA:3+${sender}+BANYAN:14+260115:0930+${control}`, ...body, `UNT+${body.length + 1}+M1`, `UNZ+1+${control}`, ""].join("'\n");
}

function drop(name, text) {
  writeFileSync(folder(`in/.${name}`), text);
  renameSync(folder(`in/.${name}`), folder(`in/${name}`));
}

const came = (name) => appliance.message(`${name} is done`, (m) => m.filename === name && m.direction === "in" && !["received", "processing"].includes(m.status));
const children = async (message) => (await appliance.messages(`&parent=${message.id}`)).filter((m) => m.direction === "out");
const files = (name) => (existsSync(folder(name)) ? readdirSync(folder(name)).filter((f) => !f.startsWith(".")).sort() : []);

before(async () => {
  await appliance.start();
  for (const name of ["in", "out"]) mkdirSync(folder(name), {recursive: true});
  await appliance.apply({
    stations: [{name: "us", x12_id: "ZZ:BANYAN", edifact_id: "BANYAN:14"}],
    partners: [{name: "acme", x12_id: "01:123456789", edifact_id: "4012345000009:14"}, {name: "loose", edifact_id: "LOOSE"}],
    connections: [
      {name: "in", kind: "file", directory: folder("in"), pattern: "*", partner: "acme"},
      {name: "anybody", kind: "file", directory: folder("anybody")},
      {name: "out", kind: "file", directory: folder("out")},
      {name: "to-acme", kind: "file", directory: folder("to-acme"), partner: "acme"},
    ],
    flows: [
      {name: "orders", from: {connection: "in"}, when: {standard: "X12", type: "850"}, to: [{connection: "out", path: "850/{filename}"}], acknowledge: {kind: "997", to: {connection: "out", path: "ack/{message.id}.997"}}},
      {name: "invoices", from: {connection: "in"}, when: {standard: "X12", type: "810"}, to: [{connection: "out", path: "810/{filename}-{document.control}"}]},
      {name: "edifact", from: {connection: "in"}, when: {standard: "EDIFACT", type: "ORDERS"}, to: [{connection: "out", path: "orders/{filename}"}], acknowledge: {kind: "CONTRL", to: {connection: "out", path: "ack/{message.id}.contrl"}}},
      {name: "unknown", from: {connection: "anybody"}, to: [{connection: "to-acme", path: "{filename}"}], expect: {acknowledgement: "997", within: "1h"}},
    ],
  });
});
after(() => appliance.remove());

test("an EDIFACT partner is known by its id and qualifier as they are set: id:qualifier", async () => {
  drop("orders.edi", orders(1));
  assert.equal((await came("orders.edi")).status, "completed");
  drop("foreign.edi", orders(2, "SOMEBODY:14"));
  const foreign = await came("foreign.edi");
  assert.equal(foreign.status, "rejected");
  assert.match(foreign.reason, /names the sender SOMEBODY:14/, "ED-20");
});

test("an EDIFACT id that is set without a qualifier stands for any; a connection of nobody knows the partner by it", async () => {
  writeFileSync(folder("anybody/loose.edi"), orders(3, "LOOSE:ZZZ"));
  assert.equal((await came("loose.edi")).partner, "loose");
});

test("an identity that fits no interchange is refused when it is set", async () => {
  for (const [member, value] of [["x12_id", "BANYAN"], ["x12_id", "Z:BANYAN"], ["x12_id", "ZZ:"], ["edifact_id", ":14"], ["edifact_id", "BANYAN:"]]) {
    const answer = await appliance.api("PUT", "/api/v1/partners/odd", {[member]: value});
    assert.equal(answer.status, 422, value);
    assert.match(answer.body.detail, /colon|characters/, value);
  }
});

test("ED-12: of several interchanges each is answered by its own flow, in its own standard, and by no other", async () => {
  drop("mixed.edi", x12(850, 10) + x12(810, 11) + orders(12));
  const message = await came("mixed.edi");
  assert.equal(message.status, "completed", message.reason);
  const answers = (await children(message)).filter((m) => /\.(997|contrl)$/.test(m.filename));
  assert.equal(answers.length, 2);
  for (const answer of answers) {
    const text = await appliance.payload(answer.id);
    if (answer.filename.endsWith(".997")) {
      assert.match(text, /AK1\*PO\*10~/);
      assert.doesNotMatch(text, /AK1\*IN/, "nobody acknowledges invoices");
    } else {
      assert.match(text, /UCI\+12\+/);
    }
  }
});

test("without a script a file passes once, as it came; documents of other flows stay out, each has its own envelope", async () => {
  const text = x12(850, 20, 3);
  drop("three.edi", text);
  assert.equal((await came("three.edi")).status, "completed");
  await until("it is there", () => files("out/850").includes("three.edi"));
  assert.equal(readFileSync(folder("out/850/three.edi"), "utf8"), text);
  const message = await came("three.edi");
  const passed = (await children(message)).filter((m) => m.filename === "three.edi");
  assert.equal(passed.length, 1);
  assert.deepEqual(passed[0].documents.map((d) => d.keys.po), ["PO20-1", "PO20-2", "PO20-3"]);

  drop("both.edi", x12(810, 21, 2) + x12(850, 22));
  assert.equal((await came("both.edi")).status, "completed");
  await until("they are there", () => files("out/810").length >= 3 && files("out/850").includes("both.edi"));
  const one = readFileSync(folder("out/810/both.edi-0002"), "utf8");
  assert.match(one, /INV21-2/);
  assert.doesNotMatch(one, /INV21-1|850/);
  assert.equal(appliance.run("edi", "check", folder("out/810/both.edi-0002")).code, 0);
  assert.doesNotMatch(readFileSync(folder("out/850/both.edi"), "utf8"), /INV21/);
});

test("what passes without a script waits for its acknowledgement", async () => {
  writeFileSync(folder("anybody/forward.edi"), x12(850, 30, 2, "OTHER"));
  const sent = await appliance.message("it was sent", (m) => m.direction === "out" && m.filename === "forward.edi" && m.status === "waiting");
  assert.deepEqual(sent.documents.map((d) => d.acknowledgement), ["due", "due"]);
});

test("FI-07: a name in the bytes of an old system is picked up, and given on as it was", async () => {
  const latin = Buffer.concat([Buffer.from(folder("anybody/")), Buffer.from("Auftrag_M\xfcller_\u00e9.txt", "latin1")]);
  writeFileSync(latin, "text");
  await until("it is there", () => readdirSync(folder("to-acme"), {encoding: "buffer"}).some((name) => name.equals(Buffer.from("Auftrag_M\xfcller_\xe9.txt", "latin1"))));
  assert.ok(!existsSync(latin));
  assert.match((await appliance.message("it is tracked", (m) => m.direction === "in" && m.filename?.startsWith("Auftrag_M"))).filename, /ller_.*\.txt$/);
});
