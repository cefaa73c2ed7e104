// parts/table.tsx: one table for every list. A real table: headers, a caption for those who hear it, one link a row that takes the
// keyboard (j and k walk over them). Columns of low weight leave on narrow screens, so that nothing scrolls sideways.
//
// A long list is drawn where it is looked at: rows of one height, the others are empty room above and below.

import {useSignal} from "@preact/signals";
import type {ComponentChildren, JSX} from "preact";
import {useEffect, useLayoutEffect, useRef} from "preact/hooks";
import type {List} from "../resource";
import {Empty, Failed, Loading, Stale} from "./states";

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  weight?: 1 | 2 | 3 | 4; // 1 always (the default), 2 from 700 px, 3 from 1120 px, 4 from 1536 px.
  align?: "end";
  grow?: boolean; // Takes the room that is left, and breaks its text.
}

export interface Selection {
  keys: ReadonlySet<string>;
  toggle: (key: string, range: boolean) => void;
}

interface TableProps<T> {
  caption: string;
  columns: Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  selection?: Selection | undefined;
  long?: boolean; // Rows of one height, drawn where they are looked at.
}

const FEW = 90; // So many rows are simply drawn.
const AROUND = 30; // Rows above and below what is seen.

interface Seen {
  from: number;
  to: number;
  height: number;
}

function useSeen(long: boolean, count: number, body: {current: HTMLTableSectionElement | null}): Seen | null {
  const seen = useSignal<Seen>({from: 0, to: FEW, height: 0});
  const active = long && count > FEW;
  const look = (): void => {
    const element = body.current;
    if (!active || !element) return;
    const row = element.querySelector<HTMLElement>("tr[data-index]");
    const height = row?.getBoundingClientRect().height ?? 34;
    const top = -element.getBoundingClientRect().top;
    const from = Math.max(0, Math.min(count - 1, Math.floor(top / height)) - AROUND);
    const to = Math.min(count, Math.ceil((top + innerHeight) / height) + AROUND);
    // Moves in steps, so that most scrolling draws nothing.
    const now = seen.peek();
    const near = Math.abs(from - now.from) < AROUND / 2 && Math.abs(to - now.to) < AROUND / 2 && now.height === height;
    if (!near || (to === count && now.to !== count)) seen.value = {from, to, height};
  };
  useLayoutEffect(look, [active, count]);
  useEffect(() => {
    if (!active) return;
    addEventListener("scroll", look, {passive: true});
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [active, count]);
  return active ? seen.value : null;
}

export function Table<T>({caption, columns, rows, rowKey, selection, long = false}: TableProps<T>): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null);
  const seen = useSeen(long, rows.length, body);
  const from = seen ? Math.min(seen.from, Math.max(0, rows.length - 1)) : 0;
  const to = seen ? Math.min(seen.to, rows.length) : rows.length;
  const span = columns.length + (selection ? 1 : 0);
  const looks = columns.map((column) =>
    [`weight-${column.weight ?? 1}`, column.align ?? "", column.grow ? "grow" : ""].join(" ").trim(),
  );
  const room = (count: number, where: string): JSX.Element | null =>
    seen && count > 0 ? (
      <tr key={where} class="room" aria-hidden="true">
        <td colSpan={span} style={{height: `${count * seen.height}px`}} />
      </tr>
    ) : null;
  return (
    <table class={long ? "long" : undefined} aria-rowcount={seen ? rows.length + 1 : undefined}>
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {selection && (
            <th scope="col" class="select weight-2">
              <span class="hidden">Select</span>
            </th>
          )}
          {columns.map((column, index) => (
            <th key={column.title} scope="col" class={looks[index]}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {room(from, "above")}
        {rows.slice(from, to).map((row, position) => {
          const key = rowKey(row);
          return (
            <tr key={key} data-index={from + position} aria-rowindex={seen ? from + position + 2 : undefined}>
              {selection && (
                <td class="select weight-2">
                  <input
                    type="checkbox"
                    aria-label={`Select row ${from + position + 1}`}
                    checked={selection.keys.has(key)}
                    onClick={(event) => selection.toggle(key, event.shiftKey)}
                  />
                </td>
              )}
              {columns.map((column, index) => (
                <td key={column.title} class={looks[index]}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          );
        })}
        {room(rows.length - to, "below")}
      </tbody>
    </table>
  );
}

interface ListViewProps<T> extends Omit<TableProps<T>, "rows" | "rowKey"> {
  list: List<T>;
  what: string; // "messages": for sentences.
  outdated?: readonly T[]; // Rows of another query, shown as such until those of this one are there.
  keep?: ((row: T) => boolean) | undefined; // Narrows what is shown to what was typed.
  empty: ComponentChildren;
}

const BY_ITSELF = 20_000; // So many rows a list fetches while it is scrolled; then it asks.

export function ListView<T>({
  list,
  outdated = [],
  what,
  caption,
  columns,
  keep,
  empty,
  selection,
  long = false,
}: ListViewProps<T>): JSX.Element {
  const rows = list.rows.value;
  const problem = list.problem.value;
  const end = useRef<HTMLDivElement>(null);
  const byItself = long && (rows?.length ?? 0) < BY_ITSELF;
  // The next page is fetched before its rows are looked at.
  useEffect(() => {
    const element = end.current;
    if (!element || !byItself || list.next.value === null) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting) && !list.loading.peek() && !list.problem.peek()) void list.more();
      },
      {rootMargin: "1500px"},
    );
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [rows?.length, list.next.value, list.loading.value, byItself]);
  if (rows === null) {
    if (problem) return <Failed problem={problem} what={what} again={() => void list.first()} />;
    if (outdated.length === 0) return <Loading what={what} />;
    return (
      <div class="outdated" aria-busy="true" inert>
        <Table caption={caption} columns={columns} rows={outdated} rowKey={list.key} selection={selection} long={long} />
      </div>
    );
  }
  const shown = keep ? rows.filter(keep) : rows;
  return (
    <>
      <Stale problem={problem} again={() => void list.refresh()} />
      <NewRows list={list} />
      {rows.length === 0 ? (
        empty
      ) : shown.length === 0 ? (
        <Empty title={`None of these ${what} matches`}>
          <p>Change or clear what you typed above.</p>
        </Empty>
      ) : (
        <Table caption={caption} columns={columns} rows={shown} rowKey={list.key} selection={selection} long={long} />
      )}
      {list.next.value !== null && (
        <div class="more" ref={end}>
          <button type="button" disabled={list.loading.value} onClick={() => void list.more()}>
            {list.loading.value ? "Loading …" : `Show more ${what}`}
          </button>
        </div>
      )}
    </>
  );
}

function NewRows<T>({list}: {list: List<T>}): JSX.Element {
  const waiting = list.fresh.value.length > 0;
  return (
    <div role="status">
      {waiting && (
        <button type="button" class="new-rows" data-key="n" onClick={() => list.show()}>
          {list.freshCount}, show
        </button>
      )}
    </div>
  );
}
