// Times, sizes and counts; addresses of the page.

import assert from "node:assert/strict";
import test from "node:test";
import {capital, count, duration, localTime, plural, relativeTime, size, utcTime, words} from "../src/format.ts";

globalThis.location = {hash: ""};
globalThis.addEventListener = () => undefined;
globalThis.history = {};
const {link, parse} = await import("../src/router.ts");

test("times are local, with the year where it is not this one", () => {
  const now = new Date(2026, 2, 1, 12, 0, 0);
  assert.equal(localTime(new Date(2026, 1, 3, 4, 5, 6), now), "3 Feb 04:05:06");
  assert.equal(localTime(new Date(2025, 11, 31, 23, 59, 59), now), "31 Dec 2025 23:59:59");
  assert.equal(utcTime(new Date("2026-02-03T04:05:06.007Z")), "2026-02-03 04:05:06.007 UTC");
});

test("distances in time are in one unit", () => {
  const now = new Date("2026-03-01T12:00:00Z");
  assert.equal(relativeTime(new Date("2026-03-01T11:00:01Z"), now), "59 min ago");
  assert.equal(relativeTime(new Date("2026-03-03T12:00:00Z"), now), "in 2 d");
  assert.equal(relativeTime(now, now), "now");
  assert.equal(duration(47 * 3600), "47 h");
});

test("counts and sizes are grouped and have units", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(plural(1, "job"), "1 job");
  assert.equal(plural(0, "job"), "0 jobs");
  assert.equal(size(1023), "1,023 bytes");
  assert.equal(size(1536), "1.5 KiB");
  assert.equal(size(10 * 2 ** 30), "10 GiB");
});

test("names of settings become words", () => {
  assert.equal(words("as2_id"), "AS2 ID");
  assert.equal(words("not_after"), "Not after");
  assert.equal(capital(""), "");
});

test("an address gives its segments back, whatever is in them", () => {
  const path = ["config", "endpoints", "GET /orders/{n}?x#y%z"];
  const back = parse(link(path, {q: "a b&c=d"}));
  assert.deepEqual(back.path, path);
  assert.equal(back.query.get("q"), "a b&c=d");
  assert.deepEqual(parse("#/messages/%zz").path, ["messages", "%zz"]);
  assert.deepEqual(parse("").path, []);
});
