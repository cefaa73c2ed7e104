// CR-03: the power goes at any moment: what no fsync covers is lost, and still nothing that was acknowledged is.
//
// POWER_CUTS=N: how many (30). Every cut takes back what kill -9 leaves to the kernel: pages and names that were not synced,
// all of them in one cut of three, each with some chance in the others.

import assert from "node:assert/strict";
import {after, test} from "node:test";
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync} from "node:fs";
import {spawnSync} from "node:child_process";
import {tmpdir} from "node:os";
import {join, resolve} from "node:path";

import {Load, Victim, pause, pick, random} from "./crash.lib.mjs";
import {cutPower} from "./powercut.lib.mjs";

const cuts = Number(process.env.POWER_CUTS ?? 30);
const library = resolve(process.env.BUILD ?? "build", "tests", "powercut.so");
// A sanitizer's runtime must be the first library of a process.
const skip = /san-/.test(process.env.BUILD ?? "") ? "not under sanitizers" : false;

const victims = [], loads = [];
after(async () => {
  await Promise.all(loads.map((load) => load.abandon()));
  for (const victim of victims) await victim.remove();
});

test("the layer takes back what was not synced, and nothing that was", {skip}, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "banyan-cut-"));
  t.after(() => rmSync(directory, {recursive: true, force: true}));
  const root = join(directory, "root"), journal = join(directory, "journal");
  mkdirSync(root);
  writeFileSync(join(root, "there"), "a".repeat(10000));
  // Two files are written; one is synced, with its directory in between.
  const script = `
    const fs = require("fs");
    const put = (name, text, flags) => { const fd = fs.openSync(${JSON.stringify(root)} + "/" + name, flags); fs.writeSync(fd, text, 0); return fd; };
    const kept = put("kept", "kept", "w"); fs.fsyncSync(kept);
    const d = fs.openSync(${JSON.stringify(root)}, "r"); fs.fsyncSync(d);
    put("lost", "lost", "w");
    put("there", "b".repeat(5000), "r+");
    fs.renameSync(${JSON.stringify(root)} + "/kept", ${JSON.stringify(root)} + "/renamed");
    process.kill(process.pid, "SIGKILL");`;
  const env = {...process.env, LD_PRELOAD: library, POWERCUT_ROOT: root, POWERCUT_JOURNAL: journal};
  assert.equal(spawnSync(process.execPath, ["-e", script], {env}).signal, "SIGKILL");
  const back = cutPower(root, journal, 1);
  assert.ok(back.pages >= 2 && back.deeds === 2, JSON.stringify(back));
  assert.equal(readFileSync(join(root, "kept"), "utf8"), "kept");
  assert.ok(!existsSync(join(root, "lost")) && !existsSync(join(root, "renamed")));
  assert.equal(readFileSync(join(root, "there"), "utf8"), "a".repeat(10000));
});

test("CR-03: a power cut at any moment loses nothing that was acknowledged and doubles nothing", {skip}, async (t) => {
  const victim = new Victim();
  victims.push(victim);
  const journal = join(victim.directory, "journal");
  const watched = {LD_PRELOAD: library, POWERCUT_ROOT: victim.data, POWERCUT_JOURNAL: journal};
  const load = new Load(victim, {large: 0.15});
  loads.push(load);
  await victim.start(watched);
  await load.configure();
  load.begin();
  let pages = 0, deeds = 0;
  for (let i = 0; i < cuts; i++) {
    if (random(5) > 0) await victim.ready;
    await pause(random(600));
    await victim.end();
    const back = cutPower(victim.data, journal, pick([1, 0.5, 0.2]));
    pages += back.pages;
    deeds += back.deeds;
    await victim.begin(watched);
  }
  if (!(await victim.ready)) assert.fail(victim.log);
  await load.stop();
  await load.drain();
  t.diagnostic(`${load.summary()}; taken back: ${pages} pages, ${deeds} names`);
  assert.deepEqual(load.verdict(), {lost: [], duplicated: [], unexpected: [], refused: []}, victim.log.slice(-3000));
  assert.ok(load.seen.size > 50, "the load was none");
  assert.ok(pages > cuts && deeds > 0, "nothing was taken back");
  assert.equal((await victim.end("SIGTERM")).code, 0);
});
