// parts/diff.tsx: two texts and where they differ, line by line. Signs say the same as the colours.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useMemo} from "preact/hooks";
import {diffLines, hunks} from "../diff";
import {count, plural} from "../format";
import {Foreign} from "./text";

const LINES_AT_ONCE = 600;
const signs = {same: " ", removed: "−", added: "+"} as const;
const words = {same: "", removed: "removed: ", added: "added: "} as const;

export function Diff({
  before,
  after,
  same = "There is no difference.",
}: {
  before: string;
  after: string;
  same?: string;
}): JSX.Element {
  const most = useSignal(LINES_AT_ONCE);
  const lines = useMemo(() => diffLines(before, after), [before, after]);
  const shown = useMemo(() => hunks(lines), [lines]);
  const changed = lines.filter((line) => line.kind !== "same").length;
  if (changed === 0) return <p class="quiet">{same}</p>;
  return (
    <div class="code diff" tabIndex={0} role="group" aria-label={`${plural(changed, "line")} differ`}>
      <ol>
        {shown.slice(0, most.value).map((line, index) =>
          line === null ? (
            <li key={index} class="gap" aria-hidden="true">
              …
            </li>
          ) : (
            <li key={index} class={line.kind} data-line={line.right || line.left}>
              <i aria-hidden="true">{signs[line.kind]}</i>
              <span class="hidden">{words[line.kind]}</span>
              <Foreign text={line.text} />
            </li>
          ),
        )}
      </ol>
      {shown.length > most.value && (
        <button type="button" onClick={() => (most.value += 4 * LINES_AT_ONCE)}>
          Show more: {count(shown.length - most.value)} lines left
        </button>
      )}
    </div>
  );
}
