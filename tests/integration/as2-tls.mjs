// AS2 over TLS: whom we believe, who we are, and what is said when it does not fit (T05, A02).

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {createServer} from "node:https";
import {mkdirSync, readFileSync} from "node:fs";
import {join} from "node:path";
import {Appliance, until} from "./appliance.lib.mjs";
import {agree, makeKey, openssl, Oracle, part, post, put, receiptOf} from "./as2.lib.mjs";

let us, server, seen;
const tls = {};

before(async () => {
  us = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme")};
  const pem = (name) => readFileSync(join(us.directory, name), "utf8");
  for (const [name, ...more] of [["server", "-addext", "subjectAltName=IP:127.0.0.1"], ["client"]])
    openssl(us.directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-days", "30", "-keyout", `${name}.key`, "-out", `${name}.crt`, ...more);
  Object.assign(tls, {server: pem("server.crt"), client: pem("client.crt")});
  server = createServer({key: pem("server.key"), cert: pem("server.crt"), ca: [pem("client.crt")], requestCert: true, rejectUnauthorized: false}, (request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      seen = {authorized: request.client.authorized, headers: request.headers, body: Buffer.concat(pieces)};
      response.writeHead(200).end();
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  mkdirSync(join(us.directory, "out"));
  await us.apply({
    certificates: [
      {name: "us", certificate: keys.us.certificate, private_key: keys.us.key},
      {name: "acme", certificate: keys.acme.certificate},
      {name: "server", certificate: tls.server},
      {name: "client", certificate: tls.client, private_key: pem("client.key")},
    ],
    stations: [{name: "us", as2_id: "US", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: `https://127.0.0.1:${server.address().port}/as2`, mdn: "none"},
      {name: "out", kind: "file", directory: join(us.directory, "out"), poll: "1s", stable: "0s"},
    ],
    flows: [{name: "send", from: {connection: "out"}, to: [{connection: "peer"}], retry: {attempts: 1}}],
  });
});
after(async () => {
  server?.close();
  await us?.remove();
});

let number = 0;

async function send(settings, status) {
  const name = `tls-${++number}.txt`;
  seen = undefined;
  await agree(us, {mdn: "none", ...settings});
  put(us, name, "hello");
  return us.message(`${name} is ${status}`, (m) => m.direction === "out" && m.filename === name && m.status === status);
}

test("T05: a server that nobody we know has vouched for is not sent anything", async () => {
  const failed = await send({}, "failed");
  assert.match(failed.reason, /certificate of https:\/\/127.0.0.1:\d+\/as2 is not trusted/);
  assert.equal(seen, undefined);
});

test("T05: the authority that the connection names is believed, and we show the certificate that it names", async () => {
  await send({tls_authority: "server"}, "completed");
  assert.equal(seen.authorized, false);
  await send({tls_authority: "server", tls_certificate: "client"}, "completed");
  assert.equal(seen.authorized, true);
});

test("T05: another host name than the certificate's is refused, and the test of the connection says why", async () => {
  const url = `https://localhost:${server.address().port}/as2`;
  const failed = await send({tls_authority: "server", url}, "failed");
  assert.match(failed.reason, /not trusted: .*localhost/);
  const result = (await us.api("POST", "/api/v1/connections/peer/test?exchange=false")).body;
  assert.equal(result.works, false);
  assert.match(result.checks.find((c) => c.name === "reach").text, /tls_authority/);
});

test("A02: a receipt on its own way goes to a partner's own certificate where that is named, and waits until it is", async () => {
  const oracle = new Oracle(us.directory, "acme", "us");
  const url = `https://127.0.0.1:${server.address().port}/as2`;
  seen = undefined;
  await agree(us, {mdn: "none", url});
  const answer = await post(`${us.public}/as2`, oracle.encrypt(oracle.sign(part("text/plain", "hello"))), {
    "as2-from": "ACME", "as2-to": "US", "message-id": "<a02@acme>", "disposition-notification-to": "acme",
    "disposition-notification-options": "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha-256",
    "receipt-delivery-option": `https://127.0.0.1:${server.address().port}/receipts`,
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.length, 0);
  const waiting = await until("it was tried", async () => (await us.get("/api/v1/jobs")).items.find((job) => job.kind === "receipt" && job.error));
  assert.match(waiting.error, /not trusted/);
  assert.equal(seen, undefined);
  await agree(us, {mdn: "none", url, tls_authority: "server"});
  await until("the receipt came", () => seen, 40);
  const entity = Buffer.concat([Buffer.from(`Content-Type: ${seen.headers["content-type"]}\r\n\r\n`), seen.body]);
  const receipt = receiptOf(oracle.verify(entity));
  assert.equal(receipt["original-message-id"], "<a02@acme>");
  assert.match(receipt.disposition, /; processed$/);
});
