// tests/integration/sshd.lib.mjs: a real OpenSSH SFTP server on a free port of the loopback, with keys made on the spot.

import {execFileSync, spawn, spawnSync} from "node:child_process";
import {connect, createServer} from "node:net";
import {cpSync, existsSync, mkdirSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {userInfo} from "node:os";

import {until} from "./appliance.lib.mjs";

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const {port} = server.address();
      server.close(() => done(port));
    });
  });
}

export class Sshd {
  constructor(directory) {
    this.directory = directory;
    this.user = userInfo().username;
    this.userKey = join(directory, "user");
  }

  makeKeys() {
    mkdirSync(this.directory, {recursive: true, mode: 0o700});
    const make = (kind, name, ...more) => execFileSync("ssh-keygen", ["-q", "-t", kind, "-N", "", "-f", join(this.directory, name), ...more]);
    make("ed25519", "host");
    make("ecdsa", "user", "-b", "256", "-m", "PEM");
    cpSync(join(this.directory, "user.pub"), join(this.directory, "authorized_keys"));
    this.fingerprint = execFileSync("ssh-keygen", ["-l", "-f", join(this.directory, "host")], {encoding: "utf8"}).split(" ")[1];
  }

  // On the port of the last start, if there was one.
  async start() {
    if (!existsSync(this.userKey)) this.makeKeys();
    this.port ??= await freePort();
    if (process.getuid() === 0) mkdirSync("/run/sshd", {recursive: true});
    const config = join(this.directory, "sshd_config");
    writeFileSync(config, [
      `Port ${this.port}`, "ListenAddress 127.0.0.1", `HostKey ${this.directory}/host`, `AuthorizedKeysFile ${this.directory}/authorized_keys`,
      "PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password", "PasswordAuthentication no",
      "KbdInteractiveAuthentication no", "Subsystem sftp internal-sftp", "ForceCommand internal-sftp", "LogLevel ERROR", "",
    ].join("\n"));
    this.process = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], {stdio: "ignore"});
    await until("sshd answers", () => new Promise((done, failed) => {
      const socket = connect(this.port, "127.0.0.1", () => done(socket.destroy())).on("error", failed);
    }).then(() => true));
    return this;
  }

  // With every session that it serves: each of them is a process with a group of its own.
  async stop() {
    if (!this.process) return;
    const gone = new Promise((done) => this.process.once("exit", done));
    for (const pid of [...descendants(this.process.pid), this.process.pid]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    await gone;
    this.process = undefined;
  }
}

function descendants(pid) {
  const listed = spawnSync("pgrep", ["-P", String(pid)], {encoding: "utf8"}).stdout.split("\n").filter(Boolean).map(Number);
  return listed.flatMap((child) => [...descendants(child), child]);
}
