// What the admin API promises of every object: nothing that was sent is dropped, and HTTP's own rules hold.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {spawnSync} from "node:child_process";
import {mkdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";

const appliance = new Appliance();
before(() => appliance.start());
after(() => appliance.remove());

const put = (path, body, headers) => appliance.api("PUT", `/api/v1/${path}`, body, headers);
const show = (path, headers) => appliance.api("GET", `/api/v1/${path}`, undefined, headers);

test("an object keeps every setting that was put, also those that a certificate is told by", async () => {
  assert.equal((await put("certificates/us", {generate: {kind: "rsa"}})).status, 200);
  assert.equal((await put("certificates/them", {generate: {kind: "rsa"}})).status, 200);
  assert.equal((await put("stations/us", {as2_id: "US", key: "us"})).body.key, "us");
  assert.equal((await put("partners/them", {as2_id: "THEM", certificates: ["them"]})).status, 200);
  const as2 = {kind: "as2", station: "us", partner: "them", url: "https://as2.example/", subject: "Orders"};
  assert.equal((await put("connections/as2", as2)).body.subject, "Orders");
  const tagged = await show("stations/us");
  assert.equal((await put("stations/us", tagged.body)).body.key, "us", "what was shown can be sent back");
  assert.equal((await put("stations/us", {key: "nobody"})).status, 422, "a reference is checked");
});

test("a certificate is held against its settings and needs something in it", async () => {
  for (const [name, body, told] of [
    ["x%20y", {generate: {kind: "ec"}}, /"x y" is not a name/],
    ["empty", {}, /needs a certificate/],
    ["wrong", {generate: {kind: "ec"}, valid_form: "2027-01-01"}, /did you mean "valid_from"/],
  ]) {
    const answer = await put(`certificates/${name}`, body);
    assert.equal(answer.status, 422, name);
    assert.match(answer.body.detail, told);
  }
  const applied = await appliance.api("POST", "/api/v1/apply", {certificates: [{name: "wrong", generate: {}, used: 1}]});
  assert.equal(applied.status, 422);
});

test("export and apply again changes nothing, keys and certificates included", () => {
  const folder = join(appliance.directory, "exported");
  rmSync(folder, {recursive: true, force: true});
  assert.equal(appliance.run("export", folder).code, 0);
  const again = appliance.run("apply", "--dry-run", "--prune", folder);
  assert.equal(again.code, 0, again.out + again.err);
  assert.match(again.out, / 0 deleted|0 deleted/);
});

test("the mark of a secret that this appliance has not is refused", async () => {
  const sealed = (await show("certificates/us")).body;
  const answer = await put("certificates/other", {certificate: sealed.certificate, private_key: sealed.private_key});
  assert.equal(answer.status, 422);
  assert.match(answer.body.errors[0].pointer, /^\/certificates\/other\/private_key$/);
  assert.equal((await put("certificates/us", sealed)).status, 200, "its own mark stays what it is");
});

test("the name in the body is that in the path", async () => {
  const answer = await put("stations/here", {name: "there"});
  assert.equal(answer.status, 422);
  assert.equal(answer.body.errors[0].pointer, "/stations/here/name");
  assert.equal((await put("users/here", {name: "there", password: "a long enough password"})).status, 422);
});

test("AU-21: a precondition that does not hold is 412, for objects, users and keys alike", async () => {
  const cases = [
    ["stations/pre", {x12_id: "ZZ:ONE"}, {x12_id: "ZZ:TWO"}],
    ["users/pre", {roles: ["viewer"], password: "a long enough password"}, {roles: ["operator"]}],
  ];
  for (const [path, first, second] of cases) {
    assert.equal((await put(path, first, {"If-Match": "*"})).status, 412, `${path}: there is none to match`);
    assert.equal((await put(path, first, {"If-None-Match": "*"})).status, 200, path);
    assert.equal((await put(path, first, {"If-None-Match": "*"})).status, 412, path);
    const tag = (await show(path)).headers.get("etag");
    assert.match(tag, /^"\d+"$/, path);
    assert.equal((await show(path, {"If-None-Match": tag})).status, 304, path);
    assert.equal((await show(path, {"If-None-Match": `"x", W/${tag}`})).status, 304, path);
    assert.equal((await put(path, second, {"If-Match": tag})).status, 200, path);
    assert.equal((await put(path, first, {"If-Match": tag})).status, 412, path);
    assert.equal((await put(path, first, {"If-Match": "\"not one of ours\""})).status, 412, path);
    assert.equal((await show(path, {"If-None-Match": tag})).status, 200, path);
    assert.equal((await appliance.api("DELETE", `/api/v1/${path}`, undefined, {"If-Match": tag})).status, 412, path);
    const now = (await show(path)).headers.get("etag");
    assert.equal((await appliance.api("DELETE", `/api/v1/${path}`, undefined, {"If-Match": now})).status, 204, path);
  }
  assert.equal((await put("keys/pre", {roles: ["viewer"]})).status, 201);
  const tag = (await show("keys/pre")).headers.get("etag");
  assert.equal((await appliance.api("DELETE", "/api/v1/keys/pre", undefined, {"If-Match": "\"77\""})).status, 412);
  assert.equal((await appliance.api("DELETE", "/api/v1/keys/pre", undefined, {"If-Match": tag})).status, 204);
});

test("a user keeps the role that a change does not name, and unknown members are refused", async () => {
  assert.equal((await put("users/kept", {roles: ["developer"], password: "a long enough password"})).status, 200);
  assert.deepEqual((await put("users/kept", {password: "another long password"})).body.roles, ["developer"]);
  const wrong = await put("users/kept", {roels: ["viewer"]});
  assert.equal(wrong.status, 422);
  assert.match(wrong.body.detail, /did you mean "role/);
  assert.equal((await put("keys/kept", {role: "viewer", expires: "2027-01-01"})).status, 422);
});

test("a user who is removed or given another role has no session any more", async () => {
  await put("users/gone", {roles: ["viewer"], password: "a long enough password"});
  const signIn = async () => {
    const body = JSON.stringify({user: "gone", password: "a long enough password"});
    const answer = await fetch(`${appliance.admin}/api/v1/session`, {method: "POST", headers: {"Content-Type": "application/json"}, body});
    return answer.headers.get("set-cookie").split(";")[0];
  };
  const seen = async (cookie) => (await fetch(`${appliance.admin}/api/v1/stats`, {headers: {Cookie: cookie}})).status;
  const first = await signIn();
  assert.equal(await seen(first), 200);
  await put("users/gone", {roles: ["operator"]});
  assert.equal(await seen(first), 401);
  const second = await signIn();
  assert.equal(await seen(second), 200);
  await appliance.api("DELETE", "/api/v1/users/gone");
  assert.equal(await seen(second), 401);
});

test("a method that an address has not is 405 with those that it has; an address of the API that is none is 404", async () => {
  for (const [method, path, allowed] of [
    ["POST", "stations", "GET, HEAD"],
    ["PATCH", "stations/us", "GET, HEAD, PUT, DELETE"],
    ["DELETE", "stats", "GET, HEAD"],
    ["GET", "apply", "POST"],
  ]) {
    const answer = await appliance.api(method, `/api/v1/${path}`);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.get("allow"), allowed, `${method} ${path}`);
    assert.match(answer.body.detail, new RegExp(allowed));
  }
  for (const path of ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/stations"]) {
    const answer = await appliance.api("GET", path);
    assert.equal(answer.status, 404, path);
    assert.match(answer.body.detail, /openapi\.json/);
  }
});

test("a body that does not call itself JSON is 415", async () => {
  for (const type of ["text/plain", "application/yaml", "application/x-www-form-urlencoded"]) {
    const answer = await put("stations/typed", "{}", {"Content-Type": type});
    assert.equal(answer.status, 415, type);
    assert.match(answer.body.detail, /application\/json/);
  }
  for (const type of ["application/json; charset=utf-8", "application/merge+json"])
    assert.equal((await put("stations/typed", "{}", {"Content-Type": type})).status, 200, type);
});

test("AU-01: who guesses too often is told 429 and when to come again", async () => {
  const guess = () =>
    fetch(`${appliance.admin}/api/v1/session`, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({user: "somebody", password: "guess"}),
    });
  let last;
  for (let i = 0; i < 8; i++) last = await guess();
  assert.equal(last.status, 429);
  assert.match(last.headers.get("retry-after"), /^\d+$/);
});

test("a key pair is never replaced by a slip: `cert new` and `cert import` want --replace for it", () => {
  const made = appliance.run("cert", "new", "precious");
  assert.equal(made.code, 0, made.err);
  const before = appliance.run("cert", "export", "precious").out;
  const again = appliance.run("cert", "new", "precious");
  assert.equal(again.code, 3);
  assert.match(again.err, /--replace/);
  const imported = appliance.run("cert", "import", "precious", "-", {input: appliance.run("cert", "export", "us").out});
  assert.equal(imported.code, 3);
  assert.equal(appliance.run("cert", "export", "precious").out, before);
  assert.equal(appliance.run("cert", "new", "precious", "--replace").code, 0);
  assert.notEqual(appliance.run("cert", "export", "precious").out, before);
  assert.equal(appliance.run("cert", "new", "x y").code, 3, "a name that is none");
});

test("CR-10: a faulty setting is told with its file, its line and its full name, before anything is made", () => {
  const folder = join(appliance.directory, "settings");
  mkdirSync(folder, {recursive: true});
  const start = (yaml, environment = {}) => {
    writeFileSync(join(folder, "banyan.yaml"), yaml);
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BANYAN_")));
    return spawnSync(appliance.program, ["serve", "-c", "banyan.yaml"], {cwd: folder, env: {...clean, ...environment}, encoding: "utf8", timeout: 10000});
  };
  for (const [yaml, told] of [
    ["listn:\n  public: 127.0.0.1:0\n", /banyan\.yaml:1:1: unknown setting "listn"; did you mean "listen"/],
    ["log:\n  level: loud\n", /banyan\.yaml:2:10: log\.level: must be one of/],
    ["listen:\n  publik: 127.0.0.1:0\n", /banyan\.yaml:2:11: listen: unknown setting "publik"/],
    ["listen:\n  public: localhost\n", /banyan\.yaml:2:11: listen\.public: "localhost" is not an address/],
    ["listen:\n  admin: 127.0.0.1:99999\n", /banyan\.yaml:2:10: listen\.admin/],
    ["listen:\n  public_url: b2b.example\n", /banyan\.yaml:2:15: listen\.public_url/],
  ]) {
    const done = start(yaml);
    assert.equal(done.status, 3, done.stderr);
    assert.match(done.stderr, told);
    assert.equal(done.stderr.trim().split("\n").length, 1, done.stderr);
  }
  assert.match(start("", {BANYAN_PUBLIC: "nonsense"}).stderr, /^banyan: BANYAN_PUBLIC: public: "nonsense" is not an address/);
  rmSync(folder, {recursive: true});
});

test("an endpoint that reads a file names it; where it does not, that is told when it is set", async () => {
  await put("connections/erp", {kind: "file", directory: join(appliance.directory, "erp")});
  const answer = await put(`endpoints/${encodeURIComponent("GET /nameless/*")}`, {legacy: {connection: "erp"}});
  assert.equal(answer.status, 422);
  assert.match(answer.body.errors[0].pointer, /legacy\/path$/);
  assert.equal((await put(`endpoints/${encodeURIComponent("GET /named/{path...}")}`, {legacy: {connection: "erp", path: "{path...}"}})).status, 200);
  assert.equal((await put(`endpoints/${encodeURIComponent("POST /drop")}`, {legacy: {connection: "erp"}})).status, 200);
  const wrong = await fetch(`${appliance.public}/named/x`, {method: "POST"});
  assert.equal(wrong.status, 405);
  assert.match((await wrong.json()).detail, /GET, HEAD/);
});

test("a script or file that is not there could not be looked at: exit 3, one line", () => {
  for (const words of [["script", "run", "/nowhere/none.lua", "/dev/null"], ["edi", "check", "/nowhere"], ["send", "erp", "/nowhere"]]) {
    const done = appliance.run(...words);
    assert.equal(done.code, 3, done.err);
    assert.equal(done.err.trim().split("\n").length, 1, done.err);
  }
});

test("a payload of any size that connections take is sent by hand", async () => {
  await put("connections/large", {kind: "file", directory: join(appliance.directory, "large")});
  const file = join(appliance.directory, "large.bin");
  writeFileSync(file, Buffer.alloc(80 * 1024 * 1024, "0123456789abcdef"));
  const done = appliance.run("send", "large", file);
  assert.equal(done.code, 0, done.err);
  assert.deepEqual(readFileSync(join(appliance.directory, "large", "large.bin")), readFileSync(file));
  rmSync(file);
});

// What of a value does not fit a schema of the document, by the keywords that it uses.
function misfits(document, schema, value, at = "$") {
  if (schema.$ref) return misfits(document, document.components.schemas[schema.$ref.split("/").at(-1)], value, at);
  const types = [schema.type ?? []].flat();
  const is = {string: typeof value === "string", integer: Number.isInteger(value), boolean: typeof value === "boolean", null: value === null, array: Array.isArray(value), object: value !== null && typeof value === "object" && !Array.isArray(value), number: typeof value === "number"};
  const found = types.length && !types.some((type) => is[type]) ? [`${at} is no ${types}`] : [];
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at} is none of ${schema.enum}`);
  for (const name of schema.required ?? []) if (!(name in value)) found.push(`${at}.${name} is missing`);
  if (is.array && schema.items) value.forEach((item, i) => found.push(...misfits(document, schema.items, item, `${at}[${i}]`)));
  if (is.object) for (const [name, inner] of Object.entries(schema.properties ?? {})) if (name in value) found.push(...misfits(document, inner, value[name], `${at}.${name}`));
  return found;
}

test("the API's own OpenAPI names every parameter, kind and schema, and the answers are as it says", async () => {
  const document = (await show("openapi.json")).body;
  assert.equal(document.openapi, "3.1.0");
  for (const [path, methods] of Object.entries(document.paths)) {
    const variables = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    assert.equal(new Set(variables).size, variables.length, path);
    for (const [method, operation] of Object.entries(methods)) {
      assert.deepEqual(operation.parameters.filter((p) => p.in === "path").map((p) => p.name), variables, `${method} ${path}`);
      for (const [, name] of JSON.stringify(operation).matchAll(/#\/components\/schemas\/(\w+)/g)) assert.ok(document.components.schemas[name], `${path}: ${name}`);
    }
  }
  for (const kind of ["stations", "partners", "connections", "flows", "endpoints", "scripts", "tables", "certificates", "users", "keys"])
    assert.ok(document.paths[`/api/v1/${kind}`], kind);
  assert.ok(document.paths["/api/v1/messages"].get.parameters.some((p) => p.name === "status"));
  let looked = 0;
  const message = (await show("messages?limit=1")).body.items[0];
  for (const [path, methods] of Object.entries(document.paths)) {
    const real = path.replace("{id}", message.id);
    const json = methods.get?.responses["200"]?.content?.["application/json"];
    if (!json || real.includes("{") || real.endsWith("/evidence")) continue;
    const answer = await appliance.api("GET", real);
    assert.equal(answer.status, 200, `${real} ${JSON.stringify(answer.body)}`);
    assert.deepEqual(misfits(document, json.schema, answer.body), [], real);
    looked++;
  }
  assert.ok(looked > 25, `${looked} answers were looked at`);
});

test("a flow that would pick up its own output is refused, one with a folder for it is not", async () => {
  await put("connections/loop", {kind: "file", directory: join(appliance.directory, "loop")});
  const flow = (to, from = {}) => put("flows/loop", {from: {connection: "loop", ...from}, to: [{connection: "loop", ...to}]});
  const answer = await flow({});
  assert.equal(answer.status, 422);
  assert.match(answer.body.detail, /again and again/);
  assert.equal((await flow({path: "out/{filename}"})).status, 200);
  assert.equal((await flow({path: "{filename}.done"}, {path: "*.in"})).status, 200);
  assert.equal((await appliance.api("DELETE", "/api/v1/flows/loop")).status, 204);
});
