// forms/schema.ts: the settings tables as the appliance tells them (GET /api/v1/settings: JSON Schemas), and whether a value keeps to
// them, while it is typed. The appliance checks again, and knows more: its faults are shown in the same places.

import {signal} from "@preact/signals";
import {get} from "../api";
import type {Item, Json} from "../types";

export interface Schema {
  type?: "object" | "array" | "string" | "integer" | "boolean" | "number";
  description?: string;
  properties?: {[name: string]: Schema};
  required?: string[];
  items?: Schema;
  enum?: string[];
  default?: Json;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  writeOnly?: boolean;
  additionalProperties?: boolean | Schema;
  "x-reference"?: string;
  kinds?: {[kind: string]: Schema};
}

export interface Fault {
  pointer: string; // "/retry/first"; "" the whole.
  detail: string;
}

const schemas = signal<{[kind: string]: Schema} | null>(null);

export async function loadSchemas(): Promise<{[kind: string]: Schema}> {
  schemas.value ??= await get<{[kind: string]: Schema}>("api/v1/settings");
  return schemas.value;
}

// What an object of this kind may have: for a connection, the common settings and those of its adapter.
export function schemaOf(all: {[kind: string]: Schema}, kind: string, value: Item): Schema {
  const common = all[kind] ?? {type: "object", properties: {}};
  const adapter = kind === "connections" && typeof value["kind"] === "string" ? common.kinds?.[value["kind"]] : undefined;
  if (kind !== "connections") return common;
  const properties = {...common.properties, ...adapter?.properties};
  const kindSchema: Schema = {...properties["kind"], enum: Object.keys(common.kinds ?? {})};
  return {
    type: "object",
    properties: {...properties, kind: kindSchema},
    required: [...(common.required ?? []), ...(adapter?.required ?? [])],
    additionalProperties: adapter?.additionalProperties ?? common.additionalProperties ?? false,
  };
}

export function isSealed(value: Json | undefined): boolean {
  return value !== null && typeof value === "object" && !Array.isArray(value) && "sealed" in value;
}

const DURATION = /^(0|\d+(ms|s|m|h|d|w))+$/;
const SIZE = /^\d+(\.\d+)?\s*([kKMGT]i?)?B?$/;

export function check(schema: Schema, value: Json | undefined, pointer = ""): Fault[] {
  if (value === undefined || value === null) return [];
  if (schema.writeOnly && isSealed(value)) return [];
  const fault = (detail: string): Fault[] => [{pointer, detail}];
  switch (schema.type) {
    case "object":
      return typeof value === "object" && !Array.isArray(value)
        ? checkObject(schema, value, pointer)
        : fault("Must be a group of settings.");
    case "array":
      if (!Array.isArray(value)) return fault("Must be a list.");
      return value.flatMap((entry, index) => check(schema.items ?? {}, entry, `${pointer}/${index}`));
    case "boolean":
      return typeof value === "boolean" ? [] : fault("Must be yes or no.");
    case "integer":
    case "number": {
      if (typeof value !== "number" || (schema.type === "integer" && !Number.isInteger(value)))
        return fault("Must be a whole number.");
      if (schema.minimum !== undefined && value < schema.minimum) return fault(`Must be at least ${schema.minimum}.`);
      if (schema.maximum !== undefined && value > schema.maximum) return fault(`Must be at most ${schema.maximum}.`);
      return [];
    }
    case "string":
      return checkText(schema, value, fault);
    default:
      return [];
  }
}

function checkText(schema: Schema, value: Json, fault: (detail: string) => Fault[]): Fault[] {
  if (typeof value === "number" && schema.format) return [];
  if (typeof value !== "string") return fault("Must be text.");
  if (schema.enum && !schema.enum.includes(value)) return fault(`Must be one of ${schema.enum.join(", ")}.`);
  if (schema.format === "duration-text" && !DURATION.test(value))
    return fault("Must be a duration such as 500ms, 30s, 5m, 2h or 7d.");
  if (schema.format === "size-text" && !SIZE.test(value)) return fault("Must be a size such as 64KiB, 10MiB or 2GiB.");
  if (schema.pattern && value !== "" && !new RegExp(schema.pattern, "u").test(value))
    return fault(
      schema.pattern.startsWith("^[A-Za-z0-9]")
        ? "Must be a name: letters, digits, . _ and -, at most 64."
        : "Does not have the form that is wanted.",
    );
  return [];
}

function checkObject(schema: Schema, value: Item, pointer: string): Fault[] {
  const faults: Fault[] = [];
  for (const name of schema.required ?? []) {
    const given = value[name];
    if (given === undefined || given === null || given === "")
      faults.push({pointer: `${pointer}/${name}`, detail: "Is needed."});
  }
  for (const [name, inner] of Object.entries(value)) {
    const known = schema.properties?.[name];
    if (known) faults.push(...check(known, inner, `${pointer}/${name}`));
    else if (schema.additionalProperties === false)
      faults.push({pointer: `${pointer}/${name}`, detail: "There is no such setting."});
  }
  return faults;
}

// The appliance names places from its root ("/flows/orders/retry/first"): here they are the form's own.
export function ownFaults(errors: unknown, kind: string, name: string): Fault[] {
  if (!Array.isArray(errors)) return [];
  const prefix = `/${kind}/${name}`;
  return errors.flatMap((entry: unknown) => {
    if (entry === null || typeof entry !== "object" || !("pointer" in entry) || !("detail" in entry)) return [];
    const pointer = String(entry.pointer);
    let own = pointer.startsWith(prefix) ? pointer.slice(prefix.length) : "";
    let detail = String(entry.detail);
    // A missing setting is told at the group that lacks it: it belongs to its field.
    const missing = /^the setting "([\w-]+)" is missing/.exec(detail)?.[1];
    if (missing) [own, detail] = [`${own}/${missing}`, "Is needed."];
    const last = own.split("/").pop() ?? "";
    if (last && detail.startsWith(`${last}: `)) detail = detail.slice(last.length + 2);
    return [{pointer: own, detail: detail.charAt(0).toUpperCase() + detail.slice(1)}];
  });
}

// Empty texts, lists and groups say nothing: they are not sent.
export function tidy(value: Json): Json | undefined {
  if (value === null || value === "") return undefined;
  if (Array.isArray(value)) {
    const kept = value.map(tidy).filter((entry): entry is Json => entry !== undefined);
    return kept.length > 0 ? kept : undefined;
  }
  if (typeof value !== "object") return value;
  const kept: Item = {};
  for (const [name, inner] of Object.entries(value)) {
    const clean = tidy(inner);
    if (clean !== undefined) kept[name] = clean;
  }
  return Object.keys(kept).length > 0 ? kept : undefined;
}
