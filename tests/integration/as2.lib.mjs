// tests/integration/as2.lib.mjs: keys, estates and raw requests for tests of AS2.

import {spawnSync} from "node:child_process";
import {mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {Appliance} from "./appliance.lib.mjs";

export function openssl(directory, ...words) {
  const done = spawnSync("openssl", words, {cwd: directory, maxBuffer: 1 << 28});
  if (done.status !== 0) throw new Error(`openssl ${words.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

// A key and a certificate of that name in `directory`; {key, certificate} as PEM.
export function makeKey(directory, name, {algorithm = "rsa:2048", days = 30} = {}) {
  mkdirSync(directory, {recursive: true});
  const made = algorithm.startsWith("ec") ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] : ["-newkey", algorithm];
  openssl(directory, "req", "-x509", ...made, "-nodes", "-subj", `/CN=${name}`, "-days", String(days), "-keyout", `${name}.key`, "-out", `${name}.crt`);
  return {
    key: readFileSync(join(directory, `${name}.key`), "utf8"),
    certificate: readFileSync(join(directory, `${name}.crt`), "utf8"),
  };
}

// Two appliances that know each other: `us` and `them`. `connection` is added to both ends' settings.
export async function twoAppliances() {
  const us = await new Appliance().start();
  const them = await new Appliance().start();
  const keys = {us: makeKey(us.directory, "us"), them: makeKey(us.directory, "them")};
  const side = async (own, other, name, otherName, as2, otherAs2) => {
    const folder = (part) => {
      mkdirSync(join(own.directory, part), {recursive: true});
      return join(own.directory, part);
    };
    await own.apply({
      certificates: [
        {name, certificate: keys[name].certificate, private_key: keys[name].key},
        {name: otherName, certificate: keys[otherName].certificate},
      ],
      stations: [{name, as2_id: as2, key: name}],
      partners: [{name: otherName, as2_id: otherAs2, certificates: [otherName]}],
      connections: [
        {name: "peer", kind: "as2", station: name, partner: otherName, url: `${other.public}/as2`},
        {name: "out", kind: "file", directory: folder("out"), poll: "1s", stable: "0s"},
        {name: "in", kind: "file", directory: folder("in")},
      ],
      flows: [
        {name: "send", from: {connection: "out"}, to: [{connection: "peer"}]},
        {name: "receive", from: {connection: "peer"}, to: [{connection: "in", path: "{filename}", if_exists: "replace"}]},
      ],
    });
  };
  await side(us, them, "us", "them", "US Company", "THEM");
  await side(them, us, "them", "us", "THEM", "US Company");
  return {us, them, keys};
}

// The settings of `peer` on one side, the rest of the estate staying as it is.
export async function agree(own, settings) {
  const all = (await own.get("/api/v1/connections")).items;
  const {health: _, ...before} = all.find((c) => c.name === "peer");
  const kept = Object.fromEntries(["name", "kind", "station", "partner", "url"].map((key) => [key, before[key]]));
  await own.apply({connections: [{...kept, ...settings}]});
}

export function put(own, name, content) {
  writeFileSync(join(own.directory, "out", `.${name}`), content);
  writeFileSync(join(own.directory, "out", name), content);
}
