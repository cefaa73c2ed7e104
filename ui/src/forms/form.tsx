// forms/form.tsx: a form made from a schema: one field a setting, with its help, its default and what is wrong with it. What must be
// there comes first, then what is set, then the rest behind "more settings".

import {signal, useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useId} from "preact/hooks";
import {getPage} from "../api";
import {words} from "../format";
import {Icon} from "../parts/icon";
import {Foreign} from "../parts/text";
import {link} from "../router";
import type {Item, Json} from "../types";
import {isSealed, type Fault, type Schema} from "./schema";

// The names of other objects, by kind, for the fields that refer to them.
const names = signal<{[kind: string]: string[]}>({});

export function useNames(kind: string | undefined): string[] {
  useEffect(() => {
    if (!kind) return;
    getPage<Item>(`api/v1/${kind}`).then(
      (page) => (names.value = {...names.value, [kind]: page.items.map((item) => String(item["name"] ?? item["route"]))}),
      () => undefined,
    );
  }, [kind]);
  return kind ? (names.value[kind] ?? []) : [];
}

interface FieldProps {
  schema: Schema;
  name: string;
  value: Json | undefined;
  pointer: string;
  faults: readonly Fault[];
  needed: boolean;
  fixed?: boolean;
  change: (value: Json | undefined) => void;
}

interface FormProps {
  schema: Schema;
  value: Item;
  faults: readonly Fault[];
  fixed?: readonly string[]; // Settings that cannot be changed here.
  hidden?: readonly string[];
  change: (value: Item) => void;
}

export function Form({schema, value, faults, fixed = [], hidden = [], change}: FormProps): JSX.Element {
  return <Group schema={schema} value={value} pointer="" faults={faults} fixed={fixed} hidden={hidden} change={change} />;
}

// What people set of most objects, whatever their kind: shown at once, though it may be left out.
const USUAL = new Set(
  "description station partner url host port user password key host_key directory profile sign encrypt mdn x12_id as2_id edifact_id when script to legacy modern traffic shadow".split(
    " ",
  ),
);
const NAMED = 10;

function Group({schema, value, pointer, faults, fixed = [], hidden = [], change}: FormProps & {pointer: string}): JSX.Element {
  const required = new Set(schema.required ?? []);
  const all = Object.entries(schema.properties ?? {}).filter(([name]) => !hidden.includes(name));
  const opened = useSignal(false);
  const shownFirst = useSignal(
    new Set(all.filter(([name]) => required.has(name) || value[name] !== undefined).map(([name]) => name)),
  );
  // What an adapter brings when its kind is chosen, and must have, is asked for at once.
  const isFirst = (name: string): boolean =>
    required.has(name) || shownFirst.value.has(name) || (pointer === "" && USUAL.has(name));
  const first = all.filter(([name]) => isFirst(name));
  const rest = all.filter(([name]) => !isFirst(name));
  const hasFault = rest.some(([name]) => faults.some((fault) => fault.pointer.startsWith(`${pointer}/${name}`)));
  const set = (name: string, inner: Json | undefined): void => {
    const next: Item = {...value};
    if (inner === undefined) delete next[name];
    else next[name] = inner;
    change(next);
  };
  const field = ([name, inner]: [string, Schema]): JSX.Element => (
    <Field
      key={name}
      schema={inner}
      name={name}
      value={value[name]}
      pointer={`${pointer}/${name}`}
      faults={faults}
      needed={required.has(name)}
      fixed={fixed.includes(name)}
      change={(next) => set(name, next)}
    />
  );
  return (
    <div class="group-fields">
      {first.map(field)}
      {rest.length > 0 && (
        <details
          class="more-settings"
          open={opened.value || hasFault || first.length === 0}
          onToggle={(event) => (opened.value = event.currentTarget.open)}
        >
          <summary>
            {first.length === 0 ? "Settings" : "More settings"}:{" "}
            {rest
              .slice(0, NAMED)
              .map(([name]) => words(name))
              .join(", ")}
            {rest.length > NAMED && `, and ${rest.length - NAMED} more`}
          </summary>
          <div class="group-fields">{rest.map(field)}</div>
        </details>
      )}
    </div>
  );
}

function Field(props: FieldProps): JSX.Element {
  const {schema, name, value, pointer, faults, needed, change} = props;
  const id = useId();
  const mine = faults.filter((fault) => fault.pointer === pointer);
  const help = schema.description ?? "";
  const described = [help && `${id}-help`, mine.length > 0 && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  const below = (
    <>
      {help && (
        <p class="field-help" id={`${id}-help`}>
          {help}
        </p>
      )}
      {mine.length > 0 && (
        <p class="field-fault" id={`${id}-fault`}>
          {mine.map((fault) => fault.detail).join(" ")}
        </p>
      )}
    </>
  );
  if (schema.type === "object" && schema.properties) {
    const set = value !== undefined && value !== null;
    const inner = set && typeof value === "object" && !Array.isArray(value) ? value : {};
    return (
      <fieldset class="field nested">
        <legend>{words(name)}</legend>
        {below}
        {set || needed ? (
          <>
            <Group schema={schema} value={inner} pointer={pointer} faults={faults} change={change} />
            {!needed && (
              <button type="button" class="plain" onClick={() => change(undefined)}>
                <Icon name="close" /> Leave out {words(name).toLowerCase()}
              </button>
            )}
          </>
        ) : (
          <button type="button" onClick={() => change({})}>
            Add {words(name).toLowerCase()}
          </button>
        )}
      </fieldset>
    );
  }
  if (schema.type === "array") return <ListField {...props} id={id} below={below} />;
  if (schema.type === "boolean") {
    const on = typeof value === "boolean" ? value : schema.default === true;
    return (
      <div class="field">
        <label class="check">
          <input
            type="checkbox"
            checked={on}
            aria-describedby={described}
            onChange={(event) => change(event.currentTarget.checked)}
          />
          {words(name)}
        </label>
        {below}
      </div>
    );
  }
  return (
    <div class="field">
      <label for={id}>
        {words(name)} {needed && <span class="quiet">(needed)</span>}
      </label>
      <Input {...props} id={id} described={described} bad={mine.length > 0} />
      {below}
    </div>
  );
}

function Input({
  schema,
  name,
  value,
  change,
  fixed,
  id,
  described,
  bad,
  needed,
}: FieldProps & {id: string; described: string | undefined; bad: boolean}): JSX.Element {
  const references = useNames(schema["x-reference"]);
  const common = {
    id,
    "aria-describedby": described,
    "aria-invalid": bad ? ("true" as const) : undefined,
    disabled: fixed ?? false,
  };
  const shown = value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  if (schema.writeOnly && isSealed(value)) {
    return (
      <span class="kept-secret">
        <span class="quiet">It is kept, and never shown.</span>
        <button type="button" id={id} onClick={() => change("")}>
          Replace
        </button>
      </span>
    );
  }
  if (schema.enum || schema["x-reference"]) {
    const choices = schema.enum ?? references;
    const all = shown === "" || choices.includes(shown) ? choices : [shown, ...choices];
    const none = schema.default !== undefined ? `${String(schema.default)} (default)` : needed ? "Choose …" : "none";
    return (
      <span class="with-link">
        <select {...common} value={shown} onChange={(event) => change(event.currentTarget.value || undefined)}>
          <option value="">{none}</option>
          {all.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
        {schema["x-reference"] && (
          <a href={shown ? link(["config", schema["x-reference"], shown]) : link(["config", schema["x-reference"], "+new"])}>
            {shown ? "Show it" : "Make one"}
          </a>
        )}
      </span>
    );
  }
  if (schema.type === "integer" || schema.type === "number") {
    return (
      <input
        {...common}
        type="text"
        inputMode="numeric"
        value={shown}
        placeholder={schema.default === undefined ? "" : `${String(schema.default)} (default)`}
        onInput={(event) => {
          const text = event.currentTarget.value.trim();
          change(text === "" ? undefined : /^-?\d+$/.test(text) ? Number(text) : text);
        }}
      />
    );
  }
  if (schema.writeOnly && schema.type === "string") {
    return (
      <input
        {...common}
        type="password"
        autocomplete="new-password"
        value={shown}
        onInput={(event) => change(event.currentTarget.value || undefined)}
      />
    );
  }
  if (!schema.type || schema.type === "object") {
    return <Any {...common} schema={schema} value={value} change={change} lines={name === "source" ? SOURCE_LINES : FEW_LINES} />;
  }
  return (
    <input
      {...common}
      type="text"
      spellcheck={false}
      value={shown}
      placeholder={schema.default === undefined ? "" : `${String(schema.default)} (default)`}
      onInput={(event) => change(event.currentTarget.value || undefined)}
    />
  );
}

// How many lines a text field shows: it grows with what is in it.
const FEW_LINES = {least: 1, most: 14};
const SOURCE_LINES = {least: 14, most: 30};

interface AnyProps {
  id: string;
  schema: Schema;
  value: Json | undefined;
  change: (value: Json | undefined) => void;
  disabled: boolean;
  lines: {least: number; most: number};
  "aria-describedby": string | undefined;
  "aria-invalid": "true" | undefined;
}

// A setting of any shape: text as it is, what has a structure as JSON.
function Any({value, change, schema: _schema, lines, ...common}: AnyProps): JSX.Element {
  const structured = value !== null && typeof value === "object";
  const draft = useSignal<string | null>(null);
  const shown =
    draft.value ?? (value === undefined || value === null ? "" : structured ? JSON.stringify(value, null, 2) : String(value));
  const rows = Math.min(lines.most, Math.max(lines.least, shown.split("\n").length));
  return (
    <textarea
      {...common}
      class="mono"
      rows={rows}
      spellcheck={false}
      value={shown}
      onInput={(event) => {
        const text = event.currentTarget.value;
        draft.value = text;
        if (text.trim() === "") return change(undefined);
        if (!/^\s*[[{]/.test(text)) return change(text);
        try {
          change(JSON.parse(text) as Json);
        } catch {
          change(text);
        }
      }}
    />
  );
}

function ListField({
  schema,
  name,
  value,
  pointer,
  faults,
  needed,
  change,
  id,
  below,
}: FieldProps & {id: string; below: JSX.Element}): JSX.Element {
  const entries = Array.isArray(value) ? value : [];
  const item = schema.items ?? {};
  const reference = schema["x-reference"];
  const put = (index: number, next: Json | undefined): void =>
    change(entries.map((entry, at) => (at === index ? (next ?? "") : entry)));
  const remove = (index: number): void => {
    const left = entries.filter((_, at) => at !== index);
    change(left.length > 0 ? left : undefined);
  };
  return (
    <fieldset class="field nested">
      <legend>
        {words(name)} {needed && <span class="quiet">(needed)</span>}
      </legend>
      {below}
      <ul class="list-field">
        {entries.map((entry, index) => (
          <li key={index}>
            {item.type === "object" ? (
              <Group
                schema={item}
                value={entry !== null && typeof entry === "object" && !Array.isArray(entry) ? entry : {}}
                pointer={`${pointer}/${index}`}
                faults={faults}
                change={(next) => put(index, next)}
              />
            ) : (
              <>
                <label class="hidden" for={`${id}-${index}`}>
                  {words(name)} {index + 1}
                </label>
                <Input
                  schema={reference ? {...item, "x-reference": reference} : item}
                  name={name}
                  value={entry}
                  pointer={`${pointer}/${index}`}
                  faults={faults}
                  needed={false}
                  change={(next) => put(index, next)}
                  id={`${id}-${index}`}
                  described={undefined}
                  bad={faults.some((fault) => fault.pointer === `${pointer}/${index}`)}
                />
              </>
            )}
            <button type="button" class="plain" title="Remove" onClick={() => remove(index)}>
              <Icon name="close" />
              <span class="hidden">
                Remove {words(name)} {index + 1} <Foreign text={typeof entry === "string" ? entry : ""} />
              </span>
            </button>
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => change([...entries, item.type === "object" ? {} : ""])}>
        Add {item.type === "object" ? "another" : "one"}
      </button>
    </fieldset>
  );
}
