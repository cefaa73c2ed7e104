// screens/tables.tsx: a code-conversion table as a grid: cells are typed into, Enter goes down, Tab goes on, a paste from a spreadsheet
// fills rows. CSV goes in and out. Nothing is stored before Save, and Save can be undone.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import {asProblem, getTagged, put, type Problem} from "../api";
import {parseCsv, writeCsv} from "../csv";
import {plural} from "../format";
import {Icon} from "../parts/icon";
import {Failed, Loading, Refused} from "../parts/states";
import {Foreign} from "../parts/text";
import {say} from "../parts/toast";
import {link} from "../router";
import {mayChange} from "../session";
import type {Item, Json} from "../types";
import {Conflict, objectPath, settingsOf, undoChange} from "./edit";
import type {Kind} from "./kinds";
import {ObjectActions} from "./object-actions";

const ROWS_AT_ONCE = 300;

function rowsOf(value: Json | undefined): string[][] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [];
  return Object.entries(value).map(([code, inner]) => [code, typeof inner === "string" ? inner : JSON.stringify(inner)]);
}

export function TablePage({kind, name}: {kind: Kind; name: string}): JSX.Element {
  const stored = useSignal<{value: Item; tag: string} | null>(null);
  const problem = useSignal<Problem | null>(null);
  const load = (): void => {
    problem.value = null;
    getTagged<Item>(objectPath("tables", name)).then(
      (object) => (stored.value = object),
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  };
  useEffect(() => {
    document.title = `${name} · Tables · Banyan`;
    load();
  }, [name]);
  return (
    <>
      <div class="steps">
        <a href={link(["config", "tables"])} data-key="Escape">
          <Icon name="back" /> Tables
        </a>
      </div>
      {stored.value ? (
        <Grid key={stored.value.tag} kind={kind} name={name} stored={stored.value} reload={load} />
      ) : problem.value ? (
        <Failed problem={problem.value} what="this table" again={load} />
      ) : (
        <Loading what="the table" />
      )}
    </>
  );
}

interface GridProps {
  kind: Kind;
  name: string;
  stored: {value: Item; tag: string};
  reload: () => void;
}

function Grid({kind, name, stored, reload}: GridProps): JSX.Element {
  const before = rowsOf(stored.value["rows"]);
  const rows = useSignal<string[][]>(before);
  const tag = useSignal(stored.tag);
  const typed = useSignal("");
  const most = useSignal(ROWS_AT_ONCE);
  const problem = useSignal<Problem | null>(null);
  const theirs = useSignal<{value: Item; tag: string} | null>(null);
  const file = useRef<HTMLInputElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const editable = mayChange();
  const seen = new Map<string, number>();
  for (const [code = ""] of rows.value) seen.set(code, (seen.get(code) ?? 0) + 1);
  const dirty = JSON.stringify(rows.value) !== JSON.stringify(before);
  const twice = [...seen].filter(([code, times]) => times > 1 && code !== "").map(([code]) => code);
  const wanted = typed.value.toLowerCase();
  const shown = rows.value
    .map((row, index) => ({row, index}))
    .filter(({row}) => wanted === "" || row.join(" ").toLowerCase().includes(wanted));

  const set = (index: number, column: number, text: string): void => {
    rows.value = rows.value.map((row, at) => (at === index ? row.map((cell, where) => (where === column ? text : cell)) : row));
  };
  const focus = (position: number, column: number): void => {
    requestAnimationFrame(() => body.current?.rows[position]?.querySelectorAll("input")[column]?.focus());
  };
  const add = (): void => {
    typed.value = "";
    rows.value = [...rows.value, ["", ""]];
    most.value = Math.max(most.value, rows.value.length);
    focus(rows.value.length - 1, 0);
  };
  const onKey = (event: KeyboardEvent, position: number, column: number): void => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      if (position + 1 < shown.length) focus(position + 1, column);
      else if (event.key === "Enter") add();
    } else if (event.key === "ArrowUp") focus(position - 1, column);
    else return;
    event.preventDefault();
  };
  // From a spreadsheet: lines with tabs become rows from here on.
  const onPaste = (event: ClipboardEvent, index: number): void => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (!/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    const pasted = parseCsv(text).map((cells) => [cells[0] ?? "", cells[1] ?? ""]);
    rows.value = [
      ...rows.value.slice(0, index),
      ...pasted,
      ...rows.value.slice(index + (rows.value[index]?.join("") === "" ? 1 : 0)),
    ];
  };
  const value = (): Item => {
    const kept: Item = {};
    for (const [code = "", inner = ""] of rows.value) if (code !== "") kept[code] = inner;
    return {...settingsOf("tables", stored.value), rows: kept};
  };
  const save = async (): Promise<void> => {
    problem.value = null;
    try {
      const response = await put(objectPath("tables", name), value(), tag.value);
      say(
        `${name} is saved: ${plural(rows.value.length, "row")}.`,
        null,
        undoChange(kind, name, settingsOf("tables", stored.value), response.headers.get("ETag") ?? ""),
      );
      reload();
    } catch (cause) {
      const found = asProblem(cause);
      if (found.status === 409 || found.status === 412) {
        const now = await getTagged<Item>(objectPath("tables", name)).catch(() => null);
        theirs.value = now;
        if (now) return;
      }
      problem.value = found;
    }
  };
  const take = async (chosen: File | undefined): Promise<void> => {
    if (!chosen) return;
    const read = parseCsv(await chosen.text()).map((cells) => [cells[0] ?? "", cells[1] ?? ""]);
    const headed = /^(code|key|from)$/i.test(read[0]?.[0] ?? "");
    rows.value = headed ? read.slice(1) : read;
    say(`${plural(rows.value.length, "row")} read from ${chosen.name}. Save keeps them.`);
    if (file.current) file.current.value = "";
  };
  const give = (): void => {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([writeCsv([["code", "value"], ...rows.value])], {type: "text/csv"}));
    anchor.download = `${name}.csv`;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  };

  return (
    <>
      <div class="head">
        <h1>
          <Foreign text={name} />
        </h1>
        <span class="quiet">table, {plural(rows.value.length, "row")}</span>
        <span class="head-side">
          <button type="button" onClick={give}>
            <Icon name="down" /> CSV
          </button>
          {editable && (
            <>
              <button type="button" onClick={() => file.current?.click()}>
                Import CSV …
              </button>
              <input
                ref={file}
                class="hidden"
                type="file"
                accept=".csv,.txt,text/csv"
                tabIndex={-1}
                aria-label="CSV file"
                onChange={(event) => void take(event.currentTarget.files?.[0])}
              />
              <ObjectActions kind={kind} name={name} item={stored.value} />
              <button type="button" class="primary" disabled={!dirty || twice.length > 0} onClick={() => void save()}>
                Save
              </button>
            </>
          )}
        </span>
      </div>
      <p class="about">
        <Foreign
          text={
            typeof stored.value["description"] === "string"
              ? stored.value["description"]
              : "A code-conversion table that scripts look things up in."
          }
        />
      </p>
      <Refused problem={problem.value} />
      {twice.length > 0 && (
        <p class="notice bad" role="status">
          <span>
            These codes stand there twice: <Foreign text={twice.slice(0, 8).join(", ")} />. Each may have one value.
          </span>
        </p>
      )}
      {theirs.value && (
        <Conflict
          mine={value()}
          theirs={settingsOf("tables", theirs.value.value)}
          overwrite={() => {
            tag.value = theirs.value?.tag ?? "";
            theirs.value = null;
            void save();
          }}
          take={reload}
        />
      )}
      <div class="filters">
        <input
          class="narrow"
          data-search
          type="search"
          placeholder="Filter the rows"
          aria-label="Filter the rows"
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </div>
      <table class="grid">
        <caption class="hidden">Rows of the table {name}</caption>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col" class="grow">
              Value
            </th>
            {editable && (
              <th scope="col">
                <span class="hidden">Remove</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody ref={body}>
          {shown.slice(0, most.value).map(({row, index}, position) => (
            <tr key={index}>
              {[0, 1].map((column) => (
                <td key={column} class={column === 1 ? "grow" : ""}>
                  {editable ? (
                    <input
                      value={row[column] ?? ""}
                      spellcheck={false}
                      aria-label={`${column === 0 ? "Code" : "Value"}, row ${index + 1}`}
                      aria-invalid={column === 0 && twice.includes(row[0] ?? "") ? "true" : undefined}
                      onInput={(event) => set(index, column, event.currentTarget.value)}
                      onKeyDown={(event) => onKey(event, position, column)}
                      onPaste={(event) => onPaste(event, index)}
                    />
                  ) : (
                    <Foreign text={row[column] ?? ""} />
                  )}
                </td>
              ))}
              {editable && (
                <td>
                  <button type="button" class="plain" onClick={() => (rows.value = rows.value.filter((_, at) => at !== index))}>
                    <Icon name="close" />
                    <span class="hidden">Remove row {index + 1}</span>
                  </button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length > most.value && (
        <p class="more">
          <button type="button" onClick={() => (most.value += 1000)}>
            Show more: {plural(shown.length - most.value, "row")} left
          </button>
        </p>
      )}
      {editable && (
        <p class="buttons">
          <button type="button" onClick={add}>
            Add a row
          </button>
        </p>
      )}
    </>
  );
}
