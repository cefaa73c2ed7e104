// parts/text.tsx: the small pieces that every screen is made of: text from outside, times, states, links to what has a name.

import type {ComponentChildren, JSX} from "preact";
import {localTime, relativeTime, size, utcTime, count} from "../format";
import {visible} from "../payload/invisible";
import {link} from "../router";
import type {BusinessDocument, Message} from "../types";
import {Icon} from "./icon";

// Text that came from outside: always text, its direction kept to itself, what is invisible in it shown.
export function Foreign({text, spaces = false}: {text: string; spaces?: boolean}): JSX.Element {
  return (
    <bdi>
      {visible(text, spaces).map((part) =>
        part.kind === "plain" ? (
          part.text
        ) : part.kind === "spaces" ? (
          <span class="spaces">{part.text}</span>
        ) : (
          <span class="mark" data-mark={part.mark} title={part.title}>
            {part.text}
          </span>
        ),
      )}
    </bdi>
  );
}

export function Time({at, relative = false}: {at: string | null | undefined; relative?: boolean}): JSX.Element {
  const date = at ? new Date(at) : null;
  if (!date || Number.isNaN(date.getTime())) return <span class="none">{at ?? "–"}</span>;
  const local = localTime(date);
  return (
    <time
      class={relative ? "relative" : undefined}
      dateTime={date.toISOString()}
      title={relative ? `${local} local, ${utcTime(date)}` : utcTime(date)}
    >
      {relative ? relativeTime(date) : local}
    </time>
  );
}

export function Size({bytes}: {bytes: number | undefined}): JSX.Element {
  if (bytes === undefined) return <span class="none">–</span>;
  return <span title={`${count(bytes)} bytes`}>{size(bytes)}</span>;
}

// How much a state asks of a person. Colour never stands alone: the word and the shape of the mark say the same.
const tones: {[status: string]: "good" | "calm" | "wait" | "bad" | "held"} = {
  received: "calm",
  processing: "calm",
  waiting: "wait",
  completed: "good",
  failed: "bad",
  rejected: "bad",
  duplicate: "held",
  quarantined: "bad",
  due: "wait",
  overdue: "bad",
  accepted: "good",
  ready: "calm",
  running: "calm",
  leased: "calm",
  done: "good",
  dead: "bad",
  failing: "bad",
  ok: "good",
  expired: "bad",
  expiring: "wait",
  "cut off": "bad",
  quiet: "wait",
  full: "bad",
};

export function StatusWord({status}: {status: string}): JSX.Element {
  return (
    <span class={`status ${tones[status] ?? "calm unknown"}`}>
      <span class="dot" aria-hidden="true" />
      {status}
    </span>
  );
}

export function Direction({direction}: {direction: string}): JSX.Element {
  const word = direction === "in" ? "received" : direction === "out" ? "sent" : direction;
  return (
    <span class="direction" title={direction === "in" ? "came in" : "goes out"}>
      <Icon name={direction === "out" ? "out" : "in"} />
      <span class="hidden">{word}</span>
    </span>
  );
}

export function Named({kind, name}: {kind: string; name: string | null | undefined}): JSX.Element {
  if (!name) return <span class="none">–</span>;
  return (
    <a href={link(["config", kind, name])}>
      <Foreign text={name} />
    </a>
  );
}

// What a script's result with business keys is, when the script gives it no name, is nothing to tell.
function typeOf(item: BusinessDocument): string {
  return item.standard === "record" && item.type === "data" ? "" : (item.type ?? "?");
}

// "850 4711": type and the first business key, else the control number.
export function documentLabel(item: BusinessDocument): string {
  const key = Object.values(item.keys ?? {})[0] ?? item.control ?? "";
  return [typeOf(item), key].filter(Boolean).join(" ");
}

const formats: {[type: string]: string} = {
  "application/json": "JSON",
  "application/xml": "XML",
  "text/xml": "XML",
  "text/csv": "CSV",
  "text/plain": "Text",
};

// What a message is called: its first document, else its file, else what it is and whose.
export function messageTitle(message: Message): string {
  const document = message.documents?.[0];
  const label = document ? documentLabel(document) : "";
  if (label || message.filename) return label || (message.filename ?? "");
  if (message.endpoint) return message.endpoint;
  const type = message.content_type?.split(";")[0]?.trim().toLowerCase() ?? "";
  const other = message.partner ?? message.connection;
  return `${formats[type] ?? (type || "Message")}${other ? ` ${message.direction === "in" ? "from" : "to"} ${other}` : ""}`;
}

export function Documents({documents, most = 2}: {documents: BusinessDocument[] | undefined; most?: number}): JSX.Element {
  if (!documents || documents.length === 0) return <span class="none">–</span>;
  return (
    <span class="documents">
      {documents.slice(0, most).map((item, index) => (
        <span key={index} class="document">
          <b>
            <Foreign text={typeOf(item)} />
          </b>{" "}
          <Foreign text={Object.values(item.keys ?? {})[0] ?? item.control ?? ""} />
        </span>
      ))}
      {documents.length > most && <span class="quiet">and {count(documents.length - most)} more</span>}
    </span>
  );
}

// One line, however long the text: for lists, whose rows lead to the whole of it.
export function Clipped({text}: {text: string | null | undefined}): JSX.Element {
  if (!text) return <span class="none">–</span>;
  return (
    <span class="clip" title={text}>
      <Foreign text={text} />
    </span>
  );
}

export function Key({children}: {children: ComponentChildren}): JSX.Element {
  return <kbd>{children}</kbd>;
}
