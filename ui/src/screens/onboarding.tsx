// screens/onboarding.tsx: a new partner, step by step: who they are, how we reach them, does it work, what is exchanged. Every step is
// stored when it is done, so that one can stop and go on another day; the address says which step it is.

import {useSignal} from "@preact/signals";
import type {ComponentChildren, JSX} from "preact";
import {useEffect, useMemo} from "preact/hooks";
import {asProblem, get, getPage, getTagged, put, type Problem} from "../api";
import {Form, useNames} from "../forms/form";
import {check, loadSchemas, ownFaults, schemaOf, tidy, type Fault, type Schema} from "../forms/schema";
import {Icon} from "../parts/icon";
import {Failed, Loading} from "../parts/states";
import {Foreign} from "../parts/text";
import {say} from "../parts/toast";
import {useResource} from "../resource";
import {link, navigate, route} from "../router";
import type {Item} from "../types";
import {CertificateInput} from "./certificate";
import {errorsOf, objectPath, settingsOf} from "./edit";
import {identitiesIn} from "./identities";
import {ConnectionTests} from "./object-actions";
import {FlowPicture} from "./picture";

const steps = ["Who", "How", "Check", "What", "Go"] as const;

export function Onboarding({name}: {name: string | null}): JSX.Element {
  const step = Math.min(steps.length, Math.max(1, Number(route.value.query.get("step") ?? 1)));
  useEffect(() => {
    document.title = `${name ?? "New partner"}, step ${step} · Banyan`;
  }, [name, step]);
  const to = (next: number, partner: string | null = name): void => {
    if (partner) navigate(link(["config", "partners", partner, "onboarding"], {step: String(next)}));
  };
  return (
    <>
      <div class="steps">
        <a href={link(name ? ["config", "partners", name] : ["config", "partners"])} data-key="Escape">
          <Icon name="back" /> {name ? <Foreign text={name} /> : "Partners"}
        </a>
      </div>
      <div class="head">
        <h1>{name ? <Foreign text={name} /> : "New partner"}</h1>
        {!name && <a href={link(["config", "partners", "+new"], {plain: "true"})}>All settings at once</a>}
      </div>
      <ol class="guide" aria-label="Steps">
        {steps.map((title, index) => (
          <li key={title} aria-current={step === index + 1 ? "step" : undefined}>
            {name && step !== index + 1 ? (
              <a href={link(["config", "partners", name, "onboarding"], {step: String(index + 1)})}>
                {index + 1} {title}
              </a>
            ) : (
              <span>
                {index + 1} {title}
              </span>
            )}
          </li>
        ))}
      </ol>
      {step === 1 || !name ? (
        <Who name={name} done={(partner) => to(2, partner)} />
      ) : step === 2 ? (
        <How partner={name} done={() => to(3)} />
      ) : (
        <WithConnections key={step} partner={name}>
          {(connections) =>
            step === 3 ? (
              <CheckStep partner={name} connections={connections} done={() => to(4)} back={() => to(2)} />
            ) : step === 4 ? (
              <What partner={name} connections={connections} done={() => to(5)} />
            ) : (
              <Go partner={name} connections={connections} />
            )
          }
        </WithConnections>
      )}
    </>
  );
}

function Wrong({problem}: {problem: Problem | null}): JSX.Element | null {
  return (
    problem && (
      <p class="notice bad" role="alert">
        <span>
          <b>{problem.title}.</b> {problem.detail}
        </span>
      </p>
    )
  );
}

function Step({
  about,
  children,
  submit,
  onSubmit,
  busy,
  skip,
}: {
  about: string;
  children: ComponentChildren;
  submit: string;
  onSubmit: () => void;
  busy: boolean;
  skip?: () => void;
}): JSX.Element {
  return (
    <form
      class="guided"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <p class="about">{about}</p>
      {children}
      <p class="buttons">
        <button type="submit" class="primary" disabled={busy}>
          {submit}
        </button>
        {skip && (
          <button type="button" onClick={skip}>
            Skip
          </button>
        )}
      </p>
    </form>
  );
}

// What a form of the appliance's own settings needs, in one place.
function useForm(kind: string, start: () => Promise<{value: Item; tag: string | null}>) {
  const schemas = useSignal<{[kind: string]: Schema} | null>(null);
  const value = useSignal<Item>({});
  const tag = useSignal<string | null>(null);
  const told = useSignal<Fault[]>([]);
  const problem = useSignal<Problem | null>(null);
  const busy = useSignal(false);
  const tried = useSignal(false);
  useEffect(() => {
    Promise.all([loadSchemas(), start()]).then(
      ([all, found]) => {
        // What was typed or pasted before the answer came is newer than the answer.
        value.value = {...found.value, ...value.value};
        tag.value = found.tag;
        schemas.value = all;
      },
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  }, []);
  const schema = schemas.value ? schemaOf(schemas.value, kind, value.value) : null;
  const all = schema ? check(schema, value.value) : [];
  const faults = [...all.filter((fault) => tried.value || fault.detail !== "Is needed."), ...told.value];
  const save = async (name: string): Promise<boolean> => {
    tried.value = true;
    told.value = [];
    problem.value = null;
    if (!schema || all.length > 0) return false;
    busy.value = true;
    try {
      const response = await put(objectPath(kind, name), {...(tidy(value.value) as Item), name}, tag.value);
      tag.value = response.headers.get("ETag");
      busy.value = false;
      return true;
    } catch (cause) {
      const found = asProblem(cause);
      told.value = ownFaults(errorsOf(found), kind, name);
      if (told.value.every((fault) => fault.pointer === "")) problem.value = found;
      busy.value = false;
      return false;
    }
  };
  const change = (next: Item): void => {
    value.value = next;
    told.value = [];
  };
  return {schema, value, faults, problem, waits: busy.value || !schema, save, change};
}

async function existing(kind: string, name: string): Promise<{value: Item; tag: string}> {
  const found = await getTagged<Item>(objectPath(kind, name));
  return {value: settingsOf(kind, found.value), tag: found.tag};
}

function Who({name, done}: {name: string | null; done: (partner: string) => void}): JSX.Element {
  const form = useForm("partners", async () => (name ? existing("partners", name) : {value: {}, tag: ""}));
  const pasted = useSignal("");
  const take = (text: string): void => {
    pasted.value = text;
    const found = identitiesIn(text);
    if (Object.keys(found).length > 0) form.change({...form.value.value, ...found});
  };
  const found = Object.entries(identitiesIn(pasted.value));
  return (
    <Step
      about="What they are called, and by which identities their messages are known. An X12 id is that of their ISA, an EDIFACT id that of their UNB."
      submit="Keep and go on"
      busy={form.waits}
      onSubmit={() => {
        const partner = String(form.value.value["name"] ?? "");
        void form.save(partner).then((good) => good && done(partner));
      }}
    >
      <Wrong problem={form.problem.value} />
      <div class="field">
        <label for="paste">
          Have you got something of theirs? Paste the beginning of a file, or the headers of an AS2 message
        </label>
        <textarea
          id="paste"
          class="mono"
          rows={3}
          spellcheck={false}
          placeholder="ISA*00*          *00*          *01*123456789      *ZZ*…"
          value={pasted.value}
          onInput={(event) => take(event.currentTarget.value)}
        />
        <p class="field-help" role="status">
          {pasted.value.trim() === ""
            ? "It fills in the identities below."
            : found.length > 0
              ? `Found ${found.map(([id, value]) => `${id.replace("_id", "").toUpperCase()} id ${String(value)}`).join(", ")}.`
              : "No sender is found in it."}
        </p>
      </div>
      {form.schema && (
        <Form
          key={found.length}
          schema={form.schema}
          value={form.value.value}
          faults={form.faults}
          fixed={name ? ["name"] : []}
          hidden={["certificates"]}
          change={form.change}
        />
      )}
    </Step>
  );
}

const ways: {[kind: string]: string} = {
  as2: "AS2: they have a URL, certificates and AS2 ids",
  sftp: "SFTP: files on a server, theirs or ours",
  ftp: "FTPS: files on their server",
  file: "A directory: something else moves the files",
  http: "HTTP: they have an interface of their own",
};

function How({partner, done}: {partner: string; done: () => void}): JSX.Element {
  const mine = useSignal<string | null>(null);
  const form = useForm("connections", async () => {
    const all = await getPage<Item>("api/v1/connections");
    const own = all.items.find((item) => item["partner"] === partner);
    if (!own) {
      mine.value = `${partner}-as2`;
      return {value: {name: `${partner}-as2`, partner, kind: "as2"}, tag: ""};
    }
    mine.value = String(own["name"]);
    return existing("connections", mine.value);
  });
  const pem = useSignal("");
  const certificateName = useSignal(`${partner}-${new Date().getFullYear()}`);
  const problem = useSignal<Problem | null>(null);
  const kind = String(form.value.value["kind"] ?? "");
  const kinds = form.schema?.properties?.["kind"]?.enum ?? [];
  const choose = (next: string): void => {
    const {name: _, kind: __, partner: ___, ...rest} = form.value.value;
    void rest;
    form.change({name: `${partner}-${next}`, partner, kind: next});
  };
  const save = async (): Promise<void> => {
    problem.value = null;
    try {
      if (pem.value.trim() !== "") {
        await put(objectPath("certificates", certificateName.value), {certificate: pem.value}, null);
        const now = await existing("partners", partner);
        const known = Array.isArray(now.value["certificates"]) ? now.value["certificates"] : [];
        if (!known.includes(certificateName.value))
          await put(objectPath("partners", partner), {...now.value, certificates: [certificateName.value, ...known]}, now.tag);
      }
      if (await form.save(String(form.value.value["name"]))) done();
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  return (
    <Step
      about="How messages get there and back. What they told you goes here; what is left open has a good default."
      submit="Keep and go on"
      busy={form.waits}
      onSubmit={() => void save()}
      skip={done}
    >
      <Wrong problem={problem.value ?? form.problem.value} />
      <fieldset class="field">
        <legend>By which way</legend>
        {kinds.map((one) => (
          <label key={one} class="check">
            <input type="radio" name="way" checked={kind === one} onChange={() => choose(one)} />
            {ways[one] ?? one}
          </label>
        ))}
      </fieldset>
      {kind === "as2" && (
        <>
          <CertificateInput
            value={pem.value}
            change={(text) => (pem.value = text)}
            label="Their certificate (PEM): checks their signatures, encrypts for them"
          />
          {pem.value.trim() !== "" && (
            <div class="field">
              <label for="their-certificate">Keep it as</label>
              <input
                id="their-certificate"
                value={certificateName.value}
                spellcheck={false}
                onInput={(event) => (certificateName.value = event.currentTarget.value)}
              />
            </div>
          )}
        </>
      )}
      {form.schema && (
        <Form
          key={kind}
          schema={form.schema}
          value={form.value.value}
          faults={form.faults}
          hidden={["kind", "partner"]}
          change={form.change}
        />
      )}
    </Step>
  );
}

// A step that stands on the partner's connections: it begins when they are known.
function WithConnections({
  partner,
  children,
}: {
  partner: string;
  children: (connections: readonly Item[]) => JSX.Element;
}): JSX.Element {
  const all = useResource<{items: Item[]}>("api/v1/connections");
  const items = all.data.value?.items;
  const own = useMemo(() => items?.filter((item) => item["partner"] === partner), [items, partner]);
  if (own) return children(own);
  const problem = all.problem.value;
  return problem ? (
    <Failed problem={problem} what="their connections" again={all.reload} />
  ) : (
    <Loading what="their connections" />
  );
}

interface CheckProps {
  partner: string;
  connections: readonly Item[];
  done: () => void;
  back: () => void;
}

function CheckStep({partner, connections, done, back}: CheckProps): JSX.Element {
  return (
    <div class="guided">
      <p class="about">
        Does it work? The appliance tries, and says what it meets on the way: name, network, certificates, login, receipt.
      </p>
      {connections.length === 0 && (
        <p>
          There is no connection to {partner} yet.{" "}
          <button type="button" onClick={back}>
            Make one
          </button>
        </p>
      )}
      {connections.map((connection) => (
        <div key={String(connection["name"])} class="card">
          <h2>
            <Foreign text={String(connection["name"])} />
          </h2>
          <ConnectionTests name={String(connection["name"])} kind={String(connection["kind"])} />
        </div>
      ))}
      <p class="buttons">
        <button type="button" class="primary" onClick={done}>
          Go on
        </button>
        <button type="button" onClick={back}>
          Back to how
        </button>
      </p>
    </div>
  );
}

interface FlowTemplate {
  title: string;
  about: string;
  make: (partner: string, connection: string) => Item;
}

const templates: FlowTemplate[] = [
  {
    title: "X12 orders from them (850)",
    about: "Each 850 is acknowledged by a 997 and translated.",
    make: (partner, connection) => ({
      name: `${partner}-orders`,
      from: {connection},
      when: {standard: "X12", type: "850"},
      to: [{}],
      acknowledge: "997",
    }),
  },
  {
    title: "X12 order answers from them (855)",
    about: "Each 855 is held against the 850 that it answers.",
    make: (partner, connection) => ({
      name: `${partner}-answers`,
      from: {connection},
      when: {standard: "X12", type: "855"},
      answers: {type: "850", key: "po"},
      to: [{}],
      acknowledge: "997",
    }),
  },
  {
    title: "EDIFACT orders from them (ORDERS)",
    about: "Each ORDERS is acknowledged by a CONTRL and translated.",
    make: (partner, connection) => ({
      name: `${partner}-orders`,
      from: {connection},
      when: {standard: "EDIFACT", type: "ORDERS"},
      to: [{}],
      acknowledge: "CONTRL",
    }),
  },
  {
    title: "What our system writes, to them",
    about: "Files that appear somewhere are translated and sent; a 997 is expected back.",
    make: (partner, connection) => ({
      name: `to-${partner}`,
      from: {},
      to: [{connection}],
      expect: {acknowledgement: "997", within: "24h"},
    }),
  },
  {
    title: "Anything from them, as it is",
    about: "No translation: the bytes are passed on.",
    make: (partner, connection) => ({name: `${partner}-files`, from: {connection}, to: [{}]}),
  },
];

interface WhatProps {
  partner: string;
  connections: readonly Item[];
  done: () => void;
}

function What({partner, connections, done}: WhatProps): JSX.Element {
  const chosen = useSignal(-1);
  const connection = String(connections[0]?.["name"] ?? "");
  if (chosen.value >= 0) {
    const template = templates[chosen.value];
    if (template)
      return (
        <NewFlow key={chosen.value} start={template.make(partner, connection)} done={done} back={() => (chosen.value = -1)} />
      );
  }
  return (
    <div class="guided">
      <p class="about">What is exchanged? Choose a beginning; every part of it can be changed.</p>
      <ul class="choices">
        {templates.map((template, index) => (
          <li key={template.title}>
            <button type="button" onClick={() => (chosen.value = index)}>
              <b>{template.title}</b>
              <span class="quiet">{template.about}</span>
            </button>
          </li>
        ))}
      </ul>
      <p class="buttons">
        <button type="button" onClick={done}>
          Skip
        </button>
      </p>
    </div>
  );
}

function NewFlow({start, done, back}: {start: Item; done: () => void; back: () => void}): JSX.Element {
  const form = useForm("flows", async () => ({value: start, tag: ""}));
  const scripts = useNames("scripts");
  return (
    <Step
      about={
        scripts.length === 0
          ? "There is no script yet: leave it out for now, and write one in the workbench later."
          : "Where it goes, and which script translates it."
      }
      submit="Keep the flow"
      busy={form.waits}
      onSubmit={() => {
        void form.save(String(form.value.value["name"] ?? "")).then((good) => {
          if (!good) return;
          say(`The flow ${String(form.value.value["name"])} is made.`);
          done();
        });
      }}
      skip={back}
    >
      <Wrong problem={form.problem.value} />
      <FlowPicture flow={form.value.value} />
      {form.schema && <Form schema={form.schema} value={form.value.value} faults={form.faults} change={form.change} />}
    </Step>
  );
}

function Go({partner, connections}: {partner: string; connections: readonly Item[]}): JSX.Element {
  const flows = useSignal<Item[] | null>(null);
  const open = useSignal<string[]>([]);
  useEffect(() => {
    const names = new Set(connections.map((item) => String(item["name"])));
    getPage<Item>("api/v1/flows").then(
      (page) =>
        (flows.value = page.items.filter(
          (flow) =>
            names.has(String((flow["from"] as Item | undefined)?.["connection"])) ||
            JSON.stringify(flow["to"] ?? "").includes(`"${partner}`),
        )),
      () => undefined,
    );
    get<Item>(objectPath("partners", partner)).then(
      (item) => {
        const missing: string[] = [];
        if (!item["x12_id"] && !item["edifact_id"] && !item["as2_id"])
          missing.push("no identity is known: their files cannot be told from others'");
        if (
          connections.some((one) => one["kind"] === "as2") &&
          (!Array.isArray(item["certificates"]) || item["certificates"].length === 0)
        )
          missing.push("AS2 without a certificate of theirs: nothing can be checked or encrypted");
        open.value = missing;
      },
      () => undefined,
    );
  }, [connections]);
  return (
    <div class="guided">
      <p class="about">That is all. What is there, and what is still open:</p>
      <ul class="uses">
        <li>
          <Icon name={connections.length > 0 ? "check" : "warn"} />{" "}
          {connections.length > 0 ? connections.map((one) => String(one["name"])).join(", ") : "no connection yet"}
        </li>
        {flows.value && (
          <li>
            <Icon name={flows.value.length > 0 ? "check" : "warn"} />{" "}
            {flows.value.length > 0 ? flows.value.map((one) => String(one["name"])).join(", ") : "no flow yet"}
          </li>
        )}
        {open.value.map((text) => (
          <li key={text} class="wait-text">
            <Icon name="warn" /> {text}
          </li>
        ))}
      </ul>
      <p class="buttons">
        <a class="button primary" href={link(["config", "partners", partner, "sheet"])}>
          The page to send them
        </a>
        <a class="button" href={link(["messages"], {partner})}>
          Their messages
        </a>
        <a class="button" href={link(["config", "partners", partner])}>
          The partner
        </a>
      </p>
    </div>
  );
}
