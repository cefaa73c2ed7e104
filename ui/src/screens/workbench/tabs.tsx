// workbench/tabs.tsx: below the editor: tests, replay of real messages, versions.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, type Problem} from "../../api";
import {count, plural} from "../../format";
import {Diff} from "../../parts/diff";
import {Icon} from "../../parts/icon";
import {Failed, Loading} from "../../parts/states";
import {Foreign, Time} from "../../parts/text";
import {say} from "../../parts/toast";
import {link} from "../../router";
import type {Json} from "../../types";
import type {Replay, Scripts, TestRun, Version} from "./api";

interface TestsProps {
  run: TestRun | null;
  start: () => void;
  jump: (line: number, where: "source" | "tests") => void;
  lines: string[];
  hasTests: boolean;
}

// The lines that no test reached, of those that hold code.
function uncovered(run: TestRun, lines: string[]): number[] {
  const covered = run.coverage?.lines;
  if (!covered) return [];
  const code = (line: string): boolean => !/^\s*(--.*|end[,);]*|else|local M = \{\}|return M|[})\]]+,?)?\s*$/.test(line);
  if (Array.isArray(covered)) {
    const reached = new Set(covered);
    return lines.flatMap((line, index) => (code(line) && !reached.has(index + 1) ? [index + 1] : []));
  }
  return Object.entries(covered).flatMap(([line, times]) => (times === 0 ? [Number(line)] : []));
}

export function TestsTab({run, start, jump, lines, hasTests}: TestsProps): JSX.Element {
  if (!hasTests) {
    return (
      <p class="quiet">
        This script has no tests yet. Write them in the file beside it (the tab <b>_test.lua</b>): they run here, and before
        every publishing.
      </p>
    );
  }
  if (!run) {
    return (
      <p>
        <button type="button" onClick={start}>
          Run the tests
        </button>{" "}
        <span class="quiet">Ctrl-Enter in the editor does the same.</span>
      </p>
    );
  }
  const failed = run.tests.filter((test) => !test.ok).length;
  const missed = uncovered(run, lines);
  return (
    <>
      {run.error && (
        <p class="outcome bad">
          <Foreign text={run.error.text} />
        </p>
      )}
      <p role="status" class={failed > 0 ? "bad-text" : ""}>
        {failed > 0
          ? `${failed} of ${plural(run.tests.length, "test")} failed.`
          : `${plural(run.tests.length, "test")} passed.`}{" "}
        {run.coverage?.lines && (
          <span class="quiet">
            {missed.length === 0
              ? "Every line was reached."
              : `Lines that no test reached: ${missed.slice(0, 24).join(", ")}${missed.length > 24 ? ", …" : ""}.`}
          </span>
        )}
      </p>
      <ul class="problem-list">
        {run.tests.map((test, index) => (
          <li key={index}>
            <span class={test.ok ? "" : "bad-text"}>
              <Icon name={test.ok ? "check" : "warn"} /> <Foreign text={test.name} />
            </span>{" "}
            {test.line !== undefined && !test.ok && (
              <button type="button" class="plain" onClick={() => jump(test.line ?? 1, "tests")}>
                line {test.line}
              </button>
            )}
            {test.text && !test.ok && (
              <p class="test-text">
                <Foreign text={test.text} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

export function ReplayTab({scripts, source, editable}: {scripts: Scripts; source: string; editable: boolean}): JSX.Element {
  const last = useSignal(50);
  const busy = useSignal(false);
  const replay = useSignal<Replay | null>(null);
  const problem = useSignal<Problem | null>(null);
  const start = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      replay.value = await scripts.replay(source, last.value);
    } catch (cause) {
      problem.value = asProblem(cause);
    }
    busy.value = false;
  };
  if (!editable) return <p class="quiet">A developer may replay real messages.</p>;
  return (
    <>
      <p class="buttons">
        <label>
          Run the draft on the last{" "}
          <select value={last.value} onChange={(event) => (last.value = Number(event.currentTarget.value))}>
            {[20, 50, 100, 200, 500].map((n) => (
              <option key={n} value={n}>
                {n}
              </option>
            ))}
          </select>{" "}
          real messages
        </label>
        <button type="button" disabled={busy.value} onClick={() => void start()}>
          {busy.value ? "Replaying …" : "Replay"}
        </button>
        <span class="quiet">Nothing is sent, nothing is stored.</span>
      </p>
      {problem.value && (
        <p class="outcome bad" role="alert">
          <b>{problem.value.title}.</b> {problem.value.detail}
        </p>
      )}
      {replay.value && <ReplayResult replay={replay.value} name={scripts.name} />}
    </>
  );
}

export function ReplayResult({replay, name}: {replay: Replay; name: string}): JSX.Element {
  const differing = replay.compared - replay.same;
  if (replay.compared === 0)
    return <p class="quiet">There is no message yet that could be compared: run it on a sample instead.</p>;
  return (
    <>
      <p role="status">
        <b>{plural(replay.compared, "message")}</b> compared: {count(replay.same)} the same, {count(differing)} would change.
      </p>
      <ul class="replay">
        {replay.groups.map((group, index) => (
          <li key={index}>
            <details open={index === 0}>
              <summary>
                <b>{plural(group.count, "message")}</b>: <Foreign text={group.kind} />
                {group.path && (
                  <>
                    {" "}
                    at{" "}
                    <span class="mono">
                      <Foreign text={group.path} />
                    </span>
                  </>
                )}
              </summary>
              {group.example && <Diff before={plain(group.example.before)} after={plain(group.example.after)} />}
              <p>
                {group.messages.slice(0, 12).map((id, at) => (
                  <>
                    {at > 0 && ", "}
                    <a key={id} href={link(["config", "scripts", name], {message: id})} title="Run it here">
                      {id.slice(-6)}
                    </a>
                    {" ("}
                    <a href={link(["messages", id])}>message</a>
                    {")"}
                  </>
                ))}
                {group.count > 12 && `, and ${count(group.count - 12)} more`}
              </p>
            </details>
          </li>
        ))}
      </ul>
    </>
  );
}

function plain(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

interface VersionsProps {
  scripts: Scripts;
  source: string;
  editable: boolean;
  take: (source: string) => void;
  again: () => void;
}

export function VersionsTab({scripts, source, editable, take, again}: VersionsProps): JSX.Element {
  const versions = useSignal<Version[] | null>(null);
  const problem = useSignal<Problem | null>(null);
  const shown = useSignal<Version | null>(null);
  const tries = useSignal(0);
  useEffect(() => {
    scripts.versions().then(
      (found) => (versions.value = found),
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  }, [tries.value]);
  const show = async (version: Version): Promise<void> => {
    try {
      shown.value = {...version, ...(await scripts.version(version.version))};
    } catch (cause) {
      say(asProblem(cause).message);
    }
  };
  const back = async (version: Version): Promise<void> => {
    const current = versions.value?.find((one) => one.current);
    try {
      await scripts.rollBack(version.version, `back to version ${version.version}`);
      say(`Version ${version.version} is in force again, as a new version.`, null, () => {
        if (current) void scripts.rollBack(current.version, `back to version ${current.version}`).then(again, () => undefined);
      });
      again();
    } catch (cause) {
      say(asProblem(cause).message);
    }
  };
  if (problem.value) return <Failed problem={problem.value} what="the versions" again={() => tries.value++} />;
  if (!versions.value) return <Loading what="the versions" />;
  if (versions.value.length === 0) return <p class="quiet">It was never published.</p>;
  return (
    <div class="versions">
      <table>
        <caption class="hidden">Versions, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Published</th>
            <th scope="col">By</th>
            <th scope="col" class="grow">
              Note
            </th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.value.map((version) => (
            <tr key={version.version}>
              <td>
                {version.version} {version.current && <span class="quiet">in force</span>}
              </td>
              <td>
                <Time at={version.at} />
              </td>
              <td>
                <Foreign text={version.author ?? "–"} />
              </td>
              <td class="grow">
                <Foreign text={version.note ?? ""} />
              </td>
              <td class="end">
                <button type="button" class="plain" onClick={() => void show(version)}>
                  Difference<span class="hidden"> of version {version.version} to the editor</span>
                </button>
                {editable && !version.current && (
                  <button type="button" class="plain" onClick={() => void back(version)}>
                    Go back to it<span class="hidden">: version {version.version}</span>
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.value && (
        <section aria-labelledby="version-diff">
          <div class="section-head">
            <h3 id="version-diff">Version {shown.value.version}, and what is in the editor now</h3>
            {editable && (
              <button type="button" class="plain" onClick={() => take(shown.value?.source ?? source)}>
                Take it into the editor
              </button>
            )}
          </div>
          <Diff before={shown.value.source ?? ""} after={source} same="The editor holds exactly this version." />
        </section>
      )}
    </div>
  );
}
