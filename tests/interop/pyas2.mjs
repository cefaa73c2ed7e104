// Banyan and pyas2lib exchange over AS2, both ways, in every packaging and with every kind of receipt (Z03). Prints a table.

import {spawn} from "node:child_process";
import {createInterface} from "node:readline";
import {existsSync, mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

import {Appliance, until} from "../integration/appliance.lib.mjs";
import {agree, makeKey, put} from "../integration/as2.lib.mjs";

const python = process.env.PYTHON ?? "python3";
const here = dirname(fileURLToPath(import.meta.url));
const us = await new Appliance().start();
const keys = {us: makeKey(us.directory, "us"), them: makeKey(us.directory, "them")};
for (const folder of ["in", "out"]) mkdirSync(join(us.directory, folder));
writeFileSync(join(us.directory, "them.pem"), keys.them.key + keys.them.certificate);

const peer = spawn(python, [join(here, "pyas2_peer.py"), join(us.directory, "them.pem"), join(us.directory, "us.crt"), "THEM", "US Company", `${us.public}/as2`], {stdio: ["ignore", "pipe", "pipe"]});
let complaints = "";
peer.stderr.on("data", (bytes) => (complaints += bytes));
const port = await new Promise((done, fail) => {
  createInterface({input: peer.stdout}).once("line", done);
  peer.once("exit", () => fail(new Error(complaints)));
});
const peerUrl = `http://127.0.0.1:${port}`;
const ask = async (path, body) => (await fetch(peerUrl + path, body === undefined ? {} : {method: "POST", body: JSON.stringify(body)})).json();

await us.apply({
  certificates: [
    {name: "us", certificate: keys.us.certificate, private_key: keys.us.key},
    {name: "them", certificate: keys.them.certificate},
  ],
  stations: [{name: "us", as2_id: "US Company", key: "us"}],
  partners: [{name: "them", as2_id: "THEM", certificates: ["them"]}],
  connections: [
    {name: "peer", kind: "as2", station: "us", partner: "them", url: `${peerUrl}/as2`},
    {name: "out", kind: "file", directory: join(us.directory, "out"), poll: "1s", stable: "0s"},
    {name: "in", kind: "file", directory: join(us.directory, "in")},
  ],
  flows: [
    {name: "send", from: {connection: "out"}, to: [{connection: "peer"}]},
    {name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{filename}", if_exists: "replace"}]},
  ],
});

const packagings = [];
for (const sign of ["none", "sha1", "sha256", "sha512"])
  for (const encrypt of ["none", "3des", "aes128-cbc", "aes256-cbc"])
    for (const compress of ["none", "zlib"]) packagings.push({sign, encrypt, compress});
const quick = process.env.QUICK === "1";
const chosen = quick ? packagings.filter((p) => ["none", "sha256"].includes(p.sign) && ["none", "aes256-cbc"].includes(p.encrypt)) : packagings;
const contents = {
  x12: Buffer.from("ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *260101*1200*U*00401*000000001*0*P*:~\r\nIEA*0*000000001~\r\n"),
  text: Buffer.from("a line\r\nand another with =, ümlaut\r\n"),
};
let number = 0, passed = 0, failed = 0;

async function outgoing(settings, content, mdn) {
  await agree(us, {...settings, mdn, allow_3des: true});
  await ask("/settings", {});
  const before = (await ask("/received")).length, name = `out-${++number}.edi`;
  put(us, name, content);
  const message = await us.message(`${name} is done`, (m) => m.direction === "out" && m.filename === name && ["completed", "failed", "rejected"].includes(m.status), 15);
  const got = (await ask("/received"))[before];
  if (message.status !== "completed") throw new Error(`${message.status}: ${message.reason}; peer: ${JSON.stringify(got)}`);
  if (!Buffer.from(got.content, "base64").equals(content)) throw new Error(`other bytes arrived: ${JSON.stringify(Buffer.from(got.content, "base64").toString())}`);
  if (mdn !== "none" && message.receipt?.status !== "accepted") throw new Error(`receipt: ${JSON.stringify(message.receipt)}`);
}

const ciphers = {"3des": "tripledes_192_cbc", "aes128-cbc": "aes_128_cbc", "aes256-cbc": "aes_256_cbc"};
async function incoming(settings, content, mdn) {
  await agree(us, {allow_3des: true, require_signed: settings.sign !== "none", require_encrypted: settings.encrypt !== "none"});
  await ask("/settings", {
    sign: settings.sign !== "none",
    ...(settings.sign === "none" ? {} : {digest_alg: settings.sign}),
    encrypt: settings.encrypt !== "none",
    ...(settings.encrypt === "none" ? {} : {enc_alg: ciphers[settings.encrypt]}),
    compress: settings.compress !== "none",
    ...(mdn === "none" ? {} : {mdn_mode: mdn.toUpperCase(), mdn_digest_alg: settings.sign === "none" ? "sha256" : settings.sign}),
  });
  const name = `in-${++number}.edi`;
  const outcome = await ask("/send", {content: content.toString("base64"), filename: name});
  if (outcome.status !== 200 && outcome.status !== 202 && outcome.status !== 204) throw new Error(`${outcome.status}: ${outcome.answer}`);
  if (mdn === "sync" && outcome.receipt?.[0] !== "processed") throw new Error(`receipt: ${JSON.stringify(outcome.receipt)}`);
  const path = join(us.directory, "in", name);
  await until(`${name} arrived`, () => existsSync(path), 10);
  if (!readFileSync(path).equals(content)) throw new Error(`other bytes: ${JSON.stringify(readFileSync(path).toString())}`);
  if (mdn === "async") {
    const receipt = await until("the receipt came", async () => (await ask("/receipts"))[outcome.message_id], 10);
    if (receipt[0] !== "processed") throw new Error(`receipt: ${JSON.stringify(receipt)}`);
  }
}

try {
  for (const [direction, run] of Object.entries({"banyan -> pyas2lib": outgoing, "pyas2lib -> banyan": incoming})) {
    for (const settings of chosen) {
      for (const mdn of ["sync", "async", "none"]) {
        const what = `${direction}  sign ${settings.sign.padEnd(7)} encrypt ${settings.encrypt.padEnd(11)} compress ${settings.compress.padEnd(5)} receipt ${mdn}`;
        try {
          for (const content of Object.values(contents)) await run(settings, content, mdn);
          passed++;
          console.log(`ok      ${what}`);
        } catch (error) {
          failed++;
          console.log(`FAILED  ${what}\n        ${error.message.split("\n")[0]}`);
        }
      }
    }
  }
} finally {
  peer.kill();
  await us.remove();
}
if (complaints) console.log(complaints.split("\n").slice(-12).join("\n"));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
