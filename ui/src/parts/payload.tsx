// parts/payload.tsx: a payload, to be read: EDI one segment a line, JSON laid out, anything else as it is, bytes as bytes. At most
// the first 64 KiB are fetched and only so many lines drawn at once; the whole is a download.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useMemo, useRef} from "preact/hooks";
import {address, asProblem, type Problem} from "../api";
import {plural, size} from "../format";
import {decode, fetchPayload, hexLines, kindOf, WINDOW_BYTES, type Decoded, type Payload} from "../payload/decode";
import {pieces, segments, syntaxOf, type Segment, type Syntax} from "../payload/edi";
import {layoutJson} from "../payload/json";
import {useResource} from "../resource";
import {Icon} from "./icon";
import {Failed, Loading} from "./states";
import {Foreign} from "./text";

const LINES_AT_ONCE = 400;
const LONGEST_LINE = 4000; // A line of 64 KiB without a break is cut into these.

const titles: {[kind in Decoded["kind"]]: string} = {
  x12: "X12",
  edifact: "EDIFACT",
  json: "JSON",
  xml: "XML",
  text: "Text",
  binary: "Binary",
  empty: "Empty",
};

export function PayloadView({id, bytes}: {id: string; bytes: number | undefined}): JSX.Element {
  const payload = useSignal<Payload | null>(null);
  const problem = useSignal<Problem | null>(null);
  const raw = useSignal(false);
  const explained = useSignal<View>("lines");
  const tries = useSignal(0);
  useEffect(() => {
    const abort = new AbortController();
    payload.value = null;
    problem.value = null;
    fetchPayload(id, abort.signal).then(
      (value) => (payload.value = value),
      (cause: unknown) => {
        if (!abort.signal.aborted) problem.value = asProblem(cause);
      },
    );
    return () => abort.abort();
  }, [id, tries.value]);

  if (problem.value) return <Failed problem={problem.value} what="the payload" again={() => tries.value++} />;
  if (!payload.value) return <Loading what="the payload" />;
  return (
    <Shown
      id={id}
      payload={payload.value}
      bytes={bytes}
      raw={raw.value}
      setRaw={(on) => (raw.value = on)}
      view={explained.value}
      setView={(view) => (explained.value = view)}
    />
  );
}

type View = "lines" | "explained" | "json";

interface ShownProps {
  id: string;
  payload: Payload;
  bytes: number | undefined;
  raw: boolean;
  setRaw: (on: boolean) => void;
  view: View;
  setView: (view: View) => void;
}

function Shown({id, payload, bytes, raw, setRaw, view, setView}: ShownProps): JSX.Element {
  const decoded = useMemo(() => decode(payload), [payload]);
  const formatted = decoded.kind === "x12" || decoded.kind === "edifact" || decoded.kind === "json";
  const whole = bytes ?? payload.bytes.length;
  return (
    <div class="payload">
      <div class="payload-bar">
        <span class="quiet">
          {titles[decoded.kind]}
          {decoded.encoding && decoded.kind !== "binary" ? `, ${decoded.encoding}` : ""}, {size(whole)}
        </span>
        {(decoded.kind === "x12" || decoded.kind === "edifact") && (
          <>
            <button
              type="button"
              class="plain"
              aria-pressed={view === "explained"}
              onClick={() => setView(view === "explained" ? "lines" : "explained")}
            >
              Explain
            </button>
            <button
              type="button"
              class="plain"
              aria-pressed={view === "json"}
              onClick={() => setView(view === "json" ? "lines" : "json")}
            >
              JSON
            </button>
          </>
        )}
        {formatted && view === "lines" && (
          <label class="check">
            <input type="checkbox" checked={raw} onChange={(event) => setRaw(event.currentTarget.checked)} />
            raw
          </label>
        )}
        <a href={address(`api/v1/messages/${encodeURIComponent(id)}/payload`)} download={`message-${id}.bin`}>
          <Icon name="down" /> Download
        </a>
      </div>
      {view !== "lines" ? <Explained key={view} id={id} as={view} /> : <Body decoded={decoded} payload={payload} raw={raw} />}
      {!payload.complete && view === "lines" && (
        <p class="notice">
          <span>
            The first {size(WINDOW_BYTES)} of {bytes === undefined ? "a longer payload" : size(bytes)}. Download it to see the
            rest.
          </span>
        </p>
      )}
    </div>
  );
}

// Every segment and element by its name, faults at their place: a worker process reads the bytes and tells it.
function Explained({id, as}: {id: string; as: View}): JSX.Element {
  const found = useResource<{text?: string; cut?: boolean}>(
    `api/v1/messages/${encodeURIComponent(id)}/explain${as === "json" ? "?as=json" : ""}`,
  );
  const lines = useMemo(() => (found.data.value?.text ?? "").replace(/\n$/, "").split("\n"), [found.data.value]);
  if (found.problem.value) return <Failed problem={found.problem.value} what="the explanation" again={found.reload} />;
  if (!found.data.value) return <Loading what="the explanation" />;
  const faults = lines.filter((line) => FAULT.test(line)).length;
  return (
    <>
      {faults > 0 && <p class="bad-text">{plural(faults, "fault")}, each at its place:</p>}
      <Many
        rows={lines}
        draw={(line, index) => (
          <li key={index} class={FAULT.test(line) ? "fault" : /^(==|--)/.test(line) ? "heading" : undefined}>
            <Foreign text={line} />
          </li>
        )}
      />
      {found.data.value.cut && <p class="quiet">It is longer than anybody reads: the rest is left out.</p>}
    </>
  );
}

const FAULT = /^\s*(ERROR|WARNING)\b/;

function Body({decoded, payload, raw}: {decoded: Decoded; payload: Payload; raw: boolean}): JSX.Element {
  if (decoded.kind === "empty") return <p class="state">The payload is empty: no byte.</p>;
  if (decoded.kind === "binary") return <Hex bytes={payload.bytes} />;
  if (!raw && (decoded.kind === "x12" || decoded.kind === "edifact")) {
    const syntax = syntaxOf(decoded.text, decoded.kind);
    if (syntax) return <Edi text={decoded.text} syntax={syntax} />;
  }
  const text = !raw && decoded.kind === "json" ? layoutJson(decoded.text) : decoded.text;
  return <Lines text={text} marks={raw || decoded.kind !== "json"} />;
}

// Draws so many lines, and the rest when asked.
function Many<T>({rows, draw}: {rows: readonly T[]; draw: (row: T, index: number) => JSX.Element}): JSX.Element {
  const shown = useSignal(LINES_AT_ONCE);
  const box = useRef<HTMLOListElement>(null);
  return (
    <div class="code" tabIndex={0} role="group" aria-label="Lines">
      <ol ref={box}>{rows.slice(0, shown.value).map(draw)}</ol>
      {rows.length > shown.value && (
        <button type="button" onClick={() => (shown.value += 4 * LINES_AT_ONCE)}>
          Show more: {plural(rows.length - shown.value, "line")} left
        </button>
      )}
    </div>
  );
}

function Edi({text, syntax}: {text: string; syntax: Syntax}): JSX.Element {
  const rows = useMemo(() => segments(text, syntax), [text]);
  const row = (segment: Segment, index: number): JSX.Element => (
    <li key={index}>
      <b>{segment.tag}</b>
      {pieces(segment.rest, syntax).map((piece, at) =>
        piece.delimiter ? <i key={at}>{piece.text}</i> : <Foreign key={at} text={piece.text} spaces />,
      )}
      <i class="end">
        <Foreign text={segment.end} />
      </i>
    </li>
  );
  return <Many rows={rows} draw={row} />;
}

// A text that is no message yet, to be read in the same ways: what a script is given and what it makes.
export function TextView({text}: {text: string}): JSX.Element {
  const kind = useMemo(() => kindOf(text), [text]);
  if (kind === "x12" || kind === "edifact") {
    const syntax = syntaxOf(text, kind);
    if (syntax) return <Edi text={text} syntax={syntax} />;
  }
  return <Lines text={kind === "json" ? layoutJson(text) : text} marks={false} />;
}

// The same as lines, for what compares them: a segment, or a member of JSON, a line.
export function readable(text: string): string {
  const kind = kindOf(text);
  if (kind === "json") return layoutJson(text);
  const syntax = kind === "x12" || kind === "edifact" ? syntaxOf(text, kind) : null;
  if (!syntax) return text;
  return segments(text, syntax)
    .map((segment) => segment.tag + segment.rest + segment.end.trimEnd())
    .join("\n");
}

// `marks` shows where lines really end, and with what.
export function Lines({text, marks}: {text: string; marks: boolean}): JSX.Element {
  const rows = useMemo(() => cut(text, marks), [text, marks]);
  return (
    <Many
      rows={rows}
      draw={(line, index) => (
        <li key={index}>
          <Foreign text={line} spaces={marks} />
        </li>
      )}
    />
  );
}

function cut(text: string, keepEnds: boolean): string[] {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines
    .map((line) => (keepEnds ? line : line.replace(/\r?\n$/, "")))
    .flatMap((line) => {
      const parts: string[] = [];
      for (let at = 0; at < line.length || at === 0; at += LONGEST_LINE) parts.push(line.slice(at, at + LONGEST_LINE));
      return parts;
    });
}

function Hex({bytes}: {bytes: Uint8Array}): JSX.Element {
  const rows = useMemo(() => hexLines(bytes, 1024), [bytes]);
  return (
    <Many
      rows={rows}
      draw={(line) => (
        <li key={line.offset} class="hex">
          <i>{line.offset}</i> {line.hex.padEnd(47)} <span class="quiet">{line.text}</span>
        </li>
      )}
    />
  );
}
