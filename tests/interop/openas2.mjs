// Banyan and OpenAS2 exchange over AS2, both ways, in every packaging and with every kind of receipt (Z02). Prints a table.
//
// OpenAS2 runs headless in a process of its own. A case is a partnership: its name on their side stands in the AS2 id,
// so that all cases are configured from the start and their files go at once.

import {spawn, spawnSync} from "node:child_process";
import {createServer} from "node:net";
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "../integration/appliance.lib.mjs";
import {makeKey, openssl} from "../integration/as2.lib.mjs";

const jars = process.env.OPENAS2;
const quick = process.env.QUICK === "1";

// ---- the cases
const cases = [];
for (const [sign, digest] of [["none", null], ["sha256", "SHA256"], ["sha1", "SHA1"], ["sha384", "SHA384"], ["sha512", "SHA512"]])
  for (const [encrypt, cipher] of [["none", null], ["3des", "3DES"], ["aes128-cbc", "AES128"], ["aes256-cbc", "AES256"]])
    for (const compress of ["none", "before-signing", "after-signing"])
      for (const mdn of ["sync", "async", "none"]) {
        if (sign === "none" && compress === "after-signing") continue;
        const usual = ["none", "sha256"].includes(sign) && ["none", "aes256-cbc"].includes(encrypt);
        if (quick ? !usual || mdn === "none" : !usual && (mdn === "none" || compress === "after-signing")) continue;
        cases.push({name: `OPEN${cases.length + 1}`, sign, digest, encrypt, cipher, compress, mdn});
      }

// ---- the two sides
async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const {port} = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const us = await new Appliance().start();
const home = join(us.directory, "openas2"), data = join(home, "data"), config = join(home, "config");
const keys = {us: makeKey(us.directory, "us"), them: makeKey(us.directory, "them")};
const [port, receiptPort] = [await freePort(), await freePort()];
mkdirSync(config, {recursive: true});
for (const folder of ["in", ...cases.map((c) => `out/${c.name}`)]) mkdirSync(join(us.directory, folder), {recursive: true});

function keytool(...words) {
  const done = spawnSync("keytool", ["-J-Dkeystore.pkcs12.legacy", ...words, "-storetype", "PKCS12", "-storepass", "testas2", "-noprompt"], {encoding: "utf8"});
  if (done.status !== 0) throw new Error(`keytool ${words.join(" ")}: ${done.stdout}${done.stderr}`);
}
const store = join(config, "certs.p12");
openssl(us.directory, "pkcs12", "-export", "-legacy", "-inkey", "them.key", "-in", "them.crt", "-name", "them", "-passout", "pass:testas2", "-out", store);
keytool("-importcert", "-keystore", store, "-alias", "us", "-file", join(us.directory, "us.crt"));

const attributes = (all) => Object.entries(all).filter(([, value]) => value).map(([name, value]) => `<attribute name="${name}" value="${value}"/>`).join("\n    ");
writeFileSync(join(config, "partnerships.xml"), `<partnerships>
  <partner name="us" as2_id="BANYAN" x509_alias="us" email="us@banyan.example"/>
  ${cases.map((c) => `<partner name="${c.name}" as2_id="${c.name}" x509_alias="them" email="them@openas2.example"/>
  <partnership name="${c.name}-to-us"><sender name="${c.name}"/><receiver name="us"/>
    ${attributes({
      protocol: "as2",
      content_transfer_encoding: "binary",
      subject: "a case",
      as2_url: `${us.public}/as2`,
      as2_mdn_to: c.mdn !== "none" && "them@openas2.example",
      as2_mdn_options: c.mdn === "none" ? "none" : `signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, ${c.digest ?? "SHA256"}`, // it must be said, also that there is none
      as2_receipt_option: c.mdn === "async" && `http://127.0.0.1:${receiptPort}`,
      sign: c.digest,
      encrypt: c.cipher,
      compression_type: c.compress !== "none" && "ZLIB",
      compression_mode: c.compress === "after-signing" && "compress-after-signing",
      resend_max_retries: "1",
    })}
  </partnership>
  <partnership name="us-to-${c.name}"><sender name="us"/><receiver name="${c.name}"/></partnership>`).join("\n  ")}
</partnerships>`);
writeFileSync(join(config, "commands.xml"), "<commands/>");
writeFileSync(join(config, "config.xml"), `<openas2>
  <properties storageBaseDir="${data}" log_date_format="HH:mm:ss.SSS" as2_message_id_format="OPENAS2-$date.ddMMyyyyHHmmssZ$-$rand.UUID$@$msg.sender.as2_id$_$msg.receiver.as2_id$"
    as2_receive_message_filename_fallback="$rand.shortUUID$"/>
  <certificates classname="org.openas2.cert.PKCS12CertificateFactory" filename="${store}" password="testas2" interval="300"/>
  <partnerships classname="org.openas2.partner.XMLPartnershipFactory" filename="%home%/partnerships.xml" interval="3000"/>
  <loggers><logger classname="org.openas2.logging.ConsoleLogger"/></loggers>
  <commands classname="org.openas2.cmd.XMLCommandRegistry" filename="%home%/commands.xml"/>
  <commandProcessors/>
  <processor classname="org.openas2.processor.DefaultProcessor" pendingMDN="${data}/pendingMDN3" pendingMDNinfo="${data}/pendinginfoMDN3">
    <module classname="org.openas2.processor.sender.AS2SenderModule" retries="1"/>
    <module classname="org.openas2.processor.sender.MDNSenderModule" retries="1"/>
    <module classname="org.openas2.processor.receiver.AS2DirectoryPollingModule" outboxdir="${data}/toAny" errordir="${data}/toAny/error" interval="1" delimiters="-"
      mergeextratokens="true" sendfilename="true" format="sender.as2_id, receiver.as2_id, attributes.filename" mimetype="application/EDI-X12"/>
    <module classname="org.openas2.processor.storage.MDNFileModule" filename="${data}/mdn/$mdn.msg.sender.as2_id$" protocol="as2" tempdir="${data}/temp"/>
    <module classname="org.openas2.processor.storage.MessageFileModule" filename="${data}/inbox/$msg.receiver.as2_id$-$msg.content-disposition.filename$"
      header="${data}/headers/$msg.receiver.as2_id$" protocol="as2" tempdir="${data}/temp"/>
    <module classname="org.openas2.processor.receiver.AS2ReceiverModule" port="${port}" errordir="${data}/inbox/error" errorformat="sender.as2_id, receiver.as2_id, headers.message-id"/>
    <module classname="org.openas2.processor.receiver.AS2MDNReceiverModule" port="${receiptPort}"/>
    <module classname="org.openas2.processor.resender.DirectoryResenderModule" resenddir="${data}/resend" errordir="${data}/resend/error" resenddelay="3"/>
  </processor>
</openas2>`);

const peer = spawn("java", ["-Dorg.apache.commons.logging.Log=org.openas2.logging.Log", `-Dopenas2.config.file=${join(config, "config.xml")}`, "-cp", join(jars, "*"), "org.openas2.app.OpenAS2Server"], {stdio: ["pipe", "pipe", "pipe"]});
let log = "";
for (const stream of [peer.stdout, peer.stderr]) stream.on("data", (bytes) => (log += bytes));

await us.apply({
  certificates: [
    {name: "us", certificate: keys.us.certificate, private_key: keys.us.key},
    {name: "them", certificate: keys.them.certificate},
  ],
  stations: [{name: "us", as2_id: "BANYAN", key: "us"}],
  partners: cases.map((c) => ({name: c.name.toLowerCase(), as2_id: c.name, certificates: ["them"]})),
  connections: [
    {name: "in", kind: "file", directory: join(us.directory, "in")},
    ...cases.flatMap((c) => [
      {name: `out-${c.name}`, kind: "file", directory: join(us.directory, "out", c.name), poll: "1s", stable: "0s"},
      {name: `as2-${c.name}`, kind: "as2", station: "us", partner: c.name.toLowerCase(), url: `http://127.0.0.1:${port}/`, profile: "openas2", sign: c.sign, encrypt: c.encrypt, compress: c.compress, mdn: c.mdn, allow_3des: true,
        receipt_hosts: ["127.0.0.1"], mdn_resend: 0, require_signed: c.sign !== "none", require_encrypted: c.encrypt !== "none", require_compressed: c.compress !== "none"},
    ]),
  ],
  flows: cases.flatMap((c) => [
    {name: `send-${c.name}`, from: {connection: `out-${c.name}`}, to: [{connection: `as2-${c.name}`}]},
    {name: `receive-${c.name}`, from: {connection: `as2-${c.name}`}, to: [{connection: "in", path: `${c.name}-{filename}`, if_exists: "replace"}]},
  ]),
});

// ---- an exchange a case and direction
const contents = {
  "x12.edi": (c) => Buffer.from(`ISA*00*          *00*          *ZZ*BANYAN         *ZZ*${c.name.padEnd(15)}*260101*1200*U*00401*0000000${c.name.slice(4).padStart(2, "0")}*0*P*:~\nIEA*0*0000000${c.name.slice(4).padStart(2, "0")}~\n`),
  "bytes.bin": () => Buffer.concat([Buffer.from([...Array(256).keys()]), Buffer.from("\n\r\r\n--x\r\n\n")]),
};

// The name of a file is only kept inside of a layer: OpenAS2 neither sends nor reads Content-Disposition in the header of HTTP.
const layered = (c) => [c.sign, c.encrypt, c.compress].some((what) => what !== "none");
const arrival = (folder, c, name, content) =>
  readdirSync(folder).some((found) => (layered(c) ? found === `${c.name}-${name}` : found.startsWith(`${c.name}-`)) && readFileSync(join(folder, found)).equals(content));

async function outgoing(c, name, content) {
  const message = await us.message(`${name} was receipted`, (m) => m.direction === "out" && m.connection === `as2-${c.name}` && m.filename === name && ["completed", "failed", "rejected"].includes(m.status), 60);
  if (message.status !== "completed") throw new Error(`${message.status}: ${message.reason}`);
  if (c.mdn !== "none" && message.receipt?.status !== "accepted") throw new Error(`receipt: ${JSON.stringify(message.receipt)}`);
  const inbox = join(data, "inbox");
  await until(`${name} is in their inbox`, () => arrival(inbox, c, name, content), 10);
}

const list = (folder) => (existsSync(join(data, folder)) ? readdirSync(join(data, folder), {recursive: true}).map(String) : []);

async function incoming(c, name, content) {
  await until(`${name} arrived with its bytes`, () => arrival(join(us.directory, "in"), c, name, content), 30).catch((error) => {
    throw new Error(`${error.message} ${log.split("\n").filter((l) => l.includes(`${c.name}_`) && /ERROR|Exception/.test(l)).slice(-1)}`);
  });
  if (c.mdn === "none") return;
  await until(`the receipt for ${name} was taken`, () => !list("pendingMDN3").some((f) => f.includes(`${c.name}_`)) && !list("pendinginfoMDN3").some((f) => f.includes(`${c.name}_`)), 30);
  await until(`the receipt for ${name} was kept`, () => list("mdn").some((f) => f.startsWith(c.name)), 10);
  const failed = list("resend").filter((f) => f.includes(`${c.name}_`));
  if (failed.length > 0) throw new Error(`it will send again: ${failed}`);
}

let passed = 0, failed = 0;
async function run(direction, one) {
  const results = await Promise.allSettled(cases.map(async (c) => {
    for (const [name, make] of Object.entries(contents)) await one(c, name, make(c));
  }));
  for (const [i, result] of results.entries()) {
    const c = cases[i];
    const what = `${direction}  sign ${c.sign.padEnd(7)} encrypt ${c.encrypt.padEnd(11)} compress ${c.compress.padEnd(14)} receipt ${c.mdn}`;
    if (result.status === "fulfilled") passed++;
    else failed++;
    console.log(result.status === "fulfilled" ? `ok      ${what}` : `FAILED  ${what}\n        ${result.reason.message.split("\n")[0]}`);
  }
}

try {
  await until("OpenAS2 is up", () => {
    if (peer.exitCode !== null) throw new Error(log);
    return /OpenAS2.*started/i.test(log);
  }, 60);
  for (const c of cases)
    for (const [name, make] of Object.entries(contents)) {
      writeFileSync(join(us.directory, "out", `put.${c.name}`), make(c));
      renameSync(join(us.directory, "out", `put.${c.name}`), join(us.directory, "out", c.name, name));
    }
  await run("banyan -> OpenAS2", outgoing);
  mkdirSync(join(data, "toAny"), {recursive: true});
  for (const c of cases)
    for (const [name, make] of Object.entries(contents)) {
      writeFileSync(join(data, `put.${c.name}`), make(c));
      renameSync(join(data, `put.${c.name}`), join(data, "toAny", `${c.name}-BANYAN-${name}`));
    }
  await run("OpenAS2 -> banyan", incoming);
} finally {
  peer.kill();
  if (process.env.KEEP) writeFileSync(process.env.KEEP, `${log}\n======\n${us.log}`);
  await us.remove();
}
console.log(`OpenAS2: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
