// screens/bulk.tsx: many messages at once. Before anything leaves the house it says how much, to whom, by which way; while it goes on it
// shows how far it is and can be stopped; at the end it says what did not work.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import {asProblem, call, getPage, type Problem} from "../api";
import {writeCsv} from "../csv";
import {count, plural, size} from "../format";
import {Dialog} from "../parts/dialog";
import {Foreign, messageTitle} from "../parts/text";
import {link} from "../router";
import {mayResend} from "../session";
import type {Message} from "../types";

const MOST = 10_000;
const AT_ONCE = 4;

export interface Chosen {
  messages: Message[]; // Those ticked; empty with `path`: all that match.
  path: string | null;
}

// All messages of a search, page by page, up to a bound.
function useAll(chosen: Chosen): {messages: Message[]; done: boolean; cut: boolean; problem: Problem | null} {
  const state = useSignal({messages: chosen.messages, done: chosen.path === null, cut: false, problem: null as Problem | null});
  useEffect(() => {
    if (chosen.path === null) return;
    const abort = new AbortController();
    const load = async (): Promise<void> => {
      let next: string | null = `${chosen.path ?? ""}${chosen.path?.includes("?") ? "&" : "?"}limit=500`;
      let messages: Message[] = [];
      while (next !== null && messages.length < MOST) {
        const page: {items: Message[]; next: string | null} = await getPage<Message>(next, abort.signal);
        messages = [...messages, ...page.items];
        next = page.next;
        state.value = {messages, done: false, cut: false, problem: null};
      }
      state.value = {messages: messages.slice(0, MOST), done: true, cut: next !== null, problem: null};
    };
    load().catch((cause: unknown) => {
      if (!abort.signal.aborted) state.value = {...state.value, done: true, problem: asProblem(cause)};
    });
    return () => abort.abort();
  }, []);
  return state.value;
}

interface Heap {
  title: string;
  messages: Message[];
  bytes: number;
}

function heaps(messages: readonly Message[]): Heap[] {
  const all = new Map<string, Heap>();
  for (const message of messages) {
    const way =
      message.direction === "out"
        ? `sent to ${message.partner ?? "the other side"} through ${message.connection ?? "the connection of before"}`
        : `processed again by ${message.flow ? `the flow ${message.flow}` : "its flow"}, and on to where that leads`;
    const heap = all.get(way) ?? {title: way, messages: [], bytes: 0};
    heap.messages.push(message);
    heap.bytes += message.size ?? 0;
    all.set(way, heap);
  }
  return [...all.values()].sort((a, b) => b.messages.length - a.messages.length);
}

interface Progress {
  done: number;
  failed: {message: Message; problem: Problem}[];
  running: boolean;
  stopped: boolean;
}

export function BulkResend({chosen, close}: {chosen: Chosen; close: () => void}): JSX.Element {
  const {messages, done, cut, problem} = useAll(chosen);
  const progress = useSignal<Progress | null>(null);
  const stop = useRef(false);
  useEffect(
    () => () => {
      stop.current = true;
    },
    [],
  );
  const go = async (): Promise<void> => {
    const queue = [...messages].reverse(); // Oldest first, as they came.
    const failed: Progress["failed"] = [];
    let finished = 0;
    progress.value = {done: 0, failed, running: true, stopped: false};
    const work = async (): Promise<void> => {
      for (let message = queue.shift(); message && !stop.current; message = queue.shift()) {
        try {
          await call("POST", `api/v1/messages/${encodeURIComponent(message.id)}/resend`, {});
        } catch (cause) {
          failed.push({message, problem: asProblem(cause)});
        }
        finished++;
        progress.value = {done: finished, failed: [...failed], running: true, stopped: false};
      }
    };
    await Promise.all(Array.from({length: AT_ONCE}, work));
    progress.value = {done: finished, failed: [...failed], running: false, stopped: stop.current};
  };
  const state = progress.value;
  return (
    <Dialog title={`Send ${done ? plural(messages.length, "message") : "messages"} again?`} close={close}>
      {problem && (
        <p class="notice bad" role="alert">
          <span>
            <b>{problem.title}.</b> {problem.detail}
          </span>
        </p>
      )}
      {!done && <p role="status">Counting … {count(messages.length)}</p>}
      {cut && <p class="notice">Only the newest {count(MOST)} are taken. Narrow the search to choose others.</p>}
      {done && !state && (
        <>
          <ul class="heaps">
            {heaps(messages).map((heap) => (
              <li key={heap.title}>
                <b>{plural(heap.messages.length, "message")}</b> ({size(heap.bytes)}){" "}
                {heap.messages.length === 1 ? "is" : "are"} <Foreign text={heap.title} />
                <span class="quiet">
                  {": "}
                  <Foreign text={heap.messages.slice(0, 4).map(messageTitle).join(", ")} />
                  {heap.messages.length > 4 && ", …"}
                </span>
              </li>
            ))}
          </ul>
          {messages.some(
            (message) => message.direction === "out" && (message.status === "completed" || message.status === "waiting"),
          ) && <p>Some were delivered once already: the other side receives them a second time.</p>}
        </>
      )}
      {state && (
        <div role="status">
          <p>
            {count(state.done)} of {plural(messages.length, "message")}{" "}
            {state.running ? "…" : state.stopped ? "sent, then stopped." : "done."}
          </p>
          <progress value={state.done} max={messages.length} aria-label="Progress" />
          {state.failed.length > 0 && (
            <ul class="heaps">
              {state.failed.slice(0, 20).map(({message, problem: why}) => (
                <li key={message.id}>
                  <a href={link(["messages", message.id])}>
                    <Foreign text={messageTitle(message)} />
                  </a>{" "}
                  <span class="bad-text">{why.message}</span>
                </li>
              ))}
              {state.failed.length > 20 && <li>and {plural(state.failed.length - 20, "more")}</li>}
            </ul>
          )}
        </div>
      )}
      <div class="sheet-foot">
        {state?.running ? (
          <button type="button" onClick={() => (stop.current = true)}>
            Stop
          </button>
        ) : (
          <button type="button" onClick={close}>
            {state ? "Close" : "Cancel"}
          </button>
        )}
        {!state && (
          <button
            type="button"
            class="primary"
            disabled={!done || messages.length === 0 || !mayResend()}
            onClick={() => void go()}
          >
            Send {done ? count(messages.length) : ""} again
          </button>
        )}
      </div>
    </Dialog>
  );
}

export function exportCsv(messages: readonly Message[]): void {
  const head = [
    "received_at",
    "direction",
    "status",
    "partner",
    "connection",
    "flow",
    "document",
    "keys",
    "filename",
    "size",
    "reason",
    "id",
  ];
  const rows = messages.map((message) => [
    message.received_at,
    message.direction,
    message.status,
    message.partner ?? "",
    message.connection ?? "",
    message.flow ?? message.endpoint ?? "",
    (message.documents ?? []).map((one) => one.type ?? "").join(" "),
    (message.documents ?? []).flatMap((one) => Object.values(one.keys ?? {})).join(" "),
    message.filename ?? "",
    String(message.size ?? ""),
    message.reason ?? "",
    message.id,
  ]);
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([writeCsv([head, ...rows])], {type: "text/csv"}));
  anchor.download = "messages.csv";
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
}
