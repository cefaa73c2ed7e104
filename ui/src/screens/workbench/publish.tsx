// workbench/publish.tsx: before a script goes live: what changes, do the tests pass, what would it do to the last real messages.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, type Problem} from "../../api";
import {plural} from "../../format";
import {Dialog, DialogFoot} from "../../parts/dialog";
import {Diff} from "../../parts/diff";
import {Icon} from "../../parts/icon";
import {Refused} from "../../parts/states";
import {Foreign} from "../../parts/text";
import {say} from "../../parts/toast";
import {useUses} from "../uses";
import type {Draft, Replay, Scripts, TestRun} from "./api";
import {ReplayResult} from "./tabs";

const REPLAYED = 50;

interface PublishProps {
  scripts: Scripts;
  before: string;
  broken: boolean; // It is no Lua: that cannot be published.
  draft: Draft;
  close: () => void;
  done: () => void;
}

export function Publish({scripts, before, broken, draft, close, done}: PublishProps): JSX.Element {
  const note = useSignal("");
  const force = useSignal(false);
  const tests = useSignal<TestRun | null>(null);
  const replay = useSignal<Replay | null>(null);
  const replayProblem = useSignal<Problem | null>(null);
  const problem = useSignal<Problem | null>(null);
  const busy = useSignal(false);
  const uses = useUses("scripts", scripts.name);
  useEffect(() => {
    // What is judged here is what will be published: the draft is stored first.
    scripts.keep(draft).then(
      () => {
        scripts.test(draft.source, draft.tests).then(
          (run) => (tests.value = run),
          (cause: unknown) => (tests.value = {tests: [], error: {text: asProblem(cause).message}}),
        );
        scripts.replay(draft.source, REPLAYED).then(
          (answer) => (replay.value = answer),
          (cause: unknown) => (replayProblem.value = asProblem(cause)),
        );
      },
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  }, []);
  const failed = (tests.value?.tests ?? []).filter((test) => !test.ok);
  const red = failed.length > 0 || Boolean(tests.value?.error);
  const publish = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      const made = await scripts.publish(note.value, force.value);
      say(`${scripts.name} is published${made.version ? ` as version ${made.version}` : ""}.`);
      done();
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  return (
    <Dialog title={`Publish ${scripts.name}?`} close={close}>
      <div class="publish">
        <p>
          Every message from now on runs through it
          {uses.value && uses.value.length > 0 ? (
            <>
              , in{" "}
              {uses.value.map((use, index) => (
                <>
                  {index > 0 && ", "}
                  <b>
                    <Foreign text={use.name} />
                  </b>
                </>
              ))}
            </>
          ) : uses.value ? (
            ": nothing uses it yet"
          ) : (
            ""
          )}
          .
        </p>
        <h3>Tests</h3>
        {!tests.value ? (
          <p role="status">Running …</p>
        ) : red ? (
          <ul class="problem-list">
            {tests.value.error && (
              <li class="bad-text">
                <Foreign text={tests.value.error.text} />
              </li>
            )}
            {failed.map((test) => (
              <li key={test.name} class="bad-text">
                <Icon name="warn" /> <Foreign text={test.name} />: <Foreign text={test.text ?? ""} />
              </li>
            ))}
          </ul>
        ) : tests.value.tests.length === 0 ? (
          <p class="wait-text">It has no tests.</p>
        ) : (
          <p>
            <Icon name="check" /> {plural(tests.value.tests.length, "test")} passed.
          </p>
        )}
        <h3>The last {REPLAYED} real messages</h3>
        {replay.value ? (
          <ReplayResult replay={replay.value} name={scripts.name} />
        ) : replayProblem.value ? (
          <p class="bad-text">{replayProblem.value.message}</p>
        ) : (
          <p role="status">Replaying …</p>
        )}
        <h3>What changes in the script</h3>
        <Diff before={before} after={draft.source} same="Only the tests change." />
      </div>
      <div class="field">
        <label for="publish-note">What is new, for whoever reads the history</label>
        <input
          id="publish-note"
          maxLength={200}
          value={note.value}
          onInput={(event) => (note.value = event.currentTarget.value)}
        />
      </div>
      <Refused problem={problem.value} />
      {broken && <p class="bad-text">The script has an error: mend it before it can be published.</p>}
      {red && (
        <label class="check">
          <input type="checkbox" checked={force.value} onChange={(event) => (force.value = event.currentTarget.checked)} />{" "}
          Publish although its tests fail
        </label>
      )}
      <DialogFoot
        close={close}
        act={publish}
        word={busy.value ? "Publishing …" : "Publish"}
        disabled={busy.value || broken || !tests.value || (red && !force.value)}
      />
    </Dialog>
  );
}
