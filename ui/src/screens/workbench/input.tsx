// workbench/input.tsx: what the script is run on: a saved sample, a real message, or something typed in.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import {asProblem} from "../../api";
import {fetchPayload, decode} from "../../payload/decode";
import {TextView} from "../../parts/payload";
import {messageTitle} from "../../parts/text";
import {say} from "../../parts/toast";
import {route} from "../../router";
import type {Message} from "../../types";
import type {Input, Sample, Scripts} from "./api";
import {CALLS} from "./calls";

interface InputPaneProps {
  scripts: Scripts;
  input: Input;
  choose: (input: Input) => void;
  editable: boolean;
}

const types: [title: string, type: string][] = [
  ["JSON", "application/json"],
  ["X12", "application/edi-x12"],
  ["EDIFACT", "application/edifact"],
  ["XML", "application/xml"],
  ["CSV", "text/csv"],
  ["Text", "text/plain"],
];

export function InputPane({scripts, input, choose, editable}: InputPaneProps): JSX.Element {
  const samples = useSignal<Sample[]>([]);
  const messages = useSignal<Message[]>([]);
  const text = useSignal("");
  const turn = useSignal(0);
  const naming = useSignal<string | null>(null); // What comes in is being kept, under this name.
  const changed = useSignal<string | null>(null); // The sample's text, while it is being changed.
  const now = useRef(input); // Somebody may choose while the lists are still on their way.
  now.current = input;
  useEffect(() => {
    Promise.all([scripts.samples().catch(() => []), scripts.messages().catch(() => [])]).then(
      ([saved, real]) => {
        samples.value = saved;
        messages.value = real;
        const asked = route.value.query.get("message");
        const wanted = asked ? real.find((one) => one.id === asked) : undefined;
        const {current} = now;
        const first = saved.find((one) => one.name !== CALLS);
        if (current.kind === "message" && current.message.id === asked) return;
        if (!asked && current.kind !== "none") return;
        if (wanted) choose({kind: "message", message: wanted});
        else if (asked) choose({kind: "message", message: {id: asked, direction: "in", status: "completed", received_at: ""}});
        else if (first) choose({kind: "sample", file: first.name});
        else if (real[0]) choose({kind: "message", message: real[0]});
        else choose({kind: "text", body: "{}", content_type: "application/json"});
      },
      () => undefined,
    );
  }, [turn.value, route.value.query.get("message")]);

  useEffect(() => {
    const abort = new AbortController();
    const show = (found: string): void => {
      if (!abort.signal.aborted) text.value = found;
    };
    text.value = "";
    naming.value = changed.value = null;
    if (input.kind === "sample") {
      scripts.sample(input.file).then(
        show,
        (cause: unknown) => show(asProblem(cause).message),
      );
    } else if (input.kind === "message") {
      fetchPayload(input.message.id, abort.signal).then(
        (payload) => show(decode(payload).text),
        (cause: unknown) => show(asProblem(cause).message),
      );
    }
    return () => abort.abort();
  }, [input.kind === "sample" ? input.file : input.kind === "message" ? input.message.id : ""]);

  const value = input.kind === "sample" ? `s ${input.file}` : input.kind === "message" ? `m ${input.message.id}` : "t";
  const pick = (key: string): void => {
    if (key === "t") choose({kind: "text", body: text.value || "{}", content_type: "application/json"});
    else if (key.startsWith("s ")) choose({kind: "sample", file: key.slice(2)});
    else {
      const message = messages.value.find((one) => one.id === key.slice(2));
      if (message) choose({kind: "message", message});
    }
  };
  const ownName = (): string => {
    const own =
      input.kind === "message"
        ? (input.message.filename ?? `message-${input.message.id.slice(-6)}`)
        : `sample.${ending(input)}`;
    return own.replace(/[^\w.-]+/g, "_").slice(0, 60) || "sample";
  };
  const save = async (file: string): Promise<void> => {
    try {
      await scripts.addSample(file, input.kind === "text" ? input.body : text.value);
      say(`Kept as the sample ${file}.`);
      naming.value = null;
      choose({kind: "sample", file});
      turn.value++;
    } catch (cause) {
      say(asProblem(cause).message);
    }
  };
  const change = async (file: string): Promise<void> => {
    const now = changed.value ?? "";
    try {
      await scripts.addSample(file, now);
      text.value = now;
      changed.value = null;
      choose({kind: "sample", file}); // Another object: the script runs again.
    } catch (cause) {
      say(asProblem(cause).message);
    }
  };
  const forget = async (file: string): Promise<void> => {
    const before = text.value;
    try {
      await scripts.removeSample(file);
      choose({kind: "none"});
      turn.value++;
      say(`The sample ${file} is removed.`, null, () => {
        void scripts.addSample(file, before).then(
          () => turn.value++,
          () => undefined,
        );
      });
    } catch (cause) {
      say(asProblem(cause).message);
    }
  };
  return (
    <section class="input-pane" aria-label="What comes in">
      <div class="pane-bar">
        <label class="hidden" for="bench-input">
          What comes in
        </label>
        <select id="bench-input" value={value} onChange={(event) => pick(event.currentTarget.value)}>
          {samples.value.length > 0 && (
            <optgroup label="Samples">
              {samples.value.map((sample) => (
                <option key={sample.name} value={`s ${sample.name}`}>
                  {sample.name}
                </option>
              ))}
            </optgroup>
          )}
          {messages.value.length > 0 && (
            <optgroup label="Real messages">
              {messages.value.map((message) => (
                <option key={message.id} value={`m ${message.id}`}>
                  {messageTitle(message)}, {message.received_at.slice(0, 16).replace("T", " ")}
                </option>
              ))}
            </optgroup>
          )}
          <option value="t">typed in here</option>
        </select>
      </div>
      <div class="pane-actions">
        {editable && input.kind !== "sample" && input.kind !== "none" && (
          <button type="button" class="plain" onClick={() => (naming.value = ownName())}>
            Keep as a sample …
          </button>
        )}
        {editable && input.kind === "sample" && changed.value === null && (
          <>
            <button type="button" class="plain" onClick={() => (changed.value = text.value)}>
              Change
            </button>
            <button type="button" class="plain" onClick={() => void forget(input.file)}>
              Remove
            </button>
          </>
        )}
        {input.kind === "sample" && changed.value !== null && (
          <>
            <button type="button" class="plain" onClick={() => (changed.value = null)}>
              Leave it
            </button>
            <button type="button" class="plain" onClick={() => void change(input.file)}>
              Save
            </button>
          </>
        )}
      </div>
      {naming.value !== null && (
        <form
          class="naming"
          onSubmit={(event) => {
            event.preventDefault();
            void save(naming.value ?? "");
          }}
        >
          <input
            aria-label="Name of the sample"
            value={naming.value}
            pattern="[A-Za-z0-9_][A-Za-z0-9_.\-]*"
            maxLength={64}
            required
            spellcheck={false}
            onInput={(event) => (naming.value = event.currentTarget.value)}
          />
          <button type="submit">Keep</button>
        </form>
      )}
      {input.kind === "text" ? (
        <>
          <select
            aria-label="Kind of what comes in"
            value={input.content_type}
            onChange={(event) => choose({...input, content_type: event.currentTarget.value})}
          >
            {types.map(([title, type]) => (
              <option key={type} value={type}>
                {title}
              </option>
            ))}
          </select>
          <textarea
            class="mono"
            aria-label="What comes in, typed"
            spellcheck={false}
            value={input.body}
            onInput={(event) => choose({...input, body: event.currentTarget.value})}
          />
        </>
      ) : changed.value !== null ? (
        <textarea
          class="mono"
          aria-label="The sample, being changed"
          spellcheck={false}
          value={changed.value}
          onInput={(event) => (changed.value = event.currentTarget.value)}
        />
      ) : (
        <TextView text={text.value} />
      )}
    </section>
  );
}

function ending(input: Input): string {
  const type = input.kind === "text" ? input.content_type : "";
  return (
    {
      "application/json": "json",
      "application/edi-x12": "x12",
      "application/edifact": "edi",
      "application/xml": "xml",
      "text/csv": "csv",
    }[type] ?? "txt"
  );
}
