// workbench/calls.tsx: what the script asks of other systems while it is tried. Nothing is sent from here: the sample calls.json
// answers, and is written here.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, type Problem} from "../../api";
import {plural} from "../../format";
import {Dialog, DialogFoot} from "../../parts/dialog";
import {Refused} from "../../parts/states";
import {Foreign} from "../../parts/text";
import type {Call, Run, Scripts} from "./api";

export const CALLS = "calls.json";

interface CalledProps {
  run: Run;
  scripts: Scripts;
  editable: boolean;
  again: () => void;
}

export function Called({run, scripts, editable, again}: CalledProps): JSX.Element {
  const changing = useSignal(false);
  const called = run.called ?? [];
  const silent = called.filter((one) => one.error !== undefined);
  return (
    <div class="called">
      <p>
        <b>{plural(called.length, "call")} of other systems</b>
      </p>
      <ul class="short-list">
        {called.map((one, index) => (
          <li key={index}>
            <code>
              {one.method} <Foreign text={one.path} />
            </code>{" "}
            on <Foreign text={one.connection} />:{" "}
            {one.error === undefined ? <b>{one.status}</b> : <span class="bad-text">no answer</span>}
          </li>
        ))}
      </ul>
      <p class="quiet">
        Nothing is sent from here: the sample <code>{CALLS}</code> answers.{" "}
        {editable && (
          <button type="button" onClick={() => (changing.value = true)}>
            {silent.length > 0 ? "Say what they would answer …" : "Change the answers …"}
          </button>
        )}
      </p>
      {changing.value && <Answers scripts={scripts} silent={silent} close={() => (changing.value = false)} saved={again} />}
    </div>
  );
}

// The file as it is, with a beginning for each call that nobody answers.
function withBeginnings(text: string, silent: Call[]): string {
  const missing = silent.map(({connection, method, path}) => ({connection, method, path, status: 200, json: {}}));
  let before: unknown = [];
  try {
    before = text.trim() ? JSON.parse(text) : [];
  } catch {
    return text; // To be mended by whoever wrote it.
  }
  const all = [...(Array.isArray(before) ? (before as unknown[]) : []), ...missing];
  return `${JSON.stringify(all, null, 2)}\n`;
}

function Answers({
  scripts,
  silent,
  close,
  saved,
}: {
  scripts: Scripts;
  silent: Call[];
  close: () => void;
  saved: () => void;
}): JSX.Element {
  const text = useSignal<string | null>(null);
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    scripts.sample(CALLS).then(
      (found) => (text.value = withBeginnings(found, silent)),
      () => (text.value = withBeginnings("", silent)),
    );
  }, []);
  const save = async (): Promise<void> => {
    try {
      await scripts.addSample(CALLS, text.value ?? "");
      saved();
      close();
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  const fault = faultOf(text.value ?? "[]");
  return (
    <Dialog title="What other systems answer here" close={close}>
      <div class="field">
        <label for="calls-text">
          The sample {CALLS}: of these the first that fits a call is its answer. <code>path</code> takes * and ?; what is left
          out fits anything.
        </label>
        <textarea
          id="calls-text"
          class="mono"
          rows={12}
          spellcheck={false}
          value={text.value ?? ""}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        {fault && (
          <p class="field-fault" role="status">
            {fault}
          </p>
        )}
      </div>
      <Refused problem={problem.value} />
      <DialogFoot close={close} act={save} word="Save" disabled={text.value === null || fault !== ""} />
    </Dialog>
  );
}

function faultOf(text: string): string {
  try {
    return Array.isArray(JSON.parse(text)) ? "" : "This is no list.";
  } catch (cause) {
    return `This is no JSON yet: ${cause instanceof Error ? cause.message : ""}`;
  }
}
