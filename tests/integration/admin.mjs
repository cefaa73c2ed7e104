// The admin side: who may do what, and what a faulty configuration is told.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {execFileSync} from "node:child_process";
import {mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance, until} from "./appliance.lib.mjs";

const appliance = new Appliance();
before(() => appliance.start());
after(() => appliance.remove());

const call = (path, options = {}) => fetch(appliance.admin + path, options);
const json = {"Content-Type": "application/json"};

async function signIn(user = "admin", password = "a long enough password") {
  const answer = await call("/api/v1/session", {method: "POST", headers: json, body: JSON.stringify({user, password})});
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0];
  return {status: answer.status, cookie, flags: answer.headers.get("set-cookie") ?? "", body: await answer.json()};
}

test("AU-18: every route but the probes and the sign-in wants somebody who is known", async () => {
  for (const path of ["/healthz", "/readyz", "/metrics", "/"]) assert.equal((await call(path)).status, 200, path);
  const document = await appliance.get("/api/v1/openapi.json");
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const isPublic = operation.security?.length === 0;
      const answer = await call(path.replaceAll(/\{\w+\}/g, "stations"), {method: method.toUpperCase()});
      if (isPublic) assert.notEqual(answer.status, 401, `${method} ${path}`);
      else assert.equal(answer.status, 401, `${method} ${path}`);
    }
  }
});

test("AU-18: a role does what it may and nothing above it", async () => {
  const keys = {};
  for (const role of ["client", "viewer", "operator", "developer", "admin"]) {
    keys[role] = (await appliance.api("POST", "/api/v1/keys", {name: `key-${role}`, roles: [role]})).body.key;
  }
  const order = ["viewer", "operator", "developer", "admin"];
  const document = await appliance.get("/api/v1/openapi.json");
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const needed = operation["x-role"];
      if (!needed || path.endsWith("/events") || path.endsWith("/backup")) continue;
      const real = path.replaceAll("{kind}", "stations").replaceAll(/\{\w+\}/g, "nobody-of-that-name");
      for (const [role, key] of Object.entries(keys)) {
        const allowed = role !== "client" && order.indexOf(role) >= order.indexOf(needed);
        const answer = await call(real, {method: method.toUpperCase(), headers: {Authorization: `Bearer ${key}`}});
        if (allowed) assert.notEqual(answer.status, 403, `${role} ${method} ${real}`);
        else assert.equal(answer.status, 403, `${role} ${method} ${real}`);
      }
    }
  }
});

test("AU-02, AU-03: a session has a cookie that scripts cannot read, and ends when it is ended", async () => {
  const session = await signIn();
  assert.equal(session.status, 200);
  assert.match(session.flags, /HttpOnly/);
  assert.match(session.flags, /SameSite=Strict/);
  assert.deepEqual(session.body.roles, ["admin"]);
  const headers = {Cookie: session.cookie};
  assert.equal((await call("/api/v1/stats", {headers})).status, 200);
  const out = await call("/api/v1/session", {method: "DELETE", headers: {...headers, "X-CSRF-Token": session.body.csrf}});
  assert.equal(out.status, 204);
  assert.equal((await call("/api/v1/stats", {headers})).status, 401);
});

test("AU-04: a changing call by a session without its token is refused", async () => {
  const session = await signIn();
  const put = (extra) => call("/api/v1/stations/forged", {method: "PUT", headers: {...json, Cookie: session.cookie, ...extra}, body: "{}"});
  assert.equal((await put({})).status, 403);
  assert.equal((await put({"X-CSRF-Token": "guess"})).status, 403);
  assert.equal((await put({"X-CSRF-Token": session.body.csrf})).status, 200);
});

test("AU-01: a wrong password and an unknown user get the same answer, and guessing is slowed down", async () => {
  const wrong = await signIn("admin", "not the password");
  const unknown = await signIn("nobody", "not the password");
  assert.equal(wrong.status, 401);
  assert.deepEqual(wrong.body, unknown.body);
  let last;
  for (let i = 0; i < 8; i++) last = await signIn("victim", "guess");
  assert.notEqual(last.status, 401);
  assert.match(last.body.detail, /try again in/);
});

test("AU-22: the last administrator stays one", async () => {
  const removed = await appliance.api("DELETE", "/api/v1/users/admin");
  assert.equal(removed.status, 409);
  const demoted = await appliance.api("PUT", "/api/v1/users/admin", {roles: ["viewer"]});
  assert.equal(demoted.status, 409);
});

test("AU-05: every answer forbids framing, sniffing and keeping", async () => {
  for (const path of ["/", "/app.js", "/healthz", "/api/v1/stats", "/api/v1/nothing/here"]) {
    const answer = await call(path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", path);
    assert.match(answer.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/, path);
  }
});

test("the files of the UI come compressed to whoever takes that, and are kept as long as they are the same", async () => {
  const plain = await call("/app.js", {headers: {"Accept-Encoding": "identity"}});
  assert.equal(plain.headers.get("content-encoding"), null);
  const packed = await call("/app.js", {headers: {"Accept-Encoding": "br, gzip"}});
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(packed.headers.get("vary"), "Accept-Encoding");
  assert.ok(Number(packed.headers.get("content-length")) * 2 < Number(plain.headers.get("content-length")));
  const script = await plain.text();
  assert.equal(await packed.text(), script);
  assert.notEqual(packed.headers.get("etag"), plain.headers.get("etag"));
  assert.equal(packed.headers.get("cache-control"), "no-cache");
  for (const [coding, etag, status] of [
    ["gzip", packed.headers.get("etag"), 304],
    ["identity", plain.headers.get("etag"), 304],
    ["gzip", plain.headers.get("etag"), 200],
  ])
    assert.equal((await call("/app.js", {headers: {"Accept-Encoding": coding, "If-None-Match": etag}})).status, status, `${coding} ${etag}`);
  const part = await call(`/${/part-[A-Z0-9]+\.js/.exec(script)[0]}`);
  assert.match(part.headers.get("cache-control"), /immutable/);
});

test("AU-21: If-Match guards an object against a change that one has not seen", async () => {
  const first = await appliance.api("PUT", "/api/v1/stations/us", {x12_id: "ZZ:ONE"});
  assert.equal(first.status, 200);
  const etag = first.headers.get("etag");
  assert.equal((await appliance.api("PUT", "/api/v1/stations/us", {x12_id: "ZZ:TWO"}, {"If-Match": etag})).status, 200);
  const late = await appliance.api("PUT", "/api/v1/stations/us", {x12_id: "ZZ:THREE"}, {"If-Match": etag});
  assert.equal(late.status, 412);
  assert.equal((await appliance.get("/api/v1/stations/us")).x12_id, "ZZ:TWO");
});

test("AU-19: an unknown setting is refused by name, with the nearest known one", async () => {
  const answer = await appliance.api("PUT", "/api/v1/stations/us", {x12id: "ZZ:ONE"});
  assert.equal(answer.status, 422);
  assert.equal(answer.body.errors[0].pointer, "/stations/us/x12id");
  assert.match(answer.body.errors[0].detail, /did you mean "x12_id"/);
});

test("an object that others use cannot go, and who uses it is told; what is not there is told with where the names are", async () => {
  await appliance.apply({
    connections: [{name: "used", kind: "file", directory: join(appliance.directory, "used")}],
    flows: ["a", "b"].map((name) => ({name: `uses-${name}`, from: {connection: "used"}, to: [{connection: "used", path: "x/{filename}"}], enabled: false})),
  });
  const kept = await appliance.api("DELETE", "/api/v1/connections/used");
  assert.equal(kept.status, 409);
  assert.equal(kept.body.type, "/problems/conflict");
  assert.match(kept.body.detail, /^connections\/used cannot go while it is used by flows\/uses-a\/from\/connection, .*flows\/uses-b.*; change or remove that first$/);
  assert.equal((await appliance.api("GET", "/api/v1/connections/used")).status, 200);
  for (const name of ["flows/uses-a", "flows/uses-b", "connections/used"]) assert.equal((await appliance.api("DELETE", `/api/v1/${name}`)).status, 204);
  for (const [method, path, told] of [
    ["GET", "/api/v1/connections/used", /^there is no "used" among the connections; GET \/api\/v1\/connections lists what there is$/],
    ["DELETE", "/api/v1/connections/used", /^there is no "used" among the connections; GET \/api\/v1\/connections lists/],
    ["POST", "/api/v1/connections/used/send", /; GET \/api\/v1\/connections lists/],
    ["GET", "/api/v1/messages/01a22f14-0000-7000-8000-000000000000", /^no message 01a22f14.*; GET \/api\/v1\/messages lists what there is$/],
    ["GET", "/api/v1/messages/nonsense/payload", /; GET \/api\/v1\/messages lists/],
    ["GET", "/api/v1/users/nobody", /; GET \/api\/v1\/users lists/],
    ["GET", "/api/v1/bananas", /"bananas"; \/api\/v1\/openapi.json tells what there is$/],
    ["GET", "/api/v1/bananas/b", /"bananas"; \/api\/v1\/openapi.json tells what there is$/],
  ]) {
    const answer = await appliance.api(method, path);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.body.type, "/problems/not-found");
    assert.match(answer.body.detail, told);
  }
});

test("a script that does not compile is a fault of its object, and of its file", async () => {
  const answer = await appliance.api("PUT", "/api/v1/scripts/wrong", {source: "local x\nreturn = {}"});
  assert.equal(answer.status, 422);
  assert.equal(answer.body.errors[0].pointer, "/scripts/wrong/source");
  assert.match(answer.body.errors[0].detail, /^source: wrong\.lua:2: unexpected symbol/);
  mkdirSync(join(appliance.directory, "wrong/scripts"), {recursive: true});
  writeFileSync(join(appliance.directory, "wrong/scripts/wrong.lua"), "local x\nreturn = {}");
  const applied = appliance.run("apply", join(appliance.directory, "wrong"));
  assert.equal(applied.code, 1);
  assert.match(applied.err, /wrong\/scripts\/wrong\.lua.*: scripts\/wrong\/source: source: wrong\.lua:2: unexpected/);
});

test("apply on a faulty estate names file, line and setting, and changes nothing", async () => {
  const folder = join(appliance.directory, "faulty");
  mkdirSync(folder, {recursive: true});
  writeFileSync(join(folder, "estate.yaml"), [
    "stations:",
    "  - {name: good, x12_id: \"ZZ:GOOD\"}",
    "connections:",
    "  - name: bad",
    "    kind: file",
    "    direktory: /tmp",
    "flows:",
    "  - {name: lost, from: {connection: nowhere}}",
    "",
  ].join("\n"));
  const applied = appliance.run("apply", folder);
  assert.equal(applied.code, 1, applied.err);
  assert.match(applied.err, /estate\.yaml:6.*direktory/);
  assert.match(applied.err, /estate\.yaml:8.*nowhere/);
  assert.equal((await appliance.api("GET", "/api/v1/stations/good")).status, 404);
});

test("apply tells what changes, twice changes nothing, and --dry-run exits 1 when something would", async () => {
  const folder = join(appliance.directory, "estate");
  mkdirSync(join(folder, "scripts"), {recursive: true});
  writeFileSync(join(folder, "estate.yaml"), "partners:\n  - {name: acme, x12_id: \"01:123456789\"}\n");
  assert.equal(appliance.run("apply", "--dry-run", folder).code, 1);
  assert.equal((await appliance.api("GET", "/api/v1/partners/acme")).status, 404);
  const first = appliance.run("apply", folder);
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /\+ partners\/acme/);
  const second = appliance.run("apply", folder);
  assert.match(second.out, /0 created, 0 changed, 0 deleted, 1 unchanged/);
  assert.equal(appliance.run("apply", "--dry-run", folder).code, 0);
});

test("users come with an estate, need a password when they are new, and are told as changes", async () => {
  const missing = await appliance.api("POST", "/api/v1/apply", {users: [{name: "olga", roles: ["operator"]}]});
  assert.equal(missing.status, 422);
  const users = [{name: "olga", roles: ["operator"], password: "olga's own words"}];
  assert.deepEqual((await appliance.apply({users})).map((c) => c.action), ["create"]);
  assert.equal((await signIn("olga", "olga's own words")).body.roles[0], "operator");
  assert.deepEqual((await appliance.apply({users: [{name: "olga"}]})).map((c) => c.action), ["unchanged"]);
});

test("A22: a route that clashes with another is refused with both named", async () => {
  mkdirSync(join(appliance.directory, "files"), {recursive: true});
  const estate = {
    connections: [{name: "files", kind: "file", directory: join(appliance.directory, "files")}],
    endpoints: [
      {route: "GET /things/{a}", legacy: {connection: "files", path: "{a}"}},
      {route: "GET /things/{b}", legacy: {connection: "files", path: "{b}"}},
    ],
  };
  const answer = await appliance.api("POST", "/api/v1/apply", estate);
  assert.equal(answer.status, 422);
  assert.match(JSON.stringify(answer.body.errors), /things\/\{a\}/);
});

test("an endpoint is found by its route, with its slashes encoded or not", async () => {
  await appliance.apply({
    connections: [{name: "files", kind: "file", directory: join(appliance.directory, "files")}],
    endpoints: [{route: "GET /things/{a}", legacy: {connection: "files", path: "{a}"}}],
  });
  for (const name of ["GET%20%2Fthings%2F%7Ba%7D", "GET%20/things/%7Ba%7D"]) {
    assert.equal((await appliance.get(`/api/v1/endpoints/${name}`)).route, "GET /things/{a}");
  }
  assert.equal((await appliance.api("GET", "/api/v1/endpoints/..%2f..%2fstats")).status, 400);
});

test("AU-28, LU-22: a secret setting is never shown, and lies sealed in the database", async () => {
  const canary = "canary-7f3a9c-password";
  const put = await appliance.api("PUT", "/api/v1/connections/dark", {
    kind: "sftp", host: "127.0.0.1", port: 2222, user: "u", password: canary, host_key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const shown = JSON.stringify([put.body, await appliance.get("/api/v1/connections"), await appliance.get("/api/v1/connections/dark")]);
  assert.ok(!shown.includes(canary));
  for (const file of ["banyan.db", "banyan.db-wal"]) assert.ok(!readFileSync(join(appliance.data, file)).includes(canary), file);
  assert.ok(!appliance.log.includes(canary));
});

test("what changes is told to whoever listens", async () => {
  const control = new AbortController();
  const stream = await call("/api/v1/events", {headers: {Authorization: `Bearer ${appliance.key}`}, signal: control.signal});
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  let text = "";
  const reading = (async () => {
    for await (const chunk of stream.body) text += new TextDecoder().decode(chunk);
  })().catch(() => {});
  await until("the stream is open", () => text.includes("connected"));
  await appliance.api("PUT", "/api/v1/stations/us", {x12_id: "ZZ:SEEN"});
  await until("the event", () => /event: config\ndata: .*stations\/us/.test(text));
  control.abort();
  await reading;
});

test("a second appliance on the same data is refused, and the first one goes on", async () => {
  const second = appliance.run("serve", {environment: {BANYAN_PUBLIC: "127.0.0.1:0", BANYAN_ADMIN: "127.0.0.1:0"}});
  assert.equal(second.code, 3);
  assert.match(second.err, /another|lock|in use/i);
  assert.equal((await call("/healthz")).status, 200);
});

test("R10: the admin side does not listen beyond the loopback without TLS", () => {
  const other = new Appliance({environment: {BANYAN_ADMIN: "0.0.0.0:0"}});
  const refused = other.run("serve", {environment: {BANYAN_ADMIN: "0.0.0.0:0", BANYAN_PUBLIC: "127.0.0.1:0"}});
  assert.equal(refused.code, 3);
  assert.match(refused.err, /TLS/);
});

test("a configuration survives a restart, and so does who may sign in", async () => {
  await appliance.stop();
  await appliance.start();
  assert.equal((await appliance.get("/api/v1/stations/us")).x12_id, "ZZ:SEEN");
  assert.equal((await signIn()).status, 200);
});

test("CT-02: keys are made, described and exported, never shown; a key that does not fit its certificate is refused", async () => {
  const made = appliance.run("cert", "new", "us-2026", "--common-name", "Us");
  assert.equal(made.code, 0, made.err);
  const shown = await appliance.get("/api/v1/certificates/us-2026");
  assert.match(shown.key, /P-256/);
  assert.match(shown.certificate, /BEGIN CERTIFICATE/);
  assert.ok(!JSON.stringify(shown).includes("PRIVATE KEY"));
  const ssh = await appliance.api("PUT", "/api/v1/certificates/us-ssh", {generate: {kind: "ssh"}});
  assert.equal(ssh.status, 200, JSON.stringify(ssh.body));
  assert.match(ssh.body.public_key, /^ssh-ed25519 /);
  const other = execFileSync("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], {encoding: "utf8"});
  const wrong = await appliance.api("PUT", "/api/v1/certificates/mixed", {certificate: shown.certificate, private_key: other});
  assert.equal(wrong.status, 422);
  assert.equal(wrong.body.errors[0].pointer, "/certificates/mixed/private_key");
  assert.match(appliance.run("cert", "list").out, /us-2026/);
});

test("the screens' own questions: figures over time, partners, an explained payload, a certificate, a directory, preferences", async () => {
  await appliance.api("PUT", "/api/v1/stations/asker", {x12_id: "ZZ:US"});
  const history = await appliance.get("/api/v1/stats/history?hours=2");
  assert.equal(history.step_s, 300);
  assert.equal(history.items.length, 25);
  assert.equal((await appliance.api("GET", "/api/v1/stats/history?hours=0")).status, 400);
  assert.equal(typeof (await appliance.get("/api/v1/stats/partners")).partners, "object");

  const directory = join(appliance.directory, "asked");
  mkdirSync(directory, {recursive: true});
  writeFileSync(join(directory, "one.edi"), "hello");
  await appliance.api("PUT", "/api/v1/connections/asked", {kind: "file", directory, enabled: false, stable: "0s"});
  const listed = await appliance.api("POST", "/api/v1/connections/asked/list");
  assert.deepEqual(
    listed.body.entries.map(({name, size}) => [name, size]),
    [["one.edi", 5]],
  );
  assert.equal(readFileSync(join(directory, "one.edi"), "utf8"), "hello");
  assert.equal((await appliance.api("POST", "/api/v1/connections/nobody/list")).status, 404);

  const edi =
    "ISA*00*          *00*          *ZZ*US             *ZZ*THEM           *261128*0900*U*00401*000000001*0*P*>~" +
    "GS*PO*US*THEM*20261128*0900*1*X*004010~ST*850*0001~BEG*00*NE*PO4711**20261128~SE*3*0001~GE*1*1~IEA*1*000000001~";
  const sent = await call("/api/v1/connections/asked/send?filename=explained.edi", {
    method: "POST",
    headers: {Authorization: `Bearer ${appliance.key}`},
    body: edi,
  });
  const message = await sent.json();
  const explained = await appliance.get(`/api/v1/messages/${message.id}/explain`);
  assert.match(explained.text, /PO4711/);
  const asJson = await appliance.get(`/api/v1/messages/${message.id}/explain?as=json`);
  assert.match(JSON.stringify(JSON.parse(asJson.text)), /PO4711/);

  const made = await appliance.api("PUT", "/api/v1/certificates/asked", {generate: {kind: "ec", common_name: "asked"}});
  const seen = await appliance.api("POST", "/api/v1/certificates/inspect", {certificate: made.body.certificate});
  assert.equal(seen.body.fingerprint, made.body.fingerprint);
  assert.equal((await appliance.api("POST", "/api/v1/certificates/inspect", {certificate: "nonsense"})).status, 400);

  assert.deepEqual(await appliance.get("/api/v1/preferences"), {});
  assert.equal((await appliance.api("PUT", "/api/v1/preferences", {views: [{title: "Mine"}]})).status, 204);
  assert.deepEqual(await appliance.get("/api/v1/preferences"), {views: [{title: "Mine"}]});
});

test("a setting of the program that is secret is only said to be set", async () => {
  const other = new Appliance({environment: {BANYAN_TRACING_HEADER: "Authorization: Bearer hush-hush"}});
  try {
    await other.start();
    const answer = await other.api("GET", "/api/v1/appliance");
    assert.doesNotMatch(JSON.stringify(answer.body), /hush/);
    assert.equal(answer.body.settings.find((one) => one.name === "tracing.header").set, true);
  } finally {
    await other.remove();
  }
});

test("the program's settings are shown as they are in force, with where they come from", async () => {
  const {settings} = await appliance.get("/api/v1/appliance");
  const of = (name) => settings.find((one) => one.name === name);
  assert.deepEqual([of("listen.admin").value, of("listen.admin").set, of("listen.admin").variable], ["127.0.0.1:0", true, "BANYAN_ADMIN"]);
  assert.equal(of("log.format").set, false);
  assert.ok(of("limits.body").help.length > 10);
  assert.doesNotMatch(JSON.stringify(settings), /a long enough password/);
});

test("what the API's own description says of names, secrets and answers is what there is", async () => {
  const document = (await appliance.api("GET", "/api/v1/openapi.json")).body;
  const parameter = (path, name) => document.paths[path].get.parameters.find((one) => one.name === name).schema;
  assert.ok(new RegExp(parameter("/api/v1/stations/{name}", "name").pattern, "u").test("us-1"));
  assert.ok(!new RegExp(parameter("/api/v1/stations/{name}", "name").pattern, "u").test("a/b"));
  assert.ok(parameter("/api/v1/messages", "status").enum.includes("quarantined"));
  assert.ok(parameter("/api/v1/jobs", "status").enum.includes("dead"));
  assert.deepEqual(Object.keys(document.paths["/api/v1/scripts/{name}/draft"].delete.responses).sort(), ["204", "default"]);
  const key = document.components.schemas.certificates.properties.private_key;
  assert.deepEqual([key.type, key.writeOnly], [["string", "object"], undefined]);
  const sent = await appliance.api("POST", "/api/v1/connections/nowhere/send?direction=sideways", "x");
  assert.deepEqual([sent.status, sent.body.detail.includes("in or out")], [400, true]);
});
