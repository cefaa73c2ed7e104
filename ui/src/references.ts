// references.ts: which settings name another object, and where in the configuration one is named.

import type {Item, Json} from "./types";

export function nameOf(item: Item): string {
  const name = item["name"] ?? item["route"] ?? item["user"] ?? item["id"];
  return typeof name === "string" || typeof name === "number" ? String(name) : "?";
}

// Settings that hold the name of another object, and of which kind.
export const references: {[setting: string]: string} = {
  station: "stations",
  partner: "partners",
  partners: "partners",
  connection: "connections",
  calls: "connections",
  flow: "flows",
  policies: "policies",
  script: "scripts",
  schemas: "schemas",
  table: "tables",
  key: "certificates",
  keys: "certificates",
  tls_certificate: "certificates",
  tls_authority: "certificates",
  authorities: "certificates",
  certificate: "certificates",
  certificates: "certificates",
  sign_certificate: "certificates",
  encrypt_certificate: "certificates",
};

export interface Use {
  kind: string;
  name: string;
  setting: string; // "to.connection"
  item: Item;
}

function places(value: Json, kind: string, name: string, path: string[], found: string[]): void {
  if (value === null || typeof value !== "object") return;
  for (const [setting, inner] of Object.entries(value)) {
    const here = Array.isArray(value) ? path : [...path, setting];
    const own = Array.isArray(value) ? (path[path.length - 1] ?? "") : setting;
    const business = own === "key" && path.length > 0; // Deeper down a key is a business key.
    if (inner === name && !business && references[own] === kind) found.push(here.join("."));
    else places(inner, kind, name, here, found);
  }
}

export function usesIn(all: {[kind: string]: Item[]}, kind: string, name: string): Use[] {
  return Object.entries(all).flatMap(([user, items]) =>
    items.flatMap((item) => {
      const found: string[] = [];
      places(item, kind, name, [], found);
      return [...new Set(found)].map((setting) => ({kind: user, name: nameOf(item), setting, item}));
    }),
  );
}
