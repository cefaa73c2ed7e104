// forms/yaml.ts: an object as YAML, the way `banyan apply` reads it. Writing is done here; reading uses a library, fetched when somebody
// begins to edit YAML.

import type {Json} from "../types";

const PLAIN = /^([A-Za-z_/.][\w ./@+-]*|\d+(ms|[smhdw]))$/;
const RESERVED = /^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan)$/i;

function scalar(value: string): string {
  if (PLAIN.test(value) && !RESERVED.test(value) && !value.endsWith(" ") && !/^[.\d+-]+$/.test(value)) return value;
  return JSON.stringify(value);
}

export function toYaml(value: Json, indent = ""): string {
  if (value === null) return "null\n";
  if (typeof value === "string") {
    if (value.includes("\n") && !/[ \t]+\n|\r|[^\x20-\uffff\n\t]/.test(value)) {
      const lines = value.replace(/\n$/, "").split("\n");
      return `|${value.endsWith("\n") ? "" : "-"}\n${lines.map((line) => (line ? indent + line : "")).join("\n")}\n`;
    }
    return scalar(value) + "\n";
  }
  if (typeof value !== "object") return String(value) + "\n";
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]\n";
    if (value.every((entry) => entry === null || typeof entry !== "object")) {
      const flow = `[${value.map((entry) => toYaml(entry as Json).trim()).join(", ")}]`;
      if (flow.length < 100 && !flow.includes("\n")) return flow + "\n";
    }
    return "\n" + value.map((entry) => `${indent}- ${toYaml(entry, indent + "  ").replace(/^\n\s*/, "")}`).join("");
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return "{}\n";
  return (
    "\n" +
    entries
      .map(([name, inner]) => {
        const text = toYaml(inner, indent + "  ");
        return `${indent}${scalar(name)}:${text.startsWith("\n") ? "" : " "}${text}`;
      })
      .join("")
  );
}

export function yamlOf(value: Json): string {
  return toYaml(value).replace(/^\n/, "");
}

// The value, or what is wrong and in which line.
export async function fromYaml(text: string): Promise<{value: Json} | {line: number; text: string}> {
  const {parseDocument} = await import("yaml");
  const document = parseDocument(text, {schema: "core", maxAliasCount: 0} as Parameters<typeof parseDocument>[1]);
  const fault = document.errors[0];
  if (fault) return {line: fault.linePos?.[0].line ?? 1, text: fault.message.split("\n")[0] ?? "This is no YAML."};
  try {
    return {value: (document.toJS({maxAliasCount: 0}) ?? {}) as Json};
  } catch (cause) {
    return {line: 1, text: cause instanceof Error ? cause.message : "This is no YAML."};
  }
}
