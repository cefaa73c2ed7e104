// tests/integration/listeners.mjs: what the settings of the listeners do, seen by curl with certificates of OpenSSL's own.

import assert from "node:assert/strict";
import {execFileSync, spawnSync} from "node:child_process";
import {chmodSync, readdirSync, readFileSync, writeFileSync} from "node:fs";
import {connect} from "node:net";
import {join} from "node:path";
import {after, before, test} from "node:test";

import {Appliance, until} from "./appliance.lib.mjs";

let us;
const at = (name) => join(us.directory, name);
const pem = (name) => readFileSync(at(name), "utf8");
const openssl = (...words) => execFileSync("openssl", words, {cwd: us.directory, stdio: "pipe"});

// A certificate for `name` that `authority` signed; without one it signs itself.
function certify(name, authority, {days = "2", extensions = []} = {}) {
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  writeFileSync(at(`${name}.ext`), extensions.join("\n"));
  const signer = authority ? ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`, "-CAcreateserial"] : ["-signkey", `${name}.key`];
  openssl("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.crt`, "-days", days, "-extfile", `${name}.ext`, ...signer);
}

function curl(...words) {
  const done = spawnSync("curl", ["-sS", "-i", "--max-time", "10", ...words], {cwd: us.directory, encoding: "utf8"});
  return done.stdout + done.stderr;
}
const call = (...words) => curl("--cacert", "server.crt", `${us.public}/hello`, ...words);
const showing = (name) => ["--cert", `${name}.crt`, "--key", `${name}.key`];

before(async () => {
  us = new Appliance();
  await us.start();
  certify("server", null, {extensions: ["subjectAltName=IP:127.0.0.1"]});
  certify("authority", null, {extensions: ["basicConstraints=critical,CA:TRUE"]});
  certify("stranger", null, {extensions: ["basicConstraints=critical,CA:TRUE"]});
  certify("client", "authority", {extensions: ["extendedKeyUsage=clientAuth"]});
  certify("late", "authority", {days: "-1"});
  certify("purpose", "authority", {extensions: ["extendedKeyUsage=serverAuth"]});
  certify("other", "stranger");
  await us.apply({
    certificates: [
      {name: "web", certificate: pem("server.crt"), private_key: pem("server.key")},
      {name: "partners", certificate: pem("authority.crt")},
    ],
    scripts: [{name: "length", source: "return {request = function(req) return req:respond{status = 200, body = tostring(#req.body)} end}"}],
    endpoints: [
      {route: "GET /hello", access: "public", respond: {status: 200, body: "hello"}},
      {route: "POST /in", access: "public", script: "length"},
      {route: "POST /wide", access: "public", script: "length", body_limit: "20KiB"},
    ],
  });
  await us.stop();
});
after(() => us?.remove());

async function restart(environment) {
  await us.stop();
  for (const name of ["BANYAN_TLS_CERTIFICATE", "BANYAN_TLS_CLIENT_CA", "BANYAN_TLS_CLIENT_CERTIFICATES", "BANYAN_LIMITS_BODY"]) delete us.environment[name];
  Object.assign(us.environment, environment);
  await us.start();
}

test("the public listener speaks TLS with the certificate that tls.certificate names", async () => {
  await restart({BANYAN_TLS_CERTIFICATE: "web"});
  assert.match(us.public, /^https:/);
  assert.match(call(), /^HTTP\/1.1 200 [^]*hello$/);
});

test("tls.client_ca: only clients with a certificate of that authority are served, others are told why not", async () => {
  await restart({BANYAN_TLS_CERTIFICATE: "web", BANYAN_TLS_CLIENT_CA: "partners"});
  const rows = [
    ["a client's certificate of the authority", showing("client"), /^HTTP\/1.1 200 [^]*hello$/],
    ["the same over TLS 1.2", [...showing("client"), "--tls-max", "1.2"], /^HTTP\/1.1 200 [^]*hello$/],
    ["none", [], /^HTTP\/1.1 403 [^]*client certificate[^]*none was shown/],
    ["one of another authority", showing("other"), /^HTTP\/1.1 403 [^]*not from the authority/],
    ["one that signed itself", showing("stranger"), /^HTTP\/1.1 403 [^]*not from the authority/],
    ["one that has expired", showing("late"), /^HTTP\/1.1 403 [^]*expired/],
    ["a server's", showing("purpose"), /^HTTP\/1.1 403 [^]*not one for clients/],
  ];
  for (const [what, words, expected] of rows) assert.match(call(...words), expected, what);
  for (const path of ["/docs", "/openapi.json", "/as2", "/nowhere"])
    assert.match(curl("--cacert", "server.crt", us.public + path), /^HTTP\/1.1 403 /, path);
  // The second request on the connection of somebody who was let in.
  assert.match(curl("--cacert", "server.crt", ...showing("client"), `${us.public}/hello`, `${us.public}/hello`), /hello[^]*200[^]*hello$/);
});

test("F44: with optional certificates only endpoints that ask for one insist, and say whose", async () => {
  const print = execFileSync("openssl", ["x509", "-in", "client.crt", "-noout", "-fingerprint", "-sha256"], {cwd: us.directory, encoding: "utf8"}).split("=")[1].trim();
  certify("partner-two", "authority");
  await restart({BANYAN_TLS_CERTIFICATE: "web", BANYAN_TLS_CLIENT_CA: "partners", BANYAN_TLS_CLIENT_CERTIFICATES: "optional"});
  const rule = (name, certificate, more) => ({route: `GET /mtls/${name}`, access: "public", script: "who", certificate, ...more});
  await us.apply({
    scripts: [{name: "who", source: 'return {request = function(req) return req:respond{status = 200, body = "caller " .. tostring(req.caller)} end}'}],
    endpoints: [
      rule("any", {}), rule("subject", {subjects: ["CN=partner-*", "CN=somebody"]}), rule("issuer", {issuers: ["CN=authority"]}), rule("foreign", {issuers: ["CN=stranger"]}),
      rule("print", {fingerprints: ["00".repeat(32), print]}), rule("both", {subjects: ["CN=client"], fingerprints: ["00".repeat(32)]}), rule("keyed", {subjects: ["CN=client"]}, {access: "key"}),
    ],
  });
  const get = (path, ...words) => curl("--cacert", "server.crt", us.public + path, ...words);
  assert.match(call(), /^HTTP\/1.1 200 [^]*hello$/, "who shows none is served where none is asked for");
  assert.match(call(...showing("client")), /^HTTP\/1.1 200 /);
  assert.match(call(...showing("other")), /^HTTP\/1.1 403 [^]*not from the authority/, "one that is shown must be good");
  const rows = [
    ["/mtls/any", [], /403 [^]*certificate-required/], ["/mtls/any", showing("client"), /200 [^]*caller client$/], ["/mtls/subject", showing("client"), /403 [^]*certificate-refused/],
    ["/mtls/subject", showing("partner-two"), /200 [^]*caller partner-two$/], ["/mtls/issuer", showing("client"), /200 /], ["/mtls/foreign", showing("client"), /403 [^]*certificate-refused/],
    ["/mtls/print", showing("client"), /200 /], ["/mtls/print", showing("partner-two"), /403 /], ["/mtls/both", showing("client"), /403 /], ["/mtls/keyed", showing("client"), /401 /],
    ["/mtls/any", showing("late"), /403 [^]*expired/],
  ];
  for (const [path, words, expected] of rows) assert.match(get(path, ...words), expected, `${path} ${words[1] ?? "none"}`);
  const key = (await us.api("POST", "/api/v1/keys", {name: "erp", role: "client"})).body.key;
  assert.match(get("/mtls/keyed", ...showing("client"), "-H", `X-API-Key: ${key}`), /200 [^]*caller erp$/);
  assert.match(get("/mtls/keyed", "-H", `X-API-Key: ${key}`), /403 [^]*certificate-required/);
  const document = JSON.parse(get("/openapi.json").split("\r\n\r\n")[1]);
  assert.deepEqual(document.paths["/mtls/any"].get.security, [{certificate: []}]);
  assert.ok(document.paths["/mtls/keyed"].get.security.every((one) => one.certificate));
  assert.equal(document.components.securitySchemes.certificate.type, "mutualTLS");
  const bad = await us.api("PUT", `/api/v1/endpoints/${encodeURIComponent("GET /bad")}`, {...rule("bad", {fingerprints: ["g".repeat(64)]}), route: "GET /bad"});
  assert.equal(bad.status, 422);
});

test("a certificate that is renewed under its name is shown at once, and clients are held against a renewed authority", async () => {
  await restart({BANYAN_TLS_CERTIFICATE: "web", BANYAN_TLS_CLIENT_CA: "partners"});
  const {agent, request} = await import("node:https").then(({Agent, request}) => ({agent: new Agent({keepAlive: true, maxSockets: 1, ca: pem("server.crt"), cert: pem("client.crt"), key: pem("client.key")}), request}));
  const kept = () => new Promise((done, failed) => {
    const asked = request(`${us.public}/hello`, {agent}, (answer) => answer.resume().on("end", () => done([answer.statusCode, asked.reusedSocket])));
    asked.on("error", failed).end();
  });
  assert.deepEqual(await kept(), [200, false]);
  certify("renewed", null, {extensions: ["subjectAltName=IP:127.0.0.1"]});
  const put = (name, body) => us.api("PUT", `/api/v1/certificates/${name}`, body);
  assert.equal((await put("web", {certificate: pem("renewed.crt"), private_key: pem("renewed.key")})).status, 200);
  const asks = (trusted, client) => curl("--cacert", `${trusted}.crt`, `${us.public}/hello`, ...showing(client));
  assert.match(asks("renewed", "client"), /^HTTP\/1.1 200 [^]*hello$/);
  assert.match(asks("server", "client"), /certificate problem/);
  assert.deepEqual(await kept(), [200, true], "who is connected stays connected");
  agent.destroy();
  assert.match(asks("renewed", "other"), /^HTTP\/1.1 403 /);
  assert.equal((await put("partners", {certificate: pem("stranger.crt")})).status, 200);
  assert.match(asks("renewed", "other"), /^HTTP\/1.1 200 [^]*hello$/);
  assert.match(asks("renewed", "client"), /^HTTP\/1.1 403 /);
  assert.match(us.log, /tls\.certificate: new connections are shown the renewed certificate web/);
  assert.equal((await us.api("DELETE", "/api/v1/certificates/partners")).status, 204);
  assert.match(asks("renewed", "other"), /^HTTP\/1.1 200 /, "what cannot be read changes nothing");
  await us.apply({certificates: [{name: "web", certificate: pem("server.crt"), private_key: pem("server.key")}, {name: "partners", certificate: pem("authority.crt")}]});
});

test("tls.client_ca that cannot hold is not passed over: the appliance does not start", async () => {
  await us.stop();
  const refused = (environment) => spawnSync(us.program, ["serve"], {env: {...us.environment, BANYAN_TLS_CERTIFICATE: undefined, ...environment}, encoding: "utf8", timeout: 20000});
  const plain = refused({BANYAN_TLS_CLIENT_CA: "partners"});
  assert.notEqual(plain.status, 0);
  assert.match(plain.stderr, /only over TLS/);
  const missing = refused({BANYAN_TLS_CERTIFICATE: "web", BANYAN_TLS_CLIENT_CA: "nobody"});
  assert.notEqual(missing.status, 0);
  assert.match(missing.stderr, /nobody.*tls.client_ca/);
});

test("limits.body holds for endpoints that do not say how much they take", async () => {
  await restart({BANYAN_LIMITS_BODY: "8KiB"});
  const post = async (path, size) => {
    const response = await fetch(us.public + path, {method: "POST", body: "x".repeat(size)});
    return response.ok ? response.text() : response.status;
  };
  assert.equal(await post("/in", 8192), "8192");
  assert.equal(await post("/in", 8193), 413);
  assert.equal(await post("/wide", 8193), "8193");
  assert.equal(await post("/wide", 20481), 413);
  await restart({});
  assert.equal(await post("/in", 3 << 20), String(3 << 20)); // ten megabytes, if nobody says anything
});

test("HT-18: with few descriptors it takes fewer connections, says so, and serves again when the crowd has gone", async () => {
  const few = new Appliance();
  const wrapped = join(few.directory, "few");
  writeFileSync(wrapped, `#!/bin/sh\nulimit -n 240\nexec '${few.program}' "$@"\n`);
  chmodSync(wrapped, 0o755);
  few.program = wrapped;
  await few.start();
  await few.apply({endpoints: [{route: "GET /hello", access: "public", respond: {status: 200, body: "hello"}}]});
  assert.match(few.log, /public listener takes 120 connections instead of 10000.*ulimit -n/);
  const port = new URL(few.public).port;
  const crowd = Array.from({length: 300}, () => connect(port, "127.0.0.1").on("error", () => {}));
  const descriptors = () => readdirSync(`/proc/${few.process.pid}/fd`).length;
  await until("as many are served as may be", () => descriptors() >= 120);
  assert.equal((await fetch(`${few.admin}/healthz`)).status, 200);
  assert.ok(descriptors() < 200, "some are left for everything else");
  for (const one of crowd) one.destroy();
  assert.equal(await (await fetch(`${few.public}/hello`, {signal: AbortSignal.timeout(20000)})).text(), "hello");
  assert.doesNotMatch(few.log, / error /);
  await few.remove();
});
