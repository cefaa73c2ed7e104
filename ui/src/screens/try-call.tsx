// screens/try-call.tsx: one call of a back-end, or a look into one file, from a connection's page: what is asked, what was answered.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {asProblem, call, type Problem} from "../api";
import {plural, size} from "../format";
import {Icon} from "../parts/icon";
import {TextView} from "../parts/payload";
import {Refused} from "../parts/states";
import {Foreign} from "../parts/text";
import {mayChange} from "../session";
import type {Item} from "../types";

interface Answer {
  status?: number;
  content_type?: string;
  headers?: {[name: string]: string};
  body?: string;
  base64?: string;
  size?: number;
  cut?: boolean;
  error?: string;
  took_ms: number;
}

async function ask(connection: string, request: Item): Promise<Answer> {
  const began = performance.now();
  const response = await call("POST", `api/v1/connections/${encodeURIComponent(connection)}/call`, request);
  const answer = (await response.json()) as Answer;
  return {...answer, took_ms: performance.now() - began};
}

const SAFE = ["GET", "HEAD"];
const CHANGING = ["POST", "PUT", "PATCH", "DELETE"];

export function TryCall({name}: {name: string}): JSX.Element {
  const method = useSignal("GET");
  const path = useSignal("/");
  const body = useSignal("");
  const type = useSignal("application/json");
  const busy = useSignal(false);
  const answer = useSignal<Answer | null>(null);
  const problem = useSignal<Problem | null>(null);
  const hasBody = CHANGING.includes(method.value) && method.value !== "DELETE";
  const go = async (): Promise<void> => {
    busy.value = true;
    problem.value = answer.value = null;
    try {
      answer.value = await ask(name, {
        method: method.value,
        path: path.value,
        ...(hasBody && body.value ? {body: body.value, content_type: type.value} : {}),
      });
    } catch (cause) {
      problem.value = asProblem(cause);
    }
    busy.value = false;
  };
  return (
    <form
      class="try-call"
      onSubmit={(event) => {
        event.preventDefault();
        void go();
      }}
    >
      <div class="try-line">
        <select aria-label="Method" value={method.value} onChange={(event) => (method.value = event.currentTarget.value)}>
          {[...SAFE, ...(mayChange() ? CHANGING : [])].map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <input
          aria-label="Path"
          class="mono"
          value={path.value}
          required
          pattern="/.*"
          spellcheck={false}
          onInput={(event) => (path.value = event.currentTarget.value)}
        />
        <button type="submit" disabled={busy.value}>
          {busy.value ? "Calling …" : SAFE.includes(method.value) ? "Call it" : "Really call it"}
        </button>
      </div>
      {hasBody && (
        <>
          <input
            aria-label="Content type"
            value={type.value}
            spellcheck={false}
            onInput={(event) => (type.value = event.currentTarget.value)}
          />
          <textarea
            class="mono"
            aria-label="Body"
            rows={5}
            spellcheck={false}
            value={body.value}
            onInput={(event) => (body.value = event.currentTarget.value)}
          />
        </>
      )}
      {!SAFE.includes(method.value) && <p class="wait-text">This goes to the real back-end, and may change something there.</p>}
      <Refused problem={problem.value} />
      <div role="status">{answer.value && <Answered answer={answer.value} />}</div>
    </form>
  );
}

export function Answered({answer}: {answer: Answer}): JSX.Element {
  if (answer.error !== undefined)
    return (
      <p class="outcome bad">
        <Icon name="warn" /> <b>Nothing answered.</b> <Foreign text={answer.error} />
      </p>
    );
  const fields = Object.entries(answer.headers ?? {});
  const status = answer.status ?? 0;
  return (
    <div class="answered">
      <p class={`outcome ${status < 400 ? "good" : "bad"}`}>
        <Icon name={status < 400 ? "check" : "warn"} /> <b>{status}</b>, {size(answer.size ?? 0)} in{" "}
        {Math.round(answer.took_ms)} ms
        {answer.content_type && (
          <>
            , <Foreign text={answer.content_type} />
          </>
        )}
      </p>
      {fields.length > 0 && (
        <details>
          <summary>{plural(fields.length, "header field")}</summary>
          <dl class="facts card small">
            {fields.map(([field, value]) => (
              <div key={field} class="pair">
                <dt>
                  <Foreign text={field} />
                </dt>
                <dd>
                  <Foreign text={value} />
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {answer.body !== undefined ? (
        answer.body && <TextView text={answer.body} />
      ) : (
        <p class="quiet">These bytes are no text.</p>
      )}
      {answer.cut && <p class="quiet">It is longer: this is its beginning.</p>}
    </div>
  );
}

// What a file that lies at the other end holds; it stays there.
export function FileLook({connection, path}: {connection: string; path: string}): JSX.Element {
  const answer = useSignal<Answer | null>(null);
  const problem = useSignal<Problem | null>(null);
  const look = async (): Promise<void> => {
    if (answer.value) {
      answer.value = null;
      return;
    }
    problem.value = null;
    try {
      answer.value = await ask(connection, {path});
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  return (
    <>
      <button type="button" class="plain" aria-expanded={answer.value !== null} onClick={() => void look()}>
        <Foreign text={path} />
      </button>
      <Refused problem={problem.value} />
      {answer.value && <Answered answer={answer.value} />}
    </>
  );
}
