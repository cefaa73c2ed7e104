// payload/invisible.ts: characters that a reader cannot see, or that change what is seen, made visible. Text from outside may hold
// any of them: a name that reads backwards, a file name with a line break, a digit that is no digit.
//
// The characters themselves stay in the page, so that what is copied is what was received; the marks are drawn over them.

export interface Part {
  kind: "plain" | "spaces" | "mark";
  text: string; // As it is in the payload.
  mark: string; // What is drawn instead, for "mark".
  title: string; // What it is, in words.
}

const names: {[code: number]: [mark: string, name: string]} = {
  0x09: ["TAB", "tab"],
  0x0a: ["LF", "line feed"],
  0x0d: ["CR", "carriage return"],
  0x7f: ["DEL", "delete"],
  0x85: ["NEL", "next line"],
  0xa0: ["NBSP", "no-break space"],
  0xad: ["SHY", "soft hyphen"],
  0x061c: ["ALM", "Arabic letter mark"],
  0x200b: ["ZWSP", "zero width space"],
  0x200c: ["ZWNJ", "zero width non-joiner"],
  0x200d: ["ZWJ", "zero width joiner"],
  0x200e: ["LRM", "left-to-right mark"],
  0x200f: ["RLM", "right-to-left mark"],
  0x2028: ["LS", "line separator"],
  0x2029: ["PS", "paragraph separator"],
  0x202a: ["LRE", "left-to-right embedding"],
  0x202b: ["RLE", "right-to-left embedding"],
  0x202c: ["PDF", "pop directional formatting"],
  0x202d: ["LRO", "left-to-right override"],
  0x202e: ["RLO", "right-to-left override"],
  0x2060: ["WJ", "word joiner"],
  0x2066: ["LRI", "left-to-right isolate"],
  0x2067: ["RLI", "right-to-left isolate"],
  0x2068: ["FSI", "first strong isolate"],
  0x2069: ["PDI", "pop directional isolate"],
  0xfeff: ["BOM", "byte order mark"],
};

const controls =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(
    " ",
  );

const HIDDEN = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;
const SPACES = / +/;

// `spaces` shows these too, as dots: for payloads, where a space counts.
export function visible(text: string, spaces = false): Part[] {
  const pattern = new RegExp(spaces ? `${HIDDEN.source}|${SPACES.source}` : HIDDEN.source, "g");
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    const at = match.index;
    if (at > from) parts.push(plain(text.slice(from, at)));
    parts.push(match[0].startsWith(" ") ? {kind: "spaces", text: match[0], mark: "", title: ""} : marked(match[0]));
    from = at + match[0].length;
  }
  if (from < text.length) parts.push(plain(text.slice(from)));
  return parts;
}

function plain(text: string): Part {
  return {kind: "plain", text, mark: "", title: ""};
}

function marked(text: string): Part {
  const code = text.charCodeAt(0);
  const number = "U+" + code.toString(16).toUpperCase().padStart(4, "0");
  const known = names[code];
  if (known) return {kind: "mark", text, mark: known[0], title: `${number} ${known[1]}`};
  return {kind: "mark", text, mark: controls[code] ?? number, title: `${number} control character`};
}
