// diff.ts: the lines in which two texts differ (Myers, "An O(ND) Difference Algorithm", with the common ends cut off first). Past a
// bound it gives up looking for the smallest answer and tells the middle as removed and added whole.

export interface DiffLine {
  kind: "same" | "removed" | "added";
  text: string;
  left: number; // Line numbers from 1; 0 where the line is not.
  right: number;
}

const MOST_EDITS = 2000;

export function diffLines(before: string, after: string): DiffLine[] {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const kinds = script(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const lines: DiffLine[] = [];
  let left = 0;
  let right = 0;
  const add = (kind: DiffLine["kind"]): void => {
    const text = (kind === "added" ? b[right] : a[left]) ?? "";
    if (kind !== "added") left++;
    if (kind !== "removed") right++;
    lines.push({kind, text, left: kind === "added" ? 0 : left, right: kind === "removed" ? 0 : right});
  };
  for (let i = 0; i < head; i++) add("same");
  for (const kind of kinds) add(kind);
  for (let i = 0; i < tail; i++) add("same");
  return lines;
}

function script(a: string[], b: string[]): DiffLine["kind"][] {
  const n = a.length;
  const m = b.length;
  const bound = Math.min(n + m, MOST_EDITS);
  const whole = (): DiffLine["kind"][] => [...a.map(() => "removed" as const), ...b.map(() => "added" as const)];
  const offset = bound + 1;
  const furthest = new Int32Array(2 * bound + 3);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= bound; d++) {
    trace.push(furthest.slice(offset - d - 1, offset + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (furthest[offset + k - 1] ?? 0) < (furthest[offset + k + 1] ?? 0));
      let x = down ? (furthest[offset + k + 1] ?? 0) : (furthest[offset + k - 1] ?? 0) + 1;
      let y = x - k;
      while (x < n && y < m && a[x] === b[y]) {
        x++;
        y++;
      }
      furthest[offset + k] = x;
      if (x >= n && y >= m) return back(trace, n, m);
    }
  }
  return whole();
}

function back(trace: Int32Array[], n: number, m: number): DiffLine["kind"][] {
  const kinds: DiffLine["kind"][] = [];
  let x = n;
  let y = m;
  for (let d = trace.length - 1; d >= 0; d--) {
    const row = trace[d] ?? new Int32Array();
    const at = (k: number): number => row[k + d + 1] ?? 0;
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const from = down ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(from);
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      kinds.push("same");
      x--;
      y--;
    }
    if (d === 0) break;
    kinds.push(down ? "added" : "removed");
    x = fromX;
    y = fromY;
  }
  return kinds.reverse();
}

// Only what changed, with so many lines around it; null stands for lines left out.
export function hunks(lines: DiffLine[], around = 3): (DiffLine | null)[] {
  const keep = new Uint8Array(lines.length);
  lines.forEach((line, index) => {
    if (line.kind === "same") return;
    for (let i = Math.max(0, index - around); i <= Math.min(lines.length - 1, index + around); i++) keep[i] = 1;
  });
  const shown: (DiffLine | null)[] = [];
  lines.forEach((line, index) => {
    if (keep[index]) shown.push(line);
    else if (shown.length > 0 && shown[shown.length - 1] !== null) shown.push(null);
    else if (shown.length === 0) shown.push(null);
  });
  return shown;
}
