// Two appliances exchange files over AS2: from a directory through a flow, packed, posted, unpacked, and into a directory.

import {test, before, after} from "node:test";
import assert from "node:assert/strict";
import {existsSync, readFileSync} from "node:fs";
import {randomBytes} from "node:crypto";
import {join} from "node:path";
import {until} from "./appliance.lib.mjs";
import {agree, put, twoAppliances} from "./as2.lib.mjs";

let us, them;

before(async () => {
  ({us, them} = await twoAppliances());
});
after(async () => {
  await us?.remove();
  await them?.remove();
});

let number = 0;

// Sends `content` from us to them and waits until it arrived and was receipted; gives the message as we show it.
async function exchange(settings, content, peers = {}) {
  await agree(us, settings);
  await agree(them, peers);
  const name = `file-${++number}.bin`;
  put(us, name, content);
  const sent = await us.message(`${name} was sent`, (m) => m.direction === "out" && m.filename === name && m.status === "completed", 20);
  const path = join(them.directory, "in", name);
  await until(`${name} arrived`, () => existsSync(path));
  assert.ok(readFileSync(path).equals(Buffer.from(content)), `not a byte is changed, but ${readFileSync(path).length} bytes came`);
  return sent;
}

const everyByte = Buffer.concat([Buffer.from([...Array(256).keys()]), Buffer.from("\r\n\n\r--=_x\r\n\n")]);

const packagings = {
  plain: {sign: "none", encrypt: "none"},
  compressed: {sign: "none", encrypt: "none", compress: "zlib"},
  signed: {sign: "sha256", encrypt: "none"},
  "signed, compressed": {sign: "sha384", encrypt: "none", compress: "before-signing"},
  "compressed after signing": {sign: "sha512", encrypt: "none", compress: "after-signing"},
  encrypted: {sign: "none", encrypt: "aes128-cbc"},
  "encrypted, compressed": {sign: "none", encrypt: "aes256-cbc", compress: "zlib"},
  "signed, encrypted": {sign: "sha256", encrypt: "aes256-cbc"},
  "signed, compressed, encrypted": {sign: "sha256", encrypt: "aes256-cbc", compress: "before-signing"},
  "compressed after signing, encrypted": {sign: "sha256", encrypt: "aes192-cbc", compress: "after-signing"},
  "signed with PSS, encrypted with GCM and OAEP": {sign: "sha256", sign_padding: "pss", encrypt: "aes256-gcm", key_transport: "oaep"},
};

for (const [packaging, settings] of Object.entries(packagings)) {
  for (const mdn of ["sync", "async", "none"]) {
    test(`P01-P50, C01: ${packaging}, receipt ${mdn}`, async () => {
      const sent = await exchange({...settings, mdn}, everyByte);
      if (mdn === "none") {
        assert.equal(sent.receipt, undefined);
        return;
      }
      assert.equal(sent.receipt.status, "accepted");
      assert.match(sent.receipt.text, /^accepted, receipt signed with them$/);
    });
  }
}
