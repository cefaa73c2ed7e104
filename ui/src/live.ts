// live.ts: what the appliance tells by itself (server-sent events). One stream for the whole page, opened at sign-in and
// closed at sign-out. After a gap the subscribers are told to look again ("resync"), since events were missed.

import {effect, signal} from "@preact/signals";
import {address, get, reachable, session} from "./api";

export type Topic = "message" | "job" | "acknowledgement" | "config" | "resync";
export type Notice = {id?: string; status?: string};
type Listener = (topic: Topic, notice: Notice) => void;

export const live = signal<"off" | "connecting" | "on">("off");

const topics: readonly Topic[] = ["message", "job", "acknowledgement", "config"];
const listeners = new Set<Listener>();
const LONGEST_PAUSE_MS = 30_000;

let stream: EventSource | null = null;
let timer: number | undefined;
let failures = 0;
let missed = false;

export function subscribe(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell(topic: Topic, notice: Notice): void {
  for (const listener of [...listeners]) listener(topic, notice);
}

function read(data: unknown): Notice {
  try {
    const value: unknown = JSON.parse(String(data));
    if (value === null || typeof value !== "object") return {};
    const notice: Notice = {};
    if ("id" in value) notice.id = String(value.id);
    if ("status" in value && typeof value.status === "string") notice.status = value.status;
    return notice;
  } catch {
    return {};
  }
}

function open(): void {
  live.value = "connecting";
  const source = new EventSource(address("api/v1/events"));
  stream = source;
  source.onopen = () => {
    live.value = "on";
    reachable.value = true;
    failures = 0;
    if (missed) tell("resync", {});
    missed = false;
  };
  source.onerror = () => {
    // The browser's own retry stops at an answer that is no stream, and never slows down: so the retry is ours.
    source.close();
    live.value = "connecting";
    missed = true;
    const pause = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures++) * (0.75 + Math.random() / 2);
    timer = setTimeout(open, pause);
  };
  for (const topic of topics) {
    source.addEventListener(topic, (event: MessageEvent<unknown>) => tell(topic, read(event.data)));
  }
}

function close(): void {
  clearTimeout(timer);
  stream?.close();
  stream = null;
  failures = 0;
  missed = false;
  live.value = "off";
}

// Tries at once instead of waiting for the pause to end.
export function reconnect(): void {
  if (!session.value || live.value === "on") return;
  close();
  missed = true;
  open();
}

// A stream may look alive although nothing else comes through, so an appliance out of reach is asked by itself, too.
function probe(): () => void {
  let tries = 0;
  let next: number | undefined;
  const ask = (): void => {
    get("api/v1/session").then(
      () => tell("resync", {}),
      () => {
        if (!reachable.peek()) next = setTimeout(ask, Math.min(LONGEST_PAUSE_MS, 2000 * 1.5 ** tries++));
      },
    );
  };
  next = setTimeout(ask, 1000);
  addEventListener("online", ask);
  return () => {
    clearTimeout(next);
    removeEventListener("online", ask);
  };
}

export function startLive(): void {
  const user = signal("");
  effect(() => void (user.value = session.value?.user ?? ""));
  effect(() => {
    if (user.value === "") return;
    open();
    return close;
  });
  effect(() => (reachable.value || user.value === "" ? undefined : probe()));
  addEventListener("online", reconnect);
}
