// Certificates exchanged over AS2 (draft-meadors-certificate-exchange-14): offered, approved by a person, answered; old and new hold together. K08, K09, K10.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {existsSync, readFileSync} from "node:fs";
import {join} from "node:path";
import {until} from "./appliance.lib.mjs";
import {makeKey, openssl, Oracle, part, post, put, twoAppliances} from "./as2.lib.mjs";

let us, them, keys, next;

before(async () => {
  ({us, them, keys} = await twoAppliances());
  next = makeKey(us.directory, "us-next");
  await us.apply({
    certificates: [{name: "us-next", certificate: next.certificate, private_key: next.key, valid_from: "2098-01-01"}],
    stations: [{name: "us", as2_id: "US Company", key: "us", keys: ["us-next"]}],
  });
});
after(async () => {
  await us?.remove();
  await them?.remove();
});

const offers = async (own) => (await own.get("/api/v1/certificate-offers")).items;
const call = (own, path, body) =>
  fetch(`${own.admin}${path}`, {method: "POST", headers: {authorization: `Bearer ${own.key}`, "content-type": "application/json"}, body: body && JSON.stringify(body)});

async function exchange(from, to, name, content) {
  put(from, name, content);
  await until(`${name} arrived`, () => existsSync(join(to.directory, "in", name)));
  assert.equal(readFileSync(join(to.directory, "in", name), "utf8"), content);
}

test("an offer of ours is sent signed, waits at the partner, and changes nothing by itself", async () => {
  const answer = await call(us, "/api/v1/connections/peer/offer", {certificate: "us-next", respond_by: "2097-12-01"});
  assert.equal(answer.status, 202, await answer.clone().text());
  const sent = await answer.json();
  assert.equal(sent.status, "waiting");
  const got = await until("the offer waits", async () => (await offers(them)).find((o) => o.direction === "in"));
  assert.equal(got.status, "waiting");
  assert.equal(got.partner, "us");
  assert.equal(got.request_id, sent.request_id);
  assert.equal(got.fingerprint, sent.fingerprint);
  assert.match(got.respond_by, /^2097-12-01T/);
  assert.deepEqual(got.uses, ["digitalSignature", "keyEncipherment"]);
  assert.equal(got.certificate.replace(/\s/g, ""), next.certificate.replace(/\s/g, ""));
  assert.deepEqual((await them.get("/api/v1/partners/us")).certificates, ["us"]);
  const message = await them.get(`/api/v1/messages/${got.message}`);
  assert.equal(message.status, "completed");
  assert.match(them.log, /offers the certificate of CN=us-next; it waits for approval/);
});

test("what waits for approval, and what ends soon, is among the alerts", async () => {
  const alerts = (await them.get("/api/v1/alerts")).items;
  assert.match(alerts.find((a) => a.kind === "certificate-offered").what, /^us offers a new certificate/);
  const ours = alerts.find((a) => a.kind === "certificate-expiring" && a.path === "/api/v1/certificates/them");
  assert.match(ours.what, /^our certificate them expires in 29 days$/);
  assert.ok(alerts.every((a) => a.at && a.path && a.what));
});

test("approved, it joins the partner's certificates, and the partner is told", async () => {
  const [offer] = await offers(them);
  const answer = await call(them, `/api/v1/certificate-offers/${offer.id}/accept`, {name: "us-2098", valid_from: "2098-01-01"});
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.equal((await answer.json()).status, "accepted");
  assert.deepEqual((await them.get("/api/v1/partners/us")).certificates, ["us", "us-2098"]);
  assert.equal((await them.get("/api/v1/certificates/us-2098")).valid_from, "2098-01-01");
  const sent = await until("the answer is noted", async () => (await offers(us)).find((o) => o.status === "accepted"));
  assert.equal(sent.direction, "out");
  assert.ok(sent.answered_at);
  assert.equal((await call(them, `/api/v1/certificate-offers/${offer.id}/accept`)).status, 409);
});

test("old and new hold together: the old one still signs, and the new one may from now on (K08, K10)", async () => {
  await exchange(us, them, "old.txt", "signed with the old key");
  await us.apply({certificates: [{name: "us-next", certificate: next.certificate, private_key: next.key, valid_from: new Date().toISOString()}]});
  await exchange(us, them, "new.txt", "signed with the new key");
  const message = (await them.messages()).find((m) => m.filename === "new.txt" && m.direction === "in");
  assert.equal((await them.get(`/api/v1/messages/${message.id}/evidence`)).signer, "us-2098");
  await exchange(them, us, "back.txt", "encrypted for the old key, which still opens (K09)");
});

test("refused, nothing is kept of it but the offer, and the partner learns why", async () => {
  const third = makeKey(us.directory, "us-third");
  await us.apply({
    certificates: [{name: "us-third", certificate: third.certificate, private_key: third.key, valid_from: "2099-01-01"}],
    stations: [{name: "us", as2_id: "US Company", key: "us", keys: ["us-next", "us-third"]}],
  });
  const line = us.run("cert", "offer", "peer", "us-third");
  assert.match(line.out, /Offered to them: CN=us-third/);
  const offer = await until("it waits", async () => (await offers(them)).find((o) => o.status === "waiting"));
  assert.match(them.run("cert", "offers").out, /waiting.*CN=us-third/);
  const refused = them.run("cert", "refuse", offer.id, "--reason", "not <agreed> & too early");
  assert.match(refused.out, /Refused from us/);
  const sent = await until("the answer is noted", async () => (await offers(us)).find((o) => o.status === "refused"));
  assert.equal(sent.reason, "not <agreed> & too early");
  assert.equal((await them.get("/api/v1/partners/us")).certificates.length, 2);
});

test("only our own keys are offered, to a connection that there is, for uses that there are", async () => {
  assert.equal((await call(us, "/api/v1/connections/peer/offer", {certificate: "them"})).status, 400);
  assert.equal((await call(us, "/api/v1/connections/in/offer", {certificate: "us-next"})).status, 404);
  assert.equal((await call(us, "/api/v1/connections/peer/offer", {certificate: "us-next", uses: ["love"]})).status, 400);
  assert.equal((await call(us, "/api/v1/connections/peer/offer", {})).status, 400);
});

// ---- what other products, and others, send

const xml = (content, root = "EDIINTCertificateExchangeRequest") =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<x:${root} xmlns:x="urn:ietf:params:xml:ns:ediintcertificateexchange" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" requestId="r-1">${content}</x:${root}>`;
const trust = `<x:TradingPartnerInfo><x:Name qualifier="AS2">THEM</x:Name></x:TradingPartnerInfo><x:TrustRequest><x:CertUsage>keyEncipherment</x:CertUsage><x:RespondByDate>2030-01-01T00:00:00Z</x:RespondByDate><x:ResponseURL>http://192.0.2.1/</x:ResponseURL><x:EndEntity><x:CertificateIdentifier><ds:X509IssuerName>CN=x</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber></x:CertificateIdentifier><x:CertificateContentID>cert@them</x:CertificateContentID></x:EndEntity></x:TrustRequest>`;
const message = (text, bytes) => {
  const boundary = "--=cem";
  const certificate = bytes ? [Buffer.from(`--${boundary}\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-ID: <cert@them>\r\nContent-Transfer-Encoding: base64\r\n\r\n${bytes.toString("base64")}\r\n`)] : [];
  return part(`multipart/related; type="application/ediint-cert-exchange+xml"; boundary="${boundary}"`,
    Buffer.concat([Buffer.from(`--${boundary}\r\nContent-Type: application/ediint-cert-exchange+xml\r\nContent-ID: <x@them>\r\n\r\n${text}\r\n`), ...certificate, Buffer.from(`--${boundary}--\r\n`)]));
};

// Posts to `us` as `them` would; how the message ends.
let number = 0;
async function take(entity, signed = true) {
  const oracle = new Oracle(us.directory, "them", "us");
  const sent = signed ? oracle.sign(entity) : entity;
  const id = `<cem-${++number}@them>`;
  const answer = await post(`${us.public}/as2`, sent, {"as2-from": "THEM", "as2-to": '"US Company"', "message-id": id});
  assert.equal(answer.status, 200);
  return until("it is looked at", async () => {
    const all = (await us.messages()).filter((m) => m.direction === "in" && m.headers?.["message-id"] === id && m.content_type?.startsWith("application/ediint"));
    return all.find((m) => ["completed", "failed", "rejected", "quarantined"].includes(m.status));
  });
}

test("the form of other products is read: prefixes, base64, a bare certificate, one use", async () => {
  const fourth = makeKey(us.directory, "them-next");
  const bare = Buffer.from(fourth.certificate.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  for (const bytes of [bare, openssl(us.directory, "crl2pkcs7", "-nocrl", "-certfile", "them-next.crt", "-outform", "DER")]) {
    assert.equal((await take(message(xml(trust), bytes))).status, "completed");
    const offer = (await offers(us))[0];
    assert.equal(offer.subject, "CN=them-next");
    assert.deepEqual(offer.uses, ["keyEncipherment"]);
    assert.equal((await call(us, `/api/v1/certificate-offers/${offer.id}/refuse`)).status, 200);
  }
});

test("what is not signed, not XML, a bomb, without its certificate, or answers nothing, is refused in words", async () => {
  const bare = Buffer.from(keys.them.certificate.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  const before = (await offers(us)).length;
  const cases = [
    [message(xml(trust), bare), /must be signed/, false],
    [message("<not", bare), /cannot be read/],
    [message(`<!DOCTYPE a [<!ENTITY b "c">]>${xml(trust).slice(39)}`, bare), /DOCTYPE is not accepted/],
    [message("<a/>", bare), /neither a request nor a response/],
    [message(xml(""), bare), /names no certificate/],
    [message(xml(trust)), /not in the message/],
    [message(xml(trust), Buffer.from("no certificate at all")), /no certificate in it/],
    [message(xml("<x:TrustResponse><x:CertStatus>Accepted</x:CertStatus></x:TrustResponse>", "EDIINTCertificateExchangeResponse")), /answers no offer of ours/],
  ];
  for (const [entity, words, signed] of cases) {
    const ended = await take(entity, signed ?? true);
    assert.equal(ended.status, "failed", String(words));
    assert.match(ended.reason, words);
  }
  assert.equal((await offers(us)).length, before);
});
