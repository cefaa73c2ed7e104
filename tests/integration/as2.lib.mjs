// tests/integration/as2.lib.mjs: keys, estates and raw requests for tests of AS2.

import {spawnSync} from "node:child_process";
import {createHash, randomUUID} from "node:crypto";
import {mkdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {createServer, request} from "node:http";
import {join} from "node:path";
import {deflateSync} from "node:zlib";
import {Appliance} from "./appliance.lib.mjs";

export function openssl(directory, ...words) {
  const done = spawnSync("openssl", words, {cwd: directory, maxBuffer: 1 << 28});
  if (done.status !== 0) throw new Error(`openssl ${words.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

// A key and a certificate of that name in `directory`; {key, certificate} as PEM.
export function makeKey(directory, name, {algorithm = "rsa:2048", days = 30} = {}) {
  mkdirSync(directory, {recursive: true});
  const made = algorithm.startsWith("ec") ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] : ["-newkey", algorithm];
  openssl(directory, "req", "-x509", ...made, "-nodes", "-subj", `/CN=${name}`, "-days", String(days), "-keyout", `${name}.key`, "-out", `${name}.crt`);
  return {
    key: readFileSync(join(directory, `${name}.key`), "utf8"),
    certificate: readFileSync(join(directory, `${name}.crt`), "utf8"),
  };
}

// Two appliances that know each other: `us` and `them`. `connection` is added to both ends' settings.
export async function twoAppliances() {
  const us = await new Appliance().start();
  const them = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), them: makeKey(us.directory, "them")};
  const side = async (own, other, name, otherName, as2, otherAs2) => {
    const folder = (part) => {
      mkdirSync(join(own.directory, part), {recursive: true});
      return join(own.directory, part);
    };
    await own.apply({
      certificates: [
        {name, certificate: keys[name].certificate, private_key: keys[name].key},
        {name: otherName, certificate: keys[otherName].certificate},
      ],
      stations: [{name, as2_id: as2, key: name}],
      partners: [{name: otherName, as2_id: otherAs2, certificates: [otherName]}],
      connections: [
        {name: "peer", kind: "as2", station: name, partner: otherName, url: `${other.public}/as2`},
        {name: "out", kind: "file", directory: folder("out"), poll: "1s", stable: "0s"},
        {name: "in", kind: "file", directory: folder("in")},
      ],
      flows: [
        {name: "send", from: {connection: "out"}, to: [{connection: "peer"}]},
        {name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{filename}", if_exists: "replace"}]},
      ],
    });
  };
  await side(us, them, "us", "them", "US Company", "THEM");
  await side(them, us, "them", "us", "THEM", "US Company");
  return {us, them, keys};
}

// The settings of `peer` on one side, the rest of the estate staying as it is.
export async function agree(own, settings) {
  const all = (await own.get("/api/v1/connections")).items;
  const {health: _, ...before} = all.find((c) => c.name === "peer");
  const kept = Object.fromEntries(["name", "kind", "station", "partner", "url"].map((key) => [key, before[key]]));
  await own.apply({connections: [{...kept, ...settings}]});
}

export function put(own, name, content) {
  writeFileSync(join(own.directory, `put.${name}`), content);
  renameSync(join(own.directory, `put.${name}`), join(own.directory, "out", name));
}

// ---- what another product would send: packed with openssl, posted as it stands

export function der(tag, ...content) {
  const body = Buffer.concat(content);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : body.length < 65536 ? [0x82, body.length >> 8, body.length & 255] : [0x83, body.length >> 16, (body.length >> 8) & 255, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const oid = (...bytes) => der(0x06, Buffer.from(bytes));

// CompressedData (RFC 3274) in a ContentInfo.
export function compressed(entity) {
  const inner = der(0x30, der(0x02, Buffer.from([0])), der(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x08)), der(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01), der(0xa0, der(0x04, deflateSync(entity)))));
  return der(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x09), der(0xa0, inner));
}

export const part = (type, body, more = "") => Buffer.concat([Buffer.from(`Content-Type: ${type}\r\n${more}\r\n`), Buffer.from(body)]);

// A peer made of openssl: its key is NAME.key and NAME.crt in `directory`, the other side's certificate OTHER.crt.
export class Oracle {
  constructor(directory, name, other) {
    Object.assign(this, {directory, name, other});
  }

  run(input, ...words) {
    writeFileSync(join(this.directory, "in.bin"), input);
    openssl(this.directory, "cms", ...words, "-in", "in.bin", "-out", "out.bin");
    return readFileSync(join(this.directory, "out.bin"));
  }

  // Each takes an entity (header and body) and gives one.
  sign(entity, {md = "sha256", micalg = "sha-256", boundary = "----=_oracle_1", more = []} = {}) {
    const signature = this.run(entity, "-sign", "-binary", "-nosmimecap", "-md", md, "-signer", `${this.name}.crt`, "-inkey", `${this.name}.key`, "-outform", "DER", ...more);
    return Buffer.concat([
      Buffer.from(`Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=${micalg};\r\n boundary="${boundary}"\r\n\r\n--${boundary}\r\n`),
      entity,
      Buffer.from(`\r\n--${boundary}\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n${signature.toString("base64").replace(/(.{76})/g, "$1\r\n")}\r\n--${boundary}--\r\n`),
    ]);
  }

  encrypt(entity, cipher = "aes-256-cbc", more = [], after = []) {
    const bytes = this.run(entity, "-encrypt", "-binary", `-${cipher}`, "-outform", "DER", ...more, "-recip", `${this.other}.crt`, ...after);
    return part("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", bytes, "Content-Transfer-Encoding: binary\r\n");
  }

  compress(entity) {
    return part("application/pkcs7-mime; smime-type=compressed-data; name=smime.p7z", compressed(entity), "Content-Transfer-Encoding: binary\r\n");
  }

  decrypt(body) {
    return this.run(body, "-decrypt", "-binary", "-inform", "DER", "-recip", `${this.name}.crt`, "-inkey", `${this.name}.key`);
  }

  // What was signed, of a multipart/signed entity; fails when the signature is not the other side's.
  verify(entity) {
    const {parts} = split(entity);
    writeFileSync(join(this.directory, "content.bin"), parts[0]);
    const signature = Buffer.from(bodyOf(parts[1]).toString(), "base64");
    this.run(signature, "-verify", "-binary", "-inform", "DER", "-content", "content.bin", "-noverify", "-nointern", "-certfile", `${this.other}.crt`);
    return parts[0];
  }
}

export const headerOf = (entity) => {
  const text = entity.subarray(0, entity.indexOf("\r\n\r\n")).toString().replace(/\r\n[ \t]+/g, " ");
  return Object.fromEntries(text.split("\r\n").map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
};
export const bodyOf = (entity) => entity.subarray(entity.indexOf("\r\n\r\n") + 4);

// The parts of a multipart entity, header and all.
export function split(entity) {
  const header = headerOf(entity);
  const boundary = /boundary="?([^";]+)"?/.exec(header["content-type"])[1];
  const body = bodyOf(entity), parts = [];
  const mark = Buffer.from(`--${boundary}`);
  let at = body.indexOf(mark);
  while (at >= 0) {
    const start = at + mark.length + 2, end = body.indexOf(Buffer.from(`\r\n--${boundary}`), start - 2);
    if (end < 0) break;
    parts.push(body.subarray(start, end));
    at = end + 2;
  }
  return {header, parts};
}

export const digest = (kind, bytes) => createHash(kind).update(bytes).digest("base64");

// Posts an entity to `url`; what came back as {status, headers, body, entity}.
export function post(url, entity, headers) {
  const own = entity ? headerOf(entity) : {};
  const fields = {"as2-version": "1.2", "message-id": `<${randomUUID()}@oracle>`, ...own, ...headers};
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name];
  return new Promise((done, failed) => {
    const body = entity ? bodyOf(entity) : Buffer.alloc(0);
    const call = request(url, {method: "POST", headers: {...fields, "content-length": body.length}, agent: false}, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => {
        const bytes = Buffer.concat(pieces);
        const head = Object.entries(answer.headers).map(([k, v]) => `${k}: ${v}\r\n`).join("");
        done({status: answer.statusCode, headers: answer.headers, body: bytes, entity: Buffer.concat([Buffer.from(`${head}\r\n`), bytes])});
      });
    });
    call.on("error", failed);
    call.end(body);
  });
}

// The fields of the machine part of a receipt, lower case.
export function receiptOf(report) {
  const {parts} = split(report);
  const machine = parts.map(headerOf).findIndex((h) => h["content-type"].startsWith("message/disposition-notification"));
  return headerOf(Buffer.concat([bodyOf(parts[machine]), Buffer.from("\r\n\r\n")]));
}

// A partner's server: each request goes to `answer(request)`, which gives {status, headers, body}.
export async function partnerServer(answer) {
  const seen = [];
  const server = createServer((incoming, response) => {
    const pieces = [];
    incoming.on("data", (piece) => pieces.push(piece));
    incoming.on("end", async () => {
      const got = {url: incoming.url, headers: incoming.headers, body: Buffer.concat(pieces), at: Date.now()};
      seen.push(got);
      const {status = 200, headers = {}, body = ""} = (await answer(got)) ?? {};
      response.writeHead(status, headers);
      response.end(body);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {server, seen, url: `http://127.0.0.1:${server.address().port}/as2`, close: () => server.close()};
}
