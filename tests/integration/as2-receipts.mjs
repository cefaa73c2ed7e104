// Receipts of a partner's, in the forms that products send them: what becomes of the message. M07-M18, E28.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {mkdirSync, writeFileSync, readFileSync} from "node:fs";
import {join} from "node:path";
import {Appliance} from "./appliance.lib.mjs";
import {agree, bodyOf, digest, headerOf, makeKey, openssl, Oracle, part, partnerServer, post, put} from "./as2.lib.mjs";

let us, oracle, partner;
let onMessage = () => ({});

before(async () => {
  us = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme")};
  oracle = new Oracle(us.directory, "acme", "us");
  partner = await partnerServer((got) => onMessage(got));
  mkdirSync(join(us.directory, "out"));
  await us.apply({
    certificates: [{name: "us", certificate: keys.us.certificate, private_key: keys.us.key}, {name: "acme", certificate: keys.acme.certificate}],
    stations: [{name: "us", as2_id: "US", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: partner.url},
      {name: "out", kind: "file", directory: join(us.directory, "out"), poll: "1s", stable: "0s"},
    ],
    flows: [{name: "send", from: {connection: "out"}, to: [{connection: "peer"}], retry: {first: "100ms", maximum: "200ms"}}],
  });
});
after(async () => {
  partner?.close();
  await us?.remove();
});

const swapped = {"as2-from": "ACME", "as2-to": "US", "as2-version": "1.2"};
const plain = (entity) => ({headers: {...headerOf(entity), ...swapped}, body: bodyOf(entity)});
const crlf = (...lines) => lines.join("\r\n");

// A multipart/report with that text of the machine part.
const report = (machine, {text = crlf("Content-Type: text/plain", "", "Thank you."), type = "Content-Type: message/disposition-notification", boundary = "rep", before = true, more = ""} = {}) => {
  const parts = [text && `--${boundary}\r\n${text}\r\n`, `--${boundary}\r\n${type}\r\n\r\n${machine}\r\n`];
  return part(`multipart/report; report-type=disposition-notification; boundary="${boundary}"`, Buffer.from(`${(before ? parts : parts.reverse()).join("")}${more && `--${boundary}\r\n${more}\r\n`}--${boundary}--\r\n`));
};
const fields = (id, mic, disposition = "automatic-action/MDN-sent-automatically; processed") =>
  crlf("Reporting-UA: partner", "Original-Recipient: rfc822; ACME", "Final-Recipient: rfc822; ACME", `Original-Message-ID: ${id}`, `Disposition: ${disposition}`, ...(mic ? [`Received-Content-MIC: ${mic}`] : []), "");

// The signature of an entity as another product frames it: bytes as they are, and its own words.
function framed(entity, {md, type, head, sign}) {
  writeFileSync(join(us.directory, "entity.bin"), entity);
  openssl(us.directory, "cms", "-sign", "-binary", "-nosmimecap", "-md", md, "-signer", "acme.crt", "-inkey", "acme.key", "-outform", "DER", "-in", "entity.bin", "-out", "sig.bin");
  const bytes = readFileSync(join(us.directory, "sig.bin")), boundary = /boundary="([^"]+)"/.exec(type)[1];
  return {
    headers: {...swapped, "content-type": type, ...head},
    body: Buffer.concat([Buffer.from(`--${boundary}\r\n`), entity, Buffer.from(`\r\n--${boundary}\r\n${sign}\r\n\r\n`), /base64/.test(sign) ? Buffer.from(bytes.toString("base64").replace(/(.{76})/g, "$1\r\n")) : bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

let number = 0;

// Sends one message that the partner answers with `answer(id, mic, got)`; how it ends, and how often it was posted.
async function send(answer, settings = {}) {
  const name = `receipt-${++number}.txt`;
  let calls = 0;
  await agree(us, {sign: "sha256", encrypt: "none", ...settings});
  onMessage = (got) => {
    calls++;
    const entity = Buffer.concat([Buffer.from(`Content-Type: ${got.headers["content-type"]}\r\n\r\n`), got.body]);
    const document = oracle.verify(entity);
    return answer(got.headers["message-id"], (kind) => digest(kind, document), got);
  };
  put(us, name, `number ${number}`);
  const message = await us.message(`${name} came to its end`, (m) => m.direction === "out" && m.filename === name && ["completed", "rejected", "failed"].includes(m.status));
  return {message, calls, evidence: await us.get(`/api/v1/messages/${message.id}/evidence`)};
}

async function accepted(answer, settings) {
  const {message, evidence} = await send(answer, settings);
  assert.equal(message.status, "completed", message.reason);
  assert.equal(message.receipt.status, "accepted");
  return {message, evidence};
}

test("M07: every spelling of a digest's name, and of what is around it", async () => {
  for (const spelt of ["SHA256", "sha256", "sha-256", "sha2_256", "rsa-sha256"])
    await accepted((id, mic) => plain(oracle.sign(report(fields(id, `${mic("sha256")}, ${spelt}`)))));
  await accepted((id, mic) => plain(oracle.sign(report(fields(id, `${mic("sha256")},sha-256`)))));
});

test("M08: a receipt signed over SHA-1 with a MIC over SHA-256 counts", async () => {
  await accepted((id, mic) => plain(oracle.sign(report(fields(id, `${mic("sha256")}, sha-256`)), {md: "sha1", micalg: "sha1"})));
});

test("M08: a MIC over a digest that was not asked for is found all the same", async () => {
  await accepted((id, mic) => plain(oracle.sign(report(fields(id, `${mic("sha1")}, sha1`)))));
});

test("M09: an unsigned receipt where a signed one was asked for delivers with a remark, or fails where that is agreed", async () => {
  const unsigned = (id, mic) => plain(report(fields(id, `${mic("sha256")}, sha-256`)));
  const {message} = await accepted(unsigned);
  assert.match(message.receipt.text, /not signed/);
  const strict = await send(unsigned, {mdn_strict: true});
  assert.equal(strict.message.status, "failed");
  assert.match(strict.message.reason, /not signed/);
  assert.equal(strict.calls, 1);
});

test("M10: as IBM Sterling sends it", async () => {
  const {evidence} = await accepted((id, mic) => {
    const inner = "_=6880984744608045Sterling6880984744608045MOKO", outer = "_=33811828372951114Sterling33811828372951114MOKO";
    const entity = Buffer.from(crlf(
      `Content-Type: multipart/report;Report-Type=disposition-notification;boundary="${inner}"`, "",
      `--${inner}`, "", "Your message was successfully received and processed.", "",
      `--${inner}`, "Content-Type: message/disposition-notification", "",
      "Original-Recipient: rfc822;ACME", "Final-Recipient: rfc822;ACME", `Original-Message-ID: ${id.slice(1, -1)}`,
      `Received-Content-MIC: ${mic("sha1")},sha1`, "Disposition: Automatic-action/mdn-sent-automatically;processed", "", `--${inner}--`, ""));
    return framed(entity, {md: "sha1", type: `multipart/signed;protocol="application/pkcs7-signature";micalg=sha1;boundary="${outer}"`, sign: "Content-Type: Application/pkcs7-signature;name=EDIINTSIG.p7s"});
  }, {profile: "sterling"});
  assert.equal(evidence.receipt.meaning, "good");
});

test("M11: as mendelson sends it", async () => {
  await accepted((id, mic) => {
    const inner = "----=_Part_5_2083852873.1483093497175", outer = "----=_Part_8_1315897558.1483093497177";
    const entity = Buffer.from(crlf(
      "Content-Type: multipart/report; report-type=disposition-notification; ", `\tboundary="${inner}"`, "",
      `--${inner}`, "Content-Type: text/plain", "Content-Transfer-Encoding: 7bit", "", "The AS2 message has been received.", "",
      `--${inner}`, "Content-Type: message/disposition-notification", "Content-Transfer-Encoding: 7bit", "",
      "Reporting-UA: mendelson opensource AS2", "Original-Recipient: rfc822; ACME", "Final-Recipient: rfc822; ACME", `Original-Message-ID: ${id}`,
      "Disposition: automatic-action/MDN-sent-automatically; processed", `Received-Content-MIC: ${mic("sha256")}, sha-256`, "", "", `--${inner}--`, ""));
    return framed(entity, {md: "sha1", type: `multipart/signed; protocol="application/pkcs7-signature"; micalg=sha1; \tboundary="${outer}"`, sign: crlf("Content-Type: application/pkcs7-signature; name=smime.p7s; smime-type=signed-data", "Content-Transfer-Encoding: base64", 'Content-Disposition: attachment; filename="smime.p7s"', "Content-Description: S/MIME Cryptographic Signature")});
  });
});

test("M12: as /n software sends it", async () => {
  await accepted((id, mic) => {
    const entity = Buffer.from(crlf(
      'Content-Type: multipart/report; report-type=disposition-notification; boundary="MDNBoundary"', "Content-Transfer-Encoding: 8bit", "",
      "--MDNBoundary", "Content-Type: text/plain", "", "The incoming message was received successfully.", "",
      "--MDNBoundary", "Content-Type: message/disposition-notification", "",
      "Original-Recipient: rfc822;ACME", "Final-Recipient: rfc822;ACME", `Original-Message-ID: ${id}`,
      "Disposition: automatic-action/MDN-sent-automatically; processed", `Received-Content-MIC: ${mic("sha256")}, sha-256`, "", "--MDNBoundary--", ""));
    return framed(entity, {md: "sha256", type: 'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary="boundaryHO/tAQ=="', head: {"set-cookie": "x=y"}, sign: crlf('Content-Type: application/pkcs7-signature; name="smime.p7s"', "Content-Transfer-Encoding: base64")});
  });
});

test("quirk 35: the Content-Type as a whole in quotes", async () => {
  await accepted((id, mic) => {
    const answer = plain(oracle.sign(report(fields(id, `${mic("sha256")}, sha-256`)), {boundary: "--=_Part_32"}));
    answer.headers["content-type"] = `"${answer.headers["content-type"].replaceAll('"', '\\"')}"`;
    return answer;
  });
});

test("M13: the machine's part first, no text, and a third part with the original header", async () => {
  const third = crlf("Content-Type: message/rfc822-headers", "", "Disposition: x; failed", "");
  await accepted((id, mic) => plain(oracle.sign(report(fields(id, `${mic("sha256")}, sha-256`), {before: false, more: third}))));
  await accepted((id, mic) => plain(oracle.sign(report(fields(id, `${mic("sha256")}, sha-256`), {text: ""}))));
});

test("M14: the machine's part in base64", async () => {
  const type = crlf("Content-Type: message/disposition-notification", "Content-Transfer-Encoding: base64");
  await accepted((id, mic) => plain(oracle.sign(report(Buffer.from(fields(id, `${mic("sha256")}, sha-256`)).toString("base64").replace(/(.{60})/g, "$1\r\n"), {type}))));
});

test("M15: a warning delivers, and is shown", async () => {
  const {message} = await accepted((id) => plain(oracle.sign(report(fields(id, null, "automatic-action/MDN-sent-automatically; processed/warning: duplicate-document")))));
  assert.match(JSON.stringify(message.receipt), /duplicate/);
});

test("quirk 15: accepted without a MIC is accepted, with a remark, and nothing is sent again", async () => {
  const {message, evidence} = await accepted((id) => plain(oracle.sign(report(fields(id, null)))));
  assert.match(`${message.receipt.text} ${evidence.receipt.text ?? ""}`, /MIC/);
});

test("M17, M18: what failed ends the message with every line of why, and is not sent again", async () => {
  const failed = await send((id) => plain(oracle.sign(report(fields(id, null, "automatic-action/MDN-sent-automatically; failed/failure: unsupported format")))));
  assert.equal(failed.message.status, "rejected");
  assert.match(failed.message.reason, /unsupported format/);
  assert.equal(failed.calls, 1);
  const lines = await send((id) => plain(oracle.sign(report(`${fields(id, null, "automatic-action/MDN-sent-automatically; processed/error")}Error: the first of them\r\nError: and a second`))));
  assert.equal(lines.message.status, "rejected");
  assert.match(lines.message.reason, /the first of them.*and a second/);
  assert.equal(lines.calls, 1);
});

test("E28: a page, nothing, or a multipart that is no receipt is shown as what it is, and the message is not taken for received", async () => {
  for (const [answer, words] of [
    [{headers: {"content-type": "text/html"}, body: "<h1>It works!</h1>"}, /It works!/],
    [{}, /receipt/],
    [{headers: {"content-type": 'multipart/mixed; boundary="b"'}, body: "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n"}, /receipt/],
  ]) {
    const {message} = await send(() => answer);
    assert.equal(message.status, "failed", JSON.stringify(message));
    assert.match(message.reason, words);
  }
});

test("a receipt on its own way that has no Message-ID of its own is matched by what it answers", async () => {
  const {message} = await send(async (id, mic, got) => {
    const entity = oracle.sign(report(fields(id, `${mic("sha256")}, sha-256`)));
    const taken = await post(got.headers["receipt-delivery-option"], entity, {...swapped, "message-id": undefined});
    assert.equal(taken.status, 200);
    return {};
  }, {mdn: "async"});
  assert.equal(message.status, "completed");
  assert.equal(message.receipt.status, "accepted");
});
