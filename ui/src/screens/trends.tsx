// screens/trends.tsx: traffic and latency over time, on the overview.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useMemo, useState} from "preact/hooks";
import {count, plural} from "../format";
import {lazy} from "../lazy";
import type {PlotProps} from "../parts/plot";
import {useResource} from "../resource";

interface Step {
  at: string;
  in: number;
  out: number;
  failed: number;
  p50_ms: number | null;
  p95_ms: number | null;
}

const Plot = lazy<PlotProps>(async () => (await import("../parts/plot")).Plot, "the plot");

const spans: [hours: number, title: string][] = [
  [3, "3 hours"],
  [24, "24 hours"],
  [168, "7 days"],
  [720, "30 days"],
];

function milliseconds(value: number): string {
  if (value < 1000) return `${Math.round(value)} ms`;
  if (value < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return `${Math.round(value / 60_000)} min`;
}

// Colours change with the system's; the plots are then drawn anew.
function useScheme(): boolean {
  const query = useMemo(() => matchMedia("(prefers-color-scheme: dark)"), []);
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const look = (): void => setDark(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return dark;
}

export function Trends(): JSX.Element {
  const hours = useSignal(24);
  const history = useResource<{items: Step[]}>(`api/v1/stats/history?hours=${hours.value}`, ["message"]);
  const dark = useScheme();
  const items = history.data.value?.items ?? [];
  const data = useMemo(
    () => ({
      times: items.map((item) => new Date(item.at).getTime() / 1000),
      traffic: [
        {title: "came in", colour: "--good", values: items.map((item) => item.in)},
        {title: "went out", colour: "--calm", values: items.map((item) => item.out), dash: [6, 3]},
        {title: "failed", colour: "--bad", values: items.map((item) => item.failed), dash: [2, 3]},
      ],
      latency: [
        {title: "half of them within", colour: "--good", values: items.map((item) => item.p50_ms)},
        {title: "95 % within", colour: "--wait", values: items.map((item) => item.p95_ms), dash: [6, 3]},
      ],
    }),
    [history.data.value, dark],
  );
  const sum = (pick: (item: Step) => number): number => items.reduce((total, item) => total + pick(item), 0);
  return (
    <section aria-labelledby="trends">
      <div class="section-head">
        <h2 id="trends">Traffic and latency</h2>
        <select
          aria-label="How far back"
          value={hours.value}
          onChange={(event) => (hours.value = Number(event.currentTarget.value))}
        >
          {spans.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </div>
      {items.length > 0 && (
        <>
          <p class="hidden">
            In the time shown{" "}
            {plural(
              sum((item) => item.in),
              "message",
            )}{" "}
            came in, {count(sum((item) => item.out))} went out, {count(sum((item) => item.failed))} failed.
          </p>
          <div class="plots">
            <Plot title="Messages" times={data.times} lines={data.traffic} unit={(value) => count(Math.round(value))} />
            <Plot title="From coming in to done" times={data.times} lines={data.latency} unit={milliseconds} dots />
          </div>
        </>
      )}
    </section>
  );
}
