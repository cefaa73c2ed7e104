// screens/uses.ts: which settings of which objects name an object: "where used", and what a roll-over has to change.

import {useSignal, type Signal} from "@preact/signals";
import {useEffect} from "preact/hooks";
import {getPage} from "../api";
import type {Item, Json} from "../types";
import {nameOf} from "./kinds";

// Settings that hold the name of another object, and of which kind.
export const references: {[setting: string]: string} = {
  station: "stations",
  partner: "partners",
  connection: "connections",
  calls: "connections",
  flow: "flows",
  script: "scripts",
  schemas: "schemas",
  table: "tables",
  key: "certificates",
  keys: "certificates",
  tls_certificate: "certificates",
  tls_authority: "certificates",
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
    if (inner === name && references[own] === kind) found.push(here.join("."));
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

const USERS = ["stations", "partners", "connections", "flows", "policies", "endpoints", "notifications"];

export async function allObjects(): Promise<{[kind: string]: Item[]}> {
  const pages = await Promise.all(USERS.map((kind) => getPage<Item>(`api/v1/${kind}`)));
  return Object.fromEntries(USERS.map((kind, index) => [kind, pages[index]?.items ?? []]));
}

export function useUses(kind: string, name: string): Signal<Use[] | null> {
  const uses = useSignal<Use[] | null>(null);
  useEffect(() => {
    let left = false;
    allObjects().then(
      (all) => {
        if (!left) uses.value = usesIn(all, kind, name);
      },
      () => undefined,
    );
    return () => {
      left = true;
    };
  }, [kind, name]);
  return uses;
}
