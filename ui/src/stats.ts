// stats.ts: the appliance's figures, looked at once for the whole page: the rail's counters and the overview share them.

import {computed, effect, signal} from "@preact/signals";
import {asProblem, get, session, type Problem} from "./api";
import {subscribe} from "./live";
import type {Stats} from "./types";

const EVERY_MS = 30_000;
const SETTLE_MS = 1_500;

export const stats = {
  data: signal<Stats | null>(null),
  problem: signal<Problem | null>(null),
  at: signal<Date | null>(null),
};

export interface Needs {
  failed: number;
  quarantined: number;
  overdue: number;
  dead: number;
  cutOff: number; // Back-ends whose breaker is open.
  total: number;
}

export const needs = computed<Needs>(() => {
  const figures = stats.data.value;
  const failed = figures?.messages?.by_status?.["failed"] ?? 0;
  const quarantined = figures?.messages?.by_status?.["quarantined"] ?? 0;
  const overdue = figures?.acknowledgements?.overdue ?? 0;
  const dead = figures?.jobs?.dead ?? 0;
  // A job that was given up has its message among the failed: counting both would count one thing twice.
  const cutOff = Object.values(figures?.back_ends ?? {}).filter((behind) => behind.breaker !== "closed").length;
  return {failed, quarantined, overdue, dead, cutOff, total: failed + quarantined + overdue + cutOff};
});

export async function lookAtStats(): Promise<void> {
  if (!session.value) return;
  try {
    stats.data.value = await get<Stats>("api/v1/stats");
    stats.problem.value = null;
    stats.at.value = new Date();
  } catch (cause) {
    stats.problem.value = asProblem(cause);
  }
}

export function startStats(): void {
  let settle: number | undefined;
  subscribe(() => {
    settle ??= setTimeout(() => {
      settle = undefined;
      void lookAtStats();
    }, SETTLE_MS);
  });
  // A page in the background asks nothing until it is looked at again.
  setInterval(() => {
    if (!document.hidden) void lookAtStats();
  }, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void lookAtStats();
  });
  effect(() => {
    if (session.value) void lookAtStats();
    else stats.data.value = null;
  });
}
