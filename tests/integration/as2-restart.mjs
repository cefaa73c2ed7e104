// AS2-Restart (draft-harding-as2-restart-02): a large message that breaks off goes on where it stopped, in both roles. T07, E12.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {randomBytes} from "node:crypto";
import {existsSync, mkdirSync, readFileSync, readdirSync, statSync} from "node:fs";
import {request} from "node:http";
import {connect, createServer} from "node:net";
import {join} from "node:path";
import {Appliance, until} from "./appliance.lib.mjs";
import {agree, bodyOf, headerOf, makeKey, Oracle, part, put, receiptOf, twoAppliances} from "./as2.lib.mjs";

const asked = {"disposition-notification-to": "x", "disposition-notification-options": "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha-256"};
const names = {"as2-from": "ACME", "as2-to": "US"};

// One request of a partner's; `cutAfter` bytes of the body the connection breaks.
function ask(url, method, headers, body = Buffer.alloc(0), cutAfter = -1) {
  return new Promise((done, failed) => {
    const call = request(url, {method, headers: {...headers, ...(method === "HEAD" ? {} : {"content-length": body.length})}, agent: false}, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => {
        const head = Object.entries(answer.headers).map(([k, v]) => `${k}: ${v}\r\n`).join("");
        done({status: answer.statusCode, headers: answer.headers, entity: Buffer.concat([Buffer.from(`${head}\r\n`), ...pieces])});
      });
    });
    call.on("error", (error) => (cutAfter < 0 ? failed(error) : done({broken: true})));
    if (cutAfter < 0) call.end(body);
    else call.write(body.subarray(0, cutAfter), () => setTimeout(() => call.destroy(), 100));
  });
}

let us, oracle, large, entity, url;

before(async () => {
  us = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme")};
  oracle = new Oracle(us.directory, "acme", "us");
  for (const folder of ["in", "out"]) mkdirSync(join(us.directory, folder));
  await us.apply({
    certificates: [{name: "us", certificate: keys.us.certificate, private_key: keys.us.key}, {name: "acme", certificate: keys.acme.certificate}],
    stations: [{name: "us", as2_id: "US", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: "http://127.0.0.1:9/as2"},
      {name: "in", kind: "file", directory: join(us.directory, "in")},
      {name: "out", kind: "file", directory: join(us.directory, "out"), poll: "1s", stable: "0s"},
    ],
    flows: [
      {name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{message.parent}-{filename}"}]},
      {name: "send", from: {connection: "out"}, to: [{connection: "peer"}], retry: {first: "100ms", maximum: "200ms"}},
    ],
  });
  url = `${us.public}/as2`;
  large = randomBytes(3_000_000);
  entity = oracle.encrypt(oracle.sign(part("application/octet-stream", large, 'Content-Disposition: attachment; filename="large.bin"\r\n')));
});
after(() => us?.remove());

const arrivals = (name) => readdirSync(join(us.directory, "in")).filter((found) => found.endsWith(name));
const fields = (tag, more) => ({...headerOf(entity), "as2-version": "1.2", "mime-version": "1.0", ...names, ...asked, etag: tag, ...more});
const received = async (tag) => Number((await ask(url, "HEAD", {...names, etag: tag})).headers["content-length"]);

// Sends the first `bytes` and breaks off; how many are there then.
async function breakOff(tag, id, bytes) {
  assert.ok((await ask(url, "POST", fields(tag, {"message-id": id}), bodyOf(entity), bytes)).broken);
  return until("some of it is kept", () => received(tag));
}

test("what broke off is no message, HEAD tells how much there is, and the rest makes one message of it", async () => {
  const body = bodyOf(entity), before = (await us.messages()).length;
  const there = await breakOff('"t-1"', "<restart-1@acme>", 1_200_000);
  assert.ok(there > 0 && there <= 1_200_000, `${there}`);
  assert.equal((await us.messages()).length, before);
  assert.equal(arrivals("large.bin").length, 0);
  const range = {"content-range": `bytes ${there}-${body.length - 1}/${body.length}`, "message-id": "<restart-1@acme>"};
  const answer = await ask(url, "POST", fields('"t-1"', range), body.subarray(there));
  assert.equal(answer.status, 200);
  assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /processed$/);
  await until("it arrived", () => arrivals("large.bin").length > 0);
  assert.ok(readFileSync(join(us.directory, "in", arrivals("large.bin")[0])).equals(large));
  assert.equal(await received('"t-1"'), 0);
  assert.equal((await us.messages()).filter((m) => m.direction === "in" && m.filename === "large.bin").length, 1);
});

test("it may break off more than once, and go on behind fewer bytes than there are", async () => {
  const body = bodyOf(entity), id = {"message-id": "<restart-2@acme>"};
  const there = await breakOff('"t-2"', "<restart-2@acme>", 900_000);
  const first = {...id, "content-range": `${there}-${body.length - 1}/${body.length}`}; // some leave the unit out
  await ask(url, "POST", fields('"t-2"', first), body.subarray(there), 600_000);
  const more = await until("more of it is kept", async () => ((await received('"t-2"')) > there ? received('"t-2"') : 0));
  const from = more - 1000;
  const answer = await ask(url, "POST", fields('"t-2"', {...id, "content-range": `bytes ${from}-${body.length - 1}/${body.length}`}), body.subarray(from));
  assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /processed$/);
});

test("what broke off is still known after a restart of the appliance (T07)", async () => {
  const body = bodyOf(entity), id = {"message-id": "<restart-7@acme>"};
  const there = await breakOff('"t-7"', "<restart-7@acme>", 1_500_000);
  await us.stop();
  await us.start();
  url = `${us.public}/as2`;
  assert.equal(await received('"t-7"'), there);
  const answer = await ask(url, "POST", fields('"t-7"', {...id, "content-range": `bytes ${there}-${body.length - 1}/${body.length}`}), body.subarray(there));
  assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /processed$/);
});

test("without a part, or with one that does not fit, it is refused with what there is", async () => {
  const body = bodyOf(entity), there = await breakOff('"t-3"', "<restart-3@acme>", 500_000);
  const at = (offset, tag = '"t-3"', last = body.length - 1) => ask(url, "POST", fields(tag, {"message-id": "<restart-3@acme>", "content-range": `bytes ${offset}-${last}/${body.length}`}), body.subarray(offset));
  for (const answer of [await at(there + 1), await at(there, '"t-3"', body.length - 2)]) {
    assert.equal(answer.status, 416);
    assert.equal(answer.headers["content-range"], `bytes */${there}`);
  }
  assert.equal((await at(1000, '"nobody"')).status, 416);
  assert.equal(await received('"t-3"'), there);
  assert.equal((await at(there)).status, 200);
});

test("the whole under the same name begins anew; a small message needs no name", async () => {
  await breakOff('"t-4"', "<restart-4@acme>", 400_000);
  const answer = await ask(url, "POST", fields('"t-4"', {"message-id": "<restart-4@acme>"}), bodyOf(entity));
  assert.match(receiptOf(oracle.verify(answer.entity)).disposition, /processed$/);
  const small = oracle.sign(part("text/plain", "small"));
  const one = await ask(url, "POST", {...headerOf(small), "as2-version": "1.2", ...names, ...asked, etag: '"t-5"', "message-id": "<small@acme>"}, bodyOf(small));
  assert.match(receiptOf(oracle.verify(one.entity)).disposition, /processed$/);
  assert.match(one.headers["ediint-features"], /AS2-Restart/);
});

test("of an unknown name nothing is there, and HEAD without one is answered as ever", async () => {
  assert.equal(await received('"never seen"'), 0);
  const page = await ask(url, "HEAD", {});
  assert.equal(page.status, 200);
  assert.match(page.headers["content-type"], /text\/html/);
});

test("with restart: never nothing is kept", async () => {
  await agree(us, {restart: "never"});
  await ask(url, "POST", fields('"t-6"', {"message-id": "<restart-6@acme>"}), bodyOf(entity), 500_000);
  const answer = await ask(url, "POST", fields('"t-6"', {"message-id": "<restart-6@acme>", "content-range": `bytes 100-${bodyOf(entity).length - 1}/${bodyOf(entity).length}`}), bodyOf(entity).subarray(100));
  assert.equal(answer.status, 416);
  assert.equal(await received('"t-6"'), 0);
  await agree(us, {});
});

// A partner's server that reads requests itself: `answer(request)` gives the raw answer, null breaks the connection off.
async function rawServer(answer) {
  const seen = [];
  const server = createServer((socket) => {
    let got = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      got = Buffer.concat([got, bytes]);
      const end = got.indexOf("\r\n\r\n");
      if (end < 0) return;
      const header = headerOf(got), method = got.toString("latin1", 0, 4).trim();
      const body = got.subarray(end + 4), length = Number(header["content-length"] ?? 0);
      const reply = answer({method, header, body, complete: body.length >= length, count: seen.length});
      if (reply === undefined) return;
      seen.push({method, header, body});
      got = Buffer.alloc(0);
      if (reply === null) socket.destroy();
      else socket.end(reply);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {seen, url: `http://127.0.0.1:${server.address().port}/as2`, close: () => server.close()};
}

test("a partner who does not take the rest after all gets the whole at once", async () => {
  const partner = await rawServer(({method, header, body, complete, count}) => {
    if (count === 0) return body.length > 100_000 ? null : undefined;
    if (method === "HEAD") return "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n";
    if (!complete) return undefined;
    return header["content-range"] ? "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  });
  await agree(us, {url: partner.url, restart: "always", mdn: "none"});
  put(us, "whole.bin", large);
  const message = await until("it is sent", async () => (await us.messages()).find((m) => m.direction === "out" && m.filename === "whole.bin" && m.status === "completed"));
  assert.ok(message);
  const [first, head, rest, whole] = partner.seen;
  assert.deepEqual(partner.seen.map((one) => one.method), ["POST", "HEAD", "POST", "POST"]);
  assert.ok(first.header.etag && [head, rest, whole].every((one) => one.header.etag === first.header.etag));
  assert.equal(rest.header["content-range"], `bytes 1000-${first.header["content-length"] - 1}/${first.header["content-length"]}`);
  assert.ok(whole.body.subarray(1000).equals(rest.body));
  assert.equal(whole.header["content-range"], undefined);
  assert.equal(whole.header["message-id"], first.header["message-id"]);
  partner.close();
});

test("a partner who never said that he can is sent no name and not asked", async () => {
  const partner = await rawServer(({body, complete, count}) => {
    if (count === 0) return body.length > 100_000 ? null : undefined;
    return complete ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" : undefined;
  });
  await agree(us, {url: partner.url, mdn: "none", restart: "auto"});
  put(us, "plain.bin", large);
  await until("it is sent", async () => (await us.messages()).find((m) => m.direction === "out" && m.filename === "plain.bin" && m.status === "completed"));
  assert.deepEqual(partner.seen.map((one) => one.method), ["POST", "POST"]);
  assert.ok(partner.seen.every((one) => !one.header.etag));
  partner.close();
});

test("that a partner can go on where it stopped is still known after a restart of ours", async () => {
  let cut = true;
  const partner = await rawServer(({method, body, complete}) => {
    const ok = "HTTP/1.1 200 OK\r\nEDIINT-Features: AS2-Restart\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (cut && method === "POST" && body.length > 100_000) return (cut = false) || null;
    if (method === "HEAD") return "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n";
    return complete ? ok : undefined;
  });
  const sent = (name) => until(`${name} is sent`, async () => (await us.messages()).find((m) => m.direction === "out" && m.filename === name && m.status === "completed"));
  await agree(us, {url: partner.url, mdn: "none", restart: "auto"});
  put(us, "says.txt", "a small one");
  await sent("says.txt");
  await us.stop();
  await us.start();
  url = `${us.public}/as2`;
  put(us, "later.bin", large);
  await sent("later.bin");
  assert.deepEqual(partner.seen.map((one) => one.method), ["POST", "POST", "HEAD", "POST"]);
  assert.ok(partner.seen[1].header.etag);
  assert.match(partner.seen[3].header["content-range"], /^bytes 1000-/);
  partner.close();
});

test("two appliances: cut at half, the second half follows, one delivery, one Message-ID (T07)", async () => {
  const {us: sender, them} = await twoAppliances();
  const target = new URL(them.public), heads = [];
  let sent = 0;
  let cutAfter = Infinity;
  const proxy = createServer((socket) => {
    const behind = connect(Number(target.port), target.hostname), count = {bytes: 0};
    socket.on("error", () => behind.destroy());
    behind.on("error", () => socket.destroy());
    behind.pipe(socket);
    socket.on("data", (bytes) => {
      if (/^(POST|HEAD) \//.test(bytes.toString("latin1", 0, 6))) heads.push(bytes.toString("latin1").split("\r\n\r\n")[0]);
      count.bytes += bytes.length;
      sent += bytes.length;
      behind.write(bytes);
      if (count.bytes < cutAfter) return;
      cutAfter = Infinity;
      setTimeout(() => {
        socket.destroy();
        behind.destroy();
      }, 200);
      socket.pause();
    });
    socket.on("end", () => behind.end());
  });
  await new Promise((done) => proxy.listen(0, "127.0.0.1", done));
  await agree(sender, {url: `http://127.0.0.1:${proxy.address().port}/as2`});
  await sender.apply({flows: [{name: "send", from: {connection: "out"}, to: [{connection: "peer"}], retry: {first: "100ms", maximum: "200ms"}}]});
  try {
    put(sender, "first.txt", "tells what we can");
    await until("the small one arrived", () => existsSync(join(them.directory, "in", "first.txt")));
    await until("its receipt is here", async () => (await sender.messages()).find((m) => m.direction === "out" && m.status === "completed"));
    heads.length = sent = 0;
    cutAfter = 2_000_000;
    const content = randomBytes(4_000_000);
    put(sender, "half.bin", content);
    await until("the large one arrived", () => existsSync(join(them.directory, "in", "half.bin")) && statSync(join(them.directory, "in", "half.bin")).size === content.length, 30);
    assert.ok(readFileSync(join(them.directory, "in", "half.bin")).equals(content));
    const message = await until("its receipt is here", async () => (await sender.messages()).find((m) => m.direction === "out" && m.filename === "half.bin" && m.status === "completed"));
    assert.equal((await them.messages()).filter((m) => m.direction === "in" && m.filename === "half.bin").length, 1);
    assert.deepEqual(heads.map((head) => head.slice(0, 4)), ["POST", "HEAD", "POST"]);
    assert.match(heads[2], /^Content-Range: bytes [1-9][0-9]*-/im);
    assert.ok(sent < 6_000_000, `${sent} bytes went over the wire`);
    assert.ok(message.receipt, "with its receipt");
  } finally {
    proxy.close();
    await sender.remove();
    await them.remove();
  }
});
