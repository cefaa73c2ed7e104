// screens/message-order.ts: the list that a message was opened from: what "previous", "next" and "back" mean on its page.

import {signal} from "@preact/signals";
import {link} from "../router";
import type {Message} from "../types";

export const lastMessages = signal<{rows: Message[]; address: string}>({rows: [], address: link(["messages"])});

export function neighbours(id: string): {previous: string | null; next: string | null} {
  const {rows} = lastMessages.value;
  const at = rows.findIndex((row) => row.id === id);
  if (at < 0) return {previous: null, next: null};
  return {previous: rows[at - 1]?.id ?? null, next: rows[at + 1]?.id ?? null};
}
