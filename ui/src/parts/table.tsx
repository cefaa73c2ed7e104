// parts/table.tsx: one table for every list. A real table: headers, a caption for those who hear it, one link a row that takes the
// keyboard (j and k walk over them). Columns of low weight leave on narrow screens, so that nothing scrolls sideways.

import type {ComponentChildren, JSX} from "preact";
import type {List} from "../resource";
import {Empty, Failed, Loading, Stale} from "./states";

export interface Column<T> {
  title: string;
  cell: (row: T) => ComponentChildren;
  weight?: 1 | 2 | 3 | 4; // 1 always (the default), 2 from 700 px, 3 from 1120 px, 4 from 1536 px.
  align?: "end";
  grow?: boolean; // Takes the room that is left, and breaks its text.
}

interface TableProps<T> {
  caption: string;
  columns: Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
}

export function Table<T>({caption, columns, rows, rowKey}: TableProps<T>): JSX.Element {
  const looks = columns.map((column) =>
    [`weight-${column.weight ?? 1}`, column.align ?? "", column.grow ? "grow" : ""].join(" ").trim(),
  );
  return (
    <table>
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column, index) => (
            <th key={column.title} scope="col" class={looks[index]}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={rowKey(row)}>
            {columns.map((column, index) => (
              <td key={column.title} class={looks[index]}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface ListViewProps<T> extends Omit<TableProps<T>, "rows" | "rowKey"> {
  list: List<T>;
  what: string; // "messages": for sentences.
  keep?: ((row: T) => boolean) | undefined; // Narrows what is shown to what was typed.
  empty: ComponentChildren;
}

export function ListView<T>({list, what, caption, columns, keep, empty}: ListViewProps<T>): JSX.Element {
  const rows = list.rows.value;
  const problem = list.problem.value;
  if (rows === null) {
    return problem ? <Failed problem={problem} what={what} again={() => void list.first()} /> : <Loading what={what} />;
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
        <Table caption={caption} columns={columns} rows={shown} rowKey={list.key} />
      )}
      {list.next.value !== null && (
        <div class="more">
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
