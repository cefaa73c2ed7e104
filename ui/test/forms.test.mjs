import assert from "node:assert/strict";
import {test} from "node:test";
import {parseCsv, writeCsv} from "../src/csv.ts";
import {check, ownFaults, tidy} from "../src/forms/schema.ts";
import {fromYaml, yamlOf} from "../src/forms/yaml.ts";
import {identitiesIn} from "../src/screens/identities.ts";

const schema = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: {
    name: {type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    port: {type: "integer", minimum: 1, maximum: 65535},
    poll: {type: "string", format: "duration-text"},
    size: {type: "string", format: "size-text"},
    mode: {type: "string", enum: ["a", "b"]},
    password: {type: "string", writeOnly: true},
    to: {type: "array", items: {type: "object", required: ["connection"], properties: {connection: {type: "string"}}}},
  },
};

test("a value that keeps to its schema has no fault", () => {
  const good = {
    name: "acme-1",
    port: 22,
    poll: "1h30m",
    size: "10MiB",
    mode: "a",
    password: {sealed: "x"},
    to: [{connection: "erp"}],
  };
  assert.deepEqual(check(schema, good), []);
});

test("every fault is told at its place", () => {
  const bad = {port: 70000, poll: "3 minutes", size: "big", mode: "c", nope: 1, to: [{}]};
  assert.deepEqual(
    check(schema, bad).map((fault) => fault.pointer),
    ["/name", "/port", "/poll", "/size", "/mode", "/nope", "/to/0/connection"],
  );
});

test("the appliance's faults find their fields", () => {
  const errors = [
    {pointer: "/connections/x/host", detail: "host: must be text"},
    {pointer: "/connections/x", detail: 'the setting "user" is missing: User name'},
    {pointer: "/flows/other/from", detail: "elsewhere"},
  ];
  assert.deepEqual(ownFaults(errors, "connections", "x"), [
    {pointer: "/host", detail: "Must be text"},
    {pointer: "/user", detail: "Is needed."},
    {pointer: "", detail: "Elsewhere"},
  ]);
});

test("what is empty is not sent", () => {
  assert.deepEqual(tidy({a: "", b: [], c: {d: null}, e: false, f: 0, g: [{h: ""}, "x"]}), {e: false, f: 0, g: ["x"]});
  assert.equal(tidy({a: {}}), undefined);
});

test("YAML that is written is read as the same value", async () => {
  const values = [
    {
      a: "true",
      b: "1.0",
      c: "0x10",
      d: "2026-01-01",
      e: "",
      f: " x",
      g: "a: b",
      h: "- x",
      i: "#no",
      j: "null",
      k: "~",
      l: "'q'",
    },
    {
      to: [{connection: "erp", path: "in/{po}.csv"}, {nested: {list: ["1", "two", "três"], empty: [], none: {}}}],
      retry: {first: "2s", attempts: 20},
    },
    {
      pem: "-----BEGIN X-----\nabc\n-----END X-----\n",
      text: "two\nlines",
      spaces: "trailing \nline",
      tab: "a\tb",
      control: "\u0001",
      n: 3,
      yes: true,
      no: null,
    },
    {list: [["a", "b"], ["c"]], deep: [[{a: 1}]]},
  ];
  for (const value of values) {
    const read = await fromYaml(yamlOf(value));
    assert.deepEqual(read.value, value, yamlOf(value));
  }
});

test("what is no YAML is told with its line", async () => {
  const read = await fromYaml("a: 1\nb: [1, 2\nc: 3\n");
  assert.ok(read.line >= 2);
  assert.ok(read.text.length > 5);
  const bomb = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n";
  assert.ok("text" in (await fromYaml(bomb)), "aliases are not followed");
});

test("CSV goes both ways, quotes, separators and line ends included", () => {
  const rows = [
    ["code", "value"],
    ["EA", "piece, each"],
    ['"', "two\nlines"],
    [" x", ""],
  ];
  assert.deepEqual(parseCsv(writeCsv(rows)), rows);
  assert.deepEqual(parseCsv('\ufeffa;b\r\n1;"2;3"\r\n'), [
    ["a", "b"],
    ["1", "2;3"],
  ]);
  assert.deepEqual(parseCsv("a\tb\n1\t2"), [
    ["a", "b"],
    ["1", "2"],
  ]);
});

test("who sent something is told from an ISA, a UNB or AS2 headers", () => {
  const isa = "ISA*00*          *00*          *01*123456789      *ZZ*BANYAN         *261128*0900*U*00401*000000001*0*P*>~";
  assert.deepEqual(identitiesIn(isa), {x12_id: "01:123456789"});
  assert.deepEqual(identitiesIn("UNA:+.? 'UNB+UNOC:3+4012345000009:14+X:14+261128:0900+1'"), {edifact_id: "4012345000009:14"});
  assert.deepEqual(identitiesIn('POST /as2\r\nAS2-From: "ACME Corp"\r\nAS2-To: us\r\n'), {as2_id: "ACME Corp"});
  assert.deepEqual(identitiesIn("nothing"), {});
});
