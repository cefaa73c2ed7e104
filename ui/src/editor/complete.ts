// editor/complete.ts: what may come next in a script: the language's words, the functions of the libraries with their documentation, the
// members of what a function is given, the names of this file, and the places of the sample that is open (segments, elements, paths).

import type {Completion, CompletionContext, CompletionResult} from "@codemirror/autocomplete";

export interface LibraryFunction {
  name: string; // "need", or "message.body"
  signature?: string | undefined;
  text: string;
  examples: string[]; // "text.zeros(42, 6) --> "000042""
}

// As the editor tells of it: how it is called, what it does, the first examples.
function describe({signature = "", text, examples}: LibraryFunction): string {
  return [signature, text, examples.slice(0, 3).join("\n")].filter(Boolean).join("\n\n");
}

export interface LibraryModule {
  name: string; // "edi"; "" for what is there without require
  text: string;
  functions: LibraryFunction[];
}

export interface Place {
  path: string; // "BEG", "/lines/0/sku"
  name: string; // "Beginning segment", or a value of the sample
  element?: number | undefined; // From 1: one element of a segment.
}

const keywords =
  "and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split(" ");
const builtins =
  "ipairs pairs next tostring tonumber type select error pcall assert reject require string table math utf8".split(" ");

const members: {[owner: string]: [name: string, text: string][]} = {
  message: [
    ["body", "The bytes, as a string."],
    ["json", "The payload, parsed as JSON."],
    ["edi", "The document: :text, :date, :need, :loops, :segment …"],
    ["xml", "The payload, parsed as XML."],
    ["csv", "message:csv{…}: the rows."],
    ["headers", "Transport headers, by lower-case name."],
    ["content_type", "Its media type."],
    ["filename", "The file's name."],
    ["partner", "The partner's name."],
    ["connection", "The connection that it came by."],
    ["vars", "Variables."],
  ],
  req: [
    ["method", "GET, POST …"],
    ["path", "The path."],
    ["params", "What the path template's variables stand for."],
    ["query", "The query's parameters."],
    ["caller", "Who calls."],
    ["respond", "req:respond{status = 200, json = {…}}: answers without the back-end."],
    ["body", "The bytes, as a string."],
    ["json", "The body, parsed as JSON."],
    ["headers", "Headers, by lower-case name."],
  ],
  res: [
    ["status", "The back-end's status."],
    ["body", "The bytes, as a string."],
    ["json", "The body, parsed as JSON."],
    ["headers", "Headers, by lower-case name."],
  ],
};

export class Knowledge {
  modules: LibraryModule[] = [];
  places: Place[] = [];

  private module(context: CompletionContext, local: string): LibraryModule | undefined {
    const text = context.state.doc.toString();
    const escaped = local.replace(/[^\w]/g, "");
    const named = new RegExp(`local\\s+${escaped}\\s*=\\s*require\\s*\\(?\\s*["']([\\w.]+)["']`).exec(text)?.[1] ?? local;
    return this.modules.find((module) => module.name === named);
  }

  readonly complete = (context: CompletionContext): CompletionResult | null => {
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    if (/--/.test(before.replace(/(["']).*?\1/g, ""))) return null;
    return (
      this.inRequire(context, before) ??
      this.inString(context, before) ??
      this.ofMember(context, before) ??
      this.ofWord(context)
    );
  };

  private inRequire(context: CompletionContext, before: string): CompletionResult | null {
    const match = /require\s*\(?\s*["']([\w.]*)$/.exec(before);
    if (!match) return null;
    return {
      from: context.pos - (match[1] ?? "").length,
      options: this.modules
        .filter(({name}) => name !== "")
        .map(({name, text}) => ({label: name, type: "namespace", info: text})),
    };
  }

  // Inside the quotes of :text("BEG", :loops("PO1", :segment(" …: the segments of the sample.
  private inString(context: CompletionContext, before: string): CompletionResult | null {
    const call = /[:.](\w+)\s*\(\s*["']([^"']*)$/.exec(before);
    const element = /[:.](\w+)\s*\(\s*["'](\w+)["']\s*,\s*(\d*)$/.exec(before);
    if (element) {
      const options = this.places
        .filter((place) => place.path === element[2] && place.element !== undefined)
        .map((place) => ({label: String(place.element), detail: place.name, boost: 100 - (place.element ?? 0)}));
      return options.length ? {from: context.pos - (element[3] ?? "").length, options, filter: false} : null;
    }
    if (!call || !/["'][^"']*$/.test(before)) return null;
    const seen = new Set<string>();
    const options: Completion[] = [];
    for (const place of this.places) {
      if (place.element !== undefined || seen.has(place.path)) continue;
      seen.add(place.path);
      options.push({label: place.path, detail: place.name, type: "property"});
    }
    return options.length ? {from: context.pos - (call[2] ?? "").length, options} : null;
  }

  private ofMember(context: CompletionContext, before: string): CompletionResult | null {
    const match = /([A-Za-z_][\w.]*)([.:])(\w*)$/.exec(before);
    if (!match) return null;
    const [, owner = "", , typed = ""] = match;
    const from = context.pos - typed.length;
    const json = /(?:^|\.)json((?:\.\w+)*)$/.exec(owner);
    if (json) return {from, options: this.jsonMembers(json[1] ?? "")};
    const known = members[owner];
    if (known) return {from, options: known.map(([label, info]) => ({label, info, type: "property"}))};
    const module = this.module(context, owner);
    // What a variable holds is not known: the functions of values (:text, :number …) are offered for all.
    const found = module
      ? module.functions
      : this.modules.flatMap((one) => one.functions.filter(({name}) => /[:.]/.test(name)));
    const seen = new Set<string>();
    return {
      from,
      options: found.flatMap((one) => {
        const label = one.name.split(/[.:]/).pop() ?? one.name;
        if (seen.has(label)) return [];
        seen.add(label);
        return [{label, type: "function", info: describe(one)}];
      }),
    };
  }

  private jsonMembers(path: string): Completion[] {
    const prefix = path.replace(/\./g, "/") + "/";
    const seen = new Map<string, string>();
    for (const place of this.places) {
      const plain = place.path.replace(/\/\d+(?=\/|$)/g, "");
      if (!plain.startsWith(prefix)) continue;
      const [next = "", ...rest] = plain.slice(prefix.length).split("/");
      if (next && !seen.has(next)) seen.set(next, rest.length ? "" : place.name);
    }
    return [...seen].map(([label, detail]) => ({label, detail, type: "property"}));
  }

  private ofWord(context: CompletionContext): CompletionResult | null {
    const word = context.matchBefore(/[A-Za-z_]\w*/);
    if (!word && !context.explicit) return null;
    const text = context.state.doc.toString();
    const names = new Set<string>();
    for (const match of text.matchAll(/\b(?:local|function|for)\s+(?:function\s+)?([A-Za-z_][\w]*(?:\s*,\s*[A-Za-z_]\w*)*)/g))
      for (const name of (match[1] ?? "").split(/\s*,\s*/)) names.add(name);
    for (const match of text.matchAll(/\bfunction\b[^(]*\(([^)]*)\)/g))
      for (const name of (match[1] ?? "").split(/\s*,\s*/)) if (name) names.add(name);
    if (word) names.delete(word.text);
    return {
      from: word?.from ?? context.pos,
      options: [
        ...[...names].filter((name) => /^[A-Za-z_]/.test(name)).map((label) => ({label, type: "variable", boost: 2})),
        ...keywords.map((label) => ({label, type: "keyword"})),
        ...builtins.map((label) => ({label, type: "function", info: this.find(label) ?? undefined}) as Completion),
      ],
      validFor: /^\w*$/,
    };
  }

  private find(word: string): string | null {
    for (const module of this.modules) {
      if (module.name === word && module.text) return module.text;
      for (const one of module.functions)
        if (one.name === word || `${module.name}.${one.name}` === word)
          return describe(one);
    }
    return null;
  }

  readonly explain = (word: string): string | null => {
    const last = word.split(/[.:]/).pop() ?? word;
    const direct = this.find(word);
    if (direct) return direct;
    for (const module of this.modules)
      for (const one of module.functions)
        if ((one.name.split(/[.:]/).pop() ?? "") === last && word !== last)
          return describe(one);
    return null;
  };
}
