// AS2 exactly once: duplicates, lost answers, crashes, receipts that come late, twice, never, or from elsewhere.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {mkdirSync, readdirSync} from "node:fs";
import {createServer} from "node:http";
import {join, resolve} from "node:path";
import {Appliance, until} from "./appliance.lib.mjs";
import {agree, bodyOf, digest, headerOf, makeKey, Oracle, part, partnerServer, post, put, receiptOf} from "./as2.lib.mjs";

let us, oracle, keys, partner, estate;
let onMessage = () => ({});

before(async () => {
  us = await new Appliance().start();
  keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme"), mallory: makeKey(us.directory, "mallory")};
  oracle = new Oracle(us.directory, "acme", "us");
  partner = await partnerServer((got) => onMessage(got));
  for (const folder of ["in", "out"]) mkdirSync(join(us.directory, folder));
  estate = {
    certificates: [
      {name: "us", certificate: keys.us.certificate, private_key: keys.us.key},
      {name: "acme", certificate: keys.acme.certificate},
    ],
    stations: [{name: "us", as2_id: "US", x12_id: "ZZ:BANYAN", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME", x12_id: "ZZ:ACME", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: partner.url},
      {name: "in", kind: "file", directory: join(us.directory, "in")},
      {name: "out", kind: "file", directory: join(us.directory, "out"), poll: "1s", stable: "0s"},
    ],
    flows: [
      {name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{message.parent}-{filename}"}]},
      {name: "send", from: {connection: "out"}, to: [{connection: "peer"}], retry: {first: "100ms", maximum: "200ms"}},
    ],
  };
  await us.apply(estate);
});
after(async () => {
  partner?.close();
  await us?.remove();
});

const names = {"as2-from": "ACME", "as2-to": "US"};
const asked = {
  "disposition-notification-to": "acme",
  "disposition-notification-options": "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256",
};
const document = (content, name) => part("text/plain", content, `Content-Disposition: attachment; filename="${name}"\r\n`);
const arrivals = (name) => readdirSync(join(us.directory, "in")).filter((found) => found.endsWith(name));
const packed = (content, name) => oracle.encrypt(oracle.sign(document(content, name)));

test("E08: a message that comes again, packed anew, is accepted once and gets the receipt that was kept", async () => {
  const headers = {...names, ...asked, "message-id": "<twice@acme>"};
  const first = await post(`${us.public}/as2`, packed("once", "once.txt"), headers);
  const again = await post(`${us.public}/as2`, packed("once", "once.txt"), headers);
  assert.equal(first.status, 200);
  assert.ok(first.body.equals(again.body), "byte for byte");
  assert.equal(first.headers["message-id"], again.headers["message-id"]);
  await until("it arrived", () => arrivals("once.txt").length > 0);
  assert.equal(arrivals("once.txt").length, 1);
  const all = (await us.messages()).filter((m) => m.direction === "in" && m.filename === "once.txt");
  assert.equal(all.length, 1);
  assert.ok((await us.events(all[0].id)).some((e) => e.kind === "duplicate"));
});

test("E10: twins that come at the same moment become one message", async () => {
  const headers = {...names, ...asked, "message-id": "<twins@acme>"};
  const entity = packed("twins", "twins.txt");
  const answers = await Promise.all([...Array(8)].map(() => post(`${us.public}/as2`, entity, headers)));
  for (const answer of answers) {
    assert.equal(answer.status, 200);
    assert.ok(answer.body.equals(answers[0].body));
  }
  assert.equal((await us.messages()).filter((m) => m.direction === "in" && m.filename === "twins.txt").length, 1);
});

test("E09: another content under a known Message-ID is put aside, and its sender told", async () => {
  const headers = {...names, ...asked, "message-id": "<twice@acme>"};
  const answer = await post(`${us.public}/as2`, packed("other", "other.txt"), headers);
  assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /processed\/error: unexpected-processing-error/);
  const aside = (await us.messages("&status=quarantined"))[0];
  assert.match(aside.reason, /accepted before, with other content/);
  assert.equal(arrivals("other.txt").length, 0);
});

test("E11: a refused message claims nothing: put right, it is accepted under the same Message-ID", async () => {
  const headers = {...names, ...asked, "message-id": "<second-try@acme>"};
  const stranger = new Oracle(us.directory, "mallory", "us");
  const refused = await post(`${us.public}/as2`, stranger.sign(document("try", "try.txt")), headers);
  assert.match(receiptOf(oracle.verify(refused.entity)).disposition, /processed\/error: authentication-failed/);
  const kept = (await us.messages("&status=rejected"))[0];
  assert.match(kept.reason, /authentication-failed/);
  assert.ok(kept.size > 100, "the bytes as they came are kept");
  const accepted = await post(`${us.public}/as2`, packed("try", "try.txt"), headers);
  assert.match(receiptOf(oracle.verify(accepted.entity)).disposition, /; processed$/);
});

test("A01: a receipt that is wanted on its own way is sent there, signed, after the message was answered", async () => {
  let got;
  onMessage = (request) => void (got = request);
  const entity = packed("async", "async.txt");
  const answer = await post(`${us.public}/as2`, entity, {...names, ...asked, "message-id": "<async@acme>", "receipt-delivery-option": `${partner.url}-receipts`});
  assert.equal(answer.status, 200);
  assert.equal(answer.body.length, 0);
  await until("the receipt came", () => got);
  assert.equal(got.url, "/as2-receipts");
  assert.equal(got.headers["as2-from"], "US");
  const receipt = receiptOf(oracle.verify(Buffer.concat([Buffer.from(`Content-Type: ${got.headers["content-type"]}\r\n\r\n`), got.body])));
  assert.equal(receipt["original-message-id"], "<async@acme>");
  assert.equal(receipt["received-content-mic"], `${digest("sha256", document("async", "async.txt"))}, sha-256`);
});

test("A03: a receipt whose taker is away is tried again, and survives a restart", async () => {
  let calls = 0;
  onMessage = () => ({status: ++calls === 1 ? 503 : 200});
  await post(`${us.public}/as2`, packed("patient", "patient.txt"), {...names, ...asked, "message-id": "<patient@acme>", "receipt-delivery-option": partner.url});
  await until("it was tried", () => calls === 1);
  await us.stop("SIGKILL");
  await us.start();
  await until("it was tried again", () => calls === 2, 30);
  const m = await us.message("the message", (m) => m.filename === "patient.txt" && m.direction === "in");
  await us.message("the message is done", (m) => m.filename === "patient.txt" && m.direction === "in" && m.status === "completed");
  assert.ok((await us.events(m.id)).some((e) => e.kind === "receipt sent"));
});

test("E18: a receipt wanted at a stranger's host, or at an address of ours, is given in the answer instead", async () => {
  let called = false;
  onMessage = () => void (called = true);
  const port = new URL(partner.url).port;
  for (const url of [`http://localhost:${port}/as2`, "http://169.254.169.254/latest", "file:///etc/passwd", `http://127.0.0.1:${port}@example.com/`, `http://[::ffff:127.0.0.1]:${port}/`]) {
    const answer = await post(`${us.public}/as2`, packed(url, "ssrf.txt"), {...names, ...asked, "receipt-delivery-option": url});
    assert.match(answer.headers["content-type"] ?? "", /multipart/, `${url}: ${answer.status} ${answer.body}`);
    assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /; processed$/, url);
  }
  assert.ok(!called);
});

test("E18: receipt_hosts: * allows any public address, and no private one", async () => {
  let called = false;
  onMessage = () => void (called = true);
  await agree(us, {receipt_hosts: ["*"]});
  const port = new URL(partner.url).port;
  const answer = await post(`${us.public}/as2`, packed("private", "private.txt"), {...names, ...asked, "message-id": "<private@acme>", "receipt-delivery-option": `http://localhost:${port}/as2`});
  assert.equal(answer.body.length, 0);
  const m = await us.message("it came", (m) => m.filename === "private.txt" && m.direction === "in");
  await until("it was tried in vain", async () => (await us.events(m.id)).some((e) => /not one that may be called/.test(e.text)));
  assert.ok(!called);
  await agree(us, {});
});

// ---- receipts for what we sent

function receiptFor(got, disposition = "automatic-action/MDN-sent-automatically; processed") {
  const document = oracle.verify(oracle.decrypt(got.body));
  const report = Buffer.from(
    `Content-Type: multipart/report; report-type=disposition-notification; boundary="rep"\r\n\r\n--rep\r\nContent-Type: text/plain\r\n\r\nthank you\r\n--rep\r\nContent-Type: message/disposition-notification\r\n\r\n` +
      `Final-Recipient: rfc822; ACME\r\nOriginal-Message-ID: ${got.headers["message-id"]}\r\nDisposition: ${disposition}\r\nReceived-Content-MIC: ${digest("sha256", document)}, sha-256\r\n\r\n--rep--\r\n`,
  );
  return oracle.sign(report, {boundary: "rsig"});
}

const sent = (name, status, seconds) => us.message(`${name} is ${status}`, (m) => m.filename === name && m.direction === "out" && m.status === status, seconds);

test("A04: a receipt that comes on its own way before our POST returns is matched", async () => {
  await agree(us, {mdn: "async"});
  onMessage = async (got) => {
    const answer = await post(got.headers["receipt-delivery-option"], receiptFor(got), names);
    assert.equal(answer.status, 200);
    return {status: 202};
  };
  put(us, "early.txt", "early");
  assert.match((await sent("early.txt", "completed")).receipt.text, /^accepted/);
});

test("A05, A06, A07: a receipt that does not come is overdue, the message is sent again and given up; a late one puts it right, and a second one changes nothing", async () => {
  await agree(us, {mdn: "async", mdn_timeout: "300ms", mdn_resend: 1});
  const seen = [];
  onMessage = (got) => void seen.push(got);
  put(us, "late.txt", "late");
  const given = await sent("late.txt", "failed", 30);
  assert.match(given.reason, /no receipt in time, also not after it was sent again/);
  assert.equal(seen.length, 2);
  assert.equal(seen[0].headers["message-id"], seen[1].headers["message-id"]);
  assert.ok(seen[0].body.equals(seen[1].body));
  assert.equal((await us.get("/api/v1/acknowledgements?overdue=true")).items.filter((a) => a.message === given.id).length, 1);
  const late = await post(`${us.public}/as2`, receiptFor(seen[0]), names);
  assert.equal(late.status, 200);
  await sent("late.txt", "completed");
  const again = await post(`${us.public}/as2`, receiptFor(seen[0]), names);
  assert.equal(again.status, 200);
  assert.equal((await sent("late.txt", "completed")).receipt.status, "accepted");
});

test("E25: a receipt on its own way that somebody else signed changes nothing", async () => {
  await agree(us, {mdn: "async", mdn_strict: true});
  let got;
  onMessage = (request) => void (got = request);
  put(us, "forged.txt", "forged");
  const waiting = await sent("forged.txt", "waiting");
  const good = receiptFor(got);
  const forged = Buffer.from(good.toString("latin1").replace("thank you", "thank  you"), "latin1");
  assert.equal((await post(`${us.public}/as2`, forged, names)).status, 200);
  assert.equal((await sent("forged.txt", "waiting")).id, waiting.id);
  assert.equal((await post(`${us.public}/as2`, good, names)).status, 200);
  await sent("forged.txt", "completed");
});

test("E26, E27: a receipt for nothing that was sent, for another partner's message, or between other names changes nothing", async () => {
  await agree(us, {mdn: "async"});
  let got;
  onMessage = (request) => void (got = request);
  put(us, "named.txt", "named");
  const waiting = await sent("named.txt", "waiting");
  const unknown = {...got, headers: {...got.headers, "message-id": "<nobody@nowhere>"}};
  for (const [entity, headers] of [
    [receiptFor(unknown), names],
    [receiptFor(got), {"as2-from": "US", "as2-to": "ACME"}],
    [receiptFor(got), {"as2-from": "MALLORY", "as2-to": "US"}],
    [receiptFor(got), {"as2-from": "ACME", "as2-to": "MALLORY"}],
  ]) {
    assert.equal((await post(`${us.public}/as2`, entity, headers)).status, 200);
    assert.equal((await sent("named.txt", "waiting")).id, waiting.id);
  }
  assert.match(us.log, /answers nothing that was sent: <nobody@nowhere>/);
  assert.equal((await post(`${us.public}/as2`, receiptFor(got), names)).status, 200); // E31: to the address of messages
  await sent("named.txt", "completed");
});

test("T04: busy, redirected, forbidden: told and tried again, followed nowhere; 102 is no answer yet", async () => {
  const answers = [
    (response) => response.writeHead(503, {"retry-after": "1"}).end("later"),
    (response) => response.writeHead(302, {location: `${us.public}/elsewhere`}).end(),
    (response) => response.writeHead(401, {"www-authenticate": "Basic"}).end(),
    (response) => response.writeHead(413).end("too large"),
    (response) => {
      response.writeProcessing();
      setTimeout(() => response.writeHead(200).end(), 50);
    },
  ];
  const ids = new Set();
  let count = 0;
  const server = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => {
      ids.add(incoming.headers["message-id"]);
      (answers[count++] ?? answers.at(-1))(response);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  await agree(us, {mdn: "none", url: `http://127.0.0.1:${server.address().port}/as2`});
  put(us, "codes.txt", "codes");
  const done = await sent("codes.txt", "completed");
  assert.equal(count, answers.length);
  assert.equal(ids.size, 1, "one Message-ID");
  const events = (await us.events(done.id)).map((event) => event.text).join("\n");
  for (const words of [/HTTP status 503: later/, /HTTP status 302/, /HTTP status 401/, /HTTP status 413: too large/]) assert.match(events, words);
  server.close();
  await agree(us, {url: partner.url});
});

// ---- crashes: a build with named points where it ends at once

for (const point of ["exchange.accept.before", "exchange.accept.after"]) {
  test(`E23, CR: a crash at ${point} loses nothing and delivers nothing twice`, async () => {
    const fragile = new Appliance({program: resolve(process.env.BUILD ?? "build", "crash", "banyan")});
    try {
      await fragile.start();
      mkdirSync(join(fragile.directory, "in"));
      const own = structuredClone(estate);
      own.connections = [own.connections[0], {name: "in", kind: "file", directory: join(fragile.directory, "in")}];
      own.flows = [own.flows[0]];
      await fragile.apply(own);

      await fragile.stop();
      fragile.environment.BANYAN_CRASH = point;
      await fragile.start();
      const headers = {...names, ...asked, "message-id": "<crash@acme>"};
      const entity = packed("crash", "crash.txt");
      await assert.rejects(post(`${fragile.public}/as2`, entity, headers));
      await fragile.exited;
      delete fragile.environment.BANYAN_CRASH;
      await fragile.start();
      const answer = await post(`${fragile.public}/as2`, entity, headers);
      assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /; processed$/);
      await until("it arrived", () => readdirSync(join(fragile.directory, "in")).filter((name) => name.endsWith("crash.txt")).length > 0);
      const all = (await fragile.messages()).filter((m) => m.direction === "in");
      assert.deepEqual(all.map((m) => `${m.status} ${m.filename} ${m.connection} ${m.reason}`).slice(1), []);
      await until("all is done", async () => (await fragile.messages()).every((m) => m.status === "completed"));
      assert.equal(readdirSync(join(fragile.directory, "in")).filter((name) => name.endsWith("crash.txt")).length, 1);
    } finally {
      await fragile.remove();
    }
  });
}

for (const point of ["exchange.packed.before", "exchange.packed.after", "exchange.receipt.before", "exchange.receipt.after"]) {
  test(`CR: a crash at ${point} sends under one Message-ID and ends completed`, async () => {
    const fragile = new Appliance({program: resolve(process.env.BUILD ?? "build", "crash", "banyan")});
    const ids = new Set();
    onMessage = (got) => {
      ids.add(got.headers["message-id"]);
      const entity = receiptFor(got);
      return {headers: headerOf(entity), body: bodyOf(entity)};
    };
    try {
      await fragile.start();
      mkdirSync(join(fragile.directory, "out"));
      const own = structuredClone(estate);
      own.connections = [own.connections[0], {name: "out", kind: "file", directory: join(fragile.directory, "out"), poll: "1s", stable: "0s"}];
      own.flows = [own.flows[1]];
      await fragile.apply(own);
      await fragile.stop();
      fragile.environment.BANYAN_CRASH = point;
      await fragile.start();
      put(fragile, "crash.txt", "crash");
      await fragile.exited;
      delete fragile.environment.BANYAN_CRASH;
      await fragile.start();
      await fragile.message("it was sent", (m) => m.direction === "out" && m.status === "completed");
      assert.equal(ids.size, 1, "one Message-ID, however often it was posted");
    } finally {
      await fragile.remove();
    }
  });
}

test("a flow may expect the receipt for its documents: they are answered with the message", async () => {
  await agree(us, {url: partner.url});
  await us.apply({flows: [{...estate.flows[1], expect: {acknowledgement: "MDN", within: "1h"}, script: "same"}], scripts: [{name: "same", source: 'local edi = require "edi"\nreturn {translate = function(m) return {edi = edi.document("850", "004010", function(d) d:segment("BEG", "00", "SA", m.body, nil, "20261128"); d:segment("PO1", 1, 1, "EA", 1, nil, "VP", "A"); d:segment("CTT", 1) end)} end}'}]});
  onMessage = (got) => {
    const entity = receiptFor(got);
    return {headers: headerOf(entity), body: bodyOf(entity)};
  };
  put(us, "order.txt", "4711");
  const done = await us.message("the order was receipted", (m) => m.direction === "out" && m.documents.some((d) => d.type === "850") && m.status === "completed");
  assert.deepEqual(done.documents.map((d) => [d.acknowledgement_kind, d.acknowledgement]), [["MDN", "accepted"]]);
  await us.apply({flows: [estate.flows[1]]});
});

test("the test of a connection says in words what is wrong, and what to do", async () => {
  const examine = async () => (await us.api("POST", "/api/v1/connections/peer/test")).body;
  const told = (result, name) => result.checks.filter((c) => c.name === name).map((c) => c.text).join("\n");
  await agree(us, {});
  onMessage = (got) => {
    if (got.body.length === 0) return {};
    const entity = receiptFor(got, "automatic-action/MDN-sent-automatically; processed/error: unknown-trading-partner");
    return {headers: headerOf(entity), body: bodyOf(entity)};
  };
  const unknown = await examine();
  assert.equal(unknown.works, false);
  assert.match(told(unknown, "exchange"), /does not know this pair of names/);
  assert.match(told(unknown, "names"), /we are "US", the partner is "ACME"/);
  assert.match(told(unknown, "certificate"), /expires in (29|30) days/);
  onMessage = () => ({headers: {"content-type": "text/html"}, body: "<h1>It works!</h1>"});
  assert.match(told(await examine(), "exchange"), /not with a receipt: <h1>It works.*not that of an AS2 server/);
  await agree(us, {url: "http://127.0.0.1:9/as2"});
  assert.match(told(await examine(), "reach"), /nobody listens there/);
  assert.match((await us.api("POST", "/api/v1/connections/peer/probe")).body.error, /nobody listens there/);
  await agree(us, {url: "http://no-such-host.invalid/as2"});
  assert.match(told(await examine(), "reach"), /not known to the name servers/);
});
