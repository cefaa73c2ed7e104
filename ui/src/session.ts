// session.ts: who is signed in, and what they may do. The session is a cookie that scripts cannot read; here is only its user,
// roles and CSRF token, as the server tells them.

import {signal} from "@preact/signals";
import {asProblem, call, get, onSessionEnded, session, type Problem} from "./api";
import type {Session} from "./types";

// What the sign-in page says above its form: nothing, or why it is there.
export const notice = signal("");

// True until the first answer to "who am I".
export const starting = signal(true);
export const startProblem = signal<Problem | null>(null);

export async function restore(): Promise<void> {
  starting.value = true;
  startProblem.value = null;
  try {
    session.value = await get<Session>("api/v1/session");
  } catch (cause) {
    const problem = asProblem(cause);
    if (problem.status !== 401) startProblem.value = problem;
  }
  starting.value = false;
}

export async function signIn(user: string, password: string): Promise<void> {
  const response = await call("POST", "api/v1/session", {user, password});
  session.value = (await response.json()) as Session;
  notice.value = "";
}

export async function signOut(): Promise<void> {
  try {
    await call("DELETE", "api/v1/session");
  } catch (cause) {
    // A session that has already ended is as good as signed out; anything else must not look as if it were.
    if (asProblem(cause).status !== 401) throw cause;
  }
  session.value = null;
  notice.value = "You are signed out.";
}

onSessionEnded(() => {
  session.value = null;
  notice.value = "Your session has ended. Sign in again to go on where you were.";
});

const mayAct = ["operator", "developer", "admin"];

export function mayChange(): boolean {
  return session.value !== null && session.value.roles.some((role) => role === "developer" || role === "admin");
}

export function isAdmin(): boolean {
  return session.value !== null && session.value.roles.includes("admin");
}

export function mayResend(): boolean {
  return session.value !== null && session.value.roles.some((role) => mayAct.includes(role));
}
