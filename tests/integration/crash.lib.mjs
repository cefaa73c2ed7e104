// tests/integration/crash.lib.mjs: an appliance that is killed again and again, the load on it, and the four sets that tell the truth.
//
// Every payload is unique and can be made again from its name alone. Senders POST them with an Idempotency-Key until the
// outcome is definite; files are renamed into a source; a consumer takes away what appears at the destinations, as a
// legacy system would, so that a second copy is seen as such. Then, as Jepsen's checkers do:
//   lost = acknowledged − seen, duplicated = seen more than once, unexpected = seen but never sent, or with other bytes,
//   recovered = seen though its sender was never told. The first three must be empty.

import {spawn} from "node:child_process";
import {createServer} from "node:net";
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync} from "node:fs";
import {Agent, request} from "node:http";
import {tmpdir} from "node:os";
import {join} from "node:path";

import {banyan, until} from "./appliance.lib.mjs";

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
export const random = (n) => Math.floor(Math.random() * n);
export const pick = (list) => list[random(list.length)];

// A port that nobody has, below those that the kernel gives to clients: while the appliance is down, none of its own
// senders may come to sit on it.
async function freePort() {
  for (;;) {
    const port = 20000 + random(12000);
    const free = await new Promise((done) => {
      const server = createServer();
      server.once("error", () => done(false));
      server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

// The same bytes for the same name, and no other's: the size is the last part of the name.
function contentOf(name) {
  const size = Number(name.split("-").at(-1));
  const line = `${name}\n`;
  return Buffer.from(line.repeat(Math.ceil(size / line.length)).slice(0, Math.max(size, line.length)));
}

// The processes below `pid`, with their names.
export function descendants(pid) {
  const all = [];
  const below = (parent) => {
    let children = "";
    try {
      children = readdirSync(`/proc/${parent}/task`).map((task) => readFileSync(`/proc/${parent}/task/${task}/children`, "utf8")).join(" ");
    } catch {
      return; // It ended under our eyes.
    }
    for (const child of children.split(/\s+/).filter(Boolean).map(Number)) {
      try {
        all.push({pid: child, name: readFileSync(`/proc/${child}/comm`, "utf8").trim()});
      } catch {
        continue;
      }
      below(child);
    }
  };
  below(pid);
  return all;
}

export class Victim {
  constructor({program = banyan, environment = {}, directory} = {}) {
    this.directory = directory ?? mkdtempSync(join(tmpdir(), "banyan-crash-"));
    this.data = join(this.directory, "data");
    this.program = program;
    this.environment = environment;
    this.agent = new Agent({keepAlive: true, maxSockets: 64});
    this.kills = 0;
    this.log = "";
    this.alive = false;
  }

  // Begins a life; `ready` and `exited` are promises, ready gives false when it ended before.
  async begin(environment = {}) {
    this.ports ??= {public: await freePort(), admin: await freePort()};
    this.log = "";
    const child = spawn(this.program, ["serve"], {
      env: {
        ...process.env,
        BANYAN_DATA: this.data,
        BANYAN_PUBLIC: `127.0.0.1:${this.ports.public}`,
        BANYAN_ADMIN: `127.0.0.1:${this.ports.admin}`,
        BANYAN_ADMIN_PASSWORD: "a long enough password",
        ...this.environment,
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    this.exited = new Promise((done) =>
      child.once("exit", (code, signal) => {
        this.alive = false;
        done({code, signal});
      }),
    );
    this.ready = new Promise((done) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (bytes) => {
          this.log = (this.log + bytes).slice(-20000);
          if (!this.alive && this.process === child && this.log.includes("] ready")) {
            this.alive = true;
            this.key = readFileSync(join(this.data, "admin.key"), "utf8").trim();
            done(true);
          }
        });
      }
      this.exited.then(() => done(false));
    });
    return this;
  }

  async start(environment) {
    await this.begin(environment);
    if (!(await this.ready)) throw new Error(`the appliance ended instead of becoming ready:\n${this.log}`);
    return this;
  }

  async end(signal = "SIGKILL") {
    this.process.kill(signal);
    const how = await this.exited;
    if (signal === "SIGKILL") this.kills++;
    return how;
  }

  // One request; rejects when the connection fails in any way.
  call(listener, method, path, body, headers = {}) {
    return new Promise((done, fail) => {
      const options = {host: "127.0.0.1", port: this.ports[listener], method, path, headers, agent: this.agent, timeout: 20000};
      const sent = request(options, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", fail);
        response.on("aborted", () => fail(new Error("aborted")));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const isJson = (response.headers["content-type"] ?? "").includes("json");
          done({status: response.statusCode, headers: response.headers, body: isJson && text ? JSON.parse(text) : text});
        });
      });
      sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} in 20 s`)));
      sent.on("error", fail);
      sent.end(body);
    });
  }

  admin(method, path, body) {
    const headers = {Authorization: `Bearer ${this.key}`, "Content-Type": "application/json"};
    return this.call("admin", method, path, body === undefined ? undefined : JSON.stringify(body), headers);
  }

  async remove() {
    this.agent.destroy();
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) await this.end();
    rmSync(this.directory, {recursive: true, force: true});
  }
}

const OUTSTANDING_MAX = 60;

// The load and its checker.
export class Load {
  constructor(victim, {senders = 6, droppers = 1, large = 0.04, small = 3000} = {}) {
    Object.assign(this, {victim, senders, droppers, large, small});
    this.sent = new Set(); // every name that was ever given to the appliance
    this.acknowledged = new Map(); // name → message id, or "file" when the source took it
    this.seen = new Map(); // name → how often
    this.unexpected = [];
    this.refusals = [];
    this.count = 0;
    this.repeats = 0;
    this.loops = Promise.resolve();
    this.abandoned = false;
    this.running = false;
    this.consuming = true;
    this.folders = {};
    for (const name of ["in", "first", "second", "dropping"]) {
      this.folders[name] = join(victim.directory, name);
      mkdirSync(this.folders[name], {recursive: true});
    }
    this.consumer = this.consume();
  }

  estate() {
    const retry = {first: "100ms", maximum: "500ms", attempts: 500};
    return {
      connections: [
        {name: "in", kind: "file", directory: this.folders.in, poll: "100ms"},
        {name: "first", kind: "file", directory: this.folders.first},
        {name: "second", kind: "file", directory: this.folders.second},
      ],
      flows: [{name: "copy", from: {connection: "in"}, to: [{connection: "first", path: "{filename}"}], retry}],
      endpoints: [
        {route: "POST /first/{name}", legacy: {connection: "first", path: "{name}"}, retry},
        {route: "POST /second/{name}", legacy: {connection: "second", path: "{name}"}, retry},
      ],
    };
  }

  async configure() {
    const answer = await this.victim.admin("POST", "/api/v1/apply", this.estate());
    if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  newName(kind) {
    const size = Math.random() < this.large ? 66000 + random(150000) : 20 + random(this.small);
    const name = `${kind}-${this.count++}-${size}`;
    this.sent.add(name);
    return name;
  }

  outstanding() {
    return this.acknowledged.size - this.seen.size;
  }

  begin() {
    this.running = true;
    const loops = [];
    for (let i = 0; i < this.senders; i++) loops.push(this.send(i === 0));
    for (let i = 0; i < this.droppers; i++) loops.push(this.drop());
    this.loops = Promise.all(loops);
  }

  // No new payloads; those under way are sent until their outcome is definite, which may take more lives.
  async stop() {
    this.running = false;
    await this.loops;
  }

  // `forgetful`: sends without a key and never again, so that what it was not told is left open.
  async send(forgetful) {
    while (this.running) {
      if (this.outstanding() > OUTSTANDING_MAX || !this.victim.alive) {
        await pause(15);
        continue;
      }
      const name = this.newName(forgetful ? "once" : "post");
      const answer = await this.post(name, forgetful);
      if (answer) this.acknowledged.set(name, answer.body.id);
      if (answer && !forgetful && Math.random() < 0.1) await this.repeat(name);
      await pause(random(20));
    }
  }

  async post(name, once = false) {
    const path = `/${Number(name.split("-")[1]) % 2 ? "first" : "second"}/${name}`;
    const headers = once ? {} : {"Idempotency-Key": `"${name}"`};
    while (!this.abandoned) {
      try {
        const answer = await this.victim.call("public", "POST", path, contentOf(name), headers);
        if (answer.status === 202) return answer;
        if (answer.status !== 503) this.refusals.push(`${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
        if (answer.status !== 503 || once) return null;
      } catch {
        if (once) return null;
      }
      await pause(20 + random(30));
    }
    return null;
  }

  // HT-34: what was accepted is accepted again as the same message, by a later life too.
  async repeat(name) {
    await pause(random(600));
    const answer = await this.post(name);
    if (!answer) return;
    this.repeats++;
    if (answer.body.id !== this.acknowledged.get(name) || answer.headers["idempotent-replayed"] !== "true")
      this.unexpected.push(`${name}: first message ${this.acknowledged.get(name)}, then ${answer.body.id}`);
  }

  async drop() {
    while (this.running) {
      if (this.outstanding() <= OUTSTANDING_MAX) {
        const name = this.newName("file");
        writeFileSync(join(this.folders.dropping, name), contentOf(name));
        renameSync(join(this.folders.dropping, name), join(this.folders.in, name));
        this.acknowledged.set(name, "file");
      }
      await pause(30 + random(60));
    }
  }

  async consume() {
    while (this.consuming) {
      for (const folder of [this.folders.first, this.folders.second]) this.take(folder);
      await pause(20);
    }
  }

  take(folder) {
    for (const name of readdirSync(folder)) {
      if (name.startsWith(".")) continue;
      const path = join(folder, name);
      const content = readFileSync(path);
      unlinkSync(path);
      if (!this.sent.has(name)) this.unexpected.push(`${name}: never sent`);
      else if (!content.equals(contentOf(name))) this.unexpected.push(`${name}: ${content.length} other bytes`);
      this.seen.set(name, (this.seen.get(name) ?? 0) + 1);
    }
  }

  // Until the appliance has nothing more to do and the consumer has taken everything.
  async drain(seconds = 60) {
    const idle = async () => {
      const {jobs} = (await this.victim.admin("GET", "/api/v1/stats")).body;
      const waiting = readdirSync(this.folders.in).filter((name) => !name.startsWith("."));
      return jobs.ready + jobs.waiting + jobs.leased === 0 && waiting.length === 0 && this.lost().length === 0;
    };
    await until("the queue is empty", idle, seconds).catch(() => {}); // What is missing then is told as lost.
    await pause(200);
    this.consuming = false;
    await this.consumer;
    for (const folder of [this.folders.first, this.folders.second]) this.take(folder);
  }

  // Whatever became of the test: nothing of it goes on.
  async abandon() {
    this.abandoned = true;
    this.consuming = false;
    await this.stop();
    await this.consumer;
  }

  lost() {
    return [...this.acknowledged.keys()].filter((name) => !this.seen.has(name));
  }

  verdict() {
    const some = (list) => (list.length > 20 ? [...list.slice(0, 20), `and ${list.length - 20} more`] : list);
    return {
      lost: some(this.lost()),
      duplicated: some([...this.seen].filter(([, times]) => times > 1).map(([name, times]) => `${name} (${times})`)),
      unexpected: some(this.unexpected),
      refused: some(this.refusals),
    };
  }

  summary() {
    const recovered = [...this.seen.keys()].filter((name) => !this.acknowledged.has(name)).length;
    return `${this.victim.kills} kills, ${this.sent.size} sent, ${this.acknowledged.size} acknowledged, ${this.seen.size} seen, ${recovered} recovered, ${this.repeats} repeated`;
  }
}
