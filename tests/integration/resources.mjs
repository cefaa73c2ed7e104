// Files as resources: listed, read in parts, and written while the caller waits, with tags that keep two writers apart. On a directory and on a real
// SFTP server.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";
import {createHash} from "node:crypto";
import {existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {Appliance} from "./appliance.lib.mjs";
import {Sshd} from "./sshd.lib.mjs";

const us = new Appliance();
const folder = join(us.directory, "files");
const remote = join(us.directory, "remote");
let sshd;

const put = (path, text, age = 60) => {
  writeFileSync(path, text);
  const when = Date.now() / 1000 - age;
  utimesSync(path, when, when);
};
const tagOf = (text) => `"${createHash("sha256").update(text).digest("hex")}"`;

before(async () => {
  mkdirSync(folder, {recursive: true});
  mkdirSync(remote, {recursive: true});
  mkdirSync(join(folder, "sub"));
  sshd = await new Sshd(join(us.directory, "ssh")).start();
  for (let i = 0; i < 25; i++) put(join(folder, `f${String(i).padStart(2, "0")}.txt`), "x".repeat(i), 1000 - i);
  put(join(folder, "letters.txt"), "abcdefghijklmnopqrstuvwxyz");
  put(join(folder, "sub", "deep.txt"), "deep");
  put(join(remote, "letters.txt"), "abcdefghijklmnopqrstuvwxyz");
  await us.start();
  await us.apply({
    certificates: [{name: "us-ssh", private_key: readFileSync(sshd.userKey, "utf8")}],
    connections: [
      {name: "files", kind: "file", directory: folder, stable: "0s"},
      {name: "remote", kind: "sftp", host: "127.0.0.1", port: sshd.port, user: sshd.user, key: "us-ssh", host_key: sshd.fingerprint, directory: remote, stable: "0s"},
    ],
    endpoints: ["files", "remote"].flatMap((name) => ["GET", "PUT", "DELETE"].map((method) => (
      {route: `${method} /${name}/{path...}`, access: "public", legacy: {connection: name, path: "{path...}", if_exists: "replace"}, files: {list: true, put: "now"}}))).concat([
      {route: "PUT /careful/{name}", access: "public", legacy: {connection: "files", path: "{name}"}, files: {put: "now", conditional: true}},
      {route: "PUT /kept/{name}", access: "public", legacy: {connection: "files", path: "{name}", if_exists: "fail"}, files: {put: "now"}},
      {route: "GET /closed/{path...}", access: "public", legacy: {connection: "files", path: "{path...}"}},
    ]),
  });
});
after(async () => {
  await sshd?.stop();
  await us.remove();
});

async function ask(method, path, headers = {}, body) {
  const answer = await fetch(us.public + path, {method, headers, body});
  const text = await answer.text();
  const json = (answer.headers.get("content-type") ?? "").includes("json");
  return {status: answer.status, get: (name) => answer.headers.get(name), body: json && text ? JSON.parse(text) : text};
}

for (const where of ["files", "remote"]) {
  test(`${where}: what is read has a tag and a date, and is not sent again to who has it`, async () => {
    const whole = await ask("GET", `/${where}/letters.txt`);
    assert.equal(whole.status, 200);
    assert.equal(whole.get("etag"), tagOf("abcdefghijklmnopqrstuvwxyz"));
    assert.equal(whole.get("accept-ranges"), "bytes");
    assert.ok(Date.parse(whole.get("last-modified")) < Date.now() - 50000);
    for (const headers of [{"If-None-Match": whole.get("etag")}, {"If-None-Match": `"x", W/${whole.get("etag")}`}, {"If-None-Match": "*"}, {"If-Modified-Since": whole.get("last-modified")}]) {
      const kept = await ask("GET", `/${where}/letters.txt`, headers);
      assert.equal(kept.status, 304, JSON.stringify(headers));
      assert.equal(kept.body, "");
      assert.equal(kept.get("etag"), whole.get("etag"));
    }
    const old = new Date(Date.parse(whole.get("last-modified")) - 5000).toUTCString();
    for (const headers of [{"If-None-Match": '"x"'}, {"If-Modified-Since": old}, {"If-Modified-Since": "yesterday"}, {"If-None-Match": '"x"', "If-Modified-Since": whole.get("last-modified")}])
      assert.equal((await ask("GET", `/${where}/letters.txt`, headers)).status, 200, JSON.stringify(headers));
    assert.equal((await ask("GET", `/${where}/letters.txt`, {"If-Match": '"x"'})).status, 412);
    assert.equal((await ask("GET", `/${where}/letters.txt`, {"If-Unmodified-Since": old})).status, 412);
    assert.equal((await ask("GET", `/${where}/none.txt`)).status, 404);
  });

  test(`${where}: parts are sent by range`, async () => {
    const tag = tagOf("abcdefghijklmnopqrstuvwxyz");
    const rows = [
      ["bytes=0-2", 206, "abc", "bytes 0-2/26"], ["bytes=23-", 206, "xyz", "bytes 23-25/26"], ["bytes=-2", 206, "yz", "bytes 24-25/26"],
      ["bytes=-100", 206, "abcdefghijklmnopqrstuvwxyz", "bytes 0-25/26"], ["bytes=25-99", 206, "z", "bytes 25-25/26"],
      ["bytes=26-", 416, undefined, "bytes */26"], ["bytes=-0", 416, undefined, "bytes */26"],
      ["bytes=2-1", 200], ["bytes=a-b", 200], ["bytes=", 200], ["lines=1-2", 200], ["bytes=0-1,3-4", 200], ["bytes=99999999999999999999-", 200],
    ];
    for (const [range, status, body, told] of rows) {
      const part = await ask("GET", `/${where}/letters.txt`, {Range: range});
      assert.equal(part.status, status, range);
      if (body !== undefined) assert.equal(part.body, body, range);
      if (told) assert.equal(part.get("content-range"), told, range);
    }
    assert.equal((await ask("GET", `/${where}/letters.txt`, {Range: "bytes=0-2", "If-Range": tag})).status, 206);
    assert.equal((await ask("GET", `/${where}/letters.txt`, {Range: "bytes=0-2", "If-Range": '"old"'})).status, 200);
  });

  test(`${where}: a file larger than what is held in memory is read whole, in parts, and replaced by who has read it`, async () => {
    const there = join(where === "files" ? folder : remote, "large.bin");
    const bytes = Buffer.alloc(12 * 1024 * 1024 + 17);
    for (let i = 0; i < bytes.length; i += 4093) bytes.writeUInt8((i * 7) & 255, i);
    put(there, bytes);
    const whole = await fetch(`${us.public}/${where}/large.bin`);
    assert.equal(whole.status, 200, await (whole.ok ? "" : whole.text()));
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
    assert.equal(whole.headers.get("etag"), tagOf(bytes));
    assert.equal(Number(whole.headers.get("content-length")), bytes.length);
    const part = await fetch(`${us.public}/${where}/large.bin`, {headers: {Range: "bytes=-5", "If-Range": tagOf(bytes)}});
    assert.deepEqual([part.status, part.headers.get("content-range")], [206, `bytes ${bytes.length - 5}-${bytes.length - 1}/${bytes.length}`]);
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(-5)));
    assert.equal((await ask("GET", `/${where}/large.bin`, {Range: `bytes=${bytes.length}-`})).status, 416);
    assert.equal((await ask("GET", `/${where}/large.bin`, {"If-None-Match": tagOf(bytes)})).status, 304);
    const head = await fetch(`${us.public}/${where}/large.bin`, {method: "HEAD"});
    assert.deepEqual([head.status, Number(head.headers.get("content-length"))], [200, bytes.length]);
    assert.equal((await ask("PUT", `/${where}/large.bin`, {"If-Match": '"another"'}, "x")).status, 412);
    assert.equal((await ask("PUT", `/${where}/large.bin`, {"If-Match": tagOf(bytes)}, "small now")).status, 204);
    assert.equal(readFileSync(there, "utf8"), "small now");
    rmSync(there);
  });

  test(`${where}: a PUT is stored before it is answered, and two writers do not overwrite each other`, async () => {
    const made = await ask("PUT", `/${where}/new.txt`, {}, "one");
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.get("location"), `/${where}/new.txt`);
    const there = where === "files" ? folder : remote;
    assert.equal(readFileSync(join(there, "new.txt"), "utf8"), "one");
    assert.equal(made.get("etag"), tagOf("one"));
    const changed = await ask("PUT", `/${where}/new.txt`, {"If-Match": made.get("etag")}, "two");
    assert.equal(changed.status, 204);
    assert.equal((await ask("PUT", `/${where}/new.txt`, {"If-Match": made.get("etag")}, "three")).status, 412, "the tag is old");
    assert.equal((await ask("PUT", `/${where}/new.txt`, {"If-None-Match": "*"}, "three")).status, 412, "it is there");
    assert.equal((await ask("PUT", `/${where}/absent.txt`, {"If-Match": "*"}, "x")).status, 412, "it is not there");
    assert.equal(readFileSync(join(there, "new.txt"), "utf8"), "two");
    assert.equal((await ask("GET", `/${where}/new.txt`)).get("etag"), changed.get("etag"));
    const large = "y".repeat(500000);
    assert.equal((await ask("PUT", `/${where}/new.txt`, {}, large)).status, 204);
    assert.equal((await ask("GET", `/${where}/new.txt`)).body, large);
    assert.equal((await ask("DELETE", `/${where}/new.txt`, {"If-Match": tagOf("two")})).status, 412);
    assert.equal((await ask("DELETE", `/${where}/new.txt`, {"If-Match": tagOf(large)})).status, 204);
    assert.ok(!existsSync(join(there, "new.txt")));
    assert.equal((await ask("DELETE", `/${where}/new.txt`, {"If-Match": "*"})).status, 412);
  });
}

test("where it is asked for, a PUT says what it replaces", async () => {
  const refused = await ask("PUT", "/careful/c.txt", {}, "x");
  assert.equal(refused.status, 428);
  assert.equal((await ask("PUT", "/careful/c.txt", {"If-None-Match": "*"}, "x")).status, 201);
  rmSync(join(folder, "c.txt"));
});

test("what is there is kept where the endpoint says so, and replaced where the caller knows of another version", async () => {
  assert.equal((await ask("PUT", "/kept/kept.txt", {}, "first")).status, 201);
  const again = await ask("PUT", "/kept/kept.txt", {}, "second");
  assert.deepEqual([again.status, again.body.type], [409, "/problems/conflict"]);
  assert.equal((await ask("GET", "/files/kept.txt")).body, "first");
  assert.equal((await ask("PUT", "/files/kept.txt", {"If-None-Match": '"another"'}, "third")).status, 204);
  assert.equal((await ask("PUT", "/files/kept.txt", {"If-None-Match": "*"}, "fourth")).status, 412);
  assert.equal((await ask("GET", "/files/kept.txt")).body, "third");
});

test("a listing is filtered, sorted and paged, and says where it goes on", async () => {
  const all = await ask("GET", "/files/?name=f*");
  assert.equal(all.status, 200);
  assert.equal(all.body.items.length, 25);
  assert.deepEqual(Object.keys(all.body.items[0]).sort(), ["modified", "name", "size"]);
  const names = (answer) => answer.body.items.map((one) => one.name);
  assert.deepEqual(names(await ask("GET", "/files/?name=f*&limit=3&sort=-size")), ["f24.txt", "f23.txt", "f22.txt"]);
  assert.deepEqual(names(await ask("GET", "/files/?name=f*&limit=2&sort=modified")), ["f00.txt", "f01.txt"]);
  assert.deepEqual(names(await ask("GET", "/files/?name=f*&larger_than=22")), ["f23.txt", "f24.txt"]);
  assert.deepEqual(names(await ask("GET", "/files/?name=f*&smaller_than=2")), ["f00.txt", "f01.txt"]);
  const border = all.body.items[20].modified;
  assert.equal((await ask("GET", `/files/?name=f*&modified_since=${border}`)).body.items.length, 5);
  assert.equal((await ask("GET", `/files/?name=f*&modified_before=${border}`)).body.items.length, 20);
  for (const bad of ["limit=0", "limit=1001", "limit=x", "sort=date", "cursor=!!", "cursor=YQ", "modified_since=soon", "larger_than=-1"])
    assert.equal((await ask("GET", `/files/?${bad}`)).status, 400, bad);
  const empty = await ask("GET", "/files/?name=nothing");
  assert.deepEqual(empty.body.items, []);
  assert.equal((await ask("GET", "/files/", {"If-None-Match": (await ask("GET", "/files/")).get("etag")})).status, 304, "unchanged");
});

test("A16: pages neither repeat nor miss what stays, while files come and go", async () => {
  const seen = [];
  let address = "/files/?name=f*&limit=4";
  for (let page = 0; address; page++) {
    const answer = await ask("GET", address);
    assert.equal(answer.status, 200);
    seen.push(...answer.body.items.map((one) => one.name));
    put(join(folder, `f0${page}-new.txt`), "new");
    if (page === 2) rmSync(join(folder, "f11.txt"));
    const link = answer.get("link");
    assert.equal(Boolean(link), Boolean(answer.body.next));
    address = link ? /^<([^>]*)>; rel="next"$/.exec(link)[1] : undefined;
    assert.ok(page < 30);
  }
  assert.equal(new Set(seen).size, seen.length, "none twice");
  for (let i = 0; i < 25; i++) if (i !== 11) assert.ok(seen.includes(`f${String(i).padStart(2, "0")}.txt`), `f${i}`);
});

test("a folder below, and nothing above, is reached; listing is off unless it is asked for", async () => {
  assert.equal((await ask("GET", "/files/sub/deep.txt")).body, "deep");
  for (const path of ["/files/..%2f..%2fetc/passwd", "/files/%2e%2e/x", "/files/sub/.%2e/.%2e/x"]) assert.ok([400, 404].includes((await ask("GET", path)).status), path);
  assert.equal((await ask("GET", "/closed/")).status, 404);
  assert.equal((await ask("PUT", `/files/${"n".repeat(300)}`, {}, "x")).status, 404);
});
