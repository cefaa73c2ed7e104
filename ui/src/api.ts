// api.ts: every call to the admin REST API goes through here. Addresses are relative to the page, so that the UI works behind
// a reverse proxy under any path. What goes wrong is always a Problem: a sentence for people, and what to do about it.

import {signal} from "@preact/signals";
import {during} from "./activity";
import type {Json, Session} from "./types";

export const session = signal<Session | null>(null);

// False from the first call that could not reach the appliance until the first that could again.
export const reachable = signal(true);

// The moment of the last answer of the appliance, for "as of" when it can no longer be reached.
export const lastAnswer = signal<Date | null>(null);

// Called when a call is answered with 401, which means that the session has ended.
let sessionEnded: () => void = () => undefined;
export function onSessionEnded(handler: () => void): void {
  sessionEnded = handler;
}

export class Problem extends Error {
  constructor(
    readonly status: number, // 0 when there was no answer at all.
    readonly title: string,
    readonly detail: string,
    readonly body: unknown = null, // The whole problem, for what it says beyond its words.
  ) {
    super(detail ? `${title}: ${detail}` : title);
  }
}

const meaning: {[status: number]: [title: string, detail: string]} = {
  0: ["The appliance does not answer", "Check that it is running and that this browser can reach it, then try again."],
  401: ["Your session has ended", "Sign in again to go on."],
  403: ["Your role does not allow this", "Ask an administrator for a role that does."],
  404: ["It is not there", "It may have been removed since this page was shown."],
  429: ["Too many tries", "Wait a moment before you try again."],
  503: ["The appliance is busy or starting", "Try again in a moment."],
};

export function address(path: string): string {
  return new URL(path, document.baseURI).href.split("#")[0] ?? path;
}

export function call(method: string, path: string, body?: Json, init: RequestInit = {}): Promise<Response> {
  return during(ask(method, path, body, init));
}

async function ask(method: string, path: string, body: Json | undefined, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (!headers.has("Accept")) headers.set("Accept", "application/json");
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (method !== "GET" && session.value) headers.set("X-CSRF-Token", session.value.csrf);
  let response: Response;
  try {
    response = await fetch(address(path), {
      ...init,
      method,
      headers,
      body: body === undefined ? (init.body ?? null) : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
    });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    reachable.value = false;
    throw problemOf(0, null);
  }
  reachable.value = true;
  lastAnswer.value = new Date();
  if (response.ok) return response;
  const problem = problemOf(response.status, await response.json().catch(() => null));
  if (response.status === 401 && session.value) sessionEnded();
  throw problem;
}

// The words of an answer that is no success: those of its problem+json, else our own for its status.
export function problemOf(status: number, body: unknown): Problem {
  const known = meaning[status] ?? [`The appliance answered with status ${status}`, "Its log says more."];
  if (body === null || typeof body !== "object") return new Problem(status, known[0], known[1]);
  const title = "title" in body && typeof body.title === "string" && body.title ? body.title : known[0];
  const detail = "detail" in body && typeof body.detail === "string" ? body.detail : known[1];
  return new Problem(status, title, detail, body);
}

export function asProblem(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  return new Problem(-1, "The page could not show this", cause instanceof Error ? cause.message : String(cause));
}

// An answer and what it holds: reading it is a part of the work.
function read<T>(path: string, signal: AbortSignal | undefined, take: (body: unknown, headers: Headers) => T): Promise<T> {
  const work = async (): Promise<T> => {
    const response = await call("GET", path, undefined, signal ? {signal} : {});
    return take(await response.json(), response.headers);
  };
  return during(work());
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return read(path, signal, (body) => body as T);
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export function getPage<T>(path: string, signal?: AbortSignal): Promise<Page<T>> {
  return read(path, signal, (body, headers) => ({
    items: (body as {items?: T[]}).items ?? [],
    next: nextPage(headers.get("Link"), path),
  }));
}

// The address of the next page from a Link header (RFC 8288), relative to the page that was asked for. Only its query is
// taken: a link never leads a call to another resource.
export function nextPage(link: string | null, path: string): string | null {
  for (const match of (link ?? "").matchAll(/<([^>]*)>([^,<]*)/g)) {
    if (!/;\s*rel\s*=\s*"?[^";]*\bnext\b/i.test(match[2] ?? "")) continue;
    const query = (match[1] ?? "").split("#")[0]?.split("?")[1];
    if (query) return `${path.split("?")[0]}?${query}`;
  }
  return null;
}

// One object with the revision that it has, to be sent back with If-Match.
export function getTagged<T>(path: string): Promise<{value: T; tag: string}> {
  return read(path, undefined, (body, headers) => ({value: body as T, tag: headers.get("ETag") ?? ""}));
}

// Puts an object. `tag` is what getTagged gave, "" for an object that must not exist yet, null for whatever is there.
export async function put(path: string, body: Json, tag: string | null): Promise<Response> {
  const headers: {[name: string]: string} = tag === null ? {} : tag === "" ? {"If-None-Match": "*"} : {"If-Match": tag};
  return call("PUT", path, body, {headers});
}
