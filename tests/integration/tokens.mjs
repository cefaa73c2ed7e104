// Callers that an issuer vouches for: tokens of every algorithm, forged ones, keys that change, and an issuer that is gone.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {createHmac, createSign, constants, generateKeyPairSync, sign} from "node:crypto";
import {createServer} from "node:http";
import {mkdirSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";

const us = new Appliance();
const folder = join(us.directory, "files");
const pairs = {
  rsa: generateKeyPairSync("rsa", {modulusLength: 2048}),
  small: generateKeyPairSync("rsa", {modulusLength: 1024}),
  p256: generateKeyPairSync("ec", {namedCurve: "P-256"}),
  p384: generateKeyPairSync("ec", {namedCurve: "P-384"}),
  p521: generateKeyPairSync("ec", {namedCurve: "P-521"}),
  ed: generateKeyPairSync("ed25519"),
  ed448: generateKeyPairSync("ed448"),
  later: generateKeyPairSync("ec", {namedCurve: "P-256"}),
};
const jwk = (name, more) => ({...pairs[name].publicKey.export({format: "jwk"}), kid: name, ...more});
const text = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function signature(algorithm, input, key) {
  const digest = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith("RS")) return createSign(digest).update(input).sign(key);
  if (algorithm.startsWith("PS")) return sign(digest, Buffer.from(input), {key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST});
  if (algorithm.startsWith("ES")) return sign(digest, Buffer.from(input), {key, dsaEncoding: "ieee-p1363"});
  return sign(null, Buffer.from(input), key);
}

const now = () => Math.floor(Date.now() / 1000);
const good = () => ({iss: "https://issuer.example", aud: ["shop", "other"], sub: "alice", exp: now() + 300, nbf: now() - 5, tenant: "north", roles: ["buyer", "clerk"]});

function token(algorithm, name, claims = {}, head = {}) {
  const all = {...good(), ...claims};
  for (const key of Object.keys(all)) if (all[key] === undefined) delete all[key];
  const input = `${text({alg: algorithm, kid: name, typ: "JWT", ...head})}.${text(all)}`;
  return `${input}.${signature(algorithm, input, pairs[name].privateKey).toString("base64url")}`;
}

let served = [];
let asked = 0;
let broken = false;
const issuer = createServer((request, answer) => {
  asked++;
  answer.writeHead(broken ? 500 : 200, {"Content-Type": "application/json"}).end(JSON.stringify({keys: served}));
});

const endpoint = (path, jwt, more) => ({route: `GET /${path}/{name}`, legacy: {connection: "files", path: "{name}"}, track: "none", jwt, ...more});

before(async () => {
  mkdirSync(folder, {recursive: true});
  writeFileSync(join(folder, "a.json"), "{}");
  await new Promise((done) => issuer.listen(0, "127.0.0.1", done));
  served = [jwk("p256"), {kty: "oct", k: "c2VjcmV0", kid: "symmetric"}, jwk("rsa", {alg: "PS256", kid: "only-ps256"})];
  await us.start();
  const jwks = `http://127.0.0.1:${issuer.address().port}/jwks.json`;
  const keys = {keys: ["rsa", "p256", "p384", "p521", "ed", "ed448"].map((name) => jwk(name))};
  await us.apply({
    connections: [{name: "files", kind: "file", directory: folder}],
    scripts: [{name: "who", source: "return {request = function(req) return req:respond{status = 200, body = req.caller} end}"}],
    endpoints: [
      endpoint("keys", {keys, issuer: "https://issuer.example", audience: ["shop"]}),
      endpoint("claims", {keys, claims: {tenant: "north", roles: "buyer"}}),
      endpoint("few", {keys, algorithms: ["ES256"]}),
      endpoint("strict", {keys, type: "at+jwt", skew: "0s"}),
      endpoint("scoped", {keys}, {scopes: ["orders.read", "orders.write"]}),
      endpoint("fetched", {jwks, issuer: "https://issuer.example"}),
      endpoint("nowhere", {jwks: "http://127.0.0.1:1/jwks.json"}),
      {route: "GET /who", script: "who", track: "none", jwt: {keys}},
    ],
  });
});
after(async () => {
  issuer.close();
  await us.remove();
});

async function get(path, bearer) {
  const headers = bearer === undefined ? {} : {Authorization: `Bearer ${bearer}`};
  const answer = await fetch(`${us.public}${path}`, {headers});
  const body = await answer.text();
  return {status: answer.status, challenge: answer.headers.get("www-authenticate") ?? "", body};
}

test("tokens of every algorithm that is documented are good", async () => {
  const rows = [["RS256", "rsa"], ["RS384", "rsa"], ["RS512", "rsa"], ["PS256", "rsa"], ["PS384", "rsa"], ["PS512", "rsa"], ["ES256", "p256"], ["ES384", "p384"], ["ES512", "p521"], ["EdDSA", "ed"], ["EdDSA", "ed448"]];
  for (const [algorithm, name] of rows) assert.equal((await get("/keys/a.json", token(algorithm, name))).status, 200, `${algorithm} ${name}`);
  assert.equal((await get("/keys/a.json", token("ES256", "p256", {}, {kid: undefined}))).status, 200, "a token without kid: any key");
});

test("the caller is the claim, and no token means no entry", async () => {
  assert.equal((await get("/who", token("ES256", "p256"))).body, "token:alice");
  const none = await get("/who");
  assert.equal(none.status, 401);
  const key = us.run("key", "add", "machine").out.trim();
  assert.equal((await get("/who", key)).body, "machine", "our own keys are good beside tokens");
});

test("no token, forged, stale or meant for others is good (RFC 8725)", async () => {
  const whole = token("ES256", "p256");
  const [head, claims, sig] = whole.split(".");
  const hmac = (input, key) => `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
  const pem = pairs.rsa.publicKey.export({type: "spki", format: "pem"});
  const rows = {
    "no signature": `${head}.${claims}.`,
    "alg none": `${text({alg: "none"})}.${claims}.`,
    "alg None": `${text({alg: "None", kid: "p256"})}.${claims}.${sig}`,
    "HS256 with the public key": hmac(`${text({alg: "HS256", kid: "rsa"})}.${claims}`, pem),
    "HS256 with the key's text": hmac(`${text({alg: "HS256", kid: "rsa"})}.${claims}`, JSON.stringify(jwk("rsa"))),
    "changed claims": `${head}.${text({...good(), sub: "bob"})}.${sig}`,
    "another key's kid": token("ES256", "p256", {}, {kid: "p384"}),
    "an algorithm of another kind": `${text({alg: "RS256", kid: "p256"})}.${claims}.${sig}`,
    "an unknown kid": token("ES256", "p256", {}, {kid: "who"}),
    "an own key in the head": token("ES256", "later", {}, {jwk: jwk("later"), kid: undefined}),
    "expired": token("ES256", "p256", {exp: now() - 61}),
    "no end": token("ES256", "p256", {exp: undefined}),
    "an end that is no number": token("ES256", "p256", {exp: "never"}),
    "not yet": token("ES256", "p256", {nbf: now() + 120}),
    "issued in the future": token("ES256", "p256", {iat: now() + 120}),
    "another issuer": token("ES256", "p256", {iss: "https://issuer.example.evil"}),
    "no issuer": token("ES256", "p256", {iss: undefined}),
    "another audience": token("ES256", "p256", {aud: "shopping"}),
    "no audience": token("ES256", "p256", {aud: undefined}),
    "no subject": token("ES256", "p256", {sub: undefined}),
    "a subject with a line end": token("ES256", "p256", {sub: "a\nb"}),
    "a critical extension": token("ES256", "p256", {}, {crit: ["b64"], b64: false}),
    "another type": token("ES256", "p256", {}, {typ: "dpop+jwt"}),
    "a DER signature": `${head}.${claims}.${sign("sha256", Buffer.from(`${head}.${claims}`), pairs.p256.privateKey).toString("base64url")}`,
    "zeros for a signature": `${head}.${claims}.${Buffer.alloc(64).toString("base64url")}`,
    "a signature with padding": `${whole}==`,
    "two parts": `${head}.${claims}`,
    "five parts": `${whole}.a.b`,
    "a name twice": `${text('{"alg":"ES256","kid":"p256","alg":"ES256"}')}.${claims}.${sig}`,
    "too long": token("ES256", "p256", {more: "x".repeat(9000)}),
    "nothing": ".",
    "dots": "..",
    "a list": `${text("[]")}.${text("[]")}.${sig}`,
    "nested without end": `${text("[".repeat(3000))}.${claims}.${sig}`,
  };
  for (const [what, bearer] of Object.entries(rows)) {
    const answer = await get("/keys/a.json", bearer);
    assert.equal(answer.status, 401, what);
    assert.match(answer.challenge, /Bearer error="invalid_token"/, what);
  }
  assert.equal((await get("/keys/a.json", token("ES256", "p256", {exp: now() - 30}))).status, 200, "within the skew");
});

test("claims, algorithms, type and scopes are asked for", async () => {
  assert.equal((await get("/claims/a.json", token("ES256", "p256"))).status, 200);
  assert.equal((await get("/claims/a.json", token("ES256", "p256", {tenant: "south"}))).status, 401);
  assert.equal((await get("/claims/a.json", token("ES256", "p256", {roles: ["clerk"]}))).status, 401);
  assert.equal((await get("/few/a.json", token("ES256", "p256"))).status, 200);
  assert.equal((await get("/few/a.json", token("RS256", "rsa"))).status, 401);
  assert.equal((await get("/strict/a.json", token("ES256", "p256", {}, {typ: "application/at+JWT"}))).status, 200);
  assert.equal((await get("/strict/a.json", token("ES256", "p256"))).status, 401);
  assert.equal((await get("/scoped/a.json", token("ES256", "p256", {scope: "orders.write x orders.read"}))).status, 200);
  assert.equal((await get("/scoped/a.json", token("ES256", "p256", {scp: ["orders.write", "orders.read"]}))).status, 200);
  const narrow = await get("/scoped/a.json", token("ES256", "p256", {scope: "orders.read"}));
  assert.equal(narrow.status, 403);
  assert.match(narrow.challenge, /insufficient_scope/);
});

test("A21: keys are fetched once, cached, refetched once for an unknown kid, and serve while the issuer is down", async () => {
  const first = await Promise.all(Array.from({length: 20}, () => get("/fetched/a.json", token("ES256", "p256"))));
  assert.ok(first.every((answer) => answer.status === 200));
  assert.equal(asked, 1, "twenty at once wait for one fetch");
  assert.equal((await get("/fetched/a.json", token("RS256", "rsa", {}, {kid: "only-ps256"}))).status, 401, "the key is for PS256 alone");
  assert.equal((await get("/fetched/a.json", token("PS256", "rsa", {}, {kid: "only-ps256"}))).status, 200);
  broken = true;
  const flood = await Promise.all(Array.from({length: 50}, (_, i) => get("/fetched/a.json", token("ES256", "later", {}, {kid: `no-${i}`}))));
  assert.ok(flood.every((answer) => answer.status === 401));
  assert.equal(asked, 1, "the minute is not over: nobody makes us ask again");
  assert.equal((await get("/fetched/a.json", token("ES256", "p256"))).status, 200);
});

test("without any keys the answer is 503, not 401 and not 200", async () => {
  assert.equal((await get("/nowhere/a.json", token("ES256", "p256"))).status, 503);
});

test("what cannot be safe is not configured", async () => {
  const faults = async (jwt) => {
    const answer = await us.api("POST", "/api/v1/apply", {endpoints: [endpoint("fault", jwt)]});
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    return JSON.stringify(answer.body);
  };
  assert.match(await faults({jwks: "http://issuer.example/jwks"}), /https/);
  assert.match(await faults({}), /either jwks or keys/);
  assert.match(await faults({keys: {keys: [jwk("small")]}}), /2048/);
  assert.match(await faults({keys: {keys: [{kty: "oct", k: "c2VjcmV0"}]}}), /no public key/);
  assert.match(await faults({keys: {keys: [jwk("rsa")]}, algorithms: ["HS256"]}), /HS256/);
});
