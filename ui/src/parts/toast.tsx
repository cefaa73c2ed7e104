// parts/toast.tsx: what just happened, said once at the foot of the page, for eyes and for screen readers.

import {signal} from "@preact/signals";
import type {JSX} from "preact";

interface Said {
  text: string;
  link: {title: string; address: string} | null;
  undo: (() => void) | null;
}

const said = signal<Said | null>(null);
const SHOWN_MS = 12_000;
let timer: number | undefined;

export function say(text: string, link: Said["link"] = null, undo: Said["undo"] = null): void {
  said.value = {text, link, undo};
  clearTimeout(timer);
  timer = setTimeout(() => (said.value = null), SHOWN_MS);
}

export function Toast(): JSX.Element {
  return (
    <div class="toasts" role="status">
      {said.value && (
        <div class="toast">
          <span>{said.value.text}</span>
          {said.value.link && <a href={said.value.link.address}>{said.value.link.title}</a>}
          {said.value.undo && (
            <button
              type="button"
              data-key="z"
              title="Undo (z)"
              onClick={() => {
                const undo = said.value?.undo;
                said.value = null;
                undo?.();
              }}
            >
              Undo
            </button>
          )}
          <button type="button" class="plain" onClick={() => (said.value = null)}>
            Close
          </button>
        </div>
      )}
    </div>
  );
}
