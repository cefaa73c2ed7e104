// Estates as people write them: what `banyan apply` reads, what it refuses, and how it says so.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {mkdirSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";

const appliance = new Appliance({environment: {BANYAN_LOG_LEVL: "debug", BANYAN_ONCE_MORE: "1", BANYAN_PORT_8080_TCP_ADDR: "10.0.0.1"}});
const path = (name) => join(appliance.directory, name);
const file = (name, content) => {
  mkdirSync(join(path(name), ".."), {recursive: true});
  writeFileSync(path(name), content);
  return path(name);
};
const apply = (...words) => appliance.run("apply", ...words);

before(() => appliance.start());
after(() => appliance.remove());

test("a variable of the environment that would be a setting but is none is told at the start", () => {
  assert.match(appliance.log, /warning .*BANYAN_LOG_LEVL is no setting and does nothing; did you mean BANYAN_LOG_LEVEL\?/);
  assert.match(appliance.log, /warning .*BANYAN_ONCE_MORE is no setting/);
  assert.doesNotMatch(appliance.log, /BANYAN_PORT_8080|BANYAN_ADMIN_PASSWORD is/, "what Kubernetes sets for a service named banyan");
});

test("YAML and JSON are read with a byte order mark and with CR LF; several documents are one estate", () => {
  file("odd/bom.json", '\ufeff{"partners": [{"name": "json"}]}\r\n');
  file("odd/bom.yaml", "\ufeffpartners:\r\n  - {name: yaml}\r\n---\r\nstations:\r\n  - {name: us}\r\n");
  file("odd/comments.yaml", "# nothing yet\n");
  const done = apply("--dry-run", path("odd"));
  assert.equal(done.code, 1, done.err);
  for (const name of ["partners/json", "partners/yaml", "stations/us"]) assert.match(done.out, new RegExp(`^\\+ ${name}$`, "m"));
});

test("a path that is not there is said not to be there; other folders of a directory are not looked into", () => {
  const missing = apply(path("nowhere"));
  assert.equal(missing.code, 3);
  assert.match(missing.err, /^banyan: .*nowhere: No such file or directory\n$/);
  file("upper/lower/a.yaml", "partners: [{name: below}]\n");
  const above = apply(path("upper"));
  assert.equal(above.code, 3);
  assert.match(above.err, /upper holds no .*other folders below it are not looked into/);
});

test("--prune with files that hold nothing deletes nothing; an empty list of a kind means it", async () => {
  await appliance.apply({partners: [{name: "kept"}]});
  for (const [input, words] of [["", ["-"]], ["# nothing\n", ["-"]], ["---\n---\n", ["--dry-run", "-"]]]) {
    const done = apply("--prune", ...words, {input});
    assert.equal(done.code, 1, JSON.stringify(input));
    assert.match(done.err, /nothing was changed: .*--prune.*partners: \[\]/);
  }
  assert.equal((await appliance.api("GET", "/api/v1/partners/kept")).status, 200);
  assert.equal(apply("--prune", "-", {input: "partners: []\n"}).code, 0);
  assert.equal((await appliance.api("GET", "/api/v1/partners/kept")).status, 404);
});

test("a fault of a file is told where it stands", () => {
  for (const [name, content, told] of [
    ["tab.yaml", "partners:\n\t- {name: a}\n", /tab\.yaml:2:1: not valid YAML/],
    ["bytes.yaml", Buffer.from("partners:\n  - {name: M\xfcller}\n", "latin1"), /bytes\.yaml:2:\d+: not valid YAML: .*UTF-8/],
    ["nul.json", '{"partners": [{"name": "n", "description": "a\\u0000b"}]}', /nul\.json:1:\d+: .*a text holds a NUL/],
    ["twice.yaml", "partners: [{name: a}]\npartners: [{name: b}]\n", /twice\.yaml:2:1: the key "partners" stands here a second time/],
    ["alias.yaml", "partners: [*x]\n", /alias\.yaml:1:12: there is no complete value with the anchor &x/],
    ["two.yaml", "partners: [{name: a}]\n---\npartners: [{name: a}]\n", /two\.yaml:3:12: partners\/a stands in .*two\.yaml:1 already/],
  ]) {
    const done = apply(file(name, content));
    assert.equal(done.code, 1, name);
    assert.match(done.err, told);
  }
});

test("values come from the environment and from files; what is not there is a fault of the line that names it", () => {
  file("secret.txt", "from a file\n");
  const host = `SHA256:${"A".repeat(43)}`;
  const estate = file("values.yaml", `connections:
  - {name: one, kind: sftp, host: h, user: u, enabled: false, password: {env: OUR_SECRET}, host_key: "${host}"}
  - {name: two, kind: sftp, host: h, user: u, enabled: false, password: {file: secret.txt}, host_key: "${host}"}
`);
  const missing = apply(estate);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /values\.yaml:2:\d+: the environment has no OUR_SECRET/);
  const changed = (value) => apply("--json", estate, {environment: {OUR_SECRET: value}});
  const actions = (done) => JSON.parse(done.out).changes.map((c) => `${c.name} ${c.action} ${c.fields}`);
  assert.deepEqual(actions(changed("a")), ["one create ", "two create "]);
  assert.deepEqual(actions(changed("a")), ["one unchanged ", "two unchanged "]);
  assert.deepEqual(actions(changed("b")), ["one update password", "two unchanged "]);
  assert.doesNotMatch(appliance.run("export").out, /from a file/);
});

test("exit codes: 2 wrong usage, 3 what could not be done, each with one line that says what to do", () => {
  const estate = file("fine.yaml", "partners: [{name: fine}]\n");
  for (const [words, environment, code, told] of [
    [[], {}, 2, /it takes PATH/],
    [["--bogus", estate], {}, 2, /unknown option --bogus/],
    [[estate], {BANYAN_URL: "http://127.0.0.1:1"}, 3, /start it with `banyan serve`, or name another with BANYAN_URL/],
    [[estate], {BANYAN_URL: "nonsense"}, 3, /must begin with http/],
    [[estate], {BANYAN_API_KEY: "wrong"}, 3, /did not accept the key.*banyan key add/],
    [[estate], {BANYAN_API_KEY: appliance.run("key", "add", `viewer-${Date.now()}`, "--role", "viewer").out.trim()}, 3, /role does not allow/],
  ]) {
    const done = apply(...words, {environment});
    assert.equal(done.code, code, done.err);
    assert.match(done.err, told);
    assert.equal(done.err.trim().split("\n").length, 1, done.err);
  }
});
