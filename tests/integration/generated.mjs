// Requests made from /openapi.json, good and bad ones: nothing answers 5xx, and nothing answers what the document does not tell (A19, A20). The same
// seed makes the same requests; SEED and ROUNDS make others and more.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, writeFileSync} from "node:fs";
import {request as plain} from "node:http";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";

const us = new Appliance();
const folder = join(us.directory, "files");
const rounds = Number(process.env.ROUNDS ?? 40);
let state = Number(process.env.SEED ?? 20261128) >>> 0;
let document;
let key;

function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
const pick = (list) => list[random(list.length)];

const order = {
  type: "object", required: ["number", "lines"], additionalProperties: false,
  properties: {
    number: {type: "string", minLength: 1, maxLength: 12, pattern: "^[A-Z0-9-]+$"},
    date: {type: "string", format: "date"},
    lines: {type: "array", minItems: 1, maxItems: 5, items: {$ref: "#/$defs/line"}},
  },
  $defs: {line: {type: "object", required: ["sku", "quantity"], properties: {sku: {type: "string", minLength: 1}, quantity: {type: "integer", minimum: 1}, price: {type: "number", multipleOf: 0.01}, unit: {enum: ["EA", "CT"]}}}},
};

before(async () => {
  mkdirSync(join(folder, "sub"), {recursive: true});
  for (const name of ["a.json", "b.csv", "sub/c.txt"]) writeFileSync(join(folder, name), "{}");
  await us.start();
  key = us.run("key", "add", "generated", "--scopes", "all").out.trim();
  const echo = "return {request = function(req) return req:respond{status = 200, json = {method = req.method, size = #req.body, query = req.query}} end}";
  await us.apply({
    connections: [{name: "files", kind: "file", directory: folder}],
    scripts: [{name: "echo", source: echo}],
    endpoints: [
      {route: "GET /files/{name}", access: "public", legacy: {connection: "files", path: "{name}"}, track: "none"},
      {route: "GET /deep/{path...}", access: "public", legacy: {connection: "files", path: "{path}"}, track: "errors"},
      {route: "GET /keyed/{name}", access: "key", legacy: {connection: "files", path: "{name}"}, parameters: [{name: "name", in: "path", schema: {pattern: "^[a-z.]+$"}, example: "a.json"}]},
      {route: "PUT /keyed/{item}", access: "key", legacy: {connection: "files", path: "in/{item}", if_exists: "replace"}},
      {route: "POST /orders", scopes: ["all"], script: "echo", request: {schema: order, example: {number: "A-1", lines: [{sku: "x", quantity: 1}]}}, response: {schema: {type: "object"}}, description: "Place an order"},
      {route: "POST /orders/{number}/lines", legacy: {connection: "files", path: "in/{number}-{message.id}.json"}, request: {schema: {type: "object"}}, parameters: [{name: "number", in: "path", schema: {type: "integer", minimum: 1}}, {name: "dry", schema: {type: "boolean"}}, {name: "X-Store", in: "header", required: true, schema: {maxLength: 3}}]},
      {route: "GET /search", access: "public", script: "echo", parameters: [{name: "q", required: true, schema: {type: "string", minLength: 2}}, {name: "limit", schema: {type: "integer", maximum: 10}}], rate_limit: {requests: 1000000, per: "1h"}},
      {route: "/any/*", access: "public", script: "echo", deprecated: {since: "2026-01-01"}},
    ],
  });
  document = await (await fetch(`${us.public}/openapi.json`)).json();
  if (process.env.OPENAPI_OUT) writeFileSync(process.env.OPENAPI_OUT, JSON.stringify(document, null, 1));
});
after(() => us.remove());

const resolved = (value) => {
  if (!value?.$ref) return value;
  return value.$ref.slice(2).split("/").reduce((at, part) => at[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
};

function operations() {
  return Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({path, method, operation})));
}

test("A20: the document is well-formed OpenAPI 3.1, names every route once and every reference leads somewhere", () => {
  assert.match(document.openapi, /^3\.1\.\d+$/);
  assert.ok(document.info.title && document.info.version);
  const ids = operations().map(({operation}) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, "operationIds differ");
  const shapes = Object.keys(document.paths).map((path) => path.replace(/\{[^}]*\}/g, "{}"));
  assert.equal(new Set(shapes).size, shapes.length, "no two paths differ in names alone");
  for (const {path, method, operation} of operations()) {
    const where = `${method} ${path}`;
    const inPath = [...path.matchAll(/\{([^}]*)\}/g)].map((match) => match[1]).sort();
    const told = operation.parameters.filter((one) => one.in === "path").map((one) => one.name).sort();
    assert.deepEqual(told, inPath, where);
    assert.ok(operation.parameters.every((one) => one.schema && (one.in !== "path" || one.required)), where);
    const unique = operation.parameters.map((one) => `${one.in} ${one.name}`);
    assert.equal(new Set(unique).size, unique.length, where);
    for (const [status, one] of Object.entries(operation.responses)) {
      assert.match(status, /^([1-5]\d\d|default)$/, where);
      assert.ok(one.description, where);
    }
    for (const requirement of operation.security ?? []) for (const scheme of Object.keys(requirement)) assert.ok(document.components.securitySchemes[scheme], `${where}: ${scheme}`);
  }
  const walk = (value) => {
    if (!value || typeof value !== "object") return;
    if (value.$ref) assert.ok(resolved(value), value.$ref);
    for (const child of Object.values(value)) walk(child);
  };
  walk(document);
  for (const route of ["/files/{name}", "/deep/{path}", "/keyed/{name}", "/orders", "/orders/{number}/lines", "/search", "/any/{rest}", "/status/{id}"]) assert.ok(document.paths[route], route);
  assert.deepEqual(Object.keys(document.paths["/keyed/{name}"]).sort(), ["get", "put"]);
  assert.equal(document.paths["/any/{rest}"].get.deprecated, true);
});

test("the docs page and its files bring a strict policy and name no other host", async () => {
  for (const path of ["/docs", "/docs/docs.js", "/docs/docs.css"]) {
    const answer = await fetch(us.public + path);
    const text = await answer.text();
    assert.equal(answer.status, 200, path);
    assert.doesNotMatch(answer.headers.get("content-security-policy"), /unsafe|https?:|\*/);
    assert.match(answer.headers.get("content-security-policy"), /default-src 'none'/);
    assert.doesNotMatch(text, /https?:\/\//, path);
    assert.doesNotMatch(text, /<script(?![^>]*src)[^>]*>|\son[a-z]+="|style="/, path);
  }
  assert.equal((await fetch(`${us.public}/docs/none.js`)).status, 404);
});

// ---- values ----

const nasty = ["", " ", "0", "-1", "null", "true", "ä", "\u{1F600}", "a".repeat(300), "../../etc/passwd", "..", ".", "%2e%2e", "a/b", "{}", "[]", "'; drop table x --", "<script>", "\\", "~", "a\tb", "1e999", "99999999999999999999", "\u0000", "a\r\nX: y", "%", "%zz", "*", "?", "#", ";", "con", "-", "$(id)", "\ufeff", "\u202e"];

function good(schema, depth = 0) {
  const s = resolved(schema);
  if (!s || s === true || depth > 5) return pick(["x", 1, true, null]);
  if (s.enum) return pick(s.enum);
  if (s.type === "object") {
    const all = Object.entries(s.properties ?? {}).filter(([name]) => s.required?.includes(name) || random(2));
    return Object.fromEntries(all.map(([name, one]) => [name, good(one, depth + 1)]));
  }
  if (s.type === "array") return Array.from({length: (s.minItems ?? 0) + random(2)}, () => good(s.items, depth + 1));
  if (s.type === "integer") return Math.min((s.minimum ?? 0) + random(9), s.maximum ?? 1e9);
  if (s.type === "number") return random(1000) / 100;
  if (s.type === "boolean") return random(2) === 1;
  if (s.format === "date") return "2026-11-28";
  return "A1B".slice(0, s.maxLength ?? 3).toLowerCase()[s.pattern?.includes("A-Z") ? "toUpperCase" : "toLowerCase"]().replace(/\d/g, s.pattern?.includes("a-z") ? "x" : "1");
}

function bad(value, depth = 0) {
  const other = () => pick([null, true, -1, 1.5, 1e300, "", "x".repeat(50), [], {}, [[[]]], ...nasty.slice(0, 12)]);
  if (depth > 3 || value === null || typeof value !== "object" || random(3) === 0) return other();
  const copy = structuredClone(value);
  const keys = Object.keys(copy);
  if (keys.length === 0) return other();
  const at = pick(keys);
  if (random(4) === 0) delete copy[at];
  else if (random(4) === 0) copy[pick(nasty) || "more"] = other();
  else copy[at] = bad(copy[at], depth + 1);
  return copy;
}

const broken = ["", "{", "nul", '{"a":1,}', "[".repeat(5000), '"\ud800"', "\u0000", "{'a':1}", '{"a":1}{"b":2}', "\xff\xfe", "<xml/>", '{"a":1e99999}', '{"__proto__":{}}', `"${"x".repeat(2000000)}"`];

function send(method, target, headers, body) {
  return new Promise((done, fail) => {
    const url = new URL(us.public);
    const sent = plain({host: url.hostname, port: url.port, method: method.toUpperCase(), path: target, headers, agent: false}, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => done({status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString()}));
    });
    // A server that refuses early closes while we still write: what it said is the answer, when it came.
    sent.on("error", (error) => (["EPIPE", "ECONNRESET"].includes(error.code) ? done({status: 413, headers: {"content-type": "application/problem+json"}, text: '{"type":"x","title":"cut"}', cut: true}) : fail(error)));
    sent.end(body);
  });
}

function make({path, method, operation}, isGood) {
  const headers = {};
  const query = [];
  let target = path;
  const parameters = operation.parameters ?? [];
  for (const one of parameters) {
    const spoil = !isGood && random(2) === 0;
    if (spoil && one.in !== "path" && random(3) === 0) continue;
    if (!one.required && isGood && random(2)) continue;
    const value = String(spoil ? pick(nasty) : one.example ?? good(one.schema));
    if (one.in === "path") target = target.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (one.in === "query") query.push(`${encodeURIComponent(one.name)}=${encodeURIComponent(value)}`);
    else headers[one.name] = /^[\x20-\x7e]*$/.test(value) ? value : "x";
  }
  if (operation.security?.length && (isGood || random(3))) headers.Authorization = `Bearer ${!isGood && random(4) === 0 ? "bnyn_wrong" : key}`;
  if (!isGood && random(4) === 0) query.push(pick(["%", "=", "&&", "a=%zz", "a[]=1", "q=%00", "a".repeat(500)]));
  let body;
  if (operation.requestBody) {
    const [type, media] = Object.entries(operation.requestBody.content)[0];
    const value = media.schema ? good(media.schema) : {free: 1};
    headers["Content-Type"] = type === "*/*" ? "application/octet-stream" : type;
    body = JSON.stringify(value);
    if (!isGood && random(3)) body = random(3) ? JSON.stringify(bad(value)) : pick(broken);
    if (!isGood && random(6) === 0) headers["Content-Type"] = pick(["text/plain", "nonsense", "application/json;;;", "multipart/form-data"]);
    if (!isGood && random(8) === 0) delete headers["Content-Type"];
    headers["Content-Length"] = Buffer.byteLength(body);
  }
  return {method, target: query.length ? `${target}?${query.join("&")}` : target, headers, body};
}

function judge(one, request, answer) {
  const what = `${request.method} ${request.target.slice(0, 200)} ${JSON.stringify(request.headers)} ${String(request.body).slice(0, 200)} → ${answer.status} ${answer.text.slice(0, 300)}`;
  assert.ok(answer.status < 500, what);
  // Before any route is found the listener itself refuses what is no HTTP.
  const told = answer.status in one.operation.responses || "default" in one.operation.responses;
  assert.ok(told, what);
  if (answer.status >= 400) {
    assert.match(answer.headers["content-type"] ?? "", /application\/problem\+json/, what);
    const problem = JSON.parse(answer.text);
    assert.ok(problem.type && problem.title, what);
    assert.doesNotMatch(answer.text, /banyan-test-|\/tmp\/|\.c:\d+|stack/, what);
  }
}

test("good requests are answered as the document says", async () => {
  for (const one of operations()) {
    for (let i = 0; i < Math.max(3, rounds / 10); i++) {
      const request = make(one, true);
      const answer = await send(request.method, request.target, request.headers, request.body);
      judge(one, request, answer);
      if (answer.status === 404) continue; // a name nobody has
      assert.ok(answer.status < 400, `${request.method} ${request.target} ${request.body} → ${answer.status} ${answer.text}`);
      assert.ok(answer.status in one.operation.responses, `${request.target}: ${answer.status} is not told`);
    }
  }
});

test("bad requests are refused in words, never with 5xx, and the appliance is well afterwards", async () => {
  const seen = new Map();
  for (const one of operations()) {
    for (let i = 0; i < rounds; i++) {
      const request = make(one, false);
      const answer = await send(request.method, request.target, request.headers, request.body);
      judge(one, request, answer);
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
    }
  }
  for (const status of [400, 401, 404, 422]) assert.ok(seen.get(status), `${status} came up: ${JSON.stringify([...seen])}`);
  assert.equal((await fetch(`${us.public}/files/a.json`)).status, 200);
  assert.equal((await fetch(`${us.admin}/readyz`)).status, 200);
});
