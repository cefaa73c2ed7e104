// tests/integration/appliance.lib.mjs: an appliance of a test's own, with its data in a temporary directory and ports that are free.

import {spawn, spawnSync} from "node:child_process";
import {mkdtempSync, readFileSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

export const banyan = process.env.BANYAN;

// Until `look` gives something true; what it gives. Fails with `what` after `seconds`.
export async function until(what, look, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`not in ${seconds} s: ${what}${last ? ` (${last.message})` : ""}`);
}

export class Appliance {
  // `directory`: one that was used before; else a new one.
  constructor({directory, environment = {}, program = banyan} = {}) {
    this.directory = directory ?? mkdtempSync(join(tmpdir(), "banyan-test-"));
    this.data = join(this.directory, "data");
    this.program = program;
    this.environment = {
      ...process.env,
      BANYAN_DATA: this.data,
      BANYAN_PUBLIC: "127.0.0.1:0",
      BANYAN_ADMIN: "127.0.0.1:0",
      BANYAN_ADMIN_PASSWORD: "a long enough password",
      ...environment,
    };
    this.log = "";
  }

  async start() {
    rmSync(join(this.data, "admin.url"), {force: true});
    this.log = "";
    this.process = spawn(this.program, ["serve"], {env: this.environment, stdio: ["ignore", "pipe", "pipe"]});
    this.exited = new Promise((done) => this.process.once("exit", (code, signal) => done({code, signal})));
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (bytes) => (this.log += bytes));
    const ended = () => this.process.exitCode !== null || this.process.signalCode !== null;
    await until("the appliance is ready", () => ended() || this.log.includes("] ready")).catch((error) => {
      throw new Error(`${error.message}\n${this.log}`);
    });
    if (ended()) throw new Error(`the appliance ended: ${this.log}`);
    this.public = /^ {2}public {2}(\S+)$/m.exec(this.log)[1];
    this.admin = readFileSync(join(this.data, "admin.url"), "utf8").trim();
    this.key = readFileSync(join(this.data, "admin.key"), "utf8").trim();
    return this;
  }

  async stop(signal = "SIGTERM") {
    if (!this.process) return undefined;
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
    return this.exited;
  }

  async remove() {
    await this.stop();
    rmSync(this.directory, {recursive: true, force: true});
  }

  // One call of the admin API; `body` an object is sent as JSON.
  async api(method, path, body, headers = {}) {
    const plain = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(this.admin + path, {
      method,
      headers: {Authorization: `Bearer ${this.key}`, ...(plain ? {} : {"Content-Type": "application/json"}), ...headers},
      body: plain ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return {status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text};
  }

  async get(path) {
    const answer = await this.api("GET", path);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async apply(estate) {
    const answer = await this.api("POST", "/api/v1/apply", estate);
    if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.changes;
  }

  // A command of the command line against this appliance.
  run(...words) {
    const options = typeof words.at(-1) === "object" ? words.pop() : {};
    const done = spawnSync(this.program, words, {
      env: {...process.env, BANYAN_DATA: this.data, ...options.environment},
      input: options.input,
      encoding: "utf8",
    });
    return {code: done.status, out: done.stdout, err: done.stderr};
  }

  async messages(query = "") {
    return (await this.get(`/api/v1/messages?limit=1000${query}`)).items;
  }

  async events(id) {
    return (await this.get(`/api/v1/messages/${id}/events`)).events;
  }

  async payload(id) {
    return (await this.api("GET", `/api/v1/messages/${id}/payload`)).body;
  }

  // The first message that `fits`, waited for.
  message(what, fits, seconds) {
    return until(what, async () => (await this.messages()).find(fits), seconds).catch(async (error) => {
      const all = (await this.messages()).map((m) => `${m.direction} ${m.status} ${m.connection} ${m.filename} ${m.reason ?? ""}`);
      throw new Error(`${error.message}\n${all.join("\n")}\n${this.log}`);
    });
  }
}

