// What a partner, or somebody else, posts wrongly: each gets the disposition that the research names, nothing is delivered, nothing
// is lost, and a good message behind it is taken.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {connect} from "node:net";
import {mkdirSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {deflateSync} from "node:zlib";
import {Appliance, until} from "./appliance.lib.mjs";
import {agree, bodyOf, der, digest, headerOf, makeKey, openssl, Oracle, part, post, receiptOf, split} from "./as2.lib.mjs";

let us, oracle, mallory;

before(async () => {
  us = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme"), mallory: makeKey(us.directory, "mallory")};
  oracle = new Oracle(us.directory, "acme", "us");
  mallory = new Oracle(us.directory, "mallory", "us");
  mkdirSync(join(us.directory, "in"));
  await us.apply({
    certificates: [
      {name: "us", certificate: keys.us.certificate, private_key: keys.us.key},
      {name: "acme", certificate: keys.acme.certificate},
    ],
    stations: [{name: "us", as2_id: "US", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: "http://127.0.0.1:9/as2"},
      {name: "in", kind: "file", directory: join(us.directory, "in")},
    ],
    flows: [{name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{message.id}-{filename}"}]}],
  });
});
after(async () => {
  await us?.remove();
});

let number = 0;
const names = {"as2-from": "ACME", "as2-to": "US"};
const asked = (micalg = "sha-256", protocol = "pkcs7-signature") => ({
  "disposition-notification-to": "acme",
  "disposition-notification-options": `signed-receipt-protocol=required, ${protocol}; signed-receipt-micalg=required, ${micalg}`,
});
const document = (content = `document ${++number}`, more = `Content-Disposition: attachment; filename="d${number}.txt"\r\n`) => part("application/octet-stream", content, more);
const send = (entity, more = {}) => post(`${us.public}/as2`, entity, {...names, ...asked(), ...more});
const accepted = async () => (await us.messages("&direction=in")).filter((m) => m.status !== "rejected").length;

// The receipt of an answer, signed or not.
function receipt(answer) {
  assert.equal(answer.status, 200, answer.body.toString());
  return receiptOf(/multipart\/signed/.test(answer.headers["content-type"]) ? oracle.verify(answer.entity) : answer.entity);
}
async function refused(entity, words, more) {
  const before = await accepted();
  const got = receipt(await send(entity, more));
  assert.match(got.disposition, new RegExp(`; ${words}`), got.disposition);
  assert.equal(await accepted(), before);
  return got;
}
async function taken(entity, more) {
  const got = receipt(await send(entity, more));
  assert.match(got.disposition, /; processed$/);
  return got;
}

// ---- signatures

test("E01: signed by a stranger is authentication-failed", () => refused(mallory.sign(document()), "processed/error: authentication-failed"));

test("E02: one byte changed is integrity-check-failed, and the MIC tells what arrived", async () => {
  const bad = Buffer.from(oracle.sign(document("amount 100")).toString("latin1").replace("amount 100", "amount 900"), "latin1");
  const got = await refused(bad, "processed/error: integrity-check-failed");
  assert.equal(got["received-content-mic"], `${digest("sha256", split(bad).parts[0])}, sha-256`);
});

const resigned = (entity, signature) => {
  const {parts} = split(entity);
  return Buffer.concat([
    Buffer.from('Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="rs"\r\n\r\n--rs\r\n'),
    parts[0],
    Buffer.from(`\r\n--rs\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n${signature.toString("base64").replace(/(.{76})/g, "$1\r\n")}\r\n--rs--\r\n`),
  ]);
};

test("E03: no signer, and two signers, are integrity-check-failed", async () => {
  const d = document();
  const none = openssl(us.directory, "crl2pkcs7", "-nocrl", "-certfile", "acme.crt", "-outform", "DER");
  await refused(resigned(oracle.sign(d), none), "processed/error: integrity-check-failed");
  await refused(oracle.sign(d, {more: ["-signer", "mallory.crt", "-inkey", "mallory.key"]}), "processed/error: integrity-check-failed");
});

test("E04: a signature over other content is integrity-check-failed", () => refused(resigned(oracle.sign(document()), Buffer.from(bodyOf(split(oracle.sign(document("other"))).parts[1]).toString(), "base64")), "processed/error: integrity-check-failed"));

test("CM: a signature that is no CMS, cut off, or empty, is integrity-check-failed", async () => {
  const good = Buffer.from(bodyOf(split(oracle.sign(document())).parts[1]).toString(), "base64");
  for (const bad of [Buffer.from("hello"), good.subarray(0, good.length / 2), Buffer.alloc(0), Buffer.concat([Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), good])])
    await refused(resigned(oracle.sign(document()), bad), "processed/error: integrity-check-failed");
});

// ---- names

test("E05: an unknown partner, a wrong receiver, and names in other case, get one answer", async () => {
  const entity = oracle.sign(document());
  const answers = [];
  for (const other of [{"as2-from": "NOBODY"}, {"as2-to": "NOBODY"}, {"as2-from": "acme"}]) {
    const answer = await send(entity, other);
    assert.equal(answer.status, 200);
    const report = /multipart\/signed/.test(answer.headers["content-type"]) ? split(answer.entity).parts[0] : answer.entity;
    answers.push(receiptOf(report).disposition);
  }
  assert.deepEqual(new Set(answers), new Set(["automatic-action/MDN-sent-automatically; processed/error: unknown-trading-relationship"]));
});

test("I03: a name that stands twice is taken when both are equal, and 400 when they are not", async () => {
  const d = document(), type = headerOf(d);
  const raw = (to) => `POST /as2 HTTP/1.1\r\nHost: x\r\nAS2-Version: 1.2\r\nMessage-ID: <i03-${++number}@acme>\r\nAS2-From: ACME\r\nAS2-To: US\r\nAS2-To: ${to}\r\nDisposition-Notification-To: x\r\nContent-Type: ${type["content-type"]}\r\nContent-Length: ${bodyOf(d).length}\r\nConnection: close\r\n\r\n`;
  assert.match(await talk(raw('"US"'), bodyOf(d)), /^HTTP\/1\.1 200[\s\S]*; processed\r\n/);
  assert.match(await talk(raw("OTHER"), bodyOf(d)), /^HTTP\/1\.1 400/);
});

test("I04, I06, I07: Message-IDs without brackets or @, of 998 characters, and every AS2-Version", async () => {
  for (const id of ["0574493161569973Sterling20574493161569973MOKO", `<${"x".repeat(990)}@acme>`.slice(0, 998)]) assert.equal((await taken(document(), {"message-id": id}))["original-message-id"], id);
  assert.match(receipt(await send(document(), {"message-id": `<${"x".repeat(1200)}@acme>`})).disposition, /invalid-message-id/);
  for (const version of [undefined, "1.0", "1.9"]) await taken(document(), {"as2-version": version, "ediint-features": "anything, at all"});
});

test("I05: a Message-ID with blanks, or none at all, is invalid-message-id", async () => {
  await refused(document(), "processed/error: invalid-message-id", {"message-id": "<two words@acme>"});
  await refused(document(), "processed/error: invalid-message-id", {"message-id": undefined});
});

test("E19: nothing a partner writes begins a line of ours", async () => {
  const got = await send(oracle.sign(part("text/plain", "x", 'Content-Disposition: attachment; filename="a\\\r\n X-Injected: 1\r\n.txt"\r\n')), {subject: "one two", "message-id": "<inj;Disposition:forged@acme>"});
  const text = got.entity.toString();
  assert.ok(!/^X-Injected/m.test(text));
  assert.equal([...text.matchAll(/^Disposition:/gm)].length, 1);
});

// ---- encryption

test("E06: another key, bad padding, cut off: one answer, to the letter", async () => {
  const entity = oracle.encrypt(oracle.sign(document()));
  const body = bodyOf(entity), head = entity.subarray(0, entity.length - body.length);
  const flipped = Buffer.from(body);
  flipped[flipped.length - 3] ^= 1;
  const wrong = new Oracle(us.directory, "acme", "mallory");
  const texts = [];
  for (const bad of [wrong.encrypt(oracle.sign(document())), Buffer.concat([head, flipped]), entity.subarray(0, entity.length - 40)]) {
    const answer = await send(bad);
    const got = receipt(answer);
    assert.match(got.disposition, /; processed\/error: decryption-failed/);
    assert.equal(got["received-content-mic"], undefined);
    texts.push(bodyOf(split(split(answer.entity).parts[0]).parts[0]).toString());
  }
  assert.equal(new Set(texts).size, 1);
});

test("K03: a flipped bit under GCM is decryption-failed", async () => {
  const entity = oracle.encrypt(oracle.sign(document()), "aes-256-gcm");
  const bad = Buffer.from(entity);
  bad[bad.length - 40] ^= 1;
  await refused(bad, "processed/error: decryption-failed");
  await taken(entity);
});

test("E07: plain where the partner must sign, must encrypt, must compress is insufficient-message-security, with its MIC", async () => {
  for (const [setting, entity] of [["require_signed", document()], ["require_encrypted", oracle.sign(document())], ["require_compressed", oracle.encrypt(oracle.sign(document()))]]) {
    await agree(us, {[setting]: true});
    const got = await refused(entity, "processed/error: insufficient-message-security");
    assert.match(got["received-content-mic"], /, sha-256$/);
  }
  await agree(us, {require_signed: true, require_encrypted: true});
  await taken(oracle.encrypt(oracle.sign(document())));
  await agree(us, {});
});

// ---- receipts asked for

test("M01–M04: the first digest that is known, else why not; parameters in any order, folded", async () => {
  assert.match((await taken(oracle.sign(document()), asked("foo, sha-512, sha1")))["received-content-mic"], /, sha-512$/);
  await refused(oracle.sign(document()), "failed/failure: unsupported MIC-algorithms", asked("foo"));
  await refused(oracle.sign(document()), "failed/failure: unsupported format", asked("sha-256", "pgp-signature"));
  const options = "signed-receipt-micalg=optional,SHA384;signed-receipt-protocol=optional,pkcs7-signature";
  assert.match((await taken(oracle.sign(document()), {"disposition-notification-options": options}))["received-content-mic"], /, sha-384$/);
});

test("M05: SHA-1 that is not accepted is refused, as signature and as MIC", async () => {
  await agree(us, {accept_sha1: false});
  await refused(oracle.sign(document()), "failed/failure: unsupported MIC-algorithms", asked("sha1"));
  await refused(oracle.sign(document(), {md: "sha1", micalg: "sha1"}), "processed/error: insufficient-message-security");
  await agree(us, {});
});

test("M06, A08: an empty Disposition-Notification-To asks for a receipt, an empty Receipt-Delivery-Option for one at once", async () => {
  await taken(document(), {"disposition-notification-to": ""});
  await taken(document(), {"receipt-delivery-option": ""});
});

test("E30: a sender that is the receiver is told so", async () => {
  await us.apply({partners: [{name: "self", as2_id: "US", certificates: ["acme"]}], connections: [{name: "self", kind: "as2", station: "us", partner: "self", url: "http://127.0.0.1:9/"}]});
  await refused(document(), "failed/failure: sender-equals-receiver", {"as2-from": "US"});
});

// ---- content

test("C01, C02, C06: no byte, no final line end, a boundary in the middle of a line, and nothing at all, pass as they are", async () => {
  for (const content of ["x", "\r\n", "\n", "a\rb", "ends\r\n", "no --=_x boundary ------=_oracle_1 here\r\n-----=_oracle_1", "", " "]) {
    const entity = oracle.encrypt(oracle.sign(document(content)));
    await taken(entity);
    const m = (await us.messages("&direction=in"))[0];
    assert.equal(String(await us.payload(m.id)), content, JSON.stringify(content));
  }
});

test("C03: without a transfer encoding bare line feeds are signed, and digested, as they stand", async () => {
  const entity = Buffer.from("Content-Type: text/plain\r\n\r\none\ntwo\nthree\n");
  const got = await taken(oracle.sign(entity));
  assert.equal(got["received-content-mic"].split(",")[0], digest("sha256", entity));
});

test("K07: a signature without a certificate in it, and one with three more, are those of the certificate that is pinned", async () => {
  await taken(oracle.sign(document(), {more: ["-nocerts"]}));
  const chain = ["one", "two", "three"].map((name) => makeKey(us.directory, name).certificate).join("");
  writeFileSync(join(us.directory, "chain.pem"), chain);
  await taken(oracle.sign(document(), {more: ["-certfile", "chain.pem"]}));
});

test("C04, C07: base64 of a part and of the whole body", async () => {
  const inner = part("text/plain", Buffer.from("hello base64").toString("base64"), "Content-Transfer-Encoding: base64\r\n");
  const got = await taken(oracle.sign(inner));
  assert.equal(got["received-content-mic"], `${digest("sha256", inner)}, sha-256`);
  const sealed = oracle.encrypt(document("whole"));
  const whole = part(headerOf(sealed)["content-type"], bodyOf(sealed).toString("base64").replace(/(.{76})/g, "$1\r\n"), "Content-Transfer-Encoding: base64\r\n");
  await taken(whole);
  await taken(part(headerOf(sealed)["content-type"], bodyOf(oracle.encrypt(document("not really"))), "Content-Transfer-Encoding: base64\r\n"));
});

test("E13: base64 that is none is refused, and read no further", async () => {
  const sealed = bodyOf(oracle.encrypt(document())).toString("base64");
  for (const bad of [`${sealed.slice(0, 200)}!!!!${sealed.slice(200)}`, sealed.slice(0, 401)]) {
    const got = receipt(await send(part("application/pkcs7-mime; smime-type=enveloped-data", bad, "Content-Transfer-Encoding: base64\r\n")));
    assert.match(got.disposition, /error: (integrity-check-failed|decryption-failed|unexpected-processing-error)/);
  }
});

test("E14: a bomb, two compressions, and nine layers are refused in a moment", async () => {
  const zeros = deflateSync(Buffer.alloc(64 << 20));
  const bomb = part("application/pkcs7-mime; smime-type=compressed-data", compressedRaw(zeros));
  const began = Date.now();
  await refused(bomb, "processed/error: (decompression-failed|unexpected-processing-error)");
  await refused(oracle.compress(oracle.compress(document())), "processed/error: decompression-failed");
  let nine = document();
  for (let i = 0; i < 9; i++) nine = part("application/pkcs7-mime; smime-type=enveloped-data", bodyOf(oracle.encrypt(nine)));
  /* What is wrong inside of an encryption that no signature covers has the one answer of E06. */
  await refused(nine, "processed/error: (unexpected-processing-error|decryption-failed)");
  assert.ok(Date.now() - began < 10000, `${Date.now() - began} ms`);
  await refused(part("application/pkcs7-mime; smime-type=compressed-data", compressedRaw(Buffer.from("no zlib at all"))), "processed/error: decompression-failed");
});

// CompressedData around what is, or is not, the output of zlib; of any length.
function compressedRaw(deflated) {
  const oid = (...bytes) => der(0x06, Buffer.from(bytes));
  const large = (tag, ...content) => {
    const body = Buffer.concat(content);
    const length = Buffer.alloc(5);
    length[0] = 0x84;
    length.writeUInt32BE(body.length, 1);
    return Buffer.concat([Buffer.from([tag]), length, body]);
  };
  const inner = large(0x30, der(0x02, Buffer.from([0])), der(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x08)), large(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01), large(0xa0, large(0x04, deflated))));
  return large(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x09), large(0xa0, inner));
}

test("E16, MI: a boundary that is missing or differs, a thousand parts, a hundred levels", async () => {
  const good = oracle.sign(document()).toString("latin1");
  const expect = "processed/error: (integrity-check-failed|unexpected-processing-error)";
  await refused(Buffer.from(good.replace(/;\r\n boundary="[^"]+"/, ""), "latin1"), expect);
  await refused(Buffer.from(good.replace(/boundary="[^"]+"/, 'boundary="another"'), "latin1"), expect);
  const parts = [...Array(1000)].map((_, i) => `--b\r\nContent-Type: text/plain\r\n\r\n${i}\r\n`).join("");
  await refused(Buffer.from(`Content-Type: multipart/related; boundary=b\r\n\r\n${parts}--b--\r\n`), expect);
  let deep = document();
  for (let i = 0; i < 100; i++) deep = Buffer.concat([Buffer.from(`Content-Type: multipart/signed; boundary="n${i}"; micalg=sha-256; protocol="application/pkcs7-signature"\r\n\r\n--n${i}\r\n`), deep, Buffer.from(`\r\n--n${i}\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--n${i}--\r\n`)]);
  await refused(deep, expect);
});

test("E17: no Content-Type is a file; what is no EDI is one too", async () => {
  await taken(part("", "typeless"), {"content-type": undefined});
  await taken(part("text/html", "<p>hello</p>"));
});

test("quirk 36: a receipt that came as text/html is known for one", async () => {
  const report = Buffer.from(
    'Content-Type: multipart/report; report-type=disposition-notification; boundary="rep"\r\n\r\n--rep\r\nContent-Type: text/plain\r\n\r\nthank you\r\n--rep\r\nContent-Type: message/disposition-notification\r\n\r\n' +
      "Final-Recipient: rfc822; ACME\r\nOriginal-Message-ID: <never@us>\r\nDisposition: automatic-action/MDN-sent-automatically; processed\r\n\r\n--rep--\r\n",
  );
  const before = (await us.messages()).length;
  const answer = await post(`${us.public}/as2`, part("text/html; charset=UTF-8", bodyOf(oracle.sign(report))), names);
  assert.equal(answer.status, 200);
  await until("it is told", () => /answers nothing that was sent: <never@us>/.test(us.log));
  assert.equal((await us.messages()).length, before);
});

test("quirk 5: signatures without attributes hold over a header whose line ends were changed on the way", async () => {
  const d = document("bare\nlines\n");
  const signed = oracle.sign(d, {more: ["-noattr"]}).toString("latin1");
  const head = d.subarray(0, d.indexOf("\r\n\r\n") + 4).toString();
  await taken(Buffer.from(signed.replace(head, head.replaceAll("\r\n", "\n")), "latin1"));
});

test("F01, F02: file names are kept in every spelling, and reduced to what is safe", async () => {
  const forms = {
    'attachment; filename="with blanks.edi"': /^with blanks\.edi$/,
    "attachment; filename=bare.edi": /^bare\.edi$/,
    'Attachment; FILENAME="caps.edi"': /^caps\.edi$/,
    "attachment; filename*=UTF-8''%C3%A9t%C3%A9.edi": /^été\.edi$/,
    'attachment; filename="=?utf-8?B?w7xtbGF1dC5lZGk=?="': /^ümlaut\.edi$/,
    'attachment; filename="../../etc/passwd"': /^passwd$/,
    'attachment; filename="C:\\\\windows\\\\x.edi"': /^x\.edi$/,
    'attachment; filename=""': /\.dat$/,
    'attachment; filename="*"': /^[^*]+$/,
    [`attachment; filename="${"n".repeat(400)}.edi"`]: /^n{1,200}(\.edi)?$/,
  };
  for (const [form, name] of Object.entries(forms)) {
    await taken(oracle.sign(part("text/plain", form, `Content-Disposition: ${form}\r\n`)));
    const m = (await us.messages("&direction=in"))[0];
    assert.match(m.filename, name, form);
  }
});

test("quirk 43: the name of the wrapping is not the name of the file", async () => {
  await taken(oracle.encrypt(part("text/plain", "unnamed")), {"content-disposition": 'attachment; filename="smime.p7m"'});
  assert.match((await us.messages("&direction=in"))[0].filename, /\.dat$/);
  await taken(oracle.encrypt(part("text/plain", "named outside")), {"content-disposition": 'attachment; filename="outside.txt"'});
  assert.equal((await us.messages("&direction=in"))[0].filename, "outside.txt");
});

// ---- ASN.1

test("E21: depth, lengths beyond reason and endless names are refused with bounded means", async () => {
  const expect = "processed/error: (integrity-check-failed|decryption-failed|unexpected-processing-error)";
  const p7 = (bytes) => part("application/pkcs7-mime; smime-type=enveloped-data", bytes);
  await refused(p7(Buffer.concat([...Array(10000)].map(() => Buffer.from([0x30, 0x80])))), expect);
  await refused(p7(Buffer.from([0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x06, 0x01, 0x01])), expect);
  await refused(p7(Buffer.concat([Buffer.from([0x30, 0x80, 0x06, 0x83, 0xa0, 0x00, 0x00]), Buffer.alloc(10 << 20, 0x81)])), expect);
  await refused(p7(Buffer.alloc(0)), expect);
  await taken(oracle.encrypt(document()));
});

// ---- HTTP

function talk(...pieces) {
  const {hostname, port} = new URL(us.public);
  return new Promise((done, failed) => {
    const socket = connect(Number(port), hostname);
    let got = "";
    socket.on("data", (bytes) => (got += bytes.toString("latin1")));
    socket.on("close", () => done(got));
    socket.on("error", (error) => (got ? done(got) : failed(error)));
    for (const piece of pieces) socket.write(piece);
  });
}

const head = (more) => `POST /as2 HTTP/1.1\r\nHost: x\r\nAS2-From: ACME\r\nAS2-To: US\r\nMessage-ID: <t-${++number}@acme>\r\nContent-Type: text/plain\r\nDisposition-Notification-To: x\r\nConnection: close\r\n${more}\r\n`;

test("E12: a body that breaks off leaves nothing behind", async () => {
  const before = (await us.messages("&direction=in")).length;
  const {hostname, port} = new URL(us.public);
  await new Promise((done) => {
    const socket = connect(Number(port), hostname, () => socket.write(`${head("Content-Length: 1000\r\n")}only this`, () => setTimeout(() => socket.destroy(), 50)));
    socket.on("close", done);
    socket.on("error", () => {});
  });
  await taken(document());
  assert.equal((await us.messages("&direction=in")).length, before + 1);
});

test("E32: two lengths, or a length and chunks, are 400", async () => {
  assert.match(await talk(head("Content-Length: 3\r\nContent-Length: 4\r\n"), "abcd"), /^HTTP\/1\.1 400/);
  assert.match(await talk(head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "3\r\nabc\r\n0\r\n\r\n"), /^HTTP\/1\.1 400/);
});

test("T01: chunks of one byte, with extensions and a trailer", async () => {
  const body = [..."chunk by chunk"].map((c) => `1;x=${c}\r\n${c}\r\n`).join("");
  assert.match(await talk(head("Transfer-Encoding: chunked\r\nTrailer: X-T\r\n"), `${body}0\r\nX-T: 1\r\n\r\n`), /^HTTP\/1\.1 200[\s\S]*; processed\r\n/);
});

test("T02: 100 Continue comes for a known partner within the limits, and not else", async () => {
  assert.match(await talk(head("Content-Length: 2\r\nExpect: 100-continue\r\n"), "ok"), /^HTTP\/1\.1 100 [\s\S]*HTTP\/1\.1 200/);
  await agree(us, {max_size: "1KiB"});
  assert.match(await talk(head("Content-Length: 5000\r\nExpect: 100-continue\r\n")), /^HTTP\/1\.1 413/);
  await agree(us, {});
});

test("E15: beyond the limit is 413, with a length and in chunks", async () => {
  await agree(us, {max_size: "1KiB"});
  assert.match(await talk(head("Content-Length: 5000\r\n"), "x".repeat(5000)), /^HTTP\/1\.1 413/);
  assert.match(await talk(head("Transfer-Encoding: chunked\r\n"), `1000\r\n${"x".repeat(4096)}\r\n0\r\n\r\n`), /^HTTP\/1\.1 413/);
  await agree(us, {});
});

test("T03: GET and HEAD are answered for people, HTTP/1.0 is taken", async () => {
  assert.match(await talk("GET /as2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200/);
  assert.match(await talk("HEAD /as2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200/);
  assert.match(await talk(head("Content-Length: 2\r\n").replace("HTTP/1.1", "HTTP/1.0"), "ok"), /^HTTP\/1\.[01] 200[\s\S]*; processed\r\n/);
});

test("quirk 34: a folded Content-Type is read", async () => {
  const signed = oracle.sign(document());
  const type = headerOf(signed)["content-type"].replace(/; */g, ";\r\n\t");
  assert.match(await talk(`POST /as2 HTTP/1.1\r\nHost: x\r\nAS2-From: ACME\r\nAS2-To: US\r\nMessage-ID: <fold@acme>\r\nDisposition-Notification-To: x\r\nConnection: close\r\nContent-Type: ${type}\r\nContent-Length: ${bodyOf(signed).length}\r\n\r\n`, bodyOf(signed)), /; processed\r\n/);
});
