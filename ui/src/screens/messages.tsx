// screens/messages.tsx: every message that entered or left, newest first. The address holds the filters, so that a view can be
// kept, shared and gone back to.

import type {JSX} from "preact";
import {useEffect, useMemo} from "preact/hooks";
import {localTime} from "../format";
import {Icon} from "../parts/icon";
import {Empty} from "../parts/states";
import {ListView, type Column} from "../parts/table";
import {Clipped, Direction, Documents, Foreign, messageTitle, Size, StatusWord, Time} from "../parts/text";
import {fromAddress, toAddress, toParameters, type Filter, type Query} from "../query";
import {useList, type List} from "../resource";
import {link, navigate, route} from "../router";
import type {Message, Status} from "../types";
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
  const query = fromAddress(route.value.query);
  const filtered = Object.keys(query).length > 0;
  const address = toAddress(query).toString();
  return <Shown key={address} query={query} filtered={filtered} />;
}

function Shown({query, filtered}: {query: Query; filtered: boolean}): JSX.Element {
  // "The last hour" is fixed when the list is opened: a list whose start moves would never be the same twice.
  const parameters = useMemo(() => toParameters(query).toString(), []);
  const list = useList<Message>("api/v1/messages" + (parameters ? "?" + parameters : ""), (row) => row.id, ["message"], onNotice);
  useEffect(() => {
    document.title = "Messages · Banyan";
  }, []);
  lastMessages.value = {rows: list.rows.value ?? [], address: link(["messages"], toAddress(query))};
  return (
    <>
      <div class="head">
        <h1>Messages</h1>
      </div>
      <Views query={query} />
      <Filters query={query} />
      <ListView
        list={list}
        what="messages"
        caption="Messages, newest first"
        columns={messageColumns}
        empty={filtered ? <NoneFound query={query} /> : <NoneYet />}
      />
    </>
  );
}

function same(a: Query, b: Query): boolean {
  return toAddress(a).toString() === toAddress(b).toString();
}

function Views({query}: {query: Query}): JSX.Element {
  return (
    <ul class="views" aria-label="Views">
      {views.map(([title, view]) => (
        <li key={title}>
          <a href={link(["messages"], toAddress(view))} aria-current={same(view, query) ? "true" : undefined}>
            {title}
          </a>
        </li>
      ))}
    </ul>
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
