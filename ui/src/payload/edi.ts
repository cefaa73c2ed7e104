// payload/edi.ts: cuts an interchange into its segments, for reading: one a line, delimiters told apart. It changes no character
// and judges nothing: text that is not well formed is shown as it is. Checking is the appliance's business.

export interface Syntax {
  segment: string;
  element: string;
  component: string;
  repetition: string; // Empty when there is none.
  release: string; // Empty when there is none (X12).
}

export interface Segment {
  tag: string;
  rest: string; // From the first delimiter on, without the terminator.
  end: string; // The terminator and the line ends after it, as they were.
}

// X12.5 §3: the ISA segment has fixed positions; its fourth character is the element separator, the one after ISA16 ends it.
// ISO 9735-1 §7: UNA names the characters, and without it they are the defaults.
export function syntaxOf(text: string, kind: "x12" | "edifact"): Syntax | null {
  const start = text.search(/\S/);
  const head = text.slice(start, start + 110).replace(/^\ufeff/, "");
  if (kind === "x12") {
    const [element, component, segment] = [head[3], head[104], head[105]];
    if (!element || !component || !segment) return null;
    const repetition = head[82] ?? "";
    return {segment, element, component, repetition: /[A-Za-z0-9]/.test(repetition) ? "" : repetition, release: ""};
  }
  if (!head.startsWith("UNA")) return {component: ":", element: "+", release: "?", repetition: "*", segment: "'"};
  const [component = ":", element = "+", , release = "", repetition = "", segment = "'"] = head.slice(3);
  return {component, element, release: release.trim(), repetition: repetition.trim(), segment};
}

export function segments(text: string, syntax: Syntax): Segment[] {
  const found: Segment[] = [];
  let at = 0;
  const una = /^(\s*)UNA.{6}/s.exec(text);
  if (una) {
    at = lineEnd(text, una[0].length);
    found.push({tag: "UNA", rest: una[0].trimStart().slice(3), end: text.slice(una[0].length, at)});
  }
  while (at < text.length) {
    let end = at;
    while (end < text.length && text[end] !== syntax.segment) end += text[end] === syntax.release && syntax.release ? 2 : 1;
    end = Math.min(end, text.length);
    const after = lineEnd(text, Math.min(end + 1, text.length));
    const body = text.slice(at, end);
    const tag = /^\s*[A-Za-z0-9]{1,3}/.exec(body)?.[0] ?? "";
    found.push({tag, rest: body.slice(tag.length), end: text.slice(end, after)});
    at = after;
  }
  return found;
}

function lineEnd(text: string, at: number): number {
  while (text[at] === "\r" || text[at] === "\n") at++;
  return at;
}

export interface Piece {
  text: string;
  delimiter: boolean;
}

// The elements of a segment and the delimiters between them. A released delimiter is part of its element.
export function pieces(rest: string, syntax: Syntax): Piece[] {
  const delimiters = syntax.element + syntax.component + syntax.repetition;
  const found: Piece[] = [];
  let from = 0;
  for (let at = 0; at < rest.length; at++) {
    const character = rest.charAt(at);
    if (syntax.release && character === syntax.release) at++;
    else if (delimiters.includes(character)) {
      if (at > from) found.push({text: rest.slice(from, at), delimiter: false});
      found.push({text: character, delimiter: true});
      from = at + 1;
    }
  }
  if (from < rest.length) found.push({text: rest.slice(from), delimiter: false});
  return found;
}
