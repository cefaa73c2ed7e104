// keys.ts: the keyboard. Single letters act only outside of fields and dialogs, and can be switched off (WCAG 2.1.4): speech input
// and unsteady hands press letters that nobody meant. What a letter does beyond the fixed ones, an element says by data-key.

import {signal} from "@preact/signals";
import {places} from "./places";
import {link, navigate} from "./router";

const STORED = "banyan.letter-keys";
const GO_MS = 1500; // How long "g" waits for the letter after it.

export const lettersOn = signal(localStorage.getItem(STORED) !== "off");
export const helpShown = signal(false);

export function switchLetters(on: boolean): void {
  lettersOn.value = on;
  if (on) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, "off");
}

let goUntil = 0;

export function focusSearch(): void {
  const field = [...document.querySelectorAll<HTMLInputElement>("main [data-search], header [data-search]")]
    .filter((candidate) => candidate.offsetParent !== null)
    .sort((a, b) => Number(b.closest("main") !== null) - Number(a.closest("main") !== null))[0];
  field?.focus();
  field?.select();
}

// The rows of the lists on the page, each by its link.
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")].filter((row) => row.offsetParent !== null);
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({block: "nearest"});
}

function press(key: string): boolean {
  const target = [...document.querySelectorAll<HTMLElement>("[data-key]")].find(
    (element) => element.dataset.key === key && element.offsetParent !== null,
  );
  target?.click();
  return target !== undefined;
}

// The editor lives in a shadow root: from outside, all of it is one element.
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable], .editor");
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    focusSearch();
    return;
  }
  if (event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape" && event.target instanceof HTMLElement) event.target.blur();
    return;
  }
  if (event.key === "Escape") {
    press("Escape");
    return;
  }
  if (lettersOn.value && letter(event.key, event.timeStamp)) event.preventDefault();
}

// `at` is when the key was pressed: how busy the page is does not make the two letters of "g m" two things.
function letter(key: string, at: number): boolean {
  if (at < goUntil) {
    goUntil = 0;
    const place = places.find((candidate) => candidate.key === key);
    if (place) navigate(link(place.path));
    return place !== undefined;
  }
  if (key === "g") goUntil = at + GO_MS;
  else if (key === "/") focusSearch();
  else if (key === "?") helpShown.value = true;
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else return key.length === 1 && press(key);
  return true;
}

export function startKeys(): void {
  document.addEventListener("keydown", onKey);
}
