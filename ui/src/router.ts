// router.ts: the address of what is shown lives behind the # of the page's address: #/messages?status=failed. The server needs no
// part in it, back and forward work, and what somebody searched for reaches no proxy's log.

import {computed, signal} from "@preact/signals";

export interface Route {
  address: string; // As it stands behind the page's own: "#/messages?status=failed".
  path: string[]; // Decoded segments: ["messages", "0198c1…"].
  query: URLSearchParams;
}

history.scrollRestoration = "manual"; // Lists remember their own place (resource.ts).
const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

export const route = computed<Route>(() => ({address: hash.value, ...parse(hash.value)}));

export function parse(text: string): Omit<Route, "address"> {
  const [path = "", query = ""] = text.replace(/^#\/?/, "").split(/\?(.*)/s, 2);
  return {path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query)};
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function link(path: string[], query?: URLSearchParams | {[name: string]: string}): string {
  const text = query ? new URLSearchParams(query).toString() : "";
  return "#/" + path.map(encodeURIComponent).join("/") + (text ? "?" + text : "");
}

export function navigate(address: string): void {
  location.hash = address;
  hash.value = location.hash; // At once: the event comes later, and until then the address would not be that of what is shown.
}

// Changes the address without a new step for the back button: for what is typed letter by letter.
export function replace(address: string): void {
  history.replaceState(history.state, "", address);
  hash.value = address;
}
