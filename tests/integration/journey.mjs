// One order's whole journey, on real parts: an application, an OpenSSH server, a trading partner and an ERP played by a second appliance. The
// estates are those of pkg/demo; here only what depends on the machine is added.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";
import {Sshd} from "./sshd.lib.mjs";

const us = new Appliance();
const partner = new Appliance();
const folder = (name) => join(us.directory, name);
const root = folder("sftp");
let sshd;

function machineEstate(hostKey) {
  return {
    certificates: [{name: "us-ssh", private_key: readFileSync(sshd.userKey, "utf8")}],
    connections: [
      {
        name: "acme-sftp", kind: "sftp", partner: "acme", host: "127.0.0.1", port: sshd.port, user: sshd.user, key: "us-ssh",
        host_key: hostKey, directory: root, poll: "200ms", stable: "0s", timeout: "5s",
      },
      {name: "erp", kind: "file", directory: folder("erp"), poll: "200ms"},
    ],
  };
}

// The demo's files with the machine's part beside them.
function estateFolder(name, machine) {
  const target = folder(`estate-${name}`);
  cpSync(join("pkg", "demo", name), target, {recursive: true});
  writeFileSync(join(target, "machine.json"), JSON.stringify(machine));
  return target;
}

before(async () => {
  for (const name of ["sftp/inbox", "sftp/outbox", "erp/in", "erp/out"]) mkdirSync(folder(name), {recursive: true});
  sshd = await new Sshd(folder("ssh")).start();
  await Promise.all([us.start(), partner.start()]);
  const ours = us.run("apply", estateFolder("appliance", machineEstate(sshd.fingerprint)));
  assert.equal(ours.code, 0, ours.err);
  const theirs = partner.run("apply", estateFolder("partner", {
    connections: [
      {name: "inbox", kind: "file", partner: "banyan", directory: join(root, "inbox"), poll: "200ms"},
      {name: "outbox", kind: "file", partner: "banyan", directory: join(root, "outbox")},
      {name: "erp-in", kind: "file", directory: folder("erp/in"), poll: "200ms"},
      {name: "erp-out", kind: "file", directory: folder("erp/out")},
    ],
  }));
  assert.equal(theirs.code, 0, theirs.err);
});
after(async () => {
  await sshd?.stop();
  await partner.remove();
  await us.remove();
});

const order = (number) => ({...JSON.parse(readFileSync("pkg/demo/order.json", "utf8")), number});

async function place(number, body = JSON.stringify(order(number))) {
  const answer = await fetch(`${us.public}/orders`, {method: "POST", body, headers: {"Content-Type": "application/json"}});
  return {status: answer.status, body: await answer.json()};
}

const state = async (id) => (await fetch(`${us.public}/status/${id}`)).json();

// The documents of a type that we sent or received, with the message each is in.
async function documents(type, number) {
  const found = [];
  for (const message of await us.messages()) {
    const whole = await us.get(`/api/v1/messages/${message.id}`);
    for (const document of whole.documents) {
      if (document.type === type && (!number || document.keys.po === number)) found.push({...document, message: whole});
    }
  }
  return found;
}

test("an order goes out as an 850, comes back acknowledged and answered, reaches the ERP, and can be asked for", async () => {
  const placed = await place("4711");
  assert.equal(placed.status, 202, JSON.stringify(placed.body));

  const answer = await until("the ERP's state by the facade", async () => {
    const found = await fetch(`${us.public}/orders/4711`);
    return found.status === 200 && found.json();
  }, 60);
  assert.equal(answer.number, "4711");
  assert.equal(answer.lines.length, 2);
  assert.deepEqual(answer.lines.map((line) => line.sku), ["FIG-100", "FIG-200"]);

  const told = await until("the request is completed", async () => {
    const now = await state(placed.body.id);
    return now.state === "completed" && now;
  }, 60);
  assert.equal(told.documents[0].type, "850");
  assert.equal(told.documents[0].acknowledgement, "accepted");

  const [sent] = await documents("850", "4711");
  const edi = await us.payload(sent.message.id);
  assert.match(edi, /^ISA\*00\* {10}\*00\* {10}\*ZZ\*BANYAN {9}\*01\*123456789 {6}\*/);
  assert.match(edi, /BEG\*00\*SA\*4711\*\*20261123/);

  const [answered] = await documents("855", "4711");
  assert.equal(answered.message.partner, "acme");
  assert.ok(answered.message.children.length >= 2, "a 997 and the CSV came of it");
  const csv = await us.message("the CSV", (m) => m.connection === "erp" && m.filename === "4711.csv" && m.direction === "out");
  assert.equal(csv.status, "completed");

  const accepted = await until("the partner has our 997 for his 855", async () => {
    const theirs = await partner.messages("&type=855");
    return theirs.find((m) => m.status === "completed");
  }, 60);
  assert.ok(accepted);
  assert.deepEqual((await us.get("/api/v1/acknowledgements?overdue=true")).items, []);
});

test("the timeline of the order tells every step", async () => {
  const [sent] = await documents("850", "4711");
  const kinds = (await us.events(sent.message.id)).map((event) => event.kind);
  assert.deepEqual(kinds.slice(0, 2), ["created", "delivered"]);
  assert.ok(kinds.includes("acknowledged"));
  assert.ok(kinds.includes("answered"));
});

test("JS-04: malformed JSON is answered with 400, line and column, and kept as rejected", async () => {
  const placed = await place("x", '{"number": "1",\n  "lines": [}');
  assert.equal(placed.status, 400);
  assert.match(placed.body.detail, /line 2/);
  const kept = await us.message("the rejected request", (m) => m.status === "rejected" && m.direction === "in");
  assert.match(kept.reason, /line 2/);
});

test("an order that is none is refused with the place in question, and by the script in its own words", async () => {
  const empty = await place("y", JSON.stringify({...order("y"), lines: []}));
  assert.equal(empty.status, 422);
  assert.match(JSON.stringify(empty.body), /lines/);
  const [line] = order("y").lines;
  const twice = await place("y", JSON.stringify({...order("y"), lines: [line, line]}));
  assert.equal(twice.status, 422);
  assert.match(twice.body.detail, new RegExp(`${line.sku} twice`));
});

test("a value that X12 cannot carry is the caller's to change, not a failure", async () => {
  const {request, ...unchecked} = (await us.api("GET", `/api/v1/endpoints/${encodeURIComponent("POST /orders")}`)).body;
  assert.ok(request.schema);
  const route = "POST /unchecked-orders";
  assert.ok([200, 201].includes((await us.api("PUT", `/api/v1/endpoints/${encodeURIComponent(route)}`, {...unchecked, route})).status));
  for (const [change, words] of [
    [{number: "4*711"}, /BEG03 holds \*/],
    [{number: "4".repeat(23)}, /BEG03/],
    [{date: "23.11.2026"}, /'23.11.2026' is not a date/],
    [{lines: [{sku: "A", quantity: "many"}]}, /PO102/],
  ]) {
    const answer = await fetch(us.public + "/unchecked-orders", {method: "POST", body: JSON.stringify({...order("y"), ...change})});
    const {detail} = await answer.json();
    assert.equal(answer.status, 422, detail);
    assert.match(detail, words);
  }
});

test("an order that nobody knows is a 404", async () => {
  assert.equal((await fetch(`${us.public}/orders/99999`)).status, 404);
});

function fromPartner(name, text) {
  writeFileSync(join(root, "outbox", `.${name}.tmp`), text);
  writeFileSync(join(root, "outbox", name), text);
}

const pad = (text, length) => text.padEnd(length).slice(0, length);
function interchange(control, kind, segments) {
  const set = ["ST*" + kind + "*0001", ...segments, `SE*${segments.length + 2}*0001`];
  const group = {855: "PR", 997: "FA"}[kind];
  return [
    `ISA*00*${pad("", 10)}*00*${pad("", 10)}*01*${pad("123456789", 15)}*ZZ*${pad("BANYAN", 15)}*261123*1615*U*00401*${control}*0*P*>`,
    `GS*${group}*123456789*BANYAN*20261123*1615*${Number(control)}*X*004010`, ...set, `GE*1*${Number(control)}`, `IEA*1*${control}`, "",
  ].join("~\n");
}

test("an 855 for an order that does not exist is rejected with why, and still acknowledged", async () => {
  fromPartner("stray.edi", interchange("000009001", "855", ["BAK*00*AC*NOSUCH*20261123", "PO1*1*1*EA*1**VP*X", "ACK*IA*1*EA"]));
  const stray = await us.message("the stray 855", (m) => m.filename === "stray.edi" && m.status === "rejected", 30);
  assert.match(stray.reason, /NOSUCH/);
  assert.match(stray.reason, /not sent/);
});

test("a 997 that rejects turns the order rejected, with the partner's words", async () => {
  partner.run("apply", "--prune", estateFolder("partner", {connections: []}));
  await partner.api("DELETE", "/api/v1/flows/orders");
  const placed = await place("4712");
  const [sent] = await until("it is out", async () => {
    const found = await documents("850", "4712");
    return found.length && found[0].message.status === "waiting" && found;
  }, 30);
  const group = sent.group_control;
  fromPartner("no.edi", interchange("000009002", "997", [
    `AK1*PO*${group}`, `AK2*850*${sent.control}`, "AK3*PO1*8**8", "AK4*4*212*8", "AK5*R*5", "AK9*R*1*1*0",
  ]));
  const told = await until("rejected", async () => {
    const now = await state(placed.body.id);
    return now.state === "rejected" && now;
  }, 30);
  assert.equal(told.documents[0].acknowledgement, "rejected");
  const message = await us.get(`/api/v1/messages/${sent.message.id}`);
  assert.equal(message.status, "rejected");
  assert.match(message.reason, /997/);
});

test("ED-01: a truncated interchange is rejected with segment and byte, and nothing of it goes on", async () => {
  const whole = interchange("000009003", "855", ["BAK*00*AC*4711*20261123", "PO1*1*1*EA*1**VP*X", "ACK*IA*1*EA"]);
  fromPartner("cut.edi", whole.slice(0, whole.indexOf("ACK*")));
  const cut = await us.message("the cut 855", (m) => m.filename === "cut.edi" && ["rejected", "failed"].includes(m.status), 30);
  assert.match(cut.reason, /byte \d+|offset \d+/);
});

test("AS-08: the same interchange once more is shown as a duplicate and does nothing", async () => {
  const first = (await documents("855", "4711")).find((document) => document.message.filename.startsWith("855-"));
  const again = await us.payload(first.message.id);
  fromPartner("again.edi", again);
  const twin = await us.message("the twin", (m) => m.filename === "again.edi" && m.status === "duplicate", 30);
  assert.match(twin.reason, new RegExp(first.message.id));
});

test("SF-05: with the SFTP server down an order waits visibly and is delivered when it is back", async () => {
  await sshd.stop();
  const placed = await place("4713");
  assert.equal(placed.status, 202);
  const waiting = await us.message("the order that waits", (m) => m.direction === "out" && m.status === "processing" && /attempt/.test(m.reason ?? ""), 60);
  assert.match(waiting.reason, /next at/);
  await sshd.start();
  await until("it is there", () => readdirSync(join(root, "inbox"), {withFileTypes: true}).some((entry) => entry.isFile() && readFileSync(join(root, "inbox", entry.name), "utf8").includes("*4713*")), 60);
});

test("SF-01: a changed host key stops everything before a credential is sent, and both keys are told", async () => {
  const wrong = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  await us.apply({connections: [machineEstate(wrong).connections[0]]});
  const health = await until("the connection says so", async () => {
    const one = (await us.get("/api/v1/connections")).items.find((c) => c.name === "acme-sftp");
    return one.health?.state === "failing" && one.health;
  }, 30);
  assert.ok(health.error.includes(sshd.fingerprint), health.error);
  const probe = await us.api("POST", "/api/v1/connections/acme-sftp/probe");
  assert.equal(probe.body.works, false);
  assert.equal(probe.body.code, "denied");
  await us.apply({connections: [machineEstate(sshd.fingerprint).connections[0]]});
  await until("it works again", async () => (await us.api("POST", "/api/v1/connections/acme-sftp/probe")).body.works);
});

test("a script that fails ends visibly with script, line and message, and is tried again", async () => {
  const source = "local M = {}\nfunction M.request(req)\n  local order = req.json print('seen', order.number)\n  return {json = order.missing.field}\nend\nreturn M\n";
  await us.apply({scripts: [{name: "broken", source}], endpoints: [{route: "POST /broken", script: "broken", legacy: {connection: "erp", path: "in/x"}}]});
  const answer = await fetch(`${us.public}/broken`, {method: "POST", body: '{"number": 7}', headers: {"Content-Type": "application/json"}});
  assert.equal(answer.status, 500);
  const failed = await us.message("the failed request", (m) => m.status === "failed" && m.endpoint === "POST /broken");
  assert.match(failed.reason, /broken\.lua:4/);
  const events = (await us.api("GET", `/api/v1/messages/${failed.id}/events`)).body.events;
  assert.ok(events.some((event) => event.text.includes("seen 7")), `what it logged before it failed stays: ${JSON.stringify(events)}`);
});
