// Plays captures of what other products sent against an appliance that `banyan apply` alone has configured (Z01). Prints a table.
//
// DIRECTORY/estate is what is applied (certificates that have expired since: accept_expired_until). DIRECTORY/captures.json lists
// {"name", "file": header fields, an empty line and the body, as they were on the wire or with bare LF in the header,
//  "header": another file with the header fields, "set": {field: value, or null to leave it out},
//  "disposition": what must come back, as a regular expression; left out, an empty answer with a 2xx status (receipts)
//  "mic": the value of Received-Content-MIC}.
// Captures belong to whoever made them: none are in this repository.

import {readFileSync} from "node:fs";
import {request} from "node:http";
import {join} from "node:path";

import {Appliance} from "../integration/appliance.lib.mjs";
import {receiptOf, split} from "../integration/as2.lib.mjs";

const directory = process.argv[2];
const hop = /^(host|content-length|transfer-encoding|connection|expect|server|keep-alive)$/i;

// The fields of a head, unfolded, and the bytes behind it.
function parse(raw) {
  const text = raw.toString("latin1"), blank = /\r?\n\r?\n/.exec(text);
  const lines = (blank ? text.slice(0, blank.index) : text).replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  const fields = lines.filter((line) => /^[\w-]+:/.test(line)).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
  return {fields, body: blank ? raw.subarray(blank.index + blank[0].length) : Buffer.alloc(0)};
}

function post(url, fields, body) {
  return new Promise((done, failed) => {
    const call = request(url, {method: "POST", headers: [...fields.flat(), "Host", "capture", "Content-Length", String(body.length)], agent: false}, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => {
        const head = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const bytes = Buffer.concat(pieces);
        done({status: answer.statusCode, type: answer.headers["content-type"] ?? "", size: bytes.length, entity: Buffer.concat([Buffer.from(`${head}\r\n`), bytes])});
      });
    });
    call.on("error", failed);
    call.end(body);
  });
}

async function play(us, capture) {
  const raw = readFileSync(join(directory, capture.file));
  const message = capture.header ? {fields: parse(readFileSync(join(directory, capture.header))).fields, body: raw} : parse(raw);
  const set = Object.entries(capture.set ?? {});
  const kept = message.fields.filter(([name]) => !hop.test(name) && !set.some(([other]) => other.toLowerCase() === name.toLowerCase()));
  const answer = await post(`${us.public}/as2`, [...kept, ...set.filter(([, value]) => value !== null)], message.body);
  if (answer.status < 200 || answer.status > 299) throw new Error(`HTTP status ${answer.status}`);
  if (!capture.disposition) {
    if (answer.size > 0) throw new Error(`an answer of ${answer.size} bytes`);
    return "";
  }
  const receipt = receiptOf(/multipart\/signed/.test(answer.type) ? split(answer.entity).parts[0] : answer.entity);
  const told = `${receipt.disposition} ${receipt["received-content-mic"] ?? ""}`;
  if (!new RegExp(`; ${capture.disposition}$`).test(receipt.disposition)) throw new Error(told);
  if (capture.mic && !receipt["received-content-mic"]?.startsWith(capture.mic)) throw new Error(told);
  return told;
}

const us = await new Appliance().start();
let passed = 0, failed = 0;
try {
  const applied = us.run("apply", join(directory, "estate"), {environment: {BANYAN_URL: us.admin, BANYAN_API_KEY: us.key}});
  if (applied.code !== 0) throw new Error(`banyan apply: ${applied.err}${applied.out}`);
  for (const capture of JSON.parse(readFileSync(join(directory, "captures.json"), "utf8"))) {
    try {
      console.log(`ok      ${capture.name.padEnd(40)} ${await play(us, capture)}`);
      passed++;
    } catch (error) {
      console.log(`FAILED  ${capture.name.padEnd(40)} ${error.message.split("\n")[0]}`);
      failed++;
    }
  }
} finally {
  await us.remove();
}
console.log(`captures: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
