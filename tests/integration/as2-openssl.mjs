// AS2 held against `openssl cms`, which packs what we take and takes what we pack.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {existsSync, mkdirSync, readFileSync} from "node:fs";
import {join} from "node:path";
import {Appliance, until} from "./appliance.lib.mjs";
import {agree, bodyOf, digest, headerOf, makeKey, Oracle, part, partnerServer, post, put, receiptOf, split} from "./as2.lib.mjs";

let us, oracle, keys, partner;
let onMessage = () => ({});

before(async () => {
  us = await new Appliance().start();
  keys = {us: makeKey(us.directory, "us"), acme: makeKey(us.directory, "acme"), mallory: makeKey(us.directory, "mallory")};
  oracle = new Oracle(us.directory, "acme", "us");
  partner = await partnerServer((got) => onMessage(got));
  for (const folder of ["in", "out"]) mkdirSync(join(us.directory, folder));
  await us.apply({
    certificates: [
      {name: "us", certificate: keys.us.certificate, private_key: keys.us.key},
      {name: "acme", certificate: keys.acme.certificate},
    ],
    stations: [{name: "us", as2_id: "US", key: "us"}],
    partners: [{name: "acme", as2_id: "ACME Corp", certificates: ["acme"]}],
    connections: [
      {name: "peer", kind: "as2", station: "us", partner: "acme", url: partner.url},
      {name: "in", kind: "file", directory: join(us.directory, "in")},
      {name: "out", kind: "file", directory: join(us.directory, "out"), poll: "1s", stable: "0s"},
    ],
    flows: [
      {name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{filename}", if_exists: "replace"}]},
      {name: "send", from: {connection: "out"}, to: [{connection: "peer"}]},
    ],
  });
});
after(async () => {
  partner?.close();
  await us?.remove();
});

const names = {"as2-from": '"ACME Corp"', "as2-to": "US"};
const signedReceipt = (micalg) => ({
  "disposition-notification-to": "acme",
  "disposition-notification-options": `signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, ${micalg}`,
});

const everyByte = Buffer.concat([Buffer.from([...Array(256).keys()]), Buffer.from("\n\r\r\n--x\r\n\n")]);
let number = 0;

const document = (content, name) => part("application/octet-stream", content, `Content-Transfer-Encoding: binary\r\nContent-Disposition: attachment; filename="${name}"\r\n`);

async function arrived(name, content) {
  const path = join(us.directory, "in", name);
  await until(`${name} arrived`, () => existsSync(path));
  assert.ok(readFileSync(path).equals(content), "not a byte is changed");
}

// The receipt of a signed answer, after openssl has verified it.
function verified(answer) {
  assert.equal(answer.status, 200, answer.body.toString());
  return receiptOf(oracle.verify(answer.entity));
}

// ---- we receive. Each: what is packed, and what the MIC is over.
const incoming = {
  plain: (d) => [d, bodyOf(d)],
  compressed: (d) => [oracle.compress(d), d],
  signed: (d) => [oracle.sign(d), d],
  "signed with SHA-1": (d) => [oracle.sign(d, {md: "sha1", micalg: "sha1"}), d],
  "signed with SHA-512, announced without a dash": (d) => [oracle.sign(d, {md: "sha512", micalg: "SHA512"}), d],
  "signed with PSS": (d) => [oracle.sign(d, {more: ["-keyopt", "rsa_padding_mode:pss"]}), d],
  "signed without attributes": (d) => [oracle.sign(d, {more: ["-noattr"]}), d],
  "signed without certificate": (d) => [oracle.sign(d, {more: ["-nocerts"]}), d],
  "compressed, signed": (d) => { const c = oracle.compress(d); return [oracle.sign(c), c]; },
  "signed, compressed": (d) => [oracle.compress(oracle.sign(d)), d],
  encrypted: (d) => [oracle.encrypt(d, "aes-128-cbc"), d],
  "encrypted with GCM": (d) => [oracle.encrypt(d, "aes-256-gcm"), d],
  "encrypted with OAEP": (d) => [oracle.encrypt(d, "aes-192-cbc", [], ["-keyopt", "rsa_padding_mode:oaep"]), d],
  "encrypted for a key identifier": (d) => [oracle.encrypt(d, "aes-256-cbc", ["-keyid"]), d],
  "encrypted in indefinite lengths": (d) => [oracle.encrypt(d, "aes-256-cbc", ["-stream"]), d],
  "encrypted for two": (d) => [oracle.encrypt(d, "aes-256-cbc", ["-recip", "mallory.crt"]), d],
  "compressed, encrypted": (d) => [oracle.encrypt(oracle.compress(d)), d],
  "signed, encrypted": (d) => [oracle.encrypt(oracle.sign(d)), d],
  "compressed, signed, encrypted": (d) => { const c = oracle.compress(d); return [oracle.encrypt(oracle.sign(c)), c]; },
  "signed, compressed, encrypted": (d) => [oracle.encrypt(oracle.compress(oracle.sign(d))), d],
};

for (const [packaging, pack] of Object.entries(incoming)) {
  test(`P03-P26, C01: openssl sends ${packaging}; the receipt is signed and its MIC right`, async () => {
    const name = `in-${++number}.bin`;
    const [entity, over] = pack(document(everyByte, name));
    const answer = await post(`${us.public}/as2`, entity, {...names, ...signedReceipt("sha-256"), "message-id": `<${name}@acme>`});
    const receipt = verified(answer);
    assert.match(receipt.disposition, /^automatic-action\/MDN-sent-automatically; processed$/);
    assert.equal(receipt["original-message-id"], `<${name}@acme>`);
    assert.equal(receipt["received-content-mic"], `${digest("sha256", over)}, sha-256`);
    assert.equal(answer.headers["as2-from"], "US");
    assert.equal(answer.headers["as2-to"], '"ACME Corp"');
    await arrived(name, everyByte);
  });
}

// The grid of packagings and receipts, P01 to P12; P13 to P24 are the same, compressed first.
const grid = [
  [(d) => d, "none"], [(d) => d, "unsigned"], [(d) => d, "sha-256"],
  [(d) => oracle.encrypt(d, "aes-128-cbc"), "none"], [(d) => oracle.encrypt(d), "unsigned"], [(d) => oracle.encrypt(d, "des3"), "sha1"],
  [(d) => oracle.sign(d), "none"], [(d) => oracle.sign(d), "unsigned"], [(d) => oracle.sign(d), "sha-256"],
  [(d) => oracle.encrypt(oracle.sign(d)), "none"], [(d) => oracle.encrypt(oracle.sign(d)), "unsigned"],
  [(d) => oracle.encrypt(oracle.sign(d, {md: "sha384", micalg: "sha-384"})), "sha-384"],
];

test("P01-P24: each packaging with no receipt, an unsigned and a signed one", async () => {
  await agree(us, {allow_3des: true});
  for (const compressed of [false, true]) {
    for (const [i, [pack, wanted]] of grid.entries()) {
      const id = `P${String(i + 1 + (compressed ? 12 : 0)).padStart(2, "0")}`, name = `${id}.bin`;
      const inner = document(everyByte, name), packed = compressed ? oracle.compress(inner) : inner, entity = pack(packed);
      const asked = wanted === "none" ? {} : wanted === "unsigned" ? {"disposition-notification-to": "acme"} : signedReceipt(wanted);
      const answer = await post(`${us.public}/as2`, entity, {...names, ...asked, "message-id": `<${id}@acme>`});
      assert.equal(answer.status, 200, id);
      await arrived(name, everyByte);
      if (wanted === "none") assert.equal(answer.body.length, 0, id);
      if (wanted === "none") continue;
      const receipt = wanted === "unsigned" ? receiptOf(answer.entity) : verified(answer);
      const isSigned = i > 5, over = isSigned ? packed : i > 2 || compressed ? inner : bodyOf(inner);
      const kind = wanted === "unsigned" ? "sha-256" : wanted;
      assert.match(receipt.disposition, /; processed$/, id);
      assert.equal(receipt["received-content-mic"], `${digest(kind.replace("-", ""), over)}, ${kind}`, id);
    }
  }
  await agree(us, {});
});

test("P02: an unsigned receipt, when no options ask for more; P01: none when none is asked for", async () => {
  const name = `in-${++number}.bin`;
  const answer = await post(`${us.public}/as2`, oracle.sign(document(everyByte, name), {md: "sha384", micalg: "sha-384"}), {...names, "disposition-notification-to": "acme"});
  assert.equal(answer.status, 200);
  assert.equal(receiptOf(answer.entity)["received-content-mic"], `${digest("sha384", document(everyByte, name))}, sha-384`);
  const silent = await post(`${us.public}/as2`, document(everyByte, `in-${++number}.bin`), names);
  assert.equal(silent.status, 200);
  assert.equal(silent.body.length, 0);
  await arrived(`in-${number}.bin`, everyByte);
});

test("P06: 3DES is refused, and taken when the connection says so", async () => {
  const entity = oracle.encrypt(document(everyByte, "des.bin"), "des3");
  const refused = verified(await post(`${us.public}/as2`, entity, {...names, ...signedReceipt("sha1")}));
  assert.match(refused.disposition, /processed\/error: insufficient-message-security/);
  await agree(us, {profile: "legacy"});
  const taken = verified(await post(`${us.public}/as2`, entity, {...names, ...signedReceipt("sha1")}));
  assert.match(taken.disposition, /; processed$/);
  assert.match(taken["received-content-mic"], /, sha1$/);
  await agree(us, {});
});

test("F04: several documents in one message are all delivered, and the MIC is over the whole", async () => {
  const related = Buffer.from(
    'Content-Type: multipart/related; boundary="r1"; type="application/edi-x12"\r\n\r\n--r1\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="one.txt"\r\n\r\nfirst\r\n' +
      '--r1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=two.bin\r\n\r\nc2Vjb25k\r\n--r1--\r\n',
  );
  const receipt = verified(await post(`${us.public}/as2`, oracle.encrypt(oracle.sign(related)), {...names, ...signedReceipt("sha-256")}));
  assert.equal(receipt["received-content-mic"], `${digest("sha256", related)}, sha-256`);
  await arrived("one.txt", Buffer.from("first"));
  await arrived("two.bin", Buffer.from("second"));
});

// ---- we send; openssl opens, and signs a receipt.
function receiptFor(got, mic, disposition = "automatic-action/MDN-sent-automatically; processed") {
  const report = Buffer.from(
    `Content-Type: multipart/report; report-type=disposition-notification; boundary="rep"\r\n\r\n--rep\r\nContent-Type: text/plain\r\n\r\nthank you\r\n--rep\r\nContent-Type: message/disposition-notification\r\n\r\n` +
      `Reporting-UA: oracle\r\nOriginal-Recipient: rfc822; ACME Corp\r\nFinal-Recipient: rfc822; ACME Corp\r\nOriginal-Message-ID: ${got.headers["message-id"]}\r\nDisposition: ${disposition}\r\n${mic ? `Received-Content-MIC: ${mic}\r\n` : ""}\r\n--rep--\r\n`,
  );
  const entity = oracle.sign(report, {boundary: "rsig"});
  return {headers: {...headerOf(entity), "as2-from": '"ACME Corp"', "as2-to": "US", "as2-version": "1.2"}, body: bodyOf(entity)};
}

const entityOf = (got) => Buffer.concat([Buffer.from(`Content-Type: ${got.headers["content-type"]}\r\n\r\n`), got.body]);

const outgoing = {
  signed: {settings: {sign: "sha256", encrypt: "none"}, open: (e) => oracle.verify(e), over: (e) => split(e).parts[0]},
  "signed with PSS": {settings: {sign: "sha512", sign_padding: "pss", encrypt: "none"}, open: (e) => oracle.verify(e), over: (e) => split(e).parts[0]},
  encrypted: {settings: {sign: "none", encrypt: "aes128-cbc"}, open: (e) => oracle.decrypt(bodyOf(e))},
  "encrypted with GCM": {settings: {sign: "none", encrypt: "aes256-gcm"}, open: (e) => oracle.decrypt(bodyOf(e))},
  "encrypted with OAEP": {settings: {sign: "none", encrypt: "aes256-cbc", key_transport: "oaep"}, open: (e) => oracle.decrypt(bodyOf(e))},
  "signed, encrypted": {settings: {}, open: (e) => oracle.verify(oracle.decrypt(bodyOf(e)))},
  "signed, encrypted, base64 inside": {settings: {transfer_encoding: "base64"}, open: (e) => oracle.verify(oracle.decrypt(bodyOf(e))), base64: true},
};

for (const [packaging, {settings, open, base64}] of Object.entries(outgoing)) {
  test(`P27-P50: openssl opens ${packaging}, and its receipt closes the message`, async () => {
    let document;
    onMessage = (got) => {
      document = open(entityOf(got));
      return receiptFor(got, `${digest("sha256", document)}, sha256`);
    };
    await agree(us, settings);
    const name = `out-${++number}.bin`;
    put(us, name, everyByte);
    const sent = await us.message(`${name} was receipted`, (m) => m.direction === "out" && m.filename === name && m.status === "completed");
    assert.equal(sent.receipt.text, "accepted, receipt signed with acme");
    const body = base64 ? Buffer.from(bodyOf(document).toString(), "base64") : bodyOf(document);
    assert.ok(body.equals(everyByte));
    assert.match(headerOf(document)["content-disposition"], new RegExp(name));
    const evidence = await us.get(`/api/v1/messages/${sent.id}/evidence`);
    assert.equal(evidence.receipt.meaning, "good");
    assert.match(evidence.raw_receipt, /Original-Message-ID/);
  });
}

test("T: chunked, Basic authentication, fields of one's own, and a proxy", async () => {
  let got;
  onMessage = (request) => {
    got = request;
    const document = oracle.verify(oracle.decrypt(request.body));
    return receiptFor(request, `${digest("sha256", document)}, sha256`);
  };
  await agree(us, {chunked: true, user: "banyan", password: "s3cret", headers: {"X-Tenant": "seven"}, subject: "Orders", from: "edi@us.example", proxy: partner.url.replace("/as2", ""), url: "http://partner.example/as2"});
  const name = `out-${++number}.bin`;
  put(us, name, everyByte);
  await us.message("it was sent", (m) => m.direction === "out" && m.filename === name && m.status === "completed");
  assert.equal(got.headers["transfer-encoding"], "chunked");
  assert.equal(got.headers["content-length"], undefined);
  assert.equal(got.headers.authorization, `Basic ${Buffer.from("banyan:s3cret").toString("base64")}`);
  assert.equal(got.headers["x-tenant"], "seven");
  assert.equal(got.headers.subject, "Orders");
  assert.equal(got.headers["disposition-notification-to"], "edi@us.example");
  assert.equal(got.url, "http://partner.example/as2", "the proxy is asked for the whole address");
  assert.ok(!JSON.stringify(await us.get("/api/v1/connections")).includes("s3cret"));
  assert.ok(!us.log.includes("s3cret"));
  await agree(us, {url: partner.url});
});

test("F03: a file name that came before is taken again, or refused where the connection says so", async () => {
  await agree(us, {duplicate_filenames: "reject"});
  const send = () => post(`${us.public}/as2`, oracle.sign(document(`unique ${Math.random()}`, "same-name.txt")), {...names, ...signedReceipt("sha-256")});
  assert.match(verified(await send()).disposition, /; processed$/);
  assert.match(verified(await send()).disposition, /processed\/error: duplicate-filename/);
  await agree(us, {});
  assert.match(verified(await send()).disposition, /; processed$/);
});

test("a digest that was not announced, and one over CR LF line ends, are found where they may be", async () => {
  const text = part("text/plain", "one\ntwo\n");
  const unannounced = oracle.sign(text, {md: "sha512", micalg: "sha1"});
  assert.match(verified(await post(`${us.public}/as2`, unannounced, {...names, ...signedReceipt("sha-256")})).disposition, /; processed$/);
  const canonical = oracle.sign(Buffer.from(text.toString().replace(/(?<!\r)\n/g, "\r\n")));
  const bare = Buffer.from(canonical.toString("latin1").replace("one\r\ntwo\r\n", "one\ntwo\n"), "latin1");
  await agree(us, {crlf_fallback: false});
  assert.match(verified(await post(`${us.public}/as2`, bare, {...names, ...signedReceipt("sha-256")})).disposition, /integrity-check-failed/);
  await agree(us, {});
  const taken = verified(await post(`${us.public}/as2`, bare, {...names, ...signedReceipt("sha-256"), "message-id": "<crlf@acme>"}));
  assert.match(taken.disposition, /; processed$/, "C05");
  assert.equal(taken["received-content-mic"], `${digest("sha256", text.toString().replace(/(?<!\r)\n/g, "\r\n"))}, sha-256`);
});

async function sendOnce(settings, answer) {
  let calls = 0;
  onMessage = (got) => {
    calls++;
    return answer(got);
  };
  await agree(us, settings);
  const name = `out-${++number}.bin`;
  put(us, name, everyByte);
  return {name, calls: () => calls};
}

test("M16: a negative receipt ends the message as rejected, with the reason, and nothing is sent again", async () => {
  const {name, calls} = await sendOnce({}, (got) => receiptFor(got, null, "automatic-action/MDN-sent-automatically; processed/error: decryption-failed"));
  const sent = await us.message("it was rejected", (m) => m.filename === name && m.direction === "out" && m.status === "rejected");
  assert.match(sent.reason, /the partner refused it: .*decryption-failed.*thank you/);
  assert.equal(calls(), 1);
  assert.equal((await us.get("/api/v1/jobs")).items.filter((j) => j.message === sent.id).length, 0);
});

test("E24: a receipt whose MIC is over other bytes ends the message as failed and says which digests there were", async () => {
  const {name, calls} = await sendOnce({}, (got) => receiptFor(got, `${digest("sha256", "something else")}, sha256`));
  const sent = await us.message("it failed", (m) => m.filename === name && m.direction === "out" && m.status === "failed");
  assert.match(sent.reason, /MIC of the receipt does not match.*the signed part as it was sent/);
  assert.equal(calls(), 1);
});

test("E25: a receipt signed by somebody else is not believed", async () => {
  const stranger = new Oracle(us.directory, "mallory", "us");
  const {name} = await sendOnce({}, (got) => {
    const before = oracle;
    oracle = stranger;
    const answer = receiptFor(got, null);
    oracle = before;
    return answer;
  });
  const sent = await us.message("it failed", (m) => m.filename === name && m.direction === "out" && m.status === "failed");
  assert.match(sent.reason, /the receipt cannot be trusted/);
});

test("a retry sends the same bytes under the same Message-ID", async () => {
  const seen = [];
  const {name} = await sendOnce({}, (got) => {
    seen.push(got);
    if (seen.length === 1) return {status: 503, body: "come again"};
    const document = oracle.verify(oracle.decrypt(got.body));
    return receiptFor(got, `${digest("sha256", document)}, sha256`);
  });
  const sent = await us.message("it was delivered", (m) => m.filename === name && m.direction === "out" && m.status === "completed", 30);
  assert.equal(seen.length, 2);
  assert.ok(seen[0].body.equals(seen[1].body));
  assert.equal(seen[0].headers["message-id"], seen[1].headers["message-id"]);
  assert.ok((await us.events(sent.id)).some((e) => /HTTP status 503: come again/.test(e.text)));
});
