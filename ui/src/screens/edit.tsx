// screens/edit.tsx: making and changing a configuration object: a form made from the settings tables, and the same as YAML beside it.
// What is typed is checked at once, by the schema here and, for administrators, by a dry run at the appliance.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useMemo, useRef} from "preact/hooks";
import {during} from "../activity";
import {asProblem, call, getTagged, put, type Problem} from "../api";
import {Form} from "../forms/form";
import {check, loadSchemas, ownFaults, schemaOf, tidy, type Fault, type Schema} from "../forms/schema";
import {fromYaml, yamlOf} from "../forms/yaml";
import {plural} from "../format";
import {Diff} from "../parts/diff";
import {Icon} from "../parts/icon";
import {Failed, Loading, Refused} from "../parts/states";
import {Foreign} from "../parts/text";
import {say} from "../parts/toast";
import {link, navigate, route} from "../router";
import {isAdmin, mayChange} from "../session";
import type {Item, Json} from "../types";
import type {Kind} from "./kinds";
import {FlowPicture} from "./picture";

const SHOWN_ONLY = [
  "revision updated_at updated_by health back_end details subject issuer serial fingerprint not_before not_after public_key has_private_key hash",
  "version state draft",
]
  .join(" ")
  .split(" ");
const DRY_RUN_AFTER_MS = 500;

export function objectPath(kind: string, name: string): string {
  return `api/v1/${kind}/${encodeURIComponent(name)}`;
}

// What a client may send back of what it was shown.
export function settingsOf(kind: string, item: Item): Item {
  const kept: Item = {};
  for (const [name, value] of Object.entries(item)) {
    if (SHOWN_ONLY.includes(name) || (kind === "certificates" && name === "key")) continue;
    kept[name] = value;
  }
  return kept;
}

export function EditPage({kind, name}: {kind: Kind; name: string | null}): JSX.Element {
  const schemas = useSignal<{[kind: string]: Schema} | null>(null);
  const before = useSignal<{value: Item; tag: string} | null>(null);
  const problem = useSignal<Problem | null>(null);
  const tries = useSignal(0);
  useEffect(() => {
    document.title = `${name === null ? `New ${kind.one}` : `Change ${name}`} · Banyan`;
    const copied = name ?? route.value.query.get("copy");
    const load =
      copied === null ? Promise.resolve({value: started(kind), tag: ""}) : getTagged<Item>(objectPath(kind.name, copied));
    Promise.all([loadSchemas(), load]).then(
      ([all, object]) => {
        schemas.value = all;
        const value = settingsOf(kind.name, object.value);
        if (name === null) delete value[member(kind)];
        before.value = {value, tag: name === null ? "" : object.tag};
        problem.value = null;
      },
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  }, [tries.value]);
  if (problem.value) return <Failed problem={problem.value} what={`this ${kind.one}`} again={() => tries.value++} />;
  if (!schemas.value || !before.value) return <Loading what="the settings" />;
  return <Editing kind={kind} name={name} schemas={schemas.value} start={before.value} />;
}

function member(kind: Kind): string {
  return kind.name === "endpoints" ? "route" : "name";
}

function started(kind: Kind): Item {
  const value: Item = {};
  for (const [name, text] of route.value.query) if (name !== "copy") value[name] = text;
  if (kind.name === "flows") return {from: {}, to: [{}], ...value};
  if (kind.name === "tables") return {rows: {}, ...value};
  return value;
}

interface EditingProps {
  kind: Kind;
  name: string | null;
  schemas: {[kind: string]: Schema};
  start: {value: Item; tag: string};
}

function Editing({kind, name, schemas, start}: EditingProps): JSX.Element {
  const value = useSignal<Item>(start.value);
  const tag = useSignal(start.tag);
  const told = useSignal<Fault[]>([]); // By the appliance, of the value as it was then.
  const problem = useSignal<Problem | null>(null);
  const theirs = useSignal<{value: Item; tag: string} | null>(null);
  const busy = useSignal(false);
  const tried = useSignal(false);
  const schema = useMemo(() => schemaOf(schemas, kind.name, value.value), [value.value["kind"]]);
  const faults = [...check(schema, value.value).filter((fault) => tried.value || fault.detail !== "Is needed."), ...told.value];
  const dirty = JSON.stringify(tidy(value.value)) !== JSON.stringify(tidy(start.value));
  const ownName = String(value.value[member(kind)] ?? name ?? "");

  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);

  // What only the appliance knows (names that do not exist, settings that exclude each other), while somebody types.
  useEffect(() => {
    told.value = [];
    if (!dirty || !isAdmin() || ownName === "" || kind.name === "users" || kind.name === "keys") return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const body = {[kind.name]: [{...(tidy(value.value) as Item), [member(kind)]: ownName}]};
      call("POST", "api/v1/apply?dry_run=true", body, {signal: abort.signal}).catch((cause: unknown) => {
        if (abort.signal.aborted) return;
        const found = asProblem(cause);
        if (found.status === 422)
          told.value = ownFaults(errorsOf(found), kind.name, ownName).filter((f) => tried.value || f.detail !== "Is needed.");
      });
    }, DRY_RUN_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [value.value, tried.value]);

  const change = (next: Item): void => {
    value.value = next;
    problem.value = null;
  };

  const save = async (): Promise<void> => {
    tried.value = true;
    problem.value = null;
    if (ownName === "" || check(schema, value.value).length > 0) {
      requestAnimationFrame(() =>
        document.querySelector<HTMLElement>("[aria-invalid=true], .field-fault")?.scrollIntoView({block: "center"}),
      );
      return;
    }
    busy.value = true;
    try {
      const body = {...(tidy(value.value) as Item), [member(kind)]: ownName};
      if (kind.name === "tables") body["rows"] = value.value["rows"] ?? {};
      const response = await put(objectPath(kind.name, ownName), body, tag.value);
      const revision = response.headers.get("ETag") ?? "";
      const undo = name === null ? undoMake(kind, ownName) : undoChange(kind, ownName, start.value, revision);
      say(name === null ? `The ${kind.one} ${ownName} is made.` : `${ownName} is saved.`, null, undo);
      navigate(link(["config", kind.name, ownName]));
    } catch (cause) {
      const found = asProblem(cause);
      busy.value = false;
      if (found.status === 409 || found.status === 412) {
        const now = await getTagged<Item>(objectPath(kind.name, ownName)).catch(() => null);
        theirs.value = now && {value: settingsOf(kind.name, now.value), tag: now.tag};
        if (!now) problem.value = found;
        return;
      }
      told.value = ownFaults(errorsOf(found), kind.name, ownName);
      if (told.value.every((fault) => fault.pointer === "")) problem.value = found;
    }
  };

  if (!mayChange()) {
    return (
      <p class="notice">
        <span>Your role may only look. A developer or an administrator may change this.</span>
      </p>
    );
  }
  const up = link(name === null ? ["config", kind.name] : ["config", kind.name, name]);
  return (
    <>
      <div class="steps">
        <a href={up} data-key="Escape">
          <Icon name="back" /> {name === null ? kind.title : <Foreign text={name} />}
        </a>
      </div>
      <div class="head">
        <h1>{name === null ? `New ${kind.one}` : <Foreign text={name} />}</h1>
        <span class="quiet">{name === null ? "" : `${kind.one}, being changed`}</span>
        <span class="head-side">
          <a class="button" href={up}>
            Cancel
          </a>
          <button type="submit" form="object-form" class="primary" disabled={busy.value}>
            {busy.value ? "Saving …" : "Save"}
          </button>
        </span>
      </div>
      <p class="about">{kind.about}</p>
      <Refused problem={problem.value} />
      {theirs.value && (
        <Conflict
          mine={value.value}
          theirs={theirs.value.value}
          overwrite={() => {
            tag.value = theirs.value?.tag ?? "";
            theirs.value = null;
            void save();
          }}
          take={() => {
            value.value = theirs.value?.value ?? value.value;
            tag.value = theirs.value?.tag ?? "";
            theirs.value = null;
          }}
        />
      )}
      {kind.name === "flows" && <FlowPicture flow={{...value.value, name: ownName}} />}
      <div class="edit">
        <form
          id="object-form"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          {faults.length > 0 && (
            <p class="field-fault" role="status">
              {plural(faults.length, "setting")} cannot stay as {faults.length === 1 ? "it is" : "they are"}.{" "}
              {faults
                .filter((fault) => fault.pointer === "")
                .map((fault) => fault.detail)
                .join(" ")}
            </p>
          )}
          <Form
            key={String(value.value["kind"] ?? "")}
            schema={schema}
            value={value.value}
            faults={faults}
            fixed={name === null ? [] : [member(kind)]}
            hidden={
              kind.name === "certificates"
                ? ["details"]
                : kind.name === "scripts"
                  ? ["source", "test", "samples", "hash"]
                  : kind.name === "schemas"
                    ? ["hash"]
                    : []
            }
            change={change}
          />
        </form>
        <Yaml value={tidy(value.value) ?? {}} change={change} />
      </div>
    </>
  );
}

export function errorsOf(problem: Problem): unknown {
  return problem.body !== null && typeof problem.body === "object" && "errors" in problem.body ? problem.body.errors : null;
}

export function undoChange(kind: Kind, name: string, before: Item, tag: string): () => void {
  return () => {
    put(objectPath(kind.name, name), before, tag || null).then(
      () => say(`${name} is as it was before.`),
      (cause: unknown) => say(`It could not be undone. ${asProblem(cause).message}`),
    );
  };
}

function undoMake(kind: Kind, name: string): () => void {
  return () => {
    call("DELETE", objectPath(kind.name, name)).then(
      () => {
        say(`${name} is removed again.`);
        navigate(link(["config", kind.name]));
      },
      (cause: unknown) => say(`It could not be undone. ${asProblem(cause).message}`),
    );
  };
}

interface ConflictProps {
  mine: Item;
  theirs: Item;
  overwrite: () => void;
  take: () => void;
}

export function Conflict({mine, theirs, overwrite, take}: ConflictProps): JSX.Element {
  return (
    <section class="conflict" role="alert" aria-labelledby="conflict">
      <h2 id="conflict">Somebody changed it meanwhile</h2>
      <p>Nothing of yours is lost. What is stored now, and what yours would make of it:</p>
      <Diff before={yamlOf(tidy(theirs) ?? {})} after={yamlOf(tidy(mine) ?? {})} same="Both are the same." />
      <div class="sheet-foot">
        <button type="button" onClick={take}>
          Take theirs
        </button>
        <button type="button" class="primary" onClick={overwrite}>
          Save mine over it
        </button>
      </div>
    </section>
  );
}

// The object as a file for `banyan apply` would have it; typed here, it is in the form at once.
function Yaml({value, change}: {value: Json; change: (value: Item) => void}): JSX.Element {
  const text = yamlOf(value);
  const typed = useSignal<string | null>(null);
  const fault = useSignal<{line: number; text: string} | null>(null);
  const turn = useRef(0);
  const onInput = async (now: string): Promise<void> => {
    typed.value = now;
    const mine = ++turn.current;
    const read = await during(fromYaml(now));
    if (mine !== turn.current) return;
    if (!("value" in read)) fault.value = read;
    else if (read.value === null || typeof read.value !== "object" || Array.isArray(read.value))
      fault.value = {line: 1, text: "These are no settings: write name: value."};
    else {
      fault.value = null;
      change(read.value);
    }
  };
  return (
    <aside class="yaml" aria-labelledby="yaml">
      <div class="section-head">
        <h2 id="yaml">As YAML</h2>
        <button
          type="button"
          class="plain"
          onClick={() =>
            void navigator.clipboard.writeText(text).then(
              () => say("Copied."),
              () => say("This browser does not allow copying."),
            )
          }
        >
          Copy
        </button>
      </div>
      <textarea
        class="mono"
        aria-labelledby="yaml"
        spellcheck={false}
        rows={Math.max(12, Math.min(40, (typed.value ?? text).split("\n").length + 1))}
        value={typed.value ?? text}
        onInput={(event) => void onInput(event.currentTarget.value)}
        onBlur={() => {
          if (!fault.value) typed.value = null;
        }}
      />
      {fault.value && (
        <p class="field-fault" role="status">
          Line {fault.value.line}: {fault.value.text}
        </p>
      )}
    </aside>
  );
}
