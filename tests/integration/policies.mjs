// What stands between a caller and an endpoint, from outside: who may call, from where, how often, with what.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, writeFileSync} from "node:fs";
import {request as plain} from "node:http";
import {join} from "node:path";
import {gunzipSync} from "node:zlib";

import {Appliance} from "./appliance.lib.mjs";

const us = new Appliance();
const folder = join(us.directory, "files");

// fetch hides what belongs to the browser (Origin, Accept-Encoding); this does not.
export function call(method, path, headers = {}, body) {
  return new Promise((done, fail) => {
    const url = new URL(us.public + path);
    const sent = plain({host: url.hostname, port: url.port, method, path, headers, agent: false}, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const bytes = Buffer.concat(chunks);
        const isJson = (answer.headers["content-type"] ?? "").includes("json") && !answer.headers["content-encoding"];
        done({status: answer.statusCode, headers: answer.headers, bytes, body: isJson && bytes.length ? JSON.parse(bytes) : bytes.toString()});
      });
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

const file = (route, more) => ({route, legacy: {connection: "files", path: "{name}"}, track: "none", ...more});

before(async () => {
  mkdirSync(folder, {recursive: true});
  writeFileSync(join(folder, "a.json"), JSON.stringify({items: Array.from({length: 300}, (_, i) => ({number: i}))}));
  writeFileSync(join(folder, "small.json"), "{}");
  await us.start();
  await us.apply({
    connections: [{name: "files", kind: "file", directory: folder}],
    scripts: [{name: "echo", source: "return {request = function(req) return req:respond{status = 200, body = tostring(#req.body)} end}"}],
    policies: [
      {name: "slow", rate_limit: {requests: 2, per: "1h", by: "endpoint"}, cors: {origins: ["https://group.example"]}},
      {name: "later", access: "public", cors: {origins: ["https://never.example"]}},
    ],
    endpoints: [
      file("GET /open/{name}", {access: "public"}),
      file("GET /keyed/{name}", {access: "key"}),
      file("GET /scoped/{name}", {scopes: ["orders.read"]}),
      file("GET /tokens/{name}", {scopes: ["orders:read", "https://api.example/orders"]}),
      file("GET /limited/{name}", {access: "public", rate_limit: {requests: 3, per: "1h", by: "address", legacy_headers: true}}),
      file("GET /grouped/{name}", {policies: ["slow", "later"]}),
      file("GET /own/{name}", {policies: ["slow"], access: "public", rate_limit: {requests: 100, per: "1h"}}),
      file("GET /closed/{name}", {maintenance: {message: "Back at six.", retry_after: "90s"}, access: "key"}),
      file("GET /old/{name}", {deprecated: {since: "2026-01-02", sunset: "2027-01-01", link: "https://example.com/v2"}}),
      file("GET /inside/{name}", {access: "public", addresses: {allow: ["10.0.0.0/8"], proxies: ["127.0.0.1"]}}),
      file("GET /outside/{name}", {access: "public", addresses: {deny: ["127.0.0.0/8"]}}),
      file("GET /paged/{name}", {access: "public", cors: {origins: ["https://app.example", "https://*.team.example"], credentials: true, expose: ["ETag"], headers: ["X-Thing"]}}),
      file("GET /typed/{name}", {
        access: "public",
        parameters: [
          {name: "name", in: "path", schema: {pattern: "^[a-z]+\\.json$"}},
          {name: "limit", schema: {type: "integer", minimum: 1, maximum: 100}},
          {name: "X-Store", in: "header", required: true, schema: {type: "string", maxLength: 3}},
        ],
      }),
      {
        route: "POST /orders", access: "public", script: "echo", body_limit: "300KiB",
        request: {schema: {type: "object", required: ["number"], properties: {number: {type: "string", pattern: "^[0-9]+$"}, lines: {items: {required: ["sku"]}}}, additionalProperties: false}},
      },
      {route: "POST /texts", access: "public", script: "echo", request: {content_types: ["text/plain", "image/*"]}},
      file("GET /counted/{name}", {access: "public", quota: {requests: 2, per: "month"}}),
      file("GET /any/{name}", {access: "public", cors: {origins: ["*"]}}),
    ],
  });
});
after(() => us.remove());

const bearer = (key) => ({authorization: `Bearer ${key}`});

test("a key is taken as Bearer, as X-API-Key and by Basic under its own name, and nothing else is", async () => {
  const made = us.run("key", "add", "shop", "--owner", "the shop", "--scopes", "orders.read,orders.write", "--expires", "2099-01-01");
  assert.equal(made.code, 0, made.err);
  const key = made.out.trim();
  const basic = (user, password) => ({authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`});
  for (const good of [bearer(key), {"x-api-key": key}, basic("shop", key)])
    assert.equal((await call("GET", "/keyed/small.json", good)).status, 200, JSON.stringify(good));
  for (const bad of [{}, bearer("nobody"), {"x-api-key": "nobody"}, basic("other", key), basic("shop", "x"), {authorization: "Basic !!!"}, {authorization: "Basic"}]) {
    const refused = await call("GET", "/keyed/small.json", bad);
    assert.equal(refused.status, 401, JSON.stringify(bad));
    assert.match(refused.headers["www-authenticate"], /Bearer/);
    assert.equal(refused.headers["content-type"], "application/problem+json");
  }
  const shown = await us.get("/api/v1/keys/shop");
  assert.deepEqual([shown.owner, shown.scopes], ["the shop", ["orders.read", "orders.write"]]);
  assert.match(shown.expires_at, /^2099/);
  assert.ok(shown.last_used_at);
  assert.equal((await call("GET", "/scoped/small.json", bearer(key))).status, 200);
});

test("credentials that are no key of ours pass on an open endpoint; a wrong key does not", async () => {
  assert.equal((await call("GET", "/open/small.json", {authorization: "Basic eDp5"})).status, 200);
  assert.equal((await call("GET", "/open/small.json", bearer("theirs.of.theirs"))).status, 200);
  assert.equal((await call("GET", "/open/small.json", bearer("bnyn_wrong"))).status, 401);
});

test("a key without the scope is refused and told which one is missing", async () => {
  const key = us.run("key", "add", "narrow", "--scopes", "stock.read").out.trim();
  const refused = await call("GET", "/scoped/small.json", bearer(key));
  assert.equal(refused.status, 403);
  assert.match(refused.headers["www-authenticate"], /insufficient_scope.*orders\.read/);
  assert.equal((await call("GET", "/scoped/small.json")).status, 401);
});

test("RFC 6749: a scope may be any word that authorization servers give out", async () => {
  const key = us.run("key", "add", "words", "--scopes", "orders:read,https://api.example/orders").out.trim();
  assert.equal((await call("GET", "/tokens/small.json", bearer(key))).status, 200);
  const narrow = us.run("key", "add", "one-word", "--scopes", "orders:read").out.trim();
  assert.match((await call("GET", "/tokens/small.json", bearer(narrow))).headers["www-authenticate"], /insufficient_scope.*https:\/\/api\.example\/orders/);
  const wrong = await us.api("PUT", `/api/v1/endpoints/${encodeURIComponent("GET /wrong")}`, {scopes: ["a b"], respond: {status: 200}});
  assert.equal(wrong.status, 422);
  assert.match(wrong.body.detail, /scope/);
});

test("keys that would have expired, and scopes that are none, are not made", async () => {
  for (const body of [{name: "k", expires_at: "2001-01-01"}, {name: "k", scopes: ["a b"]}, {name: "k", scopes: "x"}, {name: "k", expires_at: "soon"}])
    assert.equal((await us.api("POST", "/api/v1/keys", body)).status, 400, JSON.stringify(body));
});

test("an expired key is nobody's", async () => {
  const soon = new Date(Date.now() + 1000).toISOString();
  const {body} = await us.api("POST", "/api/v1/keys", {name: "brief", expires_at: soon});
  assert.equal((await call("GET", "/keyed/small.json", bearer(body.key))).status, 200);
  while (Date.now() < Date.parse(soon)) await new Promise((done) => setTimeout(done, 50));
  assert.equal((await call("GET", "/keyed/small.json", bearer(body.key))).status, 401);
});

test("beyond the rate a caller gets 429 with Retry-After, and RateLimit fields all the way", async () => {
  const seen = [];
  for (let i = 0; i < 5; i++) seen.push(await call("GET", "/limited/small.json"));
  assert.deepEqual(seen.map((answer) => answer.status), [200, 200, 200, 429, 429]);
  assert.equal(seen[0].headers["ratelimit-policy"], '"default";q=3;w=3600');
  assert.match(seen[0].headers.ratelimit, /^"default";r=2;t=\d+$/);
  assert.match(seen[3].headers.ratelimit, /^"default";r=0;t=\d+$/);
  assert.ok(Number(seen[3].headers["retry-after"]) > 1000 && Number(seen[3].headers["retry-after"]) <= 1200);
  assert.equal(seen[3].headers["x-ratelimit-limit"], "3");
  assert.equal(seen[3].body.type, "/problems/rate-limited");
});

test("buckets outlive a change of the configuration", async () => {
  await us.apply({tables: [{name: "x", rows: {}}]});
  assert.equal((await call("GET", "/limited/small.json")).status, 429);
});

test("a group of policies counts where the endpoint has nothing of its own, and the first group counts", async () => {
  const seen = [];
  for (let i = 0; i < 3; i++) seen.push((await call("GET", "/grouped/small.json", {origin: "https://group.example"})));
  assert.deepEqual(seen.map((answer) => answer.status), [200, 200, 429]);
  assert.equal(seen[2].headers["access-control-allow-origin"], "https://group.example", "a page can read the refusal");
  for (let i = 0; i < 3; i++) assert.equal((await call("GET", "/own/small.json")).status, 200);
});

test("a quota is counted by the calendar, and by key, and outlives a restart", async () => {
  const seen = [];
  for (let i = 0; i < 3; i++) seen.push(await call("GET", "/counted/small.json"));
  assert.deepEqual(seen.map((answer) => answer.status), [200, 200, 429]);
  assert.match(seen[0].headers["ratelimit-policy"], /^"month";q=2;w=\d+$/);
  assert.match(seen[0].headers.ratelimit, /^"month";r=1;t=\d+$/);
  assert.equal(seen[2].body.type, "/problems/quota-exceeded");
  assert.ok(Number(seen[2].headers["retry-after"]) > 0);
  const key = us.run("key", "add", "frugal", "--daily-requests", "2").out.trim();
  const own = [];
  for (let i = 0; i < 3; i++) own.push((await call("GET", "/keyed/small.json", bearer(key))).status);
  assert.deepEqual(own, [200, 200, 429]);
  await us.stop();
  await us.start();
  assert.equal((await call("GET", "/counted/small.json")).status, 429);
  assert.equal((await call("GET", "/keyed/small.json", bearer(key))).status, 429);
});

test("every answer tells which request it answers", async () => {
  const own = await call("GET", "/open/small.json");
  assert.match(own.headers["x-request-id"], /^[0-9a-f-]{36}$/);
  assert.equal((await call("GET", "/open/small.json", {"x-request-id": "theirs-1"})).headers["x-request-id"], "theirs-1");
  for (const bad of ["a b", "x".repeat(200), "<script>"]) assert.notEqual((await call("GET", "/open/small.json", {"x-request-id": bad})).headers["x-request-id"], bad);
  assert.ok((await call("GET", "/keyed/small.json")).headers["x-request-id"]);
});

test("maintenance answers before anybody is asked who he is", async () => {
  const answer = await call("GET", "/closed/small.json");
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["retry-after"], "90");
  assert.equal(answer.body.detail, "Back at six.");
});

test("what will go says so", async () => {
  const answer = await call("GET", "/old/small.json");
  assert.equal(answer.headers.deprecation, "@1767312000");
  assert.equal(answer.headers.sunset, "Fri, 01 Jan 2027 00:00:00 GMT");
  assert.match(answer.headers.link, /<https:\/\/example.com\/v2>; rel="deprecation"/);
});

test("networks are held, and only our own proxies are believed", async () => {
  assert.equal((await call("GET", "/inside/small.json")).status, 403);
  assert.equal((await call("GET", "/outside/small.json")).status, 403);
  assert.equal((await call("GET", "/inside/small.json", {"x-forwarded-for": "10.1.2.3"})).status, 200);
  assert.equal((await call("GET", "/inside/small.json", {"x-forwarded-for": "10.1.2.3, 192.0.2.1"})).status, 403, "the last one counts");
  assert.equal((await call("GET", "/inside/small.json", {"x-forwarded-for": "10.1.2.3, 127.0.0.1"})).status, 200, "seen past two of our proxies");
  assert.equal((await call("GET", "/inside/small.json", {"x-forwarded-for": "nonsense"})).status, 403);
  assert.equal((await call("GET", "/outside/small.json", {"x-forwarded-for": "10.1.2.3"})).status, 403, "no proxy is named");
});

test("CORS: pages of the named origins may read, and are told what they may send", async () => {
  const origin = "https://app.example";
  const asked = await call("OPTIONS", "/paged/small.json", {origin, "access-control-request-method": "GET", "access-control-request-headers": "x-thing"});
  assert.equal(asked.status, 204);
  assert.equal(asked.headers["access-control-allow-origin"], origin);
  assert.equal(asked.headers["access-control-allow-methods"], "GET, HEAD");
  assert.equal(asked.headers["access-control-allow-headers"], "X-Thing");
  assert.equal(asked.headers["access-control-allow-credentials"], "true");
  const read = await call("GET", "/paged/small.json", {origin});
  assert.equal(read.headers["access-control-allow-origin"], origin);
  assert.equal(read.headers["access-control-expose-headers"], "ETag");
  assert.match(read.headers.vary, /Origin/);
  for (const good of ["https://a.team.example", "https://a.b.team.example"])
    assert.equal((await call("GET", "/paged/small.json", {origin: good})).headers["access-control-allow-origin"], good);
  for (const bad of ["https://team.example", "https://evilteam.example", "http://a.team.example", "https://app.example.evil", "null", "https://x/.team.example"]) {
    assert.equal((await call("GET", "/paged/small.json", {origin: bad})).headers["access-control-allow-origin"], undefined, bad);
    const refused = await call("OPTIONS", "/paged/small.json", {origin: bad, "access-control-request-method": "GET"});
    assert.equal(refused.headers["access-control-allow-origin"], undefined, bad);
  }
  assert.equal((await call("GET", "/any/small.json", {origin})).headers["access-control-allow-origin"], "*");
  assert.equal((await call("OPTIONS", "/keyed/small.json", {origin, "access-control-request-method": "GET"})).status, 405, "no cors: an ordinary request");
});

test("text is compressed for whoever takes it, and not beside credentials", async () => {
  const packed = await call("GET", "/open/a.json", {"accept-encoding": "br, gzip;q=0.8"});
  assert.equal(packed.headers["content-encoding"], "gzip");
  assert.match(packed.headers.vary, /Accept-Encoding/);
  assert.equal(JSON.parse(gunzipSync(packed.bytes)).items.length, 300);
  for (const headers of [{}, {"accept-encoding": "gzip;q=0"}, {"accept-encoding": "br"}, {"accept-encoding": "gzip", cookie: "a=b"}, {"accept-encoding": "gzip", authorization: "Basic eDp5"}])
    assert.equal((await call("GET", "/open/a.json", headers)).headers["content-encoding"], undefined, JSON.stringify(headers));
  assert.equal((await call("GET", "/open/small.json", {"accept-encoding": "gzip"})).headers["content-encoding"], undefined, "too small to be worth it");
});

test("parameters are held against their schemas, all faults at once", async () => {
  const store = {"x-store": "042"};
  assert.equal((await call("GET", "/typed/small.json?limit=7", store)).status, 200);
  const bad = await call("GET", "/typed/SMALL.json?limit=ten");
  assert.equal(bad.status, 400);
  assert.deepEqual(bad.body.errors.map((one) => `${one.in} ${one.parameter}`), ["path name", "query limit", "header X-Store"]);
  for (const limit of ["0", "101", "1e1000", "7.5", "", "%00", "07", " 7"])
    assert.equal((await call("GET", `/typed/small.json?limit=${encodeURIComponent(limit).replace("%2500", "%00")}`, store)).status, 400, limit);
});

test("a body is held against its schema, in a translator, with pointers to what does not fit", async () => {
  const json = {"content-type": "application/json; charset=utf-8"};
  const post = (body, headers = json) => call("POST", "/orders", headers, body);
  assert.equal((await post('{"number":"12"}')).status, 200);
  const bad = await post('{"number":"x","lines":[{"sku":1},{}],"more":1}');
  assert.equal(bad.status, 422);
  assert.equal(bad.body.type, "/problems/schema");
  assert.deepEqual(bad.body.errors.map((one) => one.pointer).sort(), ["/lines/1", "/more", "/number"]);
  const broken = await post('{"number":\n"12",}');
  assert.equal(broken.status, 400);
  assert.match(broken.body.detail, /line 2/);
  assert.equal((await post('{"number":"1","number":"2"}')).status, 400, "JS: a name twice");
  assert.equal((await post("")).status, 400);
  assert.equal((await post('{"number":"12"}', {"content-type": "application/vnd.shop+json"})).status, 200);
  assert.equal((await post('{"number":"12"}', {})).status, 415);
  assert.equal((await post("[".repeat(100000))).status, 400, "JS: nested without end");
  const large = await post(JSON.stringify({number: "1", lines: Array.from({length: 5000}, (_, i) => ({sku: `sku-number-${i}`}))}));
  assert.equal(large.status, 200, "beyond what lies in memory");
  assert.equal((await post(JSON.stringify({number: "1", lines: Array.from({length: 5000}, (_, i) => (i === 4999 ? {} : {sku: `sku-number-${i}`}))}))).body.errors[0].pointer, "/lines/4999");
});

test("RFC 9110 12.5.1: who takes no answer of the kind that the endpoint tells is answered 406, before anything is done", async () => {
  await us.apply({endpoints: [
    {route: "GET /told", access: "public", respond: {status: 200, body: {a: 1}}},
    {route: "GET /table", access: "public", response: {content_type: "text/csv"}, respond: {status: 200, body: "a,b", content_type: "text/csv"}},
    {route: "POST /told", access: "public", response: {schema: {type: "object"}}, legacy: {connection: "files", path: "accepted-{message.id}.json"}},
    {route: "GET /open", access: "public", script: "whatever"},
  ], scripts: [{name: "whatever", source: "return {request = function(req) return req:respond{status = 200, body = req.headers.accept, content_type = 'text/html'} end}"}]});
  const status = async (path, accept, method = "GET") => (await call(method, path, accept === undefined ? {} : {Accept: accept}, method === "POST" ? "{}" : undefined)).status;
  for (const accept of [undefined, "", "*/*", "application/json", "application/*", "APPLICATION/JSON; charset=utf-8", "text/html, application/json;q=0.1", "text/html, */*;q=0.01", "nonsense"])
    assert.equal(await status("/told", accept), 200, String(accept));
  for (const accept of ["text/html", "application/json;q=0", "*/*;q=0", "text/*, application/xml", "application/json;q=0.000, */*"])
    assert.equal(await status("/told", accept), 406, accept);
  assert.equal(await status("/table", "text/csv"), 200);
  assert.equal(await status("/open", "text/html"), 200, "a script sees Accept and decides");
  assert.equal(await status("/nowhere", "text/html"), 404, "a problem is given to everybody");
  const refused = await call("POST", "/told", {Accept: "text/html"}, "{}");
  assert.equal(refused.status, 406);
  assert.equal(refused.headers["content-type"], "application/problem+json");
  assert.match(refused.body.detail, /application\/json/);
  assert.equal((await us.messages()).filter((m) => m.endpoint === "POST /told" && m.status !== "rejected").length, 0);
});

test("media types that are not taken are refused before the body is read", async () => {
  assert.equal((await call("POST", "/texts", {"content-type": "TEXT/plain;charset=x"}, "x")).status, 200);
  assert.equal((await call("POST", "/texts", {"content-type": "image/png"}, "x")).status, 200);
  const refused = await call("POST", "/texts", {"content-type": "application/json"}, "{}");
  assert.equal(refused.status, 415);
  assert.equal(refused.headers["accept-post"], "text/plain, image/*");
});

test("HT-25: a coded body is 415 where it would be read or kept, and passes to a back-end that may undo the coding", async () => {
  await us.apply({endpoints: [
    {route: "/coded/script", access: "public", script: "whatever"},
    {route: "POST /coded/kept", access: "public", legacy: {connection: "files", path: "coded-{message.id}"}},
    {route: "POST /coded/schema", access: "public", request: {schema: {type: "object"}}, respond: {status: 200, body: "taken"}},
    {route: "POST /coded/fixed", access: "public", respond: {status: 200, body: "not read"}},
  ], scripts: [{name: "whatever", source: "return {request = function(req) return req:respond{status = 200, body = req.headers.accept, content_type = 'text/html'} end}"}]});
  const send = (path, coding) => call("POST", path, {"content-type": "application/json", ...(coding && {"content-encoding": coding})}, "{}");
  for (const path of ["/coded/script", "/coded/kept", "/coded/schema"]) {
    for (const coding of ["gzip", "br", "gzip, identity", "x"]) {
      const refused = await send(path, coding);
      assert.deepEqual([refused.status, refused.headers["accept-encoding"], refused.body.type], [415, "identity", "/problems/unsupported-content"], `${path} ${coding}`);
    }
    for (const coding of [undefined, "identity"]) assert.ok((await send(path, coding)).status < 300, `${path} ${coding}`);
  }
  assert.equal((await send("/coded/fixed", "gzip")).status, 200);
  assert.equal((await call("GET", "/coded/script", {"content-encoding": "gzip"})).status, 200, "there is no body to be coded");
});

test("policies that do not hold together are refused with their place", async () => {
  const faults = async (more) => {
    const answer = await us.api("POST", "/api/v1/apply", {endpoints: [file("GET /fault/{name}", more)]});
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    return JSON.stringify(answer.body);
  };
  assert.match(await faults({cors: {origins: ["*"], credentials: true}}), /GET \/fault\/\{name\}\/cors.*name the origins/);
  assert.match(await faults({cors: {origins: ["app.example"]}}), /not an origin/);
  assert.match(await faults({addresses: {allow: ["10.0.0.0/40"]}}), /10\.0\.0\.0\/40/);
  assert.match(await faults({rate_limit: {per: "1m"}}), /requests.*missing/);
  assert.match(await faults({policies: ["nobody"]}), /no .*nobody.* among the policies/);
  assert.match(await faults({request: {schema: {type: "text"}}}), /request\/schema/);
  assert.match(await faults({parameters: [{name: "other", in: "path"}]}), /no \{other\}/);
  assert.match(await faults({deprecated: {since: "yesterday"}}), /since/);
});
