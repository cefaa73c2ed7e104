// CR-01, CR-02, FI-10, SF-07, HT-34: whenever and wherever the appliance is killed, what it has acknowledged arrives once.
//
// CRASH_KILLS=N: how many random kills (140); the named points are taken three times each. The points need a build of
// their own (`make CRASH=1`), found beside the other one.

import assert from "node:assert/strict";
import {after, describe, test} from "node:test";
import {spawnSync} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync} from "node:fs";
import {createServer} from "node:http";
import {tmpdir} from "node:os";
import {join} from "node:path";

import {until} from "./appliance.lib.mjs";
import {Load, Victim, descendants, pause, pick, random} from "./crash.lib.mjs";

const kills = Number(process.env.CRASH_KILLS ?? 140);
const roundsAPoint = 3;
const crashBuild = join(process.env.BUILD ?? "build", "crash", "banyan");

const victims = [], loads = [];
after(async () => {
  await Promise.all(loads.map((load) => load.abandon()));
  for (const victim of victims) await victim.remove();
});

function victimOf(options) {
  const victim = new Victim(options);
  victims.push(victim);
  return victim;
}

async function begin(victim, options) {
  const load = new Load(victim, options);
  loads.push(load);
  await victim.start();
  await load.configure();
  load.begin();
  return load;
}

// The end of a campaign: a life in peace, and the four sets.
async function judge(t, load) {
  const {victim} = load;
  if (!victim.alive) await victim.start();
  await load.stop();
  await load.drain();
  t.diagnostic(load.summary());
  assert.deepEqual(load.verdict(), {lost: [], duplicated: [], unexpected: [], refused: []}, victim.log.slice(-3000));
  assert.ok(load.seen.size > 50, "the load was none");
  const stuck = ["failed", "quarantined", "processing", "received"];
  for (const status of stuck) {
    const found = (await victim.admin("GET", `/api/v1/messages?limit=100&status=${status}`)).body.items;
    assert.deepEqual(found.map((m) => `${m.direction} ${m.filename} ${m.status} ${m.reason}`), []);
  }
  assert.equal((await victim.end("SIGTERM")).code, 0, "it ends in order");
}

describe("killed without warning", {concurrency: true}, () => {
  test("CR-01, HT-34: kill -9 at any moment loses nothing and doubles nothing", async (t) => {
    const victim = victimOf();
    const load = await begin(victim);
    for (let i = 0; i < kills; i++) {
      // One in six dies while it starts.
      if (random(6) > 0) await victim.ready;
      await pause(random(300));
      await victim.end();
      await victim.begin();
    }
    if (!(await victim.ready)) assert.fail(victim.log);
    await judge(t, load);
  });

  // What makes a life pass the point, where load alone does not.
  const provoke = {"store.checkpoint.before": "SIGTERM", "store.checkpoint.after": "SIGTERM"};
  const points = [...new Set(sources().flatMap((path) => [...readFileSync(path, "utf8").matchAll(/\bcrash_point\("([^"]+)"\)/g)].map((m) => m[1])))]
    .filter((point) => !point.startsWith("exchange.")) // of AS2: as2-once.mjs
    .sort();

  test("CR-02, FI-10, SF-07: kill -9 at every named point loses nothing and doubles nothing", async (t) => {
    assert.ok(existsSync(crashBuild), `${crashBuild} is missing: make CRASH=1`);
    assert.ok(points.length > 15, "the points are found in the sources");
    const victim = victimOf({program: crashBuild});
    const load = await begin(victim, {large: 0.2});
    await victim.end();
    for (let round = 0; round < roundsAPoint; round++) {
      for (const point of points) {
        const once = point === "store.migrated" || point === "store.epoch.committed" || provoke[point];
        await victim.begin({BANYAN_CRASH: `${point}:${once ? 1 : 1 + random(4)}`});
        if (provoke[point] && (await victim.ready)) {
          await pause(100);
          victim.process.kill(provoke[point]);
        }
        const how = await Promise.race([victim.exited, pause(15000)]);
        assert.equal(how?.signal, "SIGKILL", `${point} is passed: ${JSON.stringify(how)}\n${victim.log}`);
        victim.kills++;
      }
    }
    await judge(t, load);
  });
});

function sources(folder = ".") {
  const all = [];
  for (const top of ["core", "adapters"]) {
    for (const name of readdirSync(join(folder, top), {recursive: true})) {
      if (name.endsWith(".c")) all.push(join(folder, top, name));
    }
  }
  return all;
}

test("kill -9 of workers, and of their parent, costs attempts but no message", async (t) => {
  const victim = victimOf();
  const load = await begin(victim, {senders: 3});
  const killed = {};
  for (let i = 0; i < 30; i++) {
    await pause(100 + random(150));
    const workers = descendants(victim.process.pid);
    // The parent of the workers every tenth time: then the desk ends by itself, to be started anew.
    const nursery = i % 10 === 9;
    const chosen = pick(workers.filter((w) => w.name.startsWith("banyan-") && (w.name === "banyan-nursery") === nursery));
    if (!chosen) continue;
    process.kill(chosen.pid, "SIGKILL");
    killed[chosen.name] = (killed[chosen.name] ?? 0) + 1;
    if (!nursery) continue;
    const how = await Promise.race([victim.exited, pause(10000)]);
    assert.equal(how?.code, 70, "the desk ends when its nursery is gone");
    await victim.start();
  }
  t.diagnostic(JSON.stringify(killed));
  assert.equal(victim.process.exitCode, null, "the desk survives its workers");
  await judge(t, load);
});

test("SIGTERM under load: it ends in time and in order, and nothing is lost", async (t) => {
  const victim = victimOf();
  const load = await begin(victim);
  let slowest = 0;
  for (let i = 0; i < 8; i++) {
    await pause(random(500));
    const asked = Date.now();
    const {code, signal} = await victim.end("SIGTERM");
    slowest = Math.max(slowest, Date.now() - asked);
    assert.deepEqual({code, signal}, {code: 0, signal: null}, victim.log);
    await victim.start();
  }
  t.diagnostic(`slowest end: ${slowest} ms`);
  assert.ok(slowest < 15000, `${slowest} ms`);
  await judge(t, load);
});

// A small file system of its own, or null where nobody may mount.
function mountSmall(t, size) {
  const directory = mkdtempSync(join(tmpdir(), "banyan-full-"));
  const {status, stderr} = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", directory], {encoding: "utf8"});
  t.after(() => {
    if (status === 0) spawnSync("umount", ["--lazy", directory]);
    rmSync(directory, {recursive: true, force: true});
  });
  if (status !== 0) t.skip(`no file system can be mounted here: ${(stderr ?? "").trim()}`);
  return status === 0 ? directory : null;
}

// Leaves `rest` bytes free.
function fill(directory, rest) {
  const {bavail, bsize} = statfsSync(directory);
  const filler = join(directory, "filler");
  spawnSync("fallocate", ["-l", String(bavail * bsize - rest), filler]);
  return filler;
}

test("a full disk refuses intake with 503 before it is acknowledged, serves what it has, and recovers by itself", async (t) => {
  const disk = mountSmall(t, "200m");
  if (!disk) return;
  const victim = victimOf({directory: join(disk, "banyan"), environment: {BANYAN_LIMITS_FREE: "8MiB"}});
  mkdirSync(victim.directory);
  const load = new Load(victim, {senders: 0, droppers: 0});
  loads.push(load);
  await victim.start();
  const estate = load.estate();
  estate.endpoints.push({route: "GET /first/{name}", legacy: {connection: "first", path: "{name}"}, access: "public"});
  // Kept, but not delivered: what is written here is the store's alone.
  estate.connections.push({name: "off", kind: "file", directory: load.folders.dropping, enabled: false});
  estate.endpoints.push({route: "POST /off", legacy: {connection: "off", path: "{filename}"}});
  assert.equal((await victim.admin("POST", "/api/v1/apply", estate)).status, 200);
  load.consuming = false;
  await load.consumer;
  const post = (body) => victim.call("public", "POST", "/off", body);
  const state = async (path) => (await victim.call("admin", "GET", path)).status;
  assert.equal((await post("fits")).status, 202);

  const filler = fill(disk, 4 * 1024 * 1024);
  await pause(10); // What it knows of the disk is no older than that.
  const refused = await post("no room by the rule");
  assert.equal(refused.status, 503);
  assert.match(refused.headers["retry-after"], /^\d+$/);
  assert.equal(await state("/readyz"), 503);
  assert.equal(await state("/healthz"), 200);
  assert.equal(await state("/"), 200, "the admin UI answers");
  writeFileSync(join(load.folders.first, "there.txt"), "there");
  assert.equal((await victim.call("public", "GET", "/first/there.txt")).body, "there", "reading needs no room");
  rmSync(filler);
  assert.equal((await post("fits again")).status, 202);
  assert.equal(await state("/readyz"), 200);

  // Faster than the rule: it is admitted, and then there is no room for it.
  let accepted = 2, turned = 0;
  for (let i = 0; i < 60 && turned < 3; i++) {
    fill(disk, 9 * 1024 * 1024);
    const answers = Promise.all([...Array(12)].map(() => post(Buffer.alloc(900 * 1024, "x"))));
    await pause(2);
    rmSync(filler);
    fill(disk, 0);
    for (const answer of await answers) {
      assert.ok(answer.status === 202 || answer.status === 503, JSON.stringify(answer.body));
      if (answer.status === 202) accepted++;
      else turned++;
    }
    assert.equal(victim.process.exitCode, null, victim.log);
    rmSync(filler);
  }
  await until("it takes requests again", async () => (await post("last")).status === 202);
  const {messages} = (await victim.admin("GET", "/api/v1/stats")).body;
  t.diagnostic(`${accepted} accepted, ${turned} turned away`);
  assert.equal(messages.by_status.processing, accepted + 1);
  assert.equal((await victim.end("SIGTERM")).code, 0);
  await victim.start();
  assert.equal((await victim.admin("GET", "/api/v1/stats")).body.messages.by_status.processing, accepted + 1);
});

test("a delivery that fails while the disk is full is tried again as its policy says, not when its lease ends", async (t) => {
  const disk = mountSmall(t, "200m");
  if (!disk) return;
  let asked = 0, release;
  const held = new Promise((done) => (release = done));
  const partner = createServer((request, answer) => {
    const first = ++asked === 1;
    request.resume().on("end", async () => {
      if (first) await held;
      answer.writeHead(first ? 503 : 200).end();
    });
  });
  await new Promise((done) => partner.listen(0, "127.0.0.1", done));
  t.after(() => partner.close());
  const victim = victimOf({directory: join(disk, "banyan"), environment: {BANYAN_LIMITS_FREE: "8MiB"}});
  mkdirSync(victim.directory);
  await victim.start();
  const applied = await victim.admin("POST", "/api/v1/apply", {
    connections: [{name: "partner", kind: "http", url: `http://127.0.0.1:${partner.address().port}`}],
    endpoints: [{route: "POST /send", legacy: {connection: "partner", path: "in"}, respond: {status: 202}, retry: {first: "100ms", attempts: 3}}],
  });
  assert.equal(applied.status, 200, JSON.stringify(applied.body));
  assert.equal((await victim.call("public", "POST", "/send", "an order")).status, 202);
  await until("the partner is asked", () => asked === 1);
  const filler = join(disk, "filler");
  spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4k"]); // to the last page
  release();
  await until("the disk is found full", () => /the disk is full/.test(victim.log));
  rmSync(filler);
  await until("it is delivered", async () => (await victim.admin("GET", "/api/v1/stats")).body.messages.by_status.completed === 1);
  assert.equal(asked, 2);
});
