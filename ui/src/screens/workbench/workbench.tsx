// workbench/workbench.tsx: where a script is written: what comes in on the left, the code in the middle, what comes out on the right, all
// at once. Typing never waits: the text is here, it is kept and run after a pause, and an answer that is late is not shown.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useMemo, useRef} from "preact/hooks";
import {asProblem, get, type Problem} from "../../api";
import {CodeEditor, type Mark} from "../../editor/code";
import {Knowledge} from "../../editor/complete";
import {localTime, plural} from "../../format";
import {Icon} from "../../parts/icon";
import {Failed, Loading} from "../../parts/states";
import {Foreign} from "../../parts/text";
import {say} from "../../parts/toast";
import {link, replace, route} from "../../router";
import {mayChange} from "../../session";
import type {Item} from "../../types";
import {objectPath} from "../edit";
import {loadLibrary, Scripts, type Draft, type Input, type LogLine, type Run, type RunError, type TestRun} from "./api";
import {InputPane} from "./input";
import {Output} from "./output";
import {Publish} from "./publish";
import {ReplayTab, TestsTab, VersionsTab} from "./tabs";

const RUN_AFTER_MS = 60; // From the last key to the run; its answer is there within 150 ms of the pause.
const KEEP_AFTER_MS = 800;
const STORED = "banyan.draft.";

type Tab = "problems" | "tests" | "replay" | "versions";

interface Opened {
  published: Draft;
  draft: Draft | null;
  version: number;
  turn: number; // Another one is another bench.
}

export function Workbench({name}: {name: string}): JSX.Element {
  const opened = useSignal<Opened | null>(null);
  const problem = useSignal<Problem | null>(null);
  const tries = useSignal(0);
  useEffect(() => {
    document.title = `${name} · Scripts · Banyan`;
    problem.value = null;
    const scripts = new Scripts(name);
    Promise.all([get<Item>(objectPath("scripts", name)), mayChange() ? scripts.draft() : Promise.resolve(null)]).then(
      ([item, draft]) => {
        const text = (key: string): string => (typeof item[key] === "string" ? (item[key] as string) : "");
        opened.value = {
          published: {source: text("source"), tests: text("test"), note: ""},
          draft,
          version:
            typeof item["version"] === "number" ? item["version"] : typeof item["revision"] === "number" ? item["revision"] : 0,
          turn: tries.peek(),
        };
      },
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  }, [name, tries.value]);
  return (
    <>
      <div class="steps">
        <a href={link(["config", "scripts"])} data-key="Escape">
          <Icon name="back" /> Scripts
        </a>
      </div>
      {opened.value ? (
        <Bench key={`${name} ${opened.value.turn}`} name={name} opened={opened.value} again={() => tries.value++} />
      ) : problem.value ? (
        <Failed problem={problem.value} what="this script" again={() => tries.value++} />
      ) : (
        <Loading what="the script" />
      )}
    </>
  );
}

function functionsOf(source: string): string[] {
  return ["translate", "request", "response"].filter((name) =>
    new RegExp(`\\bfunction\\s+\\w+[.:]${name}\\b|\\b${name}\\s*=\\s*function\\b`).test(source),
  );
}

function Bench({name, opened, again}: {name: string; opened: Opened; again: () => void}): JSX.Element {
  const scripts = useMemo(() => new Scripts(name), [name]);
  const knowledge = useMemo(() => new Knowledge(), [name]);
  const stored = useMemo(() => readLocal(name), [name]);
  const start = opened.draft ?? opened.published;
  const source = useSignal(start.source);
  const tests = useSignal(start.tests);
  const part = useSignal<"source" | "tests">("source");
  const input = useSignal<Input>({kind: "none"});
  const chosenFunction = useSignal("");
  const marks = useSignal<readonly Mark[]>([]);
  const run = useSignal<Run | null>(null);
  const runProblem = useSignal<Problem | null>(null);
  const running = useSignal(false);
  const kept = useSignal<"kept" | "typing" | "failed">("kept");
  const tab = useSignal<Tab>((route.value.query.get("tab") as Tab | null) ?? "problems");
  const testRun = useSignal<TestRun | null>(null);
  const askedLine = Number(route.value.query.get("line") ?? 0);
  const goTo = useSignal<{line: number; turn: number} | null>(askedLine > 0 ? {line: askedLine, turn: 0} : null);
  const publishing = useSignal(false);
  const latest = useRef({source: start.source, tests: start.tests});
  latest.current = {source: source.value, tests: tests.value};
  const editable = mayChange();
  const functions = functionsOf(source.value);
  const functionName = functions.includes(chosenFunction.value) ? chosenFunction.value : (functions[0] ?? "");
  const dirty = source.value !== opened.published.source || tests.value !== opened.published.tests;

  useEffect(() => {
    loadLibrary().then(
      (modules) => (knowledge.modules = modules),
      () => undefined, // Without it the language's own words are still completed.
    );
  }, []);

  useEffect(() => {
    knowledge.places = [];
    if (input.value.kind === "none" || input.value.kind === "text") return;
    scripts.structure(input.value).then(
      (places) => (knowledge.places = places),
      () => undefined,
    );
  }, [input.value]);

  // Diagnostics and the live result: after a pause, the latest only.
  const turn = useRef(0);
  useEffect(() => {
    if (!editable) return;
    const mine = ++turn.current;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const code = source.value;
      scripts.check(code, abort.signal).then(
        (found) => {
          if (mine !== turn.current) return;
          marks.value = found.map((one) => ({
            line: one.line,
            ...(one.column === undefined ? {} : {column: one.column}),
            severity: one.severity === "warning" || one.severity === "info" ? one.severity : "error",
            text: one.text,
          }));
        },
        () => undefined,
      );
      if (input.value.kind === "none") return;
      running.value = true;
      scripts.run(code, functionName, input.value, abort.signal).then(
        (done) => {
          if (mine !== turn.current) return;
          run.value = done;
          runProblem.value = null;
          running.value = false;
        },
        (cause: unknown) => {
          if (abort.signal.aborted) return;
          runProblem.value = asProblem(cause);
          running.value = false;
        },
      );
    }, RUN_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [source.value, input.value, functionName]);

  // The draft is kept at the appliance, and until it is, in this browser.
  // One keeping after the other: an older text must not arrive last.
  const keeping = useRef<Promise<void>>(Promise.resolve());
  const keep = (): Promise<void> => (keeping.current = keeping.current.then(keepNow));
  const keepNow = async (): Promise<void> => {
    const now = {...latest.current, note: ""};
    try {
      await scripts.keep(now);
      if (now.source === latest.current.source && now.tests === latest.current.tests) {
        kept.value = "kept";
        localStorage.removeItem(STORED + name);
      }
    } catch {
      kept.value = "failed";
    }
  };
  useEffect(() => {
    if (!editable || kept.value === "kept") return;
    const timer = setTimeout(() => {
      storeLocal(name, latest.current);
      void keep();
    }, KEEP_AFTER_MS);
    return () => clearTimeout(timer);
  }, [source.value, tests.value, kept.value]);
  // Whoever leaves before the pause has ended leaves with what they typed.
  useEffect(() => {
    const leave = (): void => {
      if (editable && kept.peek() === "typing") storeLocal(name, latest.current);
    };
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      leave();
      if (editable && kept.peek() === "typing") void keep();
    };
  }, []);

  const type = (which: "source" | "tests", text: string): void => {
    if (which === "source") source.value = text;
    else tests.value = text;
    kept.value = "typing";
  };
  const runTests = async (): Promise<void> => {
    tab.value = "tests";
    testRun.value = null;
    try {
      testRun.value = await scripts.test(source.value, tests.value);
    } catch (cause) {
      testRun.value = {tests: [], error: {text: asProblem(cause).message}};
    }
  };
  const jump = (line: number, where: "source" | "tests" = "source"): void => {
    part.value = where;
    goTo.value = {line, turn: (goTo.value?.turn ?? 0) + 1};
  };
  const discard = async (): Promise<void> => {
    const before = {...latest.current, note: ""};
    try {
      await scripts.discard();
      localStorage.removeItem(STORED + name);
      source.value = opened.published.source;
      tests.value = opened.published.tests;
      kept.value = "kept";
      say("The draft is thrown away.", null, () => {
        type("source", before.source);
        type("tests", before.tests);
      });
    } catch (cause) {
      say(asProblem(cause).message);
    }
  };
  const keys = [
    {key: "Mod-Enter", run: () => void runTests()},
    {key: "Mod-s", run: () => void keep()},
    {key: "Mod-Shift-Enter", run: () => (publishing.value = true)},
  ];
  const allMarks: readonly Mark[] = useMemo(() => {
    const error = run.value?.error;
    const own =
      error?.line && (!error.script || error.script === name)
        ? [{line: error.line, severity: "error" as const, text: error.text}]
        : [];
    const said = (run.value?.log ?? []).flatMap((one) =>
      one.line ? [{line: one.line, severity: "info" as const, text: one.text}] : [],
    );
    return [...marks.value, ...own.filter((mark) => !marks.value.some((other) => other.line === mark.line)), ...said];
  }, [marks.value, run.value]);
  const testMarks: readonly Mark[] = useMemo(
    () =>
      (testRun.value?.tests ?? []).flatMap((one) =>
        !one.ok && one.line ? [{line: one.line, severity: "error" as const, text: one.text ?? "failed"}] : [],
      ),
    [testRun.value],
  );
  const ownError =
    run.value?.error && !marks.value.some((mark) => mark.line === run.value?.error?.line) ? run.value.error : null;
  const problems = marks.value.filter((mark) => mark.severity !== "info").length + (ownError ? 1 : 0);
  const failedTests = (testRun.value?.tests ?? []).filter((one) => !one.ok).length;

  return (
    <div class="workbench">
      <div class="head">
        <h1>
          <Foreign text={name} />
        </h1>
        <span class="quiet">
          {dirty ? `draft, beside version ${opened.version}` : `version ${opened.version}, as published`}
        </span>
        {editable && (
          <span class={`kept ${kept.value}`} role="status">
            {kept.value === "kept"
              ? dirty
                ? "Draft kept"
                : ""
              : kept.value === "typing"
                ? "…"
                : "Not kept yet: the appliance does not answer. It is safe in this browser."}
          </span>
        )}
        <span class="head-side">
          {functions.length > 1 && (
            <label>
              <span class="quiet">runs</span>{" "}
              <select value={functionName} onChange={(event) => (chosenFunction.value = event.currentTarget.value)}>
                {functions.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </label>
          )}
          {editable && dirty && (
            <button type="button" class="plain" onClick={() => void discard()}>
              Throw the draft away
            </button>
          )}
          {editable && (
            <button type="button" onClick={() => void runTests()} title="Run the tests (Ctrl-Enter)">
              Run the tests
            </button>
          )}
          {editable && (
            <button
              type="button"
              class="primary"
              disabled={!dirty}
              title="Publish (Ctrl-Shift-Enter)"
              onClick={() => (publishing.value = true)}
            >
              Publish …
            </button>
          )}
        </span>
      </div>
      {stored && stored.source !== source.value && stored.source !== opened.published.source && (
        <p class="notice">
          <span>This browser has a draft of {localTime(new Date(stored.at))} that the appliance never got.</span>
          <button
            type="button"
            onClick={() => {
              type("source", stored.source);
              type("tests", stored.tests);
            }}
          >
            Go on with it
          </button>
        </p>
      )}
      <div class="benches">
        <InputPane scripts={scripts} input={input.value} choose={(next) => (input.value = next)} editable={editable} />
        <section class="code-pane" aria-label="Script">
          <div class="pane-bar" role="tablist" aria-label="Files">
            {(["source", "tests"] as const).map((which) => (
              <button
                key={which}
                type="button"
                role="tab"
                class="plain"
                aria-selected={part.value === which}
                onClick={() => (part.value = which)}
              >
                {which === "source" ? `${name}.lua` : `${name}_test.lua`}
              </button>
            ))}
          </div>
          {part.value === "source" ? (
            <CodeEditor
              key="source"
              label={`Source of ${name}`}
              value={source.value}
              readOnly={!editable}
              onChange={(text) => type("source", text)}
              marks={allMarks}
              complete={knowledge.complete}
              explain={knowledge.explain}
              keys={keys}
              goTo={goTo.value}
            />
          ) : (
            <CodeEditor
              key="tests"
              label={`Tests of ${name}`}
              value={tests.value}
              readOnly={!editable}
              onChange={(text) => type("tests", text)}
              marks={testMarks}
              complete={knowledge.complete}
              explain={knowledge.explain}
              keys={keys}
              goTo={goTo.value}
            />
          )}
        </section>
        <Output
          scripts={scripts}
          published={opened.published.source}
          functionName={functionName}
          input={input.value}
          editable={editable}
          again={() => (input.value = {...input.value})}
          run={run.value}
          problem={runProblem.value}
          running={running.value}
          jump={jump}
        />
      </div>
      <section class="bench-foot" aria-label="Problems, tests, replay, versions">
        <div class="views" role="tablist" aria-label="Below the editor">
          {(
            [
              ["problems", `Problems${problems ? ` (${problems})` : ""}`],
              ["tests", `Tests${failedTests ? ` (${failedTests} failed)` : ""}`],
              ["replay", "Replay"],
              ["versions", "Versions"],
            ] as const
          ).map(([id, title]) => (
            <button
              key={id}
              type="button"
              role="tab"
              class="plain"
              aria-selected={tab.value === id}
              onClick={() => {
                tab.value = id;
                replace(link(["config", "scripts", name], id === "problems" ? {} : {tab: id}));
              }}
            >
              {title}
            </button>
          ))}
        </div>
        {tab.value === "problems" && (
          <Problems marks={marks.value} error={ownError} log={run.value?.log ?? []} name={name} jump={jump} />
        )}
        {tab.value === "tests" && (
          <TestsTab
            run={testRun.value}
            start={() => void runTests()}
            jump={jump}
            lines={source.value.split("\n")}
            hasTests={tests.value.trim() !== ""}
          />
        )}
        {tab.value === "replay" && <ReplayTab scripts={scripts} source={source.value} editable={editable} />}
        {tab.value === "versions" && (
          <VersionsTab
            scripts={scripts}
            source={source.value}
            editable={editable}
            take={(text) => type("source", text)}
            again={() => {
              void scripts
                .discard()
                .catch(() => undefined)
                .then(again);
            }}
          />
        )}
      </section>
      {publishing.value && (
        <Publish
          scripts={scripts}
          before={opened.published.source}
          broken={marks.value.some((mark) => mark.severity === "error")}
          draft={{source: source.value, tests: tests.value, note: ""}}
          close={() => (publishing.value = false)}
          done={() => {
            localStorage.removeItem(STORED + name);
            publishing.value = false;
            replace(link(["config", "scripts", name], {tab: "versions"}));
            again();
          }}
        />
      )}
    </div>
  );
}

interface ProblemsProps {
  marks: readonly Mark[];
  error: RunError | null;
  log: readonly LogLine[];
  name: string;
  jump: (line: number) => void;
}

function Problems({marks, error, log, name, jump}: ProblemsProps): JSX.Element {
  const found = marks.filter((mark) => mark.severity !== "info");
  if (found.length === 0 && !error && log.length === 0) return <p class="quiet">No problem, and nothing logged.</p>;
  return (
    <ul class="problem-list">
      {found.map((mark, index) => (
        <li key={index}>
          <button type="button" class="plain" onClick={() => jump(mark.line)}>
            line {mark.line}
          </button>{" "}
          <span class={mark.severity === "error" ? "bad-text" : "wait-text"}>
            {mark.severity}: <Foreign text={mark.text} />
          </span>
        </li>
      ))}
      {error && (
        <li>
          {error.line ? (
            <button type="button" class="plain" onClick={() => jump(error.line ?? 1)}>
              {error.script && error.script !== name ? `${error.script}, ` : ""}line {error.line}
            </button>
          ) : (
            <span class="quiet">run</span>
          )}{" "}
          <span class="bad-text">
            <Foreign text={error.text} />
          </span>
          {error.path && (
            <span class="quiet">
              {" "}
              at <Foreign text={error.path} />
            </span>
          )}
        </li>
      )}
      {log.map((line, index) => (
        <li key={`log ${index}`}>
          {line.line ? (
            <button type="button" class="plain" onClick={() => jump(line.line ?? 1)}>
              line {line.line}
            </button>
          ) : (
            <span class="quiet">log</span>
          )}{" "}
          <span>
            <span class="quiet">{line.level ?? "log"}:</span> <Foreign text={line.text} />
          </span>
        </li>
      ))}
      {found.length > 5 && <li class="quiet">{plural(found.length, "problem")} in all; F8 goes to the next.</li>}
    </ul>
  );
}

function storeLocal(name: string, text: {source: string; tests: string}): void {
  try {
    localStorage.setItem(STORED + name, JSON.stringify({...text, at: Date.now()}));
  } catch {
    // A full or forbidden storage: the appliance keeps it anyway.
  }
}

function readLocal(name: string): {source: string; tests: string; at: number} | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(STORED + name) ?? "null");
    if (value === null || typeof value !== "object" || !("source" in value) || !("tests" in value) || !("at" in value))
      return null;
    return {source: String(value.source), tests: String(value.tests), at: Number(value.at)};
  } catch {
    return null;
  }
}
