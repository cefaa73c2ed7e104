// parts/plot.tsx: figures over time (uPlot, fetched on demand). The same figures stand in a table for those who do not see pictures.

import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import uPlot from "uplot";

export interface Line {
  title: string;
  colour: string; // A variable of base.css: "--good".
  values: (number | null)[];
  dash?: number[];
}

export interface PlotProps {
  title: string;
  times: number[]; // Seconds since 1970.
  lines: Line[];
  unit: (value: number) => string;
  dots?: boolean; // Single values are seen, too.
}

// "08:00", and at midnight the day.
function clock(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (date.getHours() === 0 && date.getMinutes() === 0) return `${date.getDate()}.${date.getMonth() + 1}.`;
  return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
}

const HEIGHT = 170;

export function Plot({title, times, lines, unit, dots = false}: PlotProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--quiet"),
      grid: {stroke: colour("--line"), width: 1},
      ticks: {stroke: colour("--line")},
      font: "12px system-ui, sans-serif",
    };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: {live: true},
        cursor: {drag: {x: false, y: false}},
        axes: [
          {...axis, values: (_, ticks) => ticks.map(clock)},
          {...axis, size: 62, values: (_, ticks) => ticks.map((tick) => unit(tick))},
        ],
        scales: {y: {range: (_, __, most) => [0, Math.max(1, most * 1.05)]}},
        series: [
          {label: "at", value: (_, at) => (at ? clock(at) : "–")},
          ...lines.map((line) => ({
            label: line.title,
            stroke: colour(line.colour),
            width: 2,
            points: {show: dots || times.length < 40, size: 4},
            value: (_: uPlot, value: number | null) => (value === null ? "–" : unit(value)),
            ...(line.dash ? {dash: line.dash} : {}),
          })),
        ],
      },
      [times, ...lines.map((line) => line.values)],
      element,
    );
    const watcher = new ResizeObserver(() => plot.setSize({width: element.clientWidth, height: HEIGHT}));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [times, lines]);
  return (
    <figure class="plot">
      <figcaption>{title}</figcaption>
      <div ref={host} aria-hidden="true" />
    </figure>
  );
}
