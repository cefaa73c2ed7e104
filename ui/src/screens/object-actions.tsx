// screens/object-actions.tsx: what can be done with an object: change, copy, remove; and for a connection: test it, look into it.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {asProblem, call, put, type Problem} from "../api";
import {isSealed} from "../forms/schema";
import {duration, plural, size, words} from "../format";
import {Dialog, DialogFoot} from "../parts/dialog";
import {Icon} from "../parts/icon";
import {Refused} from "../parts/states";
import {Foreign, StatusWord, Time} from "../parts/text";
import {say} from "../parts/toast";
import {link, navigate} from "../router";
import {mayChange, mayResend} from "../session";
import {stats} from "../stats";
import type {Item, Json} from "../types";
import {objectPath, settingsOf} from "./edit";
import type {Kind} from "./kinds";
import {FileLook, TryCall} from "./try-call";
import {useUses} from "./uses";

export function ObjectActions({kind, name, item}: {kind: Kind; name: string; item: Item}): JSX.Element | null {
  const removing = useSignal(false);
  if (!mayChange()) return null;
  return (
    <>
      <a class="button" href={link(["config", kind.name, name, "edit"])} data-key="e" title={`Change this ${kind.one} (e)`}>
        Change
      </a>
      {kind.name === "partners" && (
        <>
          <a class="button" href={link(["config", "partners", name, "sheet"])}>
            Page for them
          </a>
          <a class="button" href={link(["config", "partners", name, "onboarding"], {step: "2"})}>
            Guide
          </a>
        </>
      )}
      {kind.name !== "certificates" && (
        <a class="button" href={link(["config", kind.name, "+new"], {copy: name})}>
          Copy
        </a>
      )}
      <button type="button" onClick={() => (removing.value = true)}>
        Remove …
      </button>
      {removing.value && <Remove kind={kind} name={name} item={item} close={() => (removing.value = false)} />}
    </>
  );
}

function holdsSecret(value: Json | undefined): boolean {
  if (value === null || typeof value !== "object") return false;
  return isSealed(value) || Object.values(value).some(holdsSecret);
}

export function Remove({kind, name, item, close}: {kind: Kind; name: string; item: Item; close: () => void}): JSX.Element {
  const uses = useUses(kind.name, name);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const secret = holdsSecret(item) || kind.name === "users" || kind.name === "keys";
  const remove = async (): Promise<void> => {
    busy.value = true;
    try {
      await call("DELETE", objectPath(kind.name, name));
      const undo = (): void => {
        put(objectPath(kind.name, name), settingsOf(kind.name, item), "").then(
          () => say(`${name} is back.`, {title: "Show it", address: link(["config", kind.name, name])}),
          (cause: unknown) => say(`It could not be undone. ${asProblem(cause).message}`),
        );
      };
      say(`The ${kind.one} ${name} is removed.`, null, secret ? null : undo);
      navigate(link(["config", kind.name]));
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  return (
    <Dialog title={`Remove the ${kind.one} ${name}?`} close={close}>
      {(uses.value ?? []).length > 0 && (
        <p class="notice bad">
          <span>
            It is used by{" "}
            {(uses.value ?? []).map((use, index) => (
              <>
                {index > 0 && ", "}
                <Foreign text={use.name} />
              </>
            ))}
            : the appliance will refuse as long as it is.
          </span>
        </p>
      )}
      <p>
        {secret
          ? "What is secret in it is removed with it: this cannot be undone."
          : "You can undo this right afterwards. What was tracked stays tracked."}
      </p>
      <Refused problem={problem.value} />
      <DialogFoot close={close} act={remove} word="Remove" disabled={busy.value} />
    </Dialog>
  );
}

// ---- connections

interface Step {
  name?: string;
  text?: string;
  good?: boolean;
}

interface Outcome {
  works: boolean;
  words: string;
  steps: Step[];
  message: string; // The message that the test exchange was.
}

interface Entry {
  name: string;
  size?: number;
  modified_ms?: number;
}

// An AS2 connection tells a test exchange step by step; the others say whether they work.
async function probe(name: string, kind: string): Promise<Outcome> {
  const response = await call(
    "POST",
    `api/v1/connections/${encodeURIComponent(name)}/${kind === "as2" ? "test" : "probe"}`,
    {},
  );
  const body = (await response.json()) as {works?: boolean; error?: string; checks?: Step[]; message?: string};
  return {works: body.works === true, words: body.error ?? "", steps: body.checks ?? [], message: body.message ?? ""};
}

// How it fared since the start, and the breaker of a back-end.
export function ConnectionState({name}: {name: string}): JSX.Element | null {
  const figures = stats.data.value;
  const state = figures?.connections?.[name];
  const behind = figures?.back_ends?.[name];
  if (!state && !behind) return null;
  const open = behind !== undefined && behind.breaker !== "closed";
  return (
    <section aria-labelledby="state">
      <h2 id="state">How it fares</h2>
      {state && (
        <p>
          <StatusWord status={state.state ?? "idle"} /> since <Time at={state.since} relative />, last used{" "}
          <Time at={state.last} relative />
          {state.error && (
            <>
              : <Foreign text={state.error} />
            </>
          )}
        </p>
      )}
      {behind && (
        <p>
          <StatusWord status={open ? "cut off" : "ok"} /> Its breaker is {behind.breaker}
          {open && (
            <>
              {" "}
              since <Time at={behind.since} relative />, after {plural(behind.failures, "failure")} in a row;{" "}
              {behind.next_ms ? `tried again in ${duration(Math.ceil(behind.next_ms / 1000))}` : "the next request tries it"}
            </>
          )}
          . {plural(behind.refused, "request")} refused since the start.
        </p>
      )}
    </section>
  );
}

export function ConnectionTests({name, kind}: {name: string; kind: string}): JSX.Element {
  const busy = useSignal("");
  const outcome = useSignal<Outcome | null>(null);
  const entries = useSignal<{entries: Entry[]; more: boolean} | null>(null);
  const problem = useSignal<Problem | null>(null);
  const run = async (what: string, work: () => Promise<void>): Promise<void> => {
    busy.value = what;
    problem.value = null;
    outcome.value = null;
    entries.value = null;
    try {
      await work();
    } catch (cause) {
      problem.value = asProblem(cause);
    }
    busy.value = "";
  };
  const test = (): Promise<void> => run("test", async () => void (outcome.value = await probe(name, kind)));
  const list = (): Promise<void> =>
    run("list", async () => {
      const response = await call("POST", `api/v1/connections/${encodeURIComponent(name)}/list`, {});
      const body = (await response.json()) as {entries?: Entry[]; more?: boolean};
      entries.value = {entries: body.entries ?? [], more: body.more ?? false};
    });
  if (!mayResend()) return <></>;
  return (
    <section aria-labelledby="tests">
      <h2 id="tests">Try it</h2>
      <div class="buttons">
        <button type="button" disabled={busy.value !== ""} onClick={() => void test()}>
          {busy.value === "test" ? "Testing …" : "Test the connection"}
        </button>
        {(kind === "file" || kind === "sftp" || kind === "ftp") && (
          <button type="button" disabled={busy.value !== ""} onClick={() => void list()}>
            {busy.value === "list" ? "Looking …" : "What could be picked up?"}
          </button>
        )}
      </div>
      <div role="status">
        {outcome.value && (
          <p class={`outcome ${outcome.value.works ? "good" : "bad"}`}>
            <Icon name={outcome.value.works ? "check" : "warn"} />{" "}
            {outcome.value.works ? (
              "It works: the other side answers, and lets us in."
            ) : (
              <Foreign text={outcome.value.words || "It does not work."} />
            )}
          </p>
        )}
        {outcome.value && outcome.value.steps.length > 0 && (
          <ol class="probe-steps">
            {outcome.value.steps.map((step, index) => (
              <li key={index} class={step.good === false ? "bad-text" : ""}>
                <Icon name={step.good === false ? "warn" : "check"} /> <b>{words(step.name ?? "")}</b>{" "}
                <Foreign text={step.text ?? ""} />
              </li>
            ))}
          </ol>
        )}
        {problem.value && (
          <p class="outcome bad">
            <Icon name="warn" /> <b>{problem.value.title}.</b> {problem.value.detail}
          </p>
        )}
        {outcome.value?.message && (
          <p>
            <a href={link(["messages", outcome.value.message])}>Show the test message</a>
          </p>
        )}
        {entries.value && entries.value.entries.length === 0 && (
          <p class="quiet">Nothing lies there that could be picked up.</p>
        )}
      </div>
      {entries.value && entries.value.entries.length > 0 && (
        <table class="listing">
          <caption class="hidden">What could be picked up</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="end">
                Size
              </th>
              <th scope="col">Changed</th>
            </tr>
          </thead>
          <tbody>
            {entries.value.entries.map((entry) => (
              <tr key={entry.name}>
                <td>
                  <FileLook connection={name} path={entry.name} />
                </td>
                <td class="end">{entry.size === undefined ? "–" : size(entry.size)}</td>
                <td>{entry.modified_ms ? <Time at={new Date(entry.modified_ms).toISOString()} /> : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {kind === "http" && <TryCall name={name} />}
      {entries.value?.more && <p class="quiet">And more: only the first are shown.</p>}
    </section>
  );
}
