// The language of the search box, and the addresses and parameters that it becomes.

import assert from "node:assert/strict";
import test from "node:test";
import {nextPage, problemOf} from "../src/api.ts";
import {formatSearch, fromAddress, instant, parseSearch, toAddress, toParameters} from "../src/query.ts";

globalThis.document = {baseURI: "http://localhost/"};

const searches = [
  ["partner:acme type:850 status:failed PO4711", {partner: "acme", type: "850", status: "failed", q: "PO4711"}],
  ['partner:"Blue Sky" 4711 4712', {partner: "Blue Sky", q: "4711 4712"}],
  ["STATUS:failed", {status: "failed"}],
  ["color:red", {q: "color:red"}],
  ["status:", {q: "status:"}],
  ["https://as2.acme.example/in", {q: "https://as2.acme.example/in"}],
  ['"exact words"', {q: '"exact words"'}],
  ["", {}],
];
for (const [text, query] of searches) {
  test(`the search "${text}" is understood`, () => assert.deepEqual(parseSearch(text), query));
}

test("a search is the same after it went through the address and back", () => {
  for (const [text] of searches) {
    const query = parseSearch(text);
    assert.deepEqual(fromAddress(toAddress(query)), query);
    assert.deepEqual(parseSearch(formatSearch(query)), query);
  }
});

test("unknown parameters of an address are no filters", () => {
  assert.deepEqual(fromAddress(new URLSearchParams("status=failed&evil=1&after=x")), {status: "failed"});
});

test("moments in words become RFC 3339, and what is no moment is passed on", () => {
  const now = new Date("2026-03-01T12:30:45Z");
  assert.equal(instant("2h", now), "2026-03-01T10:30:00.000Z");
  assert.equal(instant("7d", now), "2026-02-22T12:30:00.000Z");
  assert.equal(instant("2026-02-03", now), new Date(2026, 1, 3).toISOString());
  assert.equal(instant("today", now), new Date(2026, 2, 1).toISOString());
  assert.equal(instant("2026-02-03T04:05:06Z", now), "2026-02-03T04:05:06.000Z");
  assert.equal(instant("next tuesday", now), "next tuesday");
  assert.equal(toParameters({since: "1h", q: "x"}, now).toString(), "since=2026-03-01T11%3A30%3A00.000Z&q=x");
});

const links = [
  ['</api/v1/messages?after=x2&status=failed>; rel="next"', "api/v1/messages?after=x2&status=failed"],
  ['<?after=1>; rel="prev", <?after=3>; rel="next"', "api/v1/messages?after=3"],
  ["<?after=3>; rel=next", "api/v1/messages?after=3"],
  ['<?after=3>; title="x"; rel="prev next"', "api/v1/messages?after=3"],
  ['<https://evil.example/steal?after=3>; rel="next"', "api/v1/messages?after=3"],
  ['<?after=3>; rel="last"', null],
  ["", null],
];
for (const [header, next] of links) {
  test(`the Link header ${header || "(none)"} leads to ${next}`, () =>
    assert.equal(nextPage(header, "api/v1/messages?status=failed"), next));
}

test("a problem speaks with the server's words, and with our own where it has none", () => {
  const told = problemOf(409, {title: "Already running", detail: "Wait for it to end."});
  assert.deepEqual([told.status, told.title, told.detail], [409, "Already running", "Wait for it to end."]);
  assert.match(problemOf(403, null).title, /role/);
  assert.match(problemOf(500, "<html>").title, /500/);
  assert.match(problemOf(0, null).detail, /running/);
});
