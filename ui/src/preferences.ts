// preferences.ts: what a user has set up for themselves: saved searches, columns of the message list. Kept by the appliance, so that it is
// there in every browser.

import {effect, signal} from "@preact/signals";
import {asProblem, call, get, session} from "./api";
import {say} from "./parts/toast";
import type {Json} from "./types";

export interface SavedView {
  title: string;
  query: string; // As in the address: status=failed&partner=acme
}

export interface Preferences {
  views?: SavedView[];
  columns?: string[];
}

export const preferences = signal<Preferences>({});

// One after the other, and none before what is kept is known: a change is a change of that, not of nothing.
let turn: Promise<void> = Promise.resolve();

export function prefer(change: (before: Preferences) => Preferences): Promise<void> {
  turn = turn.then(async () => {
    const before = preferences.value;
    preferences.value = change(before);
    try {
      await call("PUT", "api/v1/preferences", preferences.value as unknown as Json);
    } catch (cause) {
      preferences.value = before;
      say(`It could not be kept. ${asProblem(cause).message}`);
    }
  });
  return turn;
}

export function startPreferences(): void {
  const user = signal("");
  effect(() => void (user.value = session.value?.user ?? ""));
  effect(() => {
    preferences.value = {};
    if (user.value === "") return;
    turn = get<Preferences>("api/v1/preferences").then(
      (found) => void (preferences.value = found),
      () => undefined,
    );
  });
}
