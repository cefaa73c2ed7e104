// workbench/output.tsx: what comes out: the results of the last run, and in what they differ from what is published or expected.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, type Problem} from "../../api";
import {plural} from "../../format";
import {Diff} from "../../parts/diff";
import {Icon} from "../../parts/icon";
import {readable, TextView} from "../../parts/payload";
import {Foreign} from "../../parts/text";
import {Called, CALLS} from "./calls";
import {resultText, runText, type Input, type Run, type Sample, type ScriptResult, type Scripts} from "./api";

interface OutputProps {
  scripts: Scripts;
  published: string;
  functionName: string;
  input: Input;
  run: Run | null;
  problem: Problem | null;
  running: boolean;
  jump: (line: number) => void;
  editable: boolean;
  again: () => void;
}

export function Output({
  scripts,
  published,
  functionName,
  input,
  run,
  problem,
  running,
  jump,
  editable,
  again,
}: OutputProps): JSX.Element {
  const against = useSignal("nothing"); // "nothing", "published", or a sample's name.
  const samples = useSignal<Sample[]>([]);
  const other = useSignal<string | null>(null);
  useEffect(() => {
    scripts.samples().then(
      (found) => (samples.value = found.filter((one) => one.name !== CALLS)),
      () => undefined,
    );
  }, []);
  useEffect(() => {
    other.value = null;
    if (against.value === "nothing" || input.kind === "none") return;
    const abort = new AbortController();
    const load =
      against.value === "published"
        ? scripts.run(published, functionName, input, abort.signal).then((done) => done.error?.text ?? runText(done, readable))
        : scripts.sample(against.value).then(readable);
    load.then(
      (text) => (other.value = text),
      (cause: unknown) => {
        if (!abort.signal.aborted) other.value = asProblem(cause).message;
      },
    );
    return () => abort.abort();
  }, [against.value, input, functionName, published]);

  return (
    <section class="output-pane" aria-label="What comes out" aria-busy={running}>
      <div class="pane-bar">
        <span role="status">{run ? summary(run) : input.kind === "none" ? "Choose what comes in" : "Running …"}</span>
        <label>
          <span class="hidden">Compare with</span>
          <select value={against.value} onChange={(event) => (against.value = event.currentTarget.value)}>
            <option value="nothing">as it is</option>
            <option value="published">difference to published</option>
            {samples.value.length > 0 && (
              <optgroup label="Difference to the expected">
                {samples.value.map((sample) => (
                  <option key={sample.name} value={sample.name}>
                    {sample.name}
                  </option>
                ))}
              </optgroup>
            )}
          </select>
        </label>
      </div>
      {problem && (
        <p class="outcome bad" role="alert">
          <b>{problem.title}.</b> {problem.detail}
        </p>
      )}
      {run?.error && (
        <p class="outcome bad">
          <Icon name="warn" />{" "}
          {run.error.line && (
            <button type="button" class="plain" onClick={() => jump(run.error?.line ?? 1)}>
              line {run.error.line}
            </button>
          )}{" "}
          <Foreign text={run.error.text} />
        </p>
      )}
      {run?.rejected && (
        <p class="outcome bad">
          Rejected: <Foreign text={run.rejected.reason ?? ""} />
        </p>
      )}
      {run && against.value !== "nothing" && other.value !== null ? (
        <Diff before={other.value} after={runText(run, readable)} same="It is the same." />
      ) : (
        run?.results.map((result, index) => (
          <Result key={index} result={result} number={run.results.length > 1 ? index + 1 : 0} />
        ))
      )}
      {run && (run.called ?? []).length > 0 && <Called run={run} scripts={scripts} editable={editable} again={again} />}
      {run && run.results.length === 0 && !run.error && !run.rejected && (
        <p class="quiet">Nothing comes out: the function gave nil.</p>
      )}
    </section>
  );
}

function summary(run: Run): string {
  if (run.error) return "An error";
  if (run.rejected) return "Rejected";
  return `${plural(run.results.length, "result")}, ${run.elapsed_ms < 10 ? run.elapsed_ms.toFixed(1) : Math.round(run.elapsed_ms)} ms`;
}

function facts(result: ScriptResult): [string, string][] {
  const list: [string, string][] = [];
  if (result.status !== undefined) list.push(["status", String(result.status)]);
  if (result.filename) list.push(["file", result.filename]);
  if (result.to) list.push(["to", result.to]);
  for (const [name, value] of Object.entries(result.keys ?? {})) list.push([name, String(value)]);
  for (const [name, value] of Object.entries(result.vars ?? {})) list.push([`{${name}}`, String(value)]);
  for (const [name, value] of Object.entries(result.headers ?? {})) list.push([name, String(value)]);
  return list;
}

function Result({result, number}: {result: ScriptResult; number: number}): JSX.Element {
  const rows = facts(result);
  return (
    <div class="result">
      {number > 0 && <h3>Result {number}</h3>}
      {rows.length > 0 && (
        <dl class="facts small">
          {rows.map(([name, value], index) => (
            <div key={index} class="pair">
              <dt>
                <Foreign text={name} />
              </dt>
              <dd>
                <Foreign text={value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      <TextView text={resultText(result)} />
    </div>
  );
}
