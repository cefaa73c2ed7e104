// tests/integration/vsftpd.lib.mjs: a real FTP server (vsftpd) on a free port of the loopback, with a certificate made on the spot.
//
// It serves its anonymous user alone, who has to know a password, as whoever runs the tests: no account of this machine is needed.

import {execFileSync, spawn} from "node:child_process";
import {connect, createServer} from "node:net";
import {existsSync, mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";

import {until} from "./appliance.lib.mjs";

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const {port} = server.address();
      server.close(() => done(port));
    });
  });
}

export class Vsftpd {
  // `tls`: "explicit", "implicit" or "none".
  constructor(directory, tls) {
    this.directory = directory;
    this.tls = tls;
    this.user = "anonymous";
    this.password = "a-password@example.org";
    this.files = join(directory, "root", "files"); // what clients see as "files"
  }

  makeCertificate() {
    const [key, certificate] = [join(this.directory, "key.pem"), join(this.directory, "certificate.pem")];
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-keyout", key, "-out", certificate,
      "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], {stdio: "ignore"});
    this.certificate = readFileSync(certificate, "utf8");
    const publicKey = execFileSync("sh", ["-c", `openssl x509 -in ${certificate} -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`], {encoding: "utf8"});
    this.pin = `sha256//${publicKey.trim()}`;
  }

  async start() {
    if (!existsSync(this.files)) mkdirSync(this.files, {recursive: true});
    if (!this.certificate) this.makeCertificate();
    mkdirSync(join(this.directory, "empty"), {recursive: true});
    this.port ??= await freePort();
    writeFileSync(join(this.directory, "passwords"), `${this.password}\n`);
    const config = join(this.directory, "vsftpd.conf");
    const encrypted = [
      "ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_logins_ssl=YES", "force_anon_data_ssl=YES", "require_ssl_reuse=YES", "ssl_ciphers=HIGH",
      `rsa_cert_file=${this.directory}/certificate.pem`, `rsa_private_key_file=${this.directory}/key.pem`, ...(this.tls === "implicit" ? ["implicit_ssl=YES"] : []),
    ];
    writeFileSync(config, [
      "listen=YES", "listen_ipv6=NO", "background=NO", "listen_address=127.0.0.1", `listen_port=${this.port}`, "run_as_launching_user=YES", "seccomp_sandbox=NO",
      `secure_chroot_dir=${this.directory}/empty`, "anonymous_enable=YES", "local_enable=NO", `anon_root=${this.directory}/root`, "write_enable=YES",
      "anon_upload_enable=YES", "anon_mkdir_write_enable=YES", "anon_other_write_enable=YES", "anon_world_readable_only=NO", "anon_umask=022",
      "secure_email_list_enable=YES", `email_password_file=${this.directory}/passwords`, "xferlog_enable=NO", "pasv_address=127.0.0.1", "use_localtime=NO",
      ...(this.tls === "none" ? [] : encrypted), "",
    ].join("\n"));
    this.process = spawn("/usr/sbin/vsftpd", [config], {stdio: ["ignore", "pipe", "pipe"]});
    this.said = "";
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (bytes) => (this.said += bytes));
    await until(`vsftpd answers ${this.said}`, () => new Promise((done, failed) => {
      const socket = connect(this.port, "127.0.0.1", () => done(socket.destroy())).on("error", failed);
    }).then(() => true));
    return this;
  }

  async stop() {
    if (!this.process) return;
    const gone = new Promise((done) => this.process.once("exit", done));
    this.process.kill("SIGKILL");
    await gone;
    this.process = undefined;
  }
}
