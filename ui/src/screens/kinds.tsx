// screens/kinds.tsx: the kinds of configuration objects: how each is called, which of its settings its list shows, and what to do when
// there is none. Everything else about an object is shown by one page for all kinds (object.tsx).

import type {ComponentChildren, JSX} from "preact";
import type {Column} from "../parts/table";
import {Foreign, Named, Time} from "../parts/text";
import {link} from "../router";
import {count} from "../format";
import {nameOf} from "../references";
import type {Item, Json} from "../types";

export {nameOf};

export interface Kind {
  name: string; // As in /api/v1/{name}.
  title: string;
  one: string;
  about: string; // One sentence: what such an object is.
  columns: Column<Item>[];
}

function record(value: Json | undefined): Item {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

// A value of any shape in one line.
export function brief(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(brief).join(", ");
  if (typeof value === "object")
    return Object.entries(value)
      .map(([name, inner]) => `${name}: ${brief(inner)}`)
      .join(", ");
  return String(value);
}

function Text({value}: {value: Json | undefined}): JSX.Element {
  const text = brief(value);
  return text ? <Foreign text={text} /> : <span class="none">–</span>;
}

function setting(title: string, name: string, look: Partial<Column<Item>> = {}): Column<Item> {
  return {title, cell: (item) => <Text value={item[name]} />, ...look};
}

function moment(title: string, name: string, look: Partial<Column<Item>> = {}): Column<Item> {
  return {
    title,
    weight: 2,
    cell: (item) => {
      const value = item[name];
      return <Time at={typeof value === "string" ? value : null} />;
    },
    ...look,
  };
}

function reference(title: string, name: string, kind: string, look: Partial<Column<Item>> = {}): Column<Item> {
  return {
    title,
    cell: (item) => {
      const value = item[name];
      const all = (Array.isArray(value) ? value : [value]).filter((entry): entry is string => typeof entry === "string");
      if (all.length === 0) return <span class="none">–</span>;
      return all.map((entry, index) => (
        <span key={entry}>
          {index > 0 && ", "}
          <Named kind={kind} name={entry} />
        </span>
      ));
    },
    ...look,
  };
}

function via(item: Json | undefined): ComponentChildren {
  const all = Array.isArray(item) ? item : [item];
  const names = all
    .map((entry) => (typeof entry === "string" ? entry : record(entry)["connection"]))
    .filter((name): name is string => typeof name === "string");
  if (names.length === 0) return <span class="none">–</span>;
  return names.map((name, index) => (
    <span key={index}>
      {index > 0 && ", "}
      <Named kind="connections" name={name} />
    </span>
  ));
}

function first(kind: string, title: string): Column<Item> {
  return {
    title,
    cell: (item) => (
      <a class="row-link" data-row href={link(["config", kind, nameOf(item)])}>
        <Foreign text={nameOf(item)} />
      </a>
    ),
  };
}

const DAY_MS = 86_400_000;

export function Expiry({value}: {value: Json | undefined}): JSX.Element {
  if (typeof value !== "string") return <span class="none">–</span>;
  const left = new Date(value).getTime() - Date.now();
  return (
    <span class={left < 0 ? "bad-text" : left < 30 * DAY_MS ? "wait-text" : ""}>
      <Time at={value} relative />
      {left < 0 && " (expired)"}
    </span>
  );
}

export const kinds: Kind[] = [
  {
    name: "partners",
    title: "Partners",
    one: "partner",
    about: "A trading partner, or the owner of a legacy system: its identities and certificates.",
    columns: [
      first("partners", "Name"),
      setting("AS2 id", "as2_id"),
      setting("X12 id", "x12_id"),
      setting("EDIFACT id", "edifact_id", {weight: 2}),
      reference("Certificates", "certificates", "certificates", {weight: 2, grow: true}),
    ],
  },
  {
    name: "stations",
    title: "Stations",
    one: "station",
    about: "One of our own identities: AS2 id, X12 and EDIFACT ids, signing and decryption key.",
    columns: [
      first("stations", "Name"),
      setting("AS2 id", "as2_id"),
      setting("X12 id", "x12_id"),
      setting("EDIFACT id", "edifact_id", {weight: 2}),
      reference("Key", "key", "certificates", {weight: 2, grow: true}),
    ],
  },
  {
    name: "connections",
    title: "Connections",
    one: "connection",
    about: "A configured adapter: one directory, one SFTP account, one AS2 relationship, one HTTP base address.",
    columns: [
      first("connections", "Name"),
      setting("Kind", "kind"),
      {
        title: "Where",
        grow: true,
        cell: (item) => <Text value={item["url"] ?? item["host"] ?? item["directory"] ?? item["path"]} />,
      },
      reference("Partner", "partner", "partners", {weight: 2}),
      reference("Station", "station", "stations", {weight: 3}),
    ],
  },
  {
    name: "flows",
    title: "Flows",
    one: "flow",
    about: "From a source connection through a filter and a translation to its destinations.",
    columns: [
      first("flows", "Name"),
      {title: "From", cell: (item) => via(item["from"])},
      {title: "When", weight: 2, cell: (item) => <Text value={Object.values(record(item["when"]))} />},
      reference("Script", "script", "scripts", {weight: 2, grow: true}),
      {title: "To", cell: (item) => via(item["to"])},
      setting("Acknowledge", "acknowledge", {weight: 3}),
    ],
  },
  {
    name: "endpoints",
    title: "Endpoints",
    one: "endpoint",
    about: "A REST route of the facade, with its legacy and its modern back-end.",
    columns: [
      {
        title: "Route",
        grow: true,
        cell: (item) => (
          <a class="row-link mono" data-row href={link(["config", "endpoints", nameOf(item)])}>
            <Foreign text={brief(item["route"]) || nameOf(item)} />
          </a>
        ),
      },
      {title: "Legacy", cell: (item) => via(item["legacy"])},
      {title: "Modern", weight: 2, cell: (item) => via(item["modern"])},
      {title: "Modern's share", weight: 3, cell: (item) => <Text value={record(item["traffic"])["modern"]} />},
      reference("Script", "script", "scripts", {weight: 2}),
    ],
  },
  {
    name: "policies",
    title: "Policies",
    one: "group of policies",
    about: "Who may call, how often and how: for all endpoints that name the group.",
    columns: [
      first("policies", "Name"),
      {title: "Says", grow: true, cell: (item) => <Text value={said(item)} />},
      setting("About", "description", {grow: true, weight: 2}),
    ],
  },
  {
    name: "scripts",
    title: "Scripts",
    one: "script",
    about: "A Lua module that translates messages or shapes requests and answers.",
    columns: [
      first("scripts", "Name"),
      setting("Version", "version"),
      setting("State", "state", {weight: 2}),
      moment("Changed", "updated_at", {grow: true}),
      {
        title: "Lines",
        align: "end",
        cell: (item) => (typeof item["source"] === "string" ? count(item["source"].split("\n").length) : "–"),
      },
    ],
  },
  {
    name: "tables",
    title: "Tables",
    one: "table",
    about: "A code-conversion table that scripts look things up in.",
    columns: [
      first("tables", "Name"),
      {title: "Rows", align: "end", cell: (item) => tableSize(item["rows"])},
      setting("About", "description", {grow: true, weight: 2}),
    ],
  },
  {
    name: "schemas",
    title: "Schemas",
    one: "schema",
    about: "A partner's guide: what its EDI documents are held against, over the built-in definitions.",
    columns: [
      first("schemas", "Name"),
      moment("Changed", "updated_at", {grow: true}),
      {
        title: "Lines",
        align: "end",
        cell: (item) => (typeof item["source"] === "string" ? count(item["source"].split("\n").length) : "–"),
      },
      setting("About", "description", {grow: true, weight: 2}),
    ],
  },
  {
    name: "certificates",
    title: "Certificates",
    one: "certificate",
    about: "Certificates and keys, ours and the partners'.",
    columns: [
      first("certificates", "Name"),
      setting("Subject", "subject", {grow: true}),
      {
        title: "Key",
        weight: 2,
        cell: (item) =>
          item["has_private_key"] === true ? (
            <>
              ours, <Text value={item["key"]} />
            </>
          ) : (
            <span class="quiet">theirs</span>
          ),
      },
      {title: "Ends", cell: (item) => <Expiry value={item["not_after"]} />},
      setting("Fingerprint", "fingerprint", {weight: 3, grow: true}),
    ],
  },
  {
    name: "notifications",
    title: "Notifications",
    one: "notification",
    about: "Who is told when something needs a person, and of what.",
    columns: [
      first("notifications", "Name"),
      {title: "To", cell: (item) => via(item["to"])},
      {title: "Of", grow: true, cell: (item) => <Text value={item["on"] ?? "everything"} />},
      reference("Partners", "partners", "partners", {weight: 2}),
    ],
  },
  {
    name: "users",
    title: "Users",
    one: "user",
    about: "Who may use the admin side, and in which roles.",
    columns: [first("users", "Name"), setting("Roles", "roles", {grow: true}), moment("Last signed in", "last_login_at")],
  },
  {
    name: "keys",
    title: "API keys",
    one: "API key",
    about: "Keys of programs that call the admin API or the facade. The key itself is shown only once, when it is made.",
    columns: [
      first("keys", "Name"),
      {title: "Roles", grow: true, cell: (item) => <Text value={item["roles"] ?? item["role"]} />},
      moment("Made", "created_at"),
      moment("Last used", "last_used_at"),
    ],
  },
];

// The names of the settings that a group of policies has.
function said(item: Item): string[] {
  const about = ["name", "description", "revision", "updated_at", "updated_by"];
  return Object.keys(item).filter((name) => !about.includes(name));
}

function tableSize(rows: Json | undefined): string {
  if (Array.isArray(rows)) return count(rows.length);
  if (typeof rows === "number") return count(rows);
  if (rows !== null && typeof rows === "object") return count(Object.keys(rows).length);
  return "–";
}

const commands: {[kind: string]: string} = {
  certificates: "banyan cert import",
  users: "banyan user add",
  keys: "banyan key add",
};

// How to get the first one. The pages here only show: what they show is made on the command line or by the API.
export function firstStep(kind: Kind): string {
  return commands[kind.name] ?? "banyan apply DIRECTORY";
}
