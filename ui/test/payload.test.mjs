// Payloads made readable: nothing that is shown may differ from what was received.

import assert from "node:assert/strict";
import test from "node:test";
import {decode, hexLines, kindOf} from "../src/payload/decode.ts";
import {pieces, segments, syntaxOf} from "../src/payload/edi.ts";
import {visible} from "../src/payload/invisible.ts";
import {layoutJson} from "../src/payload/json.ts";

const isa = "ISA*00*          *00*          *ZZ*BANYAN         *ZZ*ACME           *261123*1042*U*00401*000001001*0*P*>~";
const bytes = (text) => new TextEncoder().encode(text);

const kinds = [
  [isa, "x12"],
  ["\r\n" + isa, "x12"],
  ["UNA:+.? 'UNB+UNOC:3'", "edifact"],
  ["UNB+UNOC:3+A+B'", "edifact"],
  ['{"a":1}', "json"],
  ["\ufeff[1]", "json"],
  ["<?xml version='1.0'?><a/>", "xml"],
  ["number;sku\r\n", "text"],
  ["ISABEL;1", "text"],
];
for (const [text, kind] of kinds)
  test(`${JSON.stringify(text.slice(0, 24))} is ${kind}`, () => assert.equal(kindOf(text), kind));

test("the delimiters of X12 come from the ISA segment", () => {
  assert.deepEqual(syntaxOf(isa, "x12"), {segment: "~", element: "*", component: ">", repetition: "", release: ""});
  assert.equal(syntaxOf("ISA*00*", "x12"), null);
});

test("the delimiters of EDIFACT come from UNA, else they are the defaults", () => {
  assert.deepEqual(syntaxOf("UNA:+.? 'UNB", "edifact"), {
    segment: "'",
    element: "+",
    component: ":",
    repetition: "",
    release: "?",
  });
  assert.equal(syntaxOf("UNA|^.\\ ~UNB", "edifact").element, "^");
  assert.equal(syntaxOf("UNB+", "edifact").release, "?");
});

const interchanges = [
  [isa + "\nGS*PO*A~\r\n\r\nSE*1~", "x12", ["ISA", "GS", "SE"]],
  ["UNA:+.? '\r\nUNB+X'\r\nFTX+a?'b??'UNZ+1'", "edifact", ["UNA", "UNB", "FTX", "UNZ"]],
  [isa + "ST*850*0001~BEG*00*cut off", "x12", ["ISA", "ST", "BEG"]],
  [isa + "~~", "x12", ["ISA", "", ""]],
  ["UNB+ends in a release?", "edifact", ["UNB"]],
];
for (const [text, kind, tags] of interchanges) {
  test(`segments ${tags.join(" ")} are found, and give the text back byte for byte`, () => {
    const syntax = syntaxOf(text, kind);
    const found = segments(text, syntax);
    assert.deepEqual(
      found.map(({tag}) => tag),
      tags,
    );
    assert.equal(found.map(({tag, rest, end}) => tag + rest + end).join(""), text);
    for (const {rest} of found)
      assert.equal(
        pieces(rest, syntax)
          .map((piece) => piece.text)
          .join(""),
        rest,
      );
  });
}

test("a released delimiter is part of its element", () => {
  const syntax = syntaxOf("UNB+", "edifact");
  assert.deepEqual(
    pieces("+a?+b:c", syntax).map(({text}) => text),
    ["+", "a?+b", ":", "c"],
  );
});

test("laying out JSON changes white space only", () => {
  const source = '{"n": 12345678901234567890.10, "a":[ ],"a":{"b":"x, {y}: \\" z"},"e":[1,{"t":true}]}';
  const out = layoutJson(source);
  assert.equal(out.replace(/\s+/g, ""), source.replace(/\s+/g, ""));
  assert.match(out, /\n  "n": 12345678901234567890\.10,\n/);
  assert.match(out, /"a": \[\],/);
  assert.match(out, /"x, \{y\}: \\" z"/);
});

test("JSON that ends in the middle is laid out as far as it goes", () => {
  assert.equal(layoutJson('{"a":"cut o'), '{\n  "a": "cut o');
});

test("deep nesting costs no more than its length", () => {
  assert.ok(layoutJson("[".repeat(60_000)).length < 60_000 * 90);
});

test("invisible characters are marked and the text is kept", () => {
  const text = "a\tb\u202egnp.exe\r\n\u0000c\ufeff\u200bd";
  const parts = visible(text);
  assert.equal(parts.map((part) => part.text).join(""), text);
  assert.deepEqual(
    parts.filter((part) => part.kind === "mark").map((part) => part.mark),
    ["TAB", "RLO", "CR", "LF", "NUL", "BOM", "ZWSP"],
  );
  assert.equal(parts.find((part) => part.mark === "RLO").title, "U+202E right-to-left override");
});

test("spaces are marked where they count, and only there", () => {
  assert.deepEqual(
    visible("a  b", true).map((part) => part.kind),
    ["plain", "spaces", "plain"],
  );
  assert.deepEqual(
    visible("a  b").map((part) => part.kind),
    ["plain"],
  );
});

test("text is UTF-8 where it can be, and else said to be ISO 8859-1", () => {
  assert.equal(decode({bytes: bytes("abc"), complete: true}).encoding, "ASCII");
  assert.deepEqual(decode({bytes: bytes("Söhne"), complete: true}), {kind: "text", text: "Söhne", encoding: "UTF-8"});
  const latin = decode({bytes: Uint8Array.from([0x53, 0xf6, 0x68]), complete: true});
  assert.equal(latin.text, "Söh");
  assert.match(latin.encoding, /not UTF-8/);
});

test("a window that ends inside a character is still UTF-8", () => {
  const cut = bytes("Sö").subarray(0, 2);
  assert.equal(decode({bytes: cut, complete: false}).text, "S");
  assert.match(decode({bytes: cut, complete: true}).encoding, /not UTF-8/);
});

test("bytes are shown as bytes", () => {
  assert.equal(decode({bytes: Uint8Array.from([1, 0, 2]), complete: true}).kind, "binary");
  assert.equal(decode({bytes: new Uint8Array(), complete: true}).kind, "empty");
  assert.equal(decode({bytes: bytes("ISA\u001d00\u001c"), complete: true}).kind, "x12");
  assert.deepEqual(hexLines(Uint8Array.from([0x41, 0, 0x7f]), 9), [{offset: "000000", hex: "41 00 7f", text: "A.."}]);
});
