// payload/decode.ts: the first bytes of a payload as text, or as what they are. Nothing is guessed silently: the reader is told
// which encoding was assumed.

import {during} from "../activity";
import {call} from "../api";

export const WINDOW_BYTES = 64 * 1024;

export interface Payload {
  bytes: Uint8Array; // At most WINDOW_BYTES.
  complete: boolean;
}

export type Kind = "edifact" | "x12" | "json" | "xml" | "text" | "binary" | "empty";

export interface Decoded {
  kind: Kind;
  text: string; // Empty for binary.
  encoding: string; // In words.
}

// Reads no more than the window, whatever the server sends: a payload of gigabytes costs one window.
export function fetchPayload(id: string, signal: AbortSignal): Promise<Payload> {
  return during(readPayload(id, signal));
}

async function readPayload(id: string, signal: AbortSignal): Promise<Payload> {
  const response = await call("GET", `api/v1/messages/${encodeURIComponent(id)}/payload`, undefined, {
    signal,
    headers: {Accept: "*/*"},
  });
  const reader = response.body?.getReader();
  const bytes = new Uint8Array(WINDOW_BYTES);
  let length = 0;
  while (reader) {
    const {done, value} = await reader.read();
    if (done) return {bytes: bytes.subarray(0, length), complete: true};
    const part = value.subarray(0, WINDOW_BYTES - length);
    bytes.set(part, length);
    length += part.length;
    if (part.length < value.length) {
      await reader.cancel();
      return {bytes, complete: false};
    }
  }
  return {bytes: bytes.subarray(0, 0), complete: true};
}

export function decode(payload: Payload): Decoded {
  const {bytes} = payload;
  if (bytes.length === 0) return {kind: "empty", text: "", encoding: ""};
  let text: string;
  let encoding = "UTF-8";
  try {
    // A window may end inside a character: "stream" keeps those bytes back instead of calling them wrong.
    text = new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(bytes, {stream: !payload.complete});
    if (/^[\x00-\x7f]*$/.test(text)) encoding = "ASCII";
  } catch {
    text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    encoding = "not UTF-8, shown as ISO 8859-1";
  }
  if (isBinary(bytes)) return {kind: "binary", text: "", encoding: "binary"};
  return {kind: kindOf(text), text, encoding};
}

// NUL never occurs in text, other control characters rarely. EDI may use a few as separators (0x1c to 0x1f).
function isBinary(bytes: Uint8Array): boolean {
  let odd = 0;
  for (const byte of bytes) {
    if (byte === 0) return true;
    if (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 12 && byte !== 13 && byte < 0x1c) odd++;
  }
  return odd > bytes.length / 20;
}

export function kindOf(text: string): Kind {
  const start = text.replace(/^\ufeff/, "").trimStart();
  if (/^ISA[^A-Za-z0-9]/.test(start)) return "x12";
  if (/^UNA.{6}\s*UN[BG]/s.test(start) || /^UNB[^A-Za-z0-9]/.test(start)) return "edifact";
  if (/^[[{]/.test(start)) return "json";
  if (/^<[?!A-Za-z]/.test(start)) return "xml";
  return "text";
}

export interface HexLine {
  offset: string;
  hex: string;
  text: string;
}

export function hexLines(bytes: Uint8Array, maximum: number): HexLine[] {
  const lines: HexLine[] = [];
  for (let at = 0; at < bytes.length && lines.length < maximum; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16));
    lines.push({
      offset: at.toString(16).padStart(6, "0"),
      hex: row.map((byte) => byte.toString(16).padStart(2, "0")).join(" "),
      text: row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join(""),
    });
  }
  return lines;
}
