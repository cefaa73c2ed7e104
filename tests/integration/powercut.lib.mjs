// tests/integration/powercut.lib.mjs: takes back, after a kill, what a power cut would have taken (see powercut.c).
//
// A page of a file that was written since the file was last synced may be old or new, each by itself; a file's size
// likewise; names whose directory was not synced are there up to some moment, and not after it. `chance` is how likely
// each is taken back: 1 all, 0 none.

import {closeSync, existsSync, ftruncateSync, linkSync, openSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, statSync, unlinkSync, writeSync} from "node:fs";
import {dirname, join} from "node:path";

const PAGE = 4096;

function* records(journal) {
  if (!existsSync(journal)) return; // It was killed before it did anything.
  const bytes = readFileSync(journal);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (at + 4 + length > bytes.length) return; // The kill came in the middle of it.
    const body = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    yield {
      kind: String.fromCharCode(body[0]),
      inode: Number(body.readBigUInt64LE(1)),
      offset: Number(body.readBigUInt64LE(9)),
      size: Number(body.readBigUInt64LE(17)),
      bytes: body.subarray(25),
    };
  }
}

function filesBelow(root) {
  const found = new Map(); // inode → path
  for (const name of readdirSync(root, {recursive: true})) {
    const path = join(root, name);
    const about = statSync(path, {throwIfNoEntry: false});
    if (about?.isFile()) found.set(about.ino, path);
  }
  return found;
}

// What was done and not synced: per inode its writes, and the deeds on names in their order.
function unsynced(journal) {
  const writes = new Map();
  let names = [];
  for (const r of records(journal)) {
    const text = "DCMRU".includes(r.kind) ? r.bytes.toString().split("\0") : [];
    if (r.kind === "W" || r.kind === "T") {
      if (!writes.has(r.inode)) writes.set(r.inode, []);
      writes.get(r.inode).push({offset: r.offset, end: Number(r.bytes.readBigUInt64LE(0)), size: r.size, old: r.bytes.subarray(8)});
    } else if (r.kind === "S") {
      writes.delete(r.inode);
    } else if (r.kind === "D") {
      names = names.filter((deed) => deed.directory !== text[0]);
    } else {
      names.push({kind: r.kind, directory: dirname(text[0]), paths: text});
    }
  }
  return {writes, names};
}

function takeBackPages(path, writes, chance, random) {
  const touched = new Set();
  for (const w of writes) for (let page = Math.floor(w.offset / PAGE); page * PAGE < w.end; page++) touched.add(page);
  const undone = new Set([...touched].filter(() => random() < chance));
  const fd = openSync(path, "r+");
  const now = statSync(path).size, before = writes[0].size;
  for (const w of [...writes].reverse()) {
    for (let page = Math.floor(w.offset / PAGE); page * PAGE < w.end; page++) {
      if (!undone.has(page)) continue;
      const from = Math.max(w.offset, page * PAGE), to = Math.min(w.end, (page + 1) * PAGE);
      const held = w.old.subarray(from - w.offset, Math.max(from - w.offset, Math.min(to - w.offset, w.old.length)));
      const filled = Buffer.alloc(to - from);
      held.copy(filled);
      writeSync(fd, filled, 0, filled.length, from);
    }
  }
  // New pages that are kept need the new size; else it is one or the other.
  ftruncateSync(fd, undone.size === touched.size || random() < chance ? before : now);
  closeSync(fd);
  return undone.size;
}

function takeBackName({kind, paths: [path, second, saved]}) {
  if (kind === "C" && existsSync(path)) unlinkSync(path);
  if (kind === "M" && existsSync(path)) rmdirSync(path);
  if (kind === "U" && second && !existsSync(path)) linkSync(second, path);
  if (kind === "R" && existsSync(second)) {
    renameSync(second, path);
    if (saved) linkSync(saved, second);
  }
}

export function cutPower(root, journal, chance, random = Math.random) {
  const {writes, names} = unsynced(journal);
  const files = filesBelow(root);
  let pages = 0, deeds = 0;
  for (const [inode, list] of writes) {
    if (files.has(inode)) pages += takeBackPages(files.get(inode), list, chance, random);
  }
  // Within a directory names are kept in order: what comes after the first that is lost is lost too.
  const lost = new Set();
  const gone = names.filter((deed) => {
    if (random() < chance) lost.add(deed.directory);
    return lost.has(deed.directory);
  });
  for (const deed of gone.reverse()) {
    try {
      takeBackName(deed);
      deeds++;
    } catch (error) {
      if (error.code !== "ENOTEMPTY") throw error; // A directory whose content was synced is there.
    }
  }
  rmSync(join(root, "banyan.db-shm"), {force: true}); // Memory, not a file.
  rmSync(journal, {force: true});
  rmSync(`${journal}.saved`, {recursive: true, force: true});
  return {pages, deeds};
}
