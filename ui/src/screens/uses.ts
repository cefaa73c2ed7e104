// screens/uses.ts: which settings of which objects name an object: "where used", and what a roll-over has to change.

import {useSignal, type Signal} from "@preact/signals";
import {useEffect} from "preact/hooks";
import {getPage} from "../api";
import {usesIn, type Use} from "../references";
import type {Item} from "../types";

export {references, usesIn, type Use} from "../references";

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
