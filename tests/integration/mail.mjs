// Messages to people by a real mail server (aiosmtpd): flows and notifications, with and without TLS and login (O25).

import assert from "node:assert/strict";
import {execFileSync, spawn} from "node:child_process";
import {mkdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {after, before, test} from "node:test";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";

import {Appliance, until} from "./appliance.lib.mjs";

const us = new Appliance({environment: {BANYAN_ALERTS_EVERY: "200ms"}});
const place = (...names) => join(us.directory, ...names);
const program = join(dirname(fileURLToPath(import.meta.url)), "mailserver.py");
const servers = {};

// Debian's own python has the library, whatever else is on the path.
async function serve(tls) {
  const process = spawn("/usr/bin/python3", [program, tls, place("certificate.pem"), place("key.pem"), tls === "none" ? "" : "us", "a password"]);
  const server = {process, said: "", mails: []};
  process.stderr.on("data", (bytes) => (server.said += bytes));
  let text = "";
  process.stdout.on("data", (bytes) => {
    const lines = (text + bytes).split("\n");
    text = lines.pop();
    for (const line of lines) if (server.port) server.mails.push(JSON.parse(line)); else server.port = Number(line);
  });
  await until(`the mail server with ${tls}: ${server.said}`, () => server.port);
  servers[tls] = server;
}

before(async () => {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-keyout", place("key.pem"),
    "-out", place("certificate.pem"), "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], {stdio: "ignore"});
  for (const name of ["in", "watched"]) mkdirSync(place(name));
  for (const tls of ["starttls", "implicit", "none"]) await serve(tls);
  await us.start();
  const mail = (name, tls, more = {}) => ({name, kind: "mail", host: "127.0.0.1", port: servers[tls].port, tls, from: "banyan@acme.example", to: ["desk@acme.example", "edi@acme.example"],
    ...(tls === "none" ? {} : {user: "us", password: "a password", authorities: ["mail-ca"]}), ...more});
  await us.apply({
    certificates: [{name: "mail-ca", certificate: readFileSync(place("certificate.pem"), "utf8")}],
    connections: [
      {name: "in", kind: "file", directory: place("in"), poll: "200ms"},
      {name: "watched", kind: "file", directory: place("watched"), create: false, poll: "200ms"},
      mail("starttls", "starttls", {subject: "Aufträge für Köln, Größe und Gewicht der Sendung — bitte prüfen"}), mail("implicit", "implicit"), mail("none", "none"),
      mail("stranger", "starttls", {authorities: undefined}), mail("wrong", "starttls", {password: "another"}), mail("clear", "none", {tls: "starttls", authorities: undefined}),
      mail("refused", "none", {to: ["nobody@acme.example"]}), mail("later", "none", {to: ["later@acme.example"]}), mail("small", "none", {max_size: "1KiB"}),
    ],
    flows: [
      {name: "watch", from: {connection: "watched"}, to: [{connection: "none"}]},
      ...["starttls", "implicit", "none", "refused", "later", "small"].map((name) => ({name: `to-${name}`, from: {connection: "in", path: `${name}.*`}, to: [{connection: name}],
        retry: {first: "100ms", attempts: 3}})),
    ],
    notifications: [{name: "desk", to: {connection: "implicit"}, on: ["connection-failing"]}],
  });
});
after(async () => {
  for (const {process} of Object.values(servers)) process.kill();
  await us.remove();
});

const field = (mail, name) => new RegExp(`^${name}: ((?:.|\\r\\n[ \\t])*)\\r\\n`, "im").exec(mail.data)?.[1];
const drop = (name, bytes) => writeFileSync(place("in", name), bytes);
const mailOf = (tls, fits) => until(`a mail by ${tls}`, () => servers[tls].mails.find(fits)).catch(async (error) => { throw new Error(`${error.message} ${JSON.stringify(await us.messages(), null, 1)} ${us.log} ${servers[tls].said}`); });

test("a file that is no text is attached whole, under its name, by STARTTLS and a login", async () => {
  const bytes = Buffer.from(Array.from({length: 100000}, (_, i) => (i * 7 + (i >> 8)) & 255));
  drop("starttls.bin", bytes);
  const mail = await mailOf("starttls", () => true);
  assert.deepEqual([mail.from, mail.to, mail.tls, mail.user], ["banyan@acme.example", ["desk@acme.example", "edi@acme.example"], true, "us"]);
  const message = await us.message("it was sent", (m) => m.direction === "out" && m.connection === "starttls" && m.status === "completed");
  assert.equal(field(mail, "Message-ID"), `<${message.id}@acme.example>`);
  assert.match(mail.data, /filename="starttls\.bin"/);
  const body = /Content-Transfer-Encoding: base64\r\n(?:.+\r\n)*\r\n([\s\S]*?)\r\n--/.exec(mail.data)[1];
  assert.ok(Buffer.from(body, "base64").equals(bytes));
  assert.ok(Math.abs(Date.parse(field(mail, "Date")) - Date.now()) < 60000);
});

test("a subject beyond ASCII is read as it was written", async () => {
  const words = field(servers.starttls.mails[0], "Subject").split(/\r\n /).map((word) => /^=\?UTF-8\?B\?(.*)\?=$/.exec(word)[1]);
  for (const word of words) assert.ok(word.length <= 63);
  assert.equal(words.map((word) => Buffer.from(word, "base64").toString()).join(""), "Aufträge für Köln, Größe und Gewicht der Sendung — bitte prüfen: starttls.bin");
});

test("without TLS and login, when that is said, and with TLS from the first byte", async () => {
  drop("none.edi", "UNA:+.? '");
  drop("implicit.edi", "UNA:+.? '");
  assert.deepEqual(await mailOf("none", ({data}) => data.includes("none.edi")).then(({tls, user}) => [tls, user]), [false, null]);
  assert.equal((await mailOf("implicit", ({data}) => data.includes("implicit.edi"))).tls, true);
});

test("O25: an alert comes in words, in the body", async () => {
  rmSync(place("watched"), {recursive: true});
  const mail = await mailOf("implicit", ({data}) => data.includes("alert: connection watched fails"));
  assert.equal(field(mail, "Subject"), "Banyan");
  assert.match(field(mail, "Auto-Submitted"), /auto-generated/);
  mkdirSync(place("watched"));
  await mailOf("implicit", ({data}) => data.includes("over: connection watched fails"));
});

test("a mailbox that there is not ends the delivery at once, one that is busy is tried again", async () => {
  drop("refused.txt", "x");
  drop("later.txt", "x");
  const refused = await us.message("refused", (m) => m.connection === "refused" && m.status === "failed");
  assert.match(refused.reason, /550 5\.1\.1 no such mailbox/);
  assert.equal((await us.events(refused.id)).filter(({kind}) => kind === "attempt failed" || kind === "retry").length <= 1, true);
  await mailOf("none", ({to}) => to.includes("later@acme.example"));
  await us.message("sent later", (m) => m.connection === "later" && m.status === "completed");
});

test("what is larger than max_size is not sent, and the reason says so", async () => {
  drop("small.bin", "x".repeat(2000));
  const message = await us.message("too large", (m) => m.connection === "small" && m.status === "failed");
  assert.match(message.reason, /2000 bytes; max_size allows 1024/);
});

test("a probe says in words what is wrong: certificate, login, no TLS, nobody there", async () => {
  const probe = async (name) => (await us.api("POST", `/api/v1/connections/${name}/probe`)).body;
  for (const name of ["starttls", "implicit", "none"]) assert.equal((await probe(name)).error, undefined, name);
  assert.match((await probe("stranger")).error, /certificate/i);
  assert.match((await probe("wrong")).error, /refuses the login of us/);
  assert.match((await probe("clear")).error, /does not offer TLS \(tls: none/);
  servers.none.process.kill();
  await until("the mail server is gone", async () => /connect/i.test((await probe("none")).error ?? ""));
});

test("addresses that are none, no address at all, and settings without meaning are refused by name", async () => {
  const dry = async (more) => {
    const answer = await us.api("POST", "/api/v1/apply?dry_run=true", {connections: [{name: "x", kind: "mail", host: "h", from: "a@b.example", to: ["c@d.example"], ...more}]});
    return answer.status === 422 ? answer.body.errors.map(({pointer}) => pointer.replace("/connections/x/", "")) : answer.status;
  };
  assert.equal(await dry({}), 200);
  assert.deepEqual(await dry({from: "nobody"}), ["from"]);
  assert.deepEqual(await dry({to: ["a@b.example\r\nBcc: all@b.example"]}).then((all) => all[0]), "to/0");
  assert.deepEqual(await dry({to: ["a@b.example>,<c@d.example"]}), ["to"]);
  assert.deepEqual(await dry({to: []}), ["to"]);
  assert.deepEqual(await dry({password: "x"}), ["password"]);
  assert.deepEqual(await dry({tls: "none", authorities: ["mail-ca"]}), ["authorities"]);
  assert.deepEqual(await dry({pinned_key: "abc"}), ["pinned_key"]);
});
