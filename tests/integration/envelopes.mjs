// What is done with an interchange, and what its acknowledgement says, are the same: refused or accepted as a whole, by group
// or by document (PRODUCT: acknowledged, reconciled, never lost and never processed twice).

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance();
const folder = (name) => join(appliance.directory, name);

// The segments of an interchange with two orders.
function orders(control, {asks = "0", sender = "123456789", receiver = "BANYAN"} = {}) {
  const number = String(control).padStart(9, "0");
  const set = (n) => [`ST*850*000${n}`, `BEG*00*SA*PO${control}-${n}**20260115`, "PO1*1*10*EA*9.25**VP*SKU-1", "CTT*1", `SE*5*000${n}`];
  return [
    `ISA*00*          *00*          *01*${sender.padEnd(15)}*ZZ*${receiver.padEnd(15)}*260115*0930*U*00401*${number}*${asks}*P*>`,
    `GS*PO*${sender}*${receiver}*20260115*0930*${control}*X*004010`, ...set(1), ...set(2), `GE*2*${control}`, `IEA*1*${number}`,
  ];
}
const text = (segments) => segments.map((segment) => `${segment}~\n`).join("");

function edifact(control, trailer, receiver = "BANYAN:14") {
  const body = ["UNH+M1+ORDERS:D:96A:UN", `BGM+220+O-${control}+9`, "DTM+137:20260115:102", "NAD+BY+4012345000009::9", "LIN+1++4000862141404:EN", "QTY+21:12:PCE", "UNS+S", "CNT+2:1"];
  return [`UNB+UNOA:3+4012345000009:14+${receiver}+260115:0930+${control}`, ...body, `UNT+${body.length + 1}+M1`, ...trailer, ""].join("'\n");
}

async function exchange(name, bytes) {
  writeFileSync(folder(`in/.${name}`), bytes);
  renameSync(folder(`in/.${name}`), folder(`in/${name}`));
  const message = await appliance.message(`${name} is done`, (m) => m.filename === name && m.direction === "in" && !["received", "processing"].includes(m.status));
  const children = (await appliance.messages(`&parent=${message.id}`)).filter((m) => m.direction === "out");
  const answers = await Promise.all(children.filter((m) => /\.(997|contrl)$/.test(m.filename)).map((m) => appliance.payload(m.id)));
  const passed = await Promise.all(children.filter((m) => m.filename === name).map((m) => appliance.payload(m.id)));
  return {message, answer: answers.join(""), answers: answers.length, passed: passed.join("")};
}

before(async () => {
  await appliance.start();
  for (const name of ["in", "to-acme"]) mkdirSync(folder(name), {recursive: true});
  await appliance.apply({
    stations: [{name: "us", x12_id: "ZZ:BANYAN", edifact_id: "BANYAN:14"}, {name: "also-us", x12_id: "14:BRANCH"}],
    partners: [{name: "acme", x12_id: "01:123456789", edifact_id: "4012345000009:14"}],
    connections: [
      {name: "in", kind: "file", directory: folder("in"), partner: "acme", station: "us"},
      {name: "erp", kind: "file", directory: folder("erp")},
      {name: "out", kind: "file", directory: folder("out")},
      {name: "to-acme", kind: "file", directory: folder("to-acme"), partner: "acme", station: "us"},
    ],
    flows: [
      {name: "orders", from: {connection: "in"}, when: {standard: "X12", type: "850"}, to: [{connection: "out", path: "{filename}"}], acknowledge: {kind: "997", to: {connection: "out", path: "{message.id}.997"}}},
      {name: "edifact", from: {connection: "in"}, when: {standard: "EDIFACT", type: "ORDERS"}, to: [{connection: "out", path: "{filename}"}], acknowledge: {kind: "CONTRL", to: {connection: "out", path: "{message.id}.contrl"}}},
      {name: "send", from: {connection: "erp"}, to: [{connection: "to-acme", path: "{filename}"}], expect: {acknowledgement: "997", within: "1h"}},
    ],
  });
});
after(() => appliance.remove());

test("ED-01: an interchange that was cut off anywhere is refused whole: nothing of it goes on, and a TA1 says so", async () => {
  const cuts = [["inside a segment", 5, (bytes) => bytes.slice(0, -12)], ["inside an order", 5], ["between two orders", 7], ["before GE", 12], ["before IEA", 13]];
  for (const [i, [where, segments, shorten = (bytes) => bytes]] of cuts.entries()) {
    const {message, answer, answers, passed} = await exchange(`cut-${i}.edi`, shorten(text(orders(100 + i).slice(0, segments))));
    assert.equal(message.status, "rejected", where);
    assert.match(message.reason, /missing|the file ends inside/, where);
    assert.equal(passed, "", where);
    assert.equal(answers, 1, where);
    assert.match(answer, new RegExp(`TA1\\*000000${100 + i}\\*260115\\*0930\\*R\\*023~`), where);
    assert.doesNotMatch(answer, /AK9/, where);
  }
});

test("ED-10: a group whose trailer tells another count or number is refused by its 997, and nothing of it goes on", async () => {
  for (const [i, was, is, code] of [[110, "GE*2*", "GE*3*", 5], [111, "GE*2*111", "GE*2*7", 4]]) {
    const {message, answer, passed} = await exchange(`group-${i}.edi`, text(orders(i)).replace(was, is));
    assert.equal(message.status, "rejected");
    assert.match(message.reason, /^850 0001: GE0/);
    assert.match(answer, new RegExp(`AK9\\*R\\*\\d\\*2\\*0\\*${code}~`));
    assert.equal(passed, "");
  }
});

test("an interchange whose trailer is only inexact goes on, acknowledged, with a remark that people see", async () => {
  const {message, answer, passed} = await exchange("inexact.edi", text(orders(120)).replace("IEA*1*000000120", "IEA*2*000000120"));
  assert.equal(message.status, "completed");
  assert.match(answer, /AK9\*A\*2\*2\*2~/);
  assert.match(passed, /PO120-1[^]*PO120-2/);
  assert.ok((await appliance.events(message.id)).some((e) => e.kind === "remark" && /IEA01 says 2/.test(e.text)));
  assert.match(message.reason, /IEA01 says 2/);
});

test("a message that goes on in part keeps what was refused of it as its reason", async () => {
  const {message, passed} = await exchange("partly.edi", text(orders(121)).replace("SE*5*0001", "SE*9*0001"));
  assert.equal(message.status, "completed");
  assert.match(message.reason, /^850 0001: /);
  assert.match(passed, /PO121-2/);
  assert.doesNotMatch(passed, /PO121-1/);
});

test("an interchange number that comes again with another content goes on, with a remark that names the first", async () => {
  const first = await exchange("number-1.edi", text(orders(122)));
  const second = await exchange("number-2.edi", text(orders(122)).replace("PO1*1*10", "PO1*1*11"));
  const third = await exchange("number-3.edi", text(orders(122)));
  assert.equal(first.message.reason ?? null, null);
  assert.equal(second.message.status, "completed");
  assert.equal(second.message.reason, `interchange 000000122 came before with another content, as message ${first.message.id}`);
  assert.equal(third.message.status, "duplicate");
});

test("a partner who may send each interchange number once is refused another content under it, by TA1 or CONTRL", async () => {
  const partner = {name: "acme", x12_id: "01:123456789", edifact_id: "4012345000009:14"};
  await appliance.apply({partners: [{...partner, duplicate_interchanges: "reject"}]});
  const first = await exchange("once-1.edi", text(orders(125)));
  const second = await exchange("once-2.edi", text(orders(125)).replace("PO1*1*10", "PO1*1*11"));
  const third = await exchange("once-3.edi", text(orders(125)));
  const before = await exchange("once-4.edi", text(orders(122)).replace("PO1*1*10", "PO1*1*12"));
  assert.equal(first.message.status, "completed");
  assert.equal(second.message.status, "rejected");
  assert.match(second.message.reason, new RegExp(`^interchange 000000125 came before with another content, as message ${first.message.id}, and acme may send each number once; `));
  assert.equal(second.passed, "");
  assert.equal(second.answers, 1);
  assert.match(second.answer, /TA1\*000000125\*260115\*0930\*R\*025~/);
  assert.doesNotMatch(second.answer, /AK9/);
  assert.equal(third.message.status, "duplicate");
  assert.equal(before.message.status, "rejected", "what came before the setting counts too");
  assert.equal((await exchange("once-5.edi", edifact(126, ["UNZ+1+126"]))).message.status, "completed");
  const other = await exchange("once-6.edi", edifact(126, ["UNZ+1+126"]).replace("QTY+21:12", "QTY+21:13"));
  assert.equal(other.message.status, "rejected");
  assert.match(other.answer, /UCI\+126\+4012345000009:14\+BANYAN:14\+4\+26/);
  const again = await appliance.api("POST", `/api/v1/messages/${second.message.id}/resend`);
  await appliance.message("what is meant goes on by hand", (m) => m.id === again.body.id && m.status === "completed");
  await appliance.apply({partners: [partner]});
});

test("a script that rejects or stumbles over one document of several is told with that document; the others go on", async () => {
  mkdirSync(folder("picky"));
  await appliance.apply({
    scripts: [{name: "picky", source: `local M = {}
function M.translate(m)
  local po = m.edi:text("BEG", 3)
  if po == "PO150-2" then reject("not this one", {segment = "BEG"}) end
  if po == "PO151-1" then error("no such thing") end
  if po:find("PO152") then reject("none at all") end
  return {body = po, filename = po .. ".txt"}
end
return M`}],
    connections: [{name: "picky", kind: "file", directory: folder("picky"), partner: "acme", station: "us"}],
    flows: [{name: "picky", from: {connection: "picky"}, script: "picky", to: [{connection: "out", path: "{filename}"}], retry: {attempts: 1}}],
  });
  const outcome = async (control, segments = orders(control)) => {
    const name = `picky-${control}.edi`;
    writeFileSync(folder(`picky/.${name}`), text(segments));
    renameSync(folder(`picky/.${name}`), folder(`picky/${name}`));
    return await appliance.message(name, (m) => m.filename === name && ["completed", "rejected", "failed"].includes(m.status));
  };
  const rejected = await outcome(150);
  assert.equal(rejected.status, "rejected");
  assert.equal(rejected.reason, "850 0002: not this one (segment BEG)");
  await until("the other goes on", () => existsSync(folder("out/PO150-1.txt")));
  assert.match((await outcome(151)).reason, /flow picky, 850 0001: .*no such thing/);
  await until("the other goes on", () => existsSync(folder("out/PO151-2.txt")));
  const one = orders(152);
  one.splice(7, 5, "GE*1*152");
  one.splice(8, 1);
  assert.equal((await outcome(152, one)).reason, "none at all", "where there is one document there is no doubt");
});

test("an EDIFACT interchange that CONTRL refuses does not go on", async () => {
  for (const [i, trailer] of [[[]], [["UNZ+1+999"]], [["UNZ+2+132"]]].entries()) {
    const control = 130 + i;
    const {message, answer, passed} = await exchange(`unz-${i}.edi`, edifact(control, trailer[0]));
    assert.equal(message.status, "rejected", trailer.join());
    assert.match(answer, new RegExp(`UCI\\+${control}\\+4012345000009:14\\+BANYAN:14\\+4\\+`));
    assert.equal(passed, "");
  }
  const good = await exchange("unz.edi", edifact(139, ["UNZ+1+139"]));
  assert.equal(good.message.status, "completed", good.message.reason);
  assert.match(good.answer, /UCI\+139\+4012345000009:14\+BANYAN:14\+7/);
});

test("ISA14: who asks for a TA1 gets one, before the 997, each in an interchange of its own", async () => {
  const {answer, answers} = await exchange("asks.edi", text(orders(140, {asks: "1"})));
  assert.equal(answers, 1);
  assert.match(answer, /TA1\*000000140\*260115\*0930\*A\*000~[^]*IEA\*0\*[^]*ISA\*[^]*AK9\*A\*2\*2\*2~/);
  const [first, second] = [...answer.matchAll(/IEA\*\d\*(\d{9})~/g)].map((match) => match[1]);
  assert.notEqual(first, second);
  assert.doesNotMatch((await exchange("asks-not.edi", text(orders(141)))).answer, /TA1/);
});

test("what a partner addresses to somebody else is refused, and not acknowledged in that name; any station of ours is us", async () => {
  for (const [name, bytes, told] of [
    ["other.edi", text(orders(150, {receiver: "SOMEBODY"})), /addressed to ZZ:SOMEBODY, which is none of our stations/],
    ["other-contrl.edi", edifact(151, ["UNZ+1+151"], "OTHER:14"), /addressed to OTHER:14, which is none of our stations/],
  ]) {
    const {message, answers, passed} = await exchange(name, bytes);
    assert.equal(message.status, "rejected");
    assert.match(message.reason, told);
    assert.equal(answers, 0);
    assert.equal(passed, "");
  }
  const branch = text(orders(152, {receiver: "BRANCH"})).replace("*ZZ*BRANCH", "*14*BRANCH");
  assert.equal((await exchange("branch.edi", branch)).message.status, "completed");
});

test("what an application of ours addresses to a partner passes", async () => {
  mkdirSync(folder("erp"), {recursive: true});
  writeFileSync(folder("erp/ours.edi"), text(orders(160, {sender: "BANYAN", receiver: "123456789"})));
  await until("it is there", () => existsSync(folder("to-acme/ours.edi")));
});

test("a 997 that accepts the documents and rejects their group rejects them, and says why", async () => {
  writeFileSync(folder("erp/group.edi"), text(orders(170, {sender: "BANYAN", receiver: "123456789"})));
  await until("it is there", () => readdirSync(folder("to-acme")).includes("group.edi"));
  const sent = () => appliance.messages("").then((all) => all.find((m) => m.filename === "group.edi" && m.direction === "out"));
  await until("it waits", async () => (await sent()).status === "waiting");
  const number = "000000900";
  const judged = ["AK1*PO*170", "AK2*850*0001", "AK5*A", "AK2*850*0002", "AK5*A", "AK9*R*3*2*0*5"];
  const answer = [
    `ISA*00*          *00*          *01*${"123456789".padEnd(15)}*ZZ*${"BANYAN".padEnd(15)}*260115*0930*U*00401*${number}*0*P*>`,
    "GS*FA*123456789*BANYAN*20260115*0930*900*X*004010", "ST*997*0001", ...judged, `SE*${judged.length + 2}*0001`, "GE*1*900", `IEA*1*${number}`,
  ];
  assert.equal((await exchange("answer.edi", text(answer))).message.status, "completed");
  const ended = await sent();
  assert.equal(ended.status, "rejected");
  assert.match(ended.reason, /997 rejects it/);
  assert.match(readFileSync(folder("to-acme/group.edi"), "utf8"), /PO170-2/);
});
