// screens/messages.tsx: every message that entered or left, newest first. The address holds the filters, so that a view can be
// kept, shared and gone back to.

import type {JSX} from "preact";
import {signal, useSignal} from "@preact/signals";
import {useEffect, useLayoutEffect, useMemo, useRef} from "preact/hooks";
import {count, localTime, plural} from "../format";
import {Dialog, DialogFoot} from "../parts/dialog";
import {Icon} from "../parts/icon";
import {Empty} from "../parts/states";
import {ListView, type Column} from "../parts/table";
import {Clipped, Direction, Documents, Foreign, messageTitle, Size, StatusWord, Time} from "../parts/text";
import {say} from "../parts/toast";
import {prefer, preferences, type SavedView} from "../preferences";
import {fromAddress, toAddress, toParameters, type Filter, type Query} from "../query";
import {useList, type List} from "../resource";
import {link, navigate, route} from "../router";
import type {Message, Status} from "../types";
import {mayResend} from "../session";
import {BulkResend, exportCsv, type Chosen} from "./bulk";
import {lastMessages} from "./message-order";

const statuses: Status[] = ["failed", "quarantined", "rejected", "waiting", "processing", "received", "completed", "duplicate"];

const views: [title: string, query: Query][] = [
  ["All", {}],
  ["Failed", {status: "failed"}],
  ["Quarantined", {status: "quarantined"}],
  ["Waiting for an acknowledgement", {status: "waiting"}],
  ["Today", {since: "today"}],
];

export const messageColumns: Column<Message>[] = [
  {
    title: "Time",
    cell: (row) => (
      <a class="row-link" data-row href={link(["messages", row.id])} aria-label={rowName(row)}>
        <Time at={row.received_at} />
      </a>
    ),
  },
  {title: "Status", cell: (row) => <StatusWord status={row.status} />},
  {title: "Partner", weight: 2, cell: (row) => <Partner message={row} />},
  {
    title: "Documents",
    grow: true,
    cell: (row) => (
      <>
        <Documents documents={row.documents} />
        <span class="below">
          <Partner message={row} />
        </span>
      </>
    ),
  },
  {title: "Connection", weight: 3, cell: (row) => <Clipped text={row.connection} />},
  {title: "Flow or endpoint", weight: 3, cell: (row) => <Clipped text={row.flow ?? row.endpoint ?? null} />},
  {title: "File", weight: 2, cell: (row) => <Clipped text={row.filename} />},
  {title: "Size", weight: 4, align: "end", cell: (row) => <Size bytes={row.size} />},
];

// Columns that are shown when somebody asks for them.
const furtherColumns: Column<Message>[] = [
  {title: "Reason", grow: true, cell: (row) => <Clipped text={row.reason} />},
  {title: "Type", cell: (row) => <Foreign text={row.documents?.[0]?.type ?? "–"} />},
  {title: "Control number", cell: (row) => <Foreign text={row.documents?.[0]?.control ?? "–"} />},
  {title: "Acknowledgement", cell: (row) => <Foreign text={row.documents?.[0]?.acknowledgement ?? "–"} />},
  {title: "Content type", cell: (row) => <Clipped text={row.content_type} />},
  {title: "Age", cell: (row) => <Time at={row.received_at} relative />},
  {title: "Id", cell: (row) => <span class="mono">{row.id.slice(-12)}</span>},
];
const allColumns = [...messageColumns, ...furtherColumns];
const FIXED = 2; // Time and status are always there.

function chosenColumns(): Column<Message>[] {
  const wanted = preferences.value.columns;
  if (!wanted) return messageColumns;
  return allColumns
    .filter((column, index) => index < FIXED || wanted.includes(column.title))
    .map((column, index) => (index < FIXED ? column : {...column, weight: 2}));
}

function Partner({message}: {message: Message}): JSX.Element {
  return (
    <span class="partner">
      <Direction direction={message.direction} />
      {message.partner ? <Foreign text={message.partner} /> : <span class="none">no partner</span>}
    </span>
  );
}

function rowName(row: Message): string {
  return `${localTime(new Date(row.received_at))}: ${messageTitle(row)}, ${row.status}`;
}

function onNotice(list: List<Message>, topic: string, notice: {id?: string; status?: string}): void {
  if (topic === "message" && notice.id && notice.status) list.patch(notice.id, {status: notice.status as Status});
}

export function Messages(): JSX.Element {
  const before = useRef<readonly Message[]>([]); // What was shown last: it stays, marked as such, until the rows of another query are there.
  const query = fromAddress(route.value.query);
  const filtered = Object.keys(query).length > 0;
  const address = toAddress(query).toString();
  return <Shown key={address} query={query} filtered={filtered} before={before} />;
}

const PAGE = 200;

interface ShownProps {
  query: Query;
  filtered: boolean;
  before: {current: readonly Message[]};
}

function Shown({query, filtered, before}: ShownProps): JSX.Element {
  // "The last hour" is fixed when the list is opened: a list whose start moves would never be the same twice.
  const parameters = useMemo(() => toParameters(query), []);
  const search = "api/v1/messages" + (parameters.size > 0 ? `?${parameters.toString()}` : "");
  const list = useList<Message>(
    `api/v1/messages?${new URLSearchParams([...parameters, ["limit", String(PAGE)]]).toString()}`,
    (row) => row.id,
    ["message"],
    onNotice,
  );
  const picked = useSignal<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  useEffect(() => {
    document.title = "Messages · Banyan";
  }, []);
  const rows = list.rows.value ?? [];
  const outdated = useMemo(() => before.current, [list]);
  if (list.rows.value) before.current = list.rows.value;
  useLayoutEffect(() => {
    if (list.rows.peek() === null) scrollTo(0, 0);
  }, [list]);
  lastMessages.value = {rows, address: link(["messages"], toAddress(query))};
  const toggle = (key: string, range: boolean): void => {
    const next = new Set(picked.value);
    const from = range && last.current ? rows.findIndex((row) => row.id === last.current) : -1;
    const to = rows.findIndex((row) => row.id === key);
    if (from >= 0 && to >= 0) for (const row of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(row.id);
    else if (!next.delete(key)) next.add(key);
    last.current = key;
    picked.value = next;
  };
  return (
    <>
      <div class="head">
        <h1>Messages</h1>
        <span class="head-side">
          <button type="button" class="plain" onClick={() => (choosing.value = true)}>
            Columns …
          </button>
        </span>
      </div>
      <Views query={query} />
      <Filters query={query} />
      <Picked
        rows={rows}
        waiting={list.rows.value === null && list.problem.value === null}
        picked={picked.value}
        search={search}
        more={list.next.value !== null}
        clear={() => (picked.value = new Set())}
        toggleFocused={() => {
          const row = document.activeElement?.closest("tr")?.querySelector<HTMLInputElement>(".select input");
          row?.click();
        }}
      />
      <ListView
        list={list}
        outdated={outdated}
        what="messages"
        caption="Messages, newest first"
        columns={chosenColumns()}
        selection={{keys: picked.value, toggle}}
        long
        empty={filtered ? <NoneFound query={query} /> : <NoneYet />}
      />
      {choosing.value && <Columns close={() => (choosing.value = false)} />}
    </>
  );
}

const choosing = signal(false);

interface PickedProps {
  rows: Message[];
  waiting: boolean; // The rows of this query are not there yet.
  picked: ReadonlySet<string>;
  search: string;
  more: boolean;
  clear: () => void;
  toggleFocused: () => void;
}

function Picked({rows, waiting, picked, search, more, clear, toggleFocused}: PickedProps): JSX.Element {
  const asking = useSignal<Chosen | null>(null);
  const chosen = rows.filter((row) => picked.has(row.id));
  return (
    <div class="picked" role="region" aria-label="What is selected">
      {picked.size === 0 ? (
        <span class="quiet">
          {waiting && <span class="after-a-while">Looking for messages …</span>}
          {rows.length > 0 && `${plural(rows.length, "message")} shown${more ? ", more below" : ""}.`}
          <button type="button" class="plain hidden" data-key="x" onClick={toggleFocused}>
            Select the row that has the focus
          </button>
        </span>
      ) : (
        <>
          <b>{count(picked.size)} selected</b>
          <button type="button" class="plain hidden" data-key="x" onClick={toggleFocused}>
            Select the row that has the focus
          </button>
          {mayResend() && (
            <button
              type="button"
              data-key="r"
              title="Send again (r)"
              onClick={() => (asking.value = {messages: chosen, path: null})}
            >
              <Icon name="again" /> Send again …
            </button>
          )}
          <button type="button" onClick={() => exportCsv(chosen)}>
            <Icon name="down" /> CSV
          </button>
          {mayResend() && (
            <button type="button" onClick={() => (asking.value = {messages: [], path: search})}>
              All that match …
            </button>
          )}
          <button type="button" class="plain" onClick={clear}>
            Clear
          </button>
        </>
      )}
      {asking.value && (
        <BulkResend
          chosen={asking.value}
          close={() => {
            asking.value = null;
            clear();
          }}
        />
      )}
    </div>
  );
}

function Columns({close}: {close: () => void}): JSX.Element {
  const shown = chosenColumns().map(({title}) => title);
  const set = (title: string, on: boolean): void => {
    const next = on ? [...shown, title] : shown.filter((one) => one !== title);
    void prefer((before) => ({...before, columns: next}));
  };
  return (
    <Dialog title="Columns of the message list" close={close}>
      <div class="column-choice">
        {allColumns.map(({title}, index) => (
          <label key={title} class="check">
            <input
              type="checkbox"
              checked={shown.includes(title)}
              disabled={index < FIXED}
              onChange={(event) => set(title, event.currentTarget.checked)}
            />
            {title}
          </label>
        ))}
      </div>
      <div class="sheet-foot">
        <button
          type="button"
          onClick={() => void prefer(({columns: _, ...rest}) => rest)}
        >
          As delivered
        </button>
        <button type="button" class="primary" onClick={close}>
          Done
        </button>
      </div>
    </Dialog>
  );
}

function same(a: Query, b: Query): boolean {
  return toAddress(a).toString() === toAddress(b).toString();
}

const MOST_VIEWS = 20;

function keepView(view: SavedView): Promise<void> {
  return prefer((before) => ({...before, views: [...(before.views ?? []), view].slice(-MOST_VIEWS)}));
}

function Views({query}: {query: Query}): JSX.Element {
  const saved = preferences.value.views ?? [];
  const here = toAddress(query).toString();
  const known = views.some(([, view]) => same(view, query)) || saved.some((view) => view.query === here);
  const naming = useSignal(false);
  const current = saved.find((view) => view.query === here);
  return (
    <div class="views-line">
      <ul class="views" aria-label="Views">
        {views.map(([title, view]) => (
          <li key={title}>
            <a href={link(["messages"], toAddress(view))} aria-current={same(view, query) ? "true" : undefined}>
              {title}
            </a>
          </li>
        ))}
        {saved.map((view) => (
          <li key={view.query}>
            <a
              href={link(["messages"], new URLSearchParams(view.query))}
              aria-current={view.query === here ? "true" : undefined}
            >
              <Foreign text={view.title} />
            </a>
          </li>
        ))}
      </ul>
      {!known && (
        <button type="button" class="plain" onClick={() => (naming.value = true)}>
          Save this search …
        </button>
      )}
      {current && (
        <button
          type="button"
          class="plain"
          onClick={() => {
            void prefer((before) => ({...before, views: (before.views ?? []).filter((view) => view.query !== here)}));
            say(`The search ${current.title} is forgotten.`, null, () => void keepView(current));
          }}
        >
          Forget this search
        </button>
      )}
      {naming.value && (
        <NameView
          close={() => (naming.value = false)}
          keep={(title) => void keepView({title, query: here})}
        />
      )}
    </div>
  );
}

function NameView({close, keep}: {close: () => void; keep: (title: string) => void}): JSX.Element {
  const title = useSignal("");
  return (
    <Dialog title="Save this search" close={close}>
      <form
        class="narrow-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (title.value.trim() === "") return;
          keep(title.value.trim());
          close();
        }}
      >
        <div class="field">
          <label for="view-name">Name</label>
          <input
            id="view-name"
            maxLength={40}
            required
            value={title.value}
            onInput={(event) => (title.value = event.currentTarget.value)}
          />
          <p class="field-help">It stands beside the other views, for you alone. To share it, send the address of this page.</p>
        </div>
        <DialogFoot close={close} word="Save" />
      </form>
    </Dialog>
  );
}

function go(query: Query, change: Query): void {
  navigate(link(["messages"], toAddress({...query, ...change})));
}

function Filters({query}: {query: Query}): JSX.Element {
  const chips = (["partner", "type", "connection", "flow", "until", "q"] as const).filter((name) => query[name]);
  return (
    <div class="filters">
      <Choice query={query} filter="status" any="Any status" choices={statuses.map((status) => [status, status])} />
      <Choice
        query={query}
        filter="direction"
        any="In and out"
        choices={[
          ["in", "in: came in"],
          ["out", "out: goes out"],
        ]}
      />
      <Choice
        query={query}
        filter="since"
        any="Any time"
        choices={[
          ["1h", "the last hour"],
          ["today", "today"],
          ["24h", "the last 24 hours"],
          ["7d", "the last 7 days"],
          ["30d", "the last 30 days"],
        ]}
      />
      {chips.map((name) => (
        <span key={name} class="chip">
          {name === "q" ? "text" : name}: <Foreign text={query[name] ?? ""} />
          <button type="button" class="plain" onClick={() => go(query, {[name]: ""})}>
            <Icon name="close" />
            <span class="hidden">Remove the filter {name}</span>
          </button>
        </span>
      ))}
    </div>
  );
}

interface ChoiceProps {
  query: Query;
  filter: Filter;
  any: string;
  choices: [value: string, title: string][];
}

function Choice({query, filter, any, choices}: ChoiceProps): JSX.Element {
  const value = query[filter] ?? "";
  // A value that somebody typed stands among the choices.
  const all = value === "" || choices.some(([choice]) => choice === value) ? choices : [...choices, [value, value] as const];
  return (
    <select
      aria-label={any}
      class={value ? "active" : ""}
      value={value}
      onChange={(event) => go(query, {[filter]: event.currentTarget.value})}
    >
      <option value="">{any}</option>
      {all.map(([choice, title]) => (
        <option key={choice} value={choice}>
          {title}
        </option>
      ))}
    </select>
  );
}

function NoneFound({query}: {query: Query}): JSX.Element {
  const names = Object.keys(query) as (keyof Query)[];
  return (
    <Empty title="No message matches">
      <p>Leave out a filter:</p>
      <ul class="chips">
        {names.map((name) => (
          <li key={name}>
            <button type="button" onClick={() => go(query, {[name]: ""})}>
              without {name === "q" ? "the text" : name} <Foreign text={query[name] ?? ""} />
            </button>
          </li>
        ))}
        {names.length > 1 && (
          <li>
            <a class="button" href={link(["messages"])}>
              without any
            </a>
          </li>
        )}
      </ul>
    </Empty>
  );
}

export function NoneYet(): JSX.Element {
  return (
    <Empty title="No message has come in or gone out yet">
      <p>
        A message appears here as soon as a <a href={link(["config", "connections"])}>connection</a> picks up a file, a partner
        sends one, or an application calls an <a href={link(["config", "endpoints"])}>endpoint</a>.
      </p>
      <p>
        To try one by hand: <code>banyan send CONNECTION FILE</code>
      </p>
    </Empty>
  );
}
