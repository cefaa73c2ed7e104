// /as2 as HTTP: who is let in, what is answered before a body is read, limits, and odd requests on raw sockets.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {connect} from "node:net";
import {mkdirSync} from "node:fs";
import {join} from "node:path";
import {Appliance} from "./appliance.lib.mjs";
import {agree, makeKey, Oracle, part, post, receiptOf} from "./as2.lib.mjs";

let us, oracle, host, port;

before(async () => {
  us = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme")};
  oracle = new Oracle(us.directory, "acme", "us");
  ({hostname: host, port} = new URL(us.public));
  mkdirSync(join(us.directory, "in"));
  await us.apply({
    certificates: [{name: "us", certificate: keys.us.certificate, private_key: keys.us.key}, {name: "acme", certificate: keys.acme.certificate}],
    stations: [{name: "us", as2_id: "US", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: "http://127.0.0.1:9/as2"},
      {name: "in", kind: "file", directory: join(us.directory, "in")},
    ],
    flows: [{name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{filename}", if_exists: "replace"}]}],
  });
});
after(() => us?.remove());

const names = {"as2-from": "ACME", "as2-to": "US"};
const asked = {"disposition-notification-to": "x", "disposition-notification-options": "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"};

// Sends pieces on a socket, each after the answer so far contains `after`; gives all that came until the end or `enough`.
function raw(pieces, enough = /\r\n\r\n/) {
  return new Promise((done, failed) => {
    const socket = connect(Number(port), host);
    let text = "", next = 0;
    const go = () => {
      while (next < pieces.length && (!pieces[next].after || text.includes(pieces[next].after))) socket.write(pieces[next++].send);
      if (next === pieces.length && enough.test(text)) socket.end();
    };
    socket.on("connect", go);
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      go();
    });
    socket.on("error", failed);
    socket.on("close", () => done(text));
    setTimeout(() => socket.destroy(), 5000).unref();
  });
}

const head = (lines) => `POST /as2 HTTP/1.1\r\nHost: x\r\n${lines.join("\r\n")}\r\n\r\n`;
const fields = ["AS2-From: ACME", "AS2-To: US", "Message-ID: <raw@acme>", "Content-Type: text/plain"];

test("GET is answered with a page for people; another method is refused with what is allowed", async () => {
  const page = await fetch(`${us.public}/as2`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /AS2 endpoint/);
  assert.match(page.headers.get("content-security-policy"), /default-src 'none'/);
  const wrong = await fetch(`${us.public}/as2`, {method: "PUT", body: "x"});
  assert.equal(wrong.status, 405);
  assert.match(wrong.headers.get("allow"), /POST/);
});

test("what names no sender or receiver, or two, is no AS2 message", async () => {
  assert.equal((await fetch(`${us.public}/as2`, {method: "POST", body: "x"})).status, 400);
  const twice = await raw([{send: head([...fields, "AS2-From: OTHER", "Content-Length: 1"])}, {send: "x"}]);
  assert.match(twice, /^HTTP\/1.1 400/, "I03");
  const same = await raw([{send: head(['AS2-From: "ACME"', ...fields, "Content-Length: 1"])}, {send: "x"}]);
  assert.match(same, /^HTTP\/1.1 200/, same + "I03: quoted and bare are one name");
});

test("Expect: 100-continue is answered once the partner and the size are known to be good, and not before", async () => {
  const good = await raw([{send: head([...fields, "Expect: 100-continue", "Content-Length: 5"])}, {after: "100 Continue", send: "hello"}], /HTTP\/1.1 200/);
  assert.match(good, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/);
  await agree(us, {max_size: "1KiB"});
  const large = await raw([{send: head([...fields, "Expect: 100-continue", "Content-Length: 5000"])}]);
  assert.match(large, /^HTTP\/1.1 413/);
  assert.ok(!large.includes("100 Continue"));
  const chunked = await raw([{send: head([...fields, "Transfer-Encoding: chunked"])}, {send: `1000\r\n${"x".repeat(4096)}\r\n0\r\n\r\n`}]);
  assert.match(chunked, /^HTTP\/1.1 413/);
  await agree(us, {});
});

test("chunked bodies and HTTP/1.0 are taken", async () => {
  const chunked = await raw([{send: head([...fields.map((field, i) => (i === 2 ? "Message-ID: <chunked@acme>" : field)), "Disposition-Notification-To: x", "Transfer-Encoding: chunked"])}, {send: "5\r\nhello\r\n0\r\n\r\n"}], /--=_[^\r]*--\r\n/);
  assert.match(chunked, /automatic-action\/MDN-sent-automatically; processed\r\n/);
  assert.match(chunked, /Content-Length: \d+/i);
  const old = await raw([{send: `POST /as2 HTTP/1.0\r\n${[...fields, "Content-Length: 5"].join("\r\n")}\r\n\r\nhello`}]);
  assert.match(old, /^HTTP\/1.[01] 200/);
});

test("I02: a pair of names that nobody has is answered with a receipt, signed by the station that was meant, and nothing is kept", async () => {
  const before = (await us.messages("&direction=in")).length;
  const answer = await post(`${us.public}/as2`, part("text/plain", "hello"), {"as2-from": "acme", "as2-to": "US", ...asked});
  assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /processed\/error: unknown-trading-relationship/);
  assert.equal((await us.messages("&direction=in")).length, before);
  const large = await post(`${us.public}/as2`, part("text/plain", "x".repeat(300000)), {"as2-from": "nobody", "as2-to": "US", ...asked});
  assert.match(receiptOf(oracle.verify(large.entity)).disposition, /unknown-trading-relationship/);
  const away = await post(`${us.public}/as2`, part("text/plain", "hello"), {"as2-from": "acme", "as2-to": "US", ...asked, "receipt-delivery-option": "http://127.0.0.1:9/"});
  assert.ok(away.body.length > 0, "a stranger gets no receipt sent elsewhere");
});

test("credentials of a partner's request are not kept with its evidence", async () => {
  await post(`${us.public}/as2`, part("text/plain", "hello"), {...names, "message-id": "<auth@acme>", authorization: "Basic c2VjcmV0OnNlY3JldA=="});
  const message = await us.message("it came", (m) => m.headers?.["message-id"] === "<auth@acme>");
  const evidence = await us.get(`/api/v1/messages/${message.id}/evidence`);
  assert.ok(!JSON.stringify(evidence).includes("c2VjcmV0"));
  assert.ok(evidence.headers.some(([name]) => name.toLowerCase() === "as2-from"));
  assert.equal(evidence.mics.body["sha-256"].length, 44);
});

test("a connection that is switched off takes nothing: come later", async () => {
  await agree(us, {enabled: false});
  const answer = await post(`${us.public}/as2`, part("text/plain", "hello"), names);
  assert.equal(answer.status, 503);
  assert.ok(answer.headers["retry-after"]);
  await agree(us, {});
});

test("banyan send tells what became of a message, and why", async () => {
  const gone = us.run("send", "peer", "-", "--filename", "a.txt", "--wait", "3", {input: "hello"});
  assert.equal(gone.code, 3);
  assert.match(gone.out, /connect to 127\.0\.0\.1 port 9/);
  assert.match(gone.err, /^banyan: it is not through yet and is tried further: .*; `banyan message show \S+` tells how it stands\n$/, "PRODUCT: one line on standard error");
});

test("E20: five hundred connections that say nothing, and one that crawls, end by themselves and hold up nobody", async () => {
  const open = (text) => new Promise((done) => {
    const socket = connect(Number(port), host, () => socket.write(text, () => done({socket, closed: new Promise((end) => socket.once("close", end))})));
    socket.on("error", () => {});
    socket.resume();
  });
  const head = `POST /as2 HTTP/1.1\r\nHost: x\r\nAS2-From: ACME\r\nAS2-To: US\r\nMessage-ID: <crawls@acme>\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n`;
  const silent = await Promise.all([...Array(500)].map(() => open("POST /as2 HTTP/1.1\r\nAS2-From: ")));
  const crawling = await open(`${head}\r\n`);
  const drops = setInterval(() => crawling.socket.write("x"), 1000);
  try {
    const answer = await post(`${us.public}/as2`, part("text/plain", "in between"), {...names, "message-id": "<between@acme>"});
    assert.equal(answer.status, 200);
    await Promise.all([...silent, crawling].map((one) => one.closed));
  } finally {
    clearInterval(drops);
    for (const {socket} of [...silent, crawling]) socket.destroy();
  }
  assert.ok(!(await us.messages()).some((m) => m.headers?.["message-id"] === "<crawls@acme>"));
});

test("E22: without space nothing is taken, the partner is told to come again, and the same message is taken later", async () => {
  const send = () => post(`${us.public}/as2`, part("text/plain", "wanted"), {...names, ...asked, "message-id": "<full@acme>"});
  await us.stop();
  us.environment.BANYAN_LIMITS_FREE = "1000000GiB";
  await us.start();
  const refused = await send();
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers["retry-after"]) > 0);
  assert.doesNotMatch(refused.body.toString(), /processed/);
  await us.stop();
  delete us.environment.BANYAN_LIMITS_FREE;
  await us.start();
  assert.ok(!(await us.messages()).some((m) => m.headers?.["message-id"] === "<full@acme>"));
  const taken = await send();
  assert.equal(taken.status, 200);
  assert.match(taken.body.toString(), /; processed\r\n/);
});
