// payload/json.ts: lays JSON out over lines by changing white space only. It does not parse and print: that would round large
// numbers, lose repeated names and fail on a window that ends in the middle.

export function layoutJson(text: string): string {
  let out = "";
  let depth = 0;
  let at = 0;
  const line = (): string => "\n" + "  ".repeat(Math.min(depth, 40));
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') {
      const end = stringEnd(text, at);
      out += text.slice(at, end);
      at = end;
      continue;
    }
    at++;
    if (/\s/.test(character)) continue;
    if (character === "{" || character === "[") {
      const closing = /^\s*[\]}]/.exec(text.slice(at, at + 100));
      if (closing) {
        out += character + closing[0].trim();
        at += closing[0].length;
      } else {
        depth++;
        out += character + line();
      }
    } else if (character === "}" || character === "]") {
      depth = Math.max(0, depth - 1);
      out += line() + character;
    } else if (character === ",") out += "," + line();
    else if (character === ":") out += ": ";
    else out += character;
  }
  return out;
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
