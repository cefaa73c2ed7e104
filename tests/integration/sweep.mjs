// Requests made from /openapi.json, good ones and bad ones, against endpoints of every kind: each answer is one that the document tells of, and never a 500
// (A19, A20). The same requests each time; SEED=number makes others, SEED=random new ones each time, ROUNDS=number more of them.

import assert from "node:assert/strict";
import {createServer, request as open} from "node:http";
import {mkdirSync, writeFileSync} from "node:fs";
import {after, before, test} from "node:test";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";

// The one that sends a Range to an endpoint whose answer has a schema.
const usual = 33867;
const seed = process.env.SEED === "random" ? Date.now() % 1_000_000 : Number(process.env.SEED ?? usual), rounds = Number(process.env.ROUNDS ?? 12);
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;

const us = new Appliance();
const folder = join(us.directory, "files");
const backEnd = createServer((request, answer) => {
  request.resume().on("end", () => {
    if (request.url.includes("/json")) answer.writeHead(200, {"Content-Type": "application/json"}).end(JSON.stringify({id: 7, name: "a thing"}));
    else answer.writeHead(200, {"Content-Type": "text/plain"}).end(request.url);
  });
});
let key;

const order = {
  type: "object", required: ["number", "lines"], additionalProperties: false,
  properties: {
    number: {type: "string", minLength: 1, maxLength: 12, pattern: "^[A-Z0-9-]+$"}, urgent: {type: "boolean"}, total: {type: "number", minimum: 0},
    lines: {type: "array", minItems: 1, maxItems: 5, items: {$ref: "#/$defs/line"}},
  },
  $defs: {line: {type: "object", required: ["sku"], properties: {sku: {type: "string", enum: ["A1", "B2"]}, quantity: {type: "integer", minimum: 1, maximum: 99}}}},
};
const thing = {type: "object", required: ["id"], properties: {id: {type: "integer"}, name: {type: "string"}}};

before(async () => {
  for (const name of ["lists", "put", "replies", "out"]) mkdirSync(join(folder, name), {recursive: true});
  for (let i = 0; i < 30; i++) writeFileSync(join(folder, "lists", `file ${i}.json`), JSON.stringify({i}));
  await new Promise((done) => backEnd.listen(0, "127.0.0.1", done));
  await us.start();
  key = (await us.api("POST", "/api/v1/keys", {name: "sweeper", role: "client", scopes: ["read"]})).body.key;
  const http = {connection: "http"}, files = {connection: "files"};
  await us.apply({
    scripts: [
      {name: "echo", source: 'return {request = function(req) return req:respond{status = 200, json = {id = 1, name = req.method}} end}'},
      {name: "shape", source: 'return {request = function(req) if req.json and req.json.number == "NO" then reject("not this one") end return {json = req.json} end, response = function(res) return {json = {id = 3}} end}'},
      {name: "csv", source: 'return {response = function(res) return {json = {id = #res.body}} end}'},
    ],
    connections: [
      {name: "files", kind: "file", directory: folder},
      {name: "http", kind: "http", url: `http://127.0.0.1:${backEnd.address().port}`, concurrent: 50},
      {name: "nobody", kind: "http", url: "http://127.0.0.1:1", breaker: {failures: 3, open: "1s"}},
    ],
    policies: [{name: "strict", access: "key", scopes: ["read"], rate_limit: {requests: 100000, per: "1m"}}],
    endpoints: [
      {route: "GET /files/lists/{path...}", access: "public", legacy: {...files, path: "lists/{path...}"}, files: {list: true}},
      {route: "GET /file/{name}", access: "public", legacy: {...files, path: "lists/{name}"}},
      {route: "DELETE /file/{name}", access: "public", legacy: {...files, path: "put/{name}"}},
      {route: "PUT /file/{name}", access: "public", legacy: {...files, path: "put/{name}", if_exists: "replace"}, files: {put: "now"}},
      {route: "PUT /checked/{name}", access: "public", legacy: {...files, path: "put/{name}", if_exists: "replace"}, files: {put: "now", conditional: true}},
      {route: "PUT /once/{name}", access: "public", legacy: {...files, path: "put/{name}", if_exists: "fail"}, files: {put: "now"}},
      {route: "PUT /later/{name}", access: "public", legacy: {...files, path: "out/{name}", if_exists: "replace"}},
      {route: "POST /orders", access: "public", legacy: {...files, path: "out/{message.id}.json"}, request: {schema: order}, parameters: [{name: "dry", schema: {type: "boolean"}}, {name: "X-Tenant", in: "header", required: true, schema: {type: "string", enum: ["acme", "zeta"]}}]},
      {route: "POST /asked", access: "public", legacy: {...files, path: "out/{message.id}.json"}, reply: {path: "replies/{message.id}.json", within: "50ms"}},
      {route: "POST /told", access: "public", legacy: {...files, path: "out/{message.id}.json"}, callback: {connection: "http", path: "hook"}},
      {route: "/pass/{rest...}", access: "public", legacy: {...http, path: "x/{rest...}"}},
      {route: "GET /things/{id:int}", access: "public", legacy: {...http, path: "json/{id}"}, response: {schema: thing}, cache: {ttl: "1s"}},
      {route: "GET /limited", access: "public", legacy: {...http, path: "json"}, response: {schema: thing}, rate_limit: {requests: 5, per: "1s"}},
      {route: "POST /keyed", access: "public", legacy: {...http, path: "json"}, response: {schema: thing}, idempotency: {required: true}},
      {route: "POST /shaped", access: "public", legacy: {...http, path: "json"}, script: "shape", request: {schema: order}, response: {schema: thing}},
      {route: "POST /queued", access: "public", legacy: {...http, path: "json"}, respond: {status: 202}},
      {route: "GET /echo/{word}", access: "public", script: "echo", parameters: [{name: "word", in: "path", schema: {type: "string", maxLength: 10}}, {name: "count", schema: {type: "integer", minimum: 1, maximum: 9}}], response: {schema: thing}},
      {route: "GET /sized/{name}", access: "public", legacy: {...files, path: "lists/{name}"}, script: "csv", response: {schema: thing}},
      {route: "GET /fixed", access: "public", respond: {body: {id: 4}}, response: {schema: thing}},
      {route: "GET /teapot", access: "public", respond: {status: 418, body: "short and stout"}},
      {route: "GET /closed", access: "public", legacy: http, maintenance: {message: "closed"}},
      {route: "GET /old", access: "public", respond: {body: {id: 5}}, response: {schema: thing}, deprecated: {since: "2026-01-01"}},
      {route: "GET /secret", access: "key", respond: {body: {id: 6}}, response: {schema: thing}},
      {route: "POST /grouped", policies: ["strict"], legacy: {...http, path: "json"}, response: {schema: thing}, body_limit: "1KiB"},
      {route: "GET /token", access: "public", jwt: {issuer: "https://issuer.example", keys: {keys: [{kty: "OKP", crv: "Ed25519", kid: "a", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}, respond: {body: {id: 7}}, response: {schema: thing}},
      {route: "GET /near", access: "public", addresses: {allow: ["10.0.0.0/8"]}, respond: {body: {id: 8}}, response: {schema: thing}},
      {route: "/nobody", access: "public", legacy: {connection: "nobody"}, timeout: "1s"},
      {route: "GET /hosted host=api.example.org", access: "public", respond: {body: {id: 9}}, response: {schema: thing}},
    ],
  });
});
after(async () => {
  backEnd.closeAllConnections();
  backEnd.close();
  await us.remove();
});

// ---- the document

let document;
function resolve(schema) {
  while (schema?.$ref) schema = schema.$ref.slice(2).split("/").reduce((at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
  return schema;
}

// What is wrong with a value, by the keywords that these schemas use.
function faults(schema, value, at = "") {
  schema = resolve(schema);
  if (!schema || schema === true) return [];
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value === "number" && Number.isInteger(value) ? "integer" : typeof value;
  const types = schema.type === undefined ? undefined : [schema.type].flat();
  if (types && !types.includes(kind) && !(kind === "integer" && types.includes("number"))) return [`${at}: ${kind} is not ${types}`];
  const found = [];
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at}: ${JSON.stringify(value)} is none of ${schema.enum}`);
  if (kind === "object") {
    for (const name of schema.required ?? []) if (!(name in value)) found.push(`${at}: ${name} is missing`);
    for (const [name, member] of Object.entries(value)) if (schema.properties?.[name]) found.push(...faults(schema.properties[name], member, `${at}/${name}`));
  }
  if (kind === "array" && schema.items) value.forEach((item, i) => found.push(...faults(schema.items, item, `${at}/${i}`)));
  return found;
}

// ---- making values

function valid(schema) {
  schema = resolve(schema) ?? {};
  if (schema.enum) return pick(schema.enum);
  switch ([schema.type ?? "string"].flat()[0]) {
    case "object": return Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name) || chance(0.5)).map(([name, member]) => [name, valid(member)]));
    case "array": return Array.from({length: (schema.minItems ?? 0) + below(3)}, () => valid(schema.items));
    case "integer": return (schema.minimum ?? 0) + below((schema.maximum ?? 20) - (schema.minimum ?? 0) + 1);
    case "number": return (schema.minimum ?? 0) + random() * 100;
    case "boolean": return chance(0.5);
    default: return schema.pattern ? pick(["A-1", "ORD-77", "NO"]) : pick(["a", "file 3.json", "word"]).slice(0, schema.maxLength);
  }
}
const odd = ["", " ", "0", "-1", "99999999999999999999", "a".repeat(300), "a".repeat(5000), "ä€😀", "%", "%00", "..", "../../etc/passwd", "a/b", "\\", "'\"<>", "true", "null", "[]", "a,b", ".hidden", "NaN", "1e9", "😀".repeat(40)];
const badBody = [() => "", () => "{", () => "null", () => "[]", () => '"text"', () => "{}".repeat(3), () => "[".repeat(2000), () => '{"number": 1}', () => '{"number": "A", "lines": []}', () => "\u0000\u0001", () => "x".repeat(20_000), () => '{"number":"A","number":"B","lines":[{"sku":"A1"}]}',
  () => Buffer.from([0xff, 0xfe, 0xc0, 0x80]), () => '{"number": "\\ud800", "lines": [{"sku": "A1"}]}', () => '{"total": 1e999}'];
const oddHeaders = [["Accept", "image/png"], ["Accept", "text/event-stream"], ["Prefer", "wait=0"], ["Prefer", "wait=x, respond-async"], ["Range", "bytes=5-1"], ["Range", "bytes=999999-"], ["Range", "bytes=0-2"], ["Range", "lines=1"], ["If-Match", "*"], ["If-Match", '"x"'],
  ["If-None-Match", "*"], ["If-None-Match", "x"], ["If-Modified-Since", "yesterday"], ["If-Modified-Since", "Sun, 06 Nov 2044 08:49:37 GMT"], ["Idempotency-Key", '"open'], ["Idempotency-Key", '"a"'], ["traceparent", "00-zz"], ["Authorization", "Bearer a.b.c"], ["Authorization", "Basic !!!"], ["X-API-Key", "nonsense"],
  ["Cookie", "a=b"], ["Origin", "https://evil.example"], ["Expect", "100-continue"], ["Content-Encoding", "gzip"], ["Accept-Encoding", "gzip, br;q=0"], ["X-Forwarded-For", "1.2.3.4"], ["Host", "api.example.org"], ["TE", "trailers"], ["Max-Forwards", "0"], ["Cache-Control", "no-cache"]];

function call(method, path, headers, body) {
  return new Promise((done, fail) => {
    const sent = open(us.public + path, {method, headers}, (response) => {
      const pieces = [];
      response.on("data", (piece) => {
        pieces.push(piece);
        if ((response.headers["content-type"] ?? "").startsWith("text/event-stream")) response.destroy();
      });
      const end = () => done({status: response.statusCode, headers: response.headers, bytes: Buffer.concat(pieces)});
      response.on("end", end).on("close", end).on("error", fail);
    });
    sent.setTimeout(20_000, () => sent.destroy(new Error("no answer in 20 s")));
    sent.on("error", fail);
    sent.end(body);
  });
}

// One request for an operation: its method, path, header fields and body; half of them `fit`, the others are bad in some way on purpose.
function make(path, method, operation) {
  const headers = {}, query = [];
  const fits = chance(0.5);
  const spoil = () => !fits && chance(0.3);
  let target = path, body;
  for (const parameter of operation.parameters ?? []) {
    let value = String(valid(parameter.schema));
    const bad = spoil();
    if (bad) value = pick(odd);
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (!parameter.required && !bad && chance(0.5)) continue;
    else if (bad && chance(0.3)) continue;
    else if (parameter.in === "query") query.push(`${parameter.name}=${encodeURIComponent(value)}`);
    else if (parameter.in === "header") headers[parameter.name] = parameter.name === "Idempotency-Key" && !bad ? `"${state}-${below(50)}"` : value.replace(/[^\x20-\x7e]/g, "?");
  }
  if (operation.requestBody) {
    const types = Object.keys(operation.requestBody.content), type = pick(types);
    headers["Content-Type"] = type === "*/*" ? pick(["text/plain", "application/json"]) : type;
    const schema = operation.requestBody.content[type].schema;
    body = schema ? JSON.stringify(valid(schema)) : "some bytes";
    if (spoil()) body = pick(badBody)();
    if (spoil()) headers["Content-Type"] = pick(["text/plain", "application/json; charset=utf-16", "nonsense", "application/xml", "multipart/form-data"]);
  }
  if (!fits && chance(0.4)) {
    const [name, value] = pick(oddHeaders);
    headers[name] = value;
  }
  if (chance(0.5)) headers["X-API-Key"] ??= key;
  if (!fits && chance(0.1)) query.push("unknown=%ff");
  return {method: method.toUpperCase(), target: target + (query.length ? `?${query.join("&")}` : ""), headers, body, fits};
}

// What of this answer the document does not tell.
function untold(operation, answer, asked) {
  const found = [];
  const {responses} = operation;
  const exact = responses[answer.status] ?? responses[`${String(answer.status)[0]}XX`];
  const described = exact ?? (answer.status >= 400 ? responses.default : undefined);
  if (!described) return [`status ${answer.status} is not documented`];
  if (answer.status >= 500 && ![502, 503, 504].includes(answer.status)) found.push(`status ${answer.status}`);
  const type = (answer.headers["content-type"] ?? "").split(";")[0];
  if (asked.method === "HEAD" || answer.status === 204 || answer.status === 304) {
    if (answer.bytes.length) found.push("a body where there is none");
    return found;
  }
  const content = described.content;
  if (!content) return answer.bytes.length ? [...found, `a body (${type}), none is documented`] : found;
  const media = content[type] ?? content["*/*"];
  if (!media) return [...found, `content type ${type} is not documented: ${Object.keys(content)}`];
  if (media.schema && type.includes("json")) {
    let value;
    try {
      value = JSON.parse(answer.bytes.toString());
    } catch {
      return [...found, `no JSON: ${answer.bytes.toString().slice(0, 100)}`];
    }
    found.push(...faults(media.schema, value).map((fault) => `schema: ${fault}`));
    if (type === "application/problem+json" && value.status !== answer.status) found.push(`the problem says ${value.status}`);
  }
  return found;
}

test(`A19, A20: whatever is asked is answered as documented (SEED=${seed})`, async () => {
  document = JSON.parse((await call("GET", "/openapi.json", {})).bytes.toString());
  const operations = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).filter(([method]) => ["get", "put", "post", "delete", "patch", "options", "head"].includes(method)).map(([method, operation]) => ({path, method, operation})));
  assert.ok(operations.length > 25, `${operations.length} operations`);
  const complaints = new Map(), statuses = new Map();
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    for (const {path, method, operation} of operations) {
      const asked = make(path, method, operation);
      const answer = await call(asked.method, asked.target, asked.headers, asked.body).catch((error) => ({failed: error.message}));
      sent++;
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const found = answer.failed ? [answer.failed] : untold(operation, answer, asked);
      if (asked.fits && [400, 414, 415].includes(answer.status)) found.push(`refused with ${answer.status} although it fits`);
      for (const what of found) {
        const name = `${method.toUpperCase()} ${path}: ${what}`;
        if (!complaints.has(name)) complaints.set(name, `${name}\n    ${asked.method} ${asked.target.slice(0, 200)} ${JSON.stringify(asked.headers).slice(0, 300)} ${String(asked.body ?? "").slice(0, 80)}\n    ${answer.bytes?.toString().slice(0, 300)}`);
      }
    }
  }
  console.log(`${sent} requests: ${[...statuses].sort().map(([status, count]) => `${status} ${count}`).join(", ")}`);
  assert.equal(complaints.size, 0, `${complaints.size} kinds of surprise, SEED=${seed}\n${[...complaints.values()].join("\n")}`);
});

test("A19: what is asked beside the endpoints is a problem, too", async () => {
  for (const [method, path, status] of [["GET", "/nowhere", 404], ["POST", "/fixed", 405], ["PATCH", "/openapi.json", 405], ["GET", "/status/nonsense", 404], ["GET", "/status/nonsense/reply", 404], ["POST", "/status/x", 405], ["GET", "/docs/none", 404]]) {
    const answer = await call(method, path, {});
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.equal(answer.headers["content-type"], "application/problem+json", `${method} ${path}`);
    const problem = JSON.parse(answer.bytes.toString());
    assert.deepEqual(Object.keys(problem).filter((name) => !["type", "title", "status", "detail", "instance", "errors"].includes(name)), []);
    assert.match(problem.type, /^\/problems\/[a-z-]+$/);
    if (status === 405) assert.ok(answer.headers.allow, `${method} ${path} tells what is allowed`);
  }
});
