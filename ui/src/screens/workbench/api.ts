// workbench/api.ts: what the workbench asks of the appliance, and the shapes of its answers.

import {call, get, getPage} from "../../api";
import type {LibraryModule, Place} from "../../editor/complete";
import type {Item, Json, Message} from "../../types";

export interface Draft {
  source: string;
  tests: string;
  note: string;
}

export interface Version {
  version: number;
  author?: string;
  at?: string;
  note?: string;
  source?: string;
  current?: boolean;
}

export interface ScriptDiagnostic {
  line: number;
  column?: number;
  severity?: string;
  text: string;
}

export interface ScriptResult {
  body?: string;
  text?: string;
  base64?: string;
  json?: Json;
  content_type?: string;
  filename?: string;
  status?: number;
  to?: string;
  keys?: {[name: string]: string};
  vars?: {[name: string]: string};
  headers?: {[name: string]: string};
  [name: string]: unknown;
}

export interface LogLine {
  level?: string;
  text: string;
  line?: number;
}

export interface RunError {
  script?: string;
  line?: number;
  text: string;
  path?: string;
}

export interface Run {
  results: ScriptResult[];
  log: LogLine[];
  error: RunError | null;
  rejected?: {reason?: string; place?: string; [name: string]: unknown} | null;
  passed?: boolean;
  called?: Call[];
  elapsed_ms: number;
}

// A call of another system, with what a sample answered.
export interface Call {
  connection: string;
  method: string;
  path: string;
  status?: number;
  error?: string;
}

export interface TestResult {
  name: string;
  ok: boolean;
  text?: string;
  line?: number;
  elapsed_ms?: number;
}

export interface TestRun {
  tests: TestResult[];
  coverage?: {lines?: number[] | {[line: string]: number}; [name: string]: unknown};
  error?: RunError | null;
}

export interface ReplayGroup {
  kind: string;
  path?: string;
  count: number;
  messages: string[];
  example?: {before?: Json; after?: Json};
}

export interface Replay {
  compared: number;
  same: number;
  groups: ReplayGroup[];
}

export interface Sample {
  name: string;
  size?: number;
}

// What a run works on.
export type Input =
  | {kind: "none"}
  | {kind: "sample"; file: string}
  | {kind: "message"; message: Message}
  | {kind: "text"; body: string; content_type: string};

export function inputBody(input: Input): Item {
  if (input.kind === "sample") return {sample: input.file};
  if (input.kind === "message") return {message: input.message.id};
  if (input.kind === "text") return {body: input.body, content_type: input.content_type};
  return {};
}

export class Scripts {
  private readonly base: string;

  constructor(readonly name: string) {
    this.base = `api/v1/scripts/${encodeURIComponent(name)}`;
  }

  async draft(): Promise<Draft | null> {
    const found = await get<Partial<Draft>>(`${this.base}/draft?optional=true`);
    if (typeof found.source !== "string") return null;
    return {source: found.source, tests: found.tests ?? "", note: found.note ?? ""};
  }

  async keep(draft: Draft): Promise<void> {
    await call("PUT", `${this.base}/draft`, {source: draft.source, tests: draft.tests, note: draft.note});
  }

  async discard(): Promise<void> {
    await call("DELETE", `${this.base}/draft`);
  }

  async check(source: string, signal: AbortSignal): Promise<ScriptDiagnostic[]> {
    const response = await call("POST", `${this.base}/check`, {source}, {signal});
    return ((await response.json()) as {diagnostics?: ScriptDiagnostic[]}).diagnostics ?? [];
  }

  async run(source: string | null, functionName: string, input: Input, signal: AbortSignal): Promise<Run> {
    const body: Item = {
      ...inputBody(input),
      ...(functionName ? {function: functionName} : {}),
      ...(source === null ? {} : {source}),
    };
    const response = await call("POST", `${this.base}/run`, body, {signal});
    const run = (await response.json()) as Partial<Run>;
    const error = run.error ? {...run.error, script: run.error.script?.replace(/\.lua$/, "") ?? this.name} : null;
    return {...run, results: run.results ?? [], log: run.log ?? [], error, elapsed_ms: run.elapsed_ms ?? 0};
  }

  async test(source: string, tests: string): Promise<TestRun> {
    const response = await call("POST", `${this.base}/test`, {source, tests});
    const run = (await response.json()) as Partial<TestRun>;
    return {...run, tests: run.tests ?? []};
  }

  async replay(source: string, last: number): Promise<Replay> {
    const response = await call("POST", `${this.base}/replay`, {source, last});
    const answer = (await response.json()) as Partial<Replay>;
    return {compared: answer.compared ?? 0, same: answer.same ?? 0, groups: answer.groups ?? []};
  }

  async publish(note: string, force: boolean): Promise<Version> {
    const response = await call("POST", `${this.base}/publish`, {note, ...(force ? {force} : {})});
    return (await response.json()) as Version;
  }

  async versions(): Promise<Version[]> {
    const found = await get<{items?: Version[]; versions?: Version[]}>(`${this.base}/versions`);
    return [...(found.items ?? found.versions ?? [])].sort((a, b) => b.version - a.version);
  }

  version(number: number): Promise<Version> {
    return get<Version>(`${this.base}/versions/${number}`);
  }

  async rollBack(version: number, note: string): Promise<void> {
    await call("POST", `${this.base}/rollback`, {version, note});
  }

  async samples(): Promise<Sample[]> {
    const found = await get<{items?: (Sample | string)[]; samples?: (Sample | string)[]}>(`${this.base}/samples`);
    return (found.items ?? found.samples ?? []).map((one) => (typeof one === "string" ? {name: one} : one));
  }

  async sample(file: string): Promise<string> {
    const response = await call("GET", `${this.base}/samples/${encodeURIComponent(file)}`, undefined, {
      headers: {Accept: "*/*"},
    });
    return new TextDecoder().decode(await response.arrayBuffer());
  }

  async structure(input: Input): Promise<Place[]> {
    const query =
      input.kind === "sample"
        ? `sample=${encodeURIComponent(input.file)}`
        : input.kind === "message"
          ? `message=${encodeURIComponent(input.message.id)}`
          : "";
    if (!query) return [];
    return placesOf(await get<Json>(`${this.base}/structure?${query}`));
  }

  async addSample(file: string, text: string): Promise<void> {
    await sendText("PUT", `${this.base}/samples/${encodeURIComponent(file)}`, text);
  }

  async removeSample(file: string): Promise<void> {
    await call("DELETE", `${this.base}/samples/${encodeURIComponent(file)}`);
  }

  // Those of its flows; else the ones that it worked on for an endpoint, before all others.
  async messages(): Promise<Message[]> {
    const flows = await getPage<Item>("api/v1/flows");
    const mine = flows.items.filter((flow) => flow["script"] === this.name).map((flow) => String(flow["name"]));
    const pages = await Promise.all(
      mine.map((flow) => getPage<Message>(`api/v1/messages?direction=in&limit=25&flow=${encodeURIComponent(flow)}`)),
    );
    const found = pages.flatMap((page) => page.items);
    if (found.length > 0) return found.sort((a, b) => b.received_at.localeCompare(a.received_at));
    const latest = (await getPage<Message>("api/v1/messages?direction=in&limit=100")).items;
    const own = latest.filter((one) => one.script?.startsWith(`${this.name}@`));
    return own.length > 0 ? own.slice(0, 25) : latest.slice(0, 25);
  }
}

// A body that is no JSON goes as it is.
async function sendText(method: string, path: string, text: string): Promise<void> {
  await call(method, path, undefined, {body: text, headers: {"Content-Type": "application/octet-stream"}});
}

// Whatever has a path and a name is a place: segments with their elements, JSON paths with their values.
export function placesOf(value: Json): Place[] {
  const found: Place[] = [];
  const walk = (node: Json, segment: string): void => {
    if (Array.isArray(node)) for (const one of node) walk(one, segment);
    else if (node !== null && typeof node === "object") {
      const path = node["path"] ?? node["segment"] ?? node["tag"] ?? node["id"];
      const name = node["name"] ?? node["text"] ?? node["value"] ?? node["example"] ?? "";
      const element = node["element"] ?? node["position"];
      const said = typeof name === "string" || typeof name === "number" ? String(name) : "";
      const own = typeof path === "string" ? path : "";
      if (typeof element === "number" && (segment || own)) found.push({path: segment || own, name: said, element});
      else if (own) found.push({path: own, name: said});
      for (const inner of Object.values(node)) if (inner !== null && typeof inner === "object") walk(inner, own || segment);
    }
  };
  walk(value, "");
  return found;
}

export async function loadLibrary(): Promise<LibraryModule[]> {
  const found = await get<Json>("api/v1/library");
  const list = Array.isArray(found)
    ? found
    : found !== null && typeof found === "object"
      ? (found["modules"] ?? found["items"] ?? [])
      : [];
  if (!Array.isArray(list)) return [];
  const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
  return list.flatMap((entry) => {
    if (entry === null || typeof entry !== "object" || Array.isArray(entry)) return [];
    const functions = entry["functions"] ?? entry["members"] ?? [];
    return [
      {
        name: text(entry["name"] ?? entry["module"]),
        text: text(entry["summary"] ?? entry["text"]),
        functions: (Array.isArray(functions) ? functions : []).flatMap((one) =>
          one !== null && typeof one === "object" && !Array.isArray(one)
            ? [
                {
                  name: text(one["name"]),
                  signature: text(one["signature"]) || undefined,
                  text: text(one["summary"] ?? one["text"]),
                  examples: (Array.isArray(one["examples"]) ? one["examples"] : []).map(text),
                },
              ]
            : [],
        ),
      },
    ];
  });
}

export function resultText(result: ScriptResult): string {
  if (typeof result.text === "string") return result.text;
  if (typeof result.body === "string") {
    return result.body;
  }
  if (result.json !== undefined) return JSON.stringify(result.json, null, 2);
  if (typeof result.base64 === "string") {
    const bytes = Uint8Array.from(atob(result.base64), (c) => c.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  }
  return "";
}

export function runText(run: Run, shown: (text: string) => string): string {
  return run.results.map((one) => shown(resultText(one))).join("\n");
}
