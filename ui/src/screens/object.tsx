// screens/object.tsx: one configuration object, all its settings as they are in force. Names of other objects are links to them.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {isSealed} from "../forms/schema";
import {words} from "../format";
import {Icon} from "../parts/icon";
import {Lines} from "../parts/payload";
import {Failed, Loading, Stale} from "../parts/states";
import {Foreign, Named, Time} from "../parts/text";
import {useResource} from "../resource";
import {link} from "../router";
import type {Item, Json} from "../types";
import {nameOf, type Kind} from "./kinds";
import {CertificateFacts, CertificateTools} from "./certificate";
import {NotificationTest} from "./notification";
import {ConnectionState, ConnectionTests, ObjectActions} from "./object-actions";
import {Offers, OfferTools} from "./offers";
import {PartnerFacts} from "./partner-health";
import {FlowPicture} from "./picture";
import {Strangler} from "./strangler";
import {references, useUses} from "./uses";

export function ObjectPage({kind, name}: {kind: Kind; name: string}): JSX.Element {
  const object = useResource<Item>(`api/v1/${kind.name}/${encodeURIComponent(name)}`, ["config"]);
  const asJson = useSignal(false);
  const item = object.data.value;
  useEffect(() => {
    document.title = `${name} · ${kind.title} · Banyan`;
  }, [kind, name]);
  return (
    <>
      <div class="steps">
        <a href={link(["config", kind.name])} data-key="Escape">
          <Icon name="back" /> {kind.title}
        </a>
      </div>
      <div class="head">
        <h1>
          <Foreign text={item ? title(kind, item) : name} />
        </h1>
        <span class="quiet">{kind.one}</span>
        <span class="head-side">
          {["partners", "connections", "flows"].includes(kind.name) && (
            <a class="button" href={link(["messages"], {[kind.one]: name})}>
              Its messages
            </a>
          )}
          {item && <ObjectActions kind={kind} name={name} item={item} />}
          {item && (
            <label class="check">
              <input
                type="checkbox"
                checked={asJson.value}
                onChange={(event) => (asJson.value = event.currentTarget.checked)}
              />
              as JSON
            </label>
          )}
        </span>
      </div>
      {!item ? (
        object.problem.value ? (
          <Failed problem={object.problem.value} what={`this ${kind.one}`} again={object.reload} />
        ) : (
          <Loading what={`the ${kind.one}`} />
        )
      ) : (
        <>
          <Stale problem={object.problem.value} again={object.reload} />
          {kind.name === "flows" && <FlowPicture flow={item} />}
          {kind.name === "partners" && <PartnerFacts name={name} item={item} />}
          {asJson.value ? (
            <Lines text={JSON.stringify(item, null, 2)} marks={false} />
          ) : kind.name === "certificates" ? (
            <CertificateFacts item={item} />
          ) : (
            <Settings kind={kind} item={item} />
          )}
          {kind.name === "connections" && <ConnectionState name={name} />}
          {kind.name === "connections" && <ConnectionTests name={name} kind={String(item["kind"])} />}
          {kind.name === "endpoints" && <Strangler name={name} item={item} />}
          {kind.name === "certificates" && <CertificateTools name={name} item={item} />}
          {kind.name === "certificates" && item["has_private_key"] === true && <OfferTools name={name} />}
          {kind.name === "partners" && <Offers partner={name} />}
          {kind.name === "notifications" && <NotificationTest name={name} />}
          {["stations", "partners", "connections", "policies", "scripts", "schemas", "certificates"].includes(kind.name) && (
            <UsedBy kind={kind.name} name={name} />
          )}
        </>
      )}
    </>
  );
}

function UsedBy({kind, name}: {kind: string; name: string}): JSX.Element | null {
  const uses = useUses(kind, name).value;
  if (uses === null) return null;
  return (
    <section aria-labelledby="uses">
      <h2 id="uses">Where it is used</h2>
      {uses.length === 0 ? (
        <p class="quiet">Nothing uses it.</p>
      ) : (
        <ul class="uses">
          {uses.map((use) => (
            <li key={`${use.kind} ${use.name} ${use.setting}`}>
              <span class="quiet">{use.kind === "policies" ? "policy" : use.kind.replace(/s$/, "")}</span> <Named kind={use.kind} name={use.name} />{" "}
              <span class="quiet">as {words(use.setting.replace(/\./g, " ")).toLowerCase()}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function title(kind: Kind, item: Item): string {
  const route = item["route"];
  return kind.name === "endpoints" && typeof route === "string" ? route : nameOf(item);
}

function Settings({kind, item}: {kind: Kind; item: Item}): JSX.Element {
  const source = (kind.name === "scripts" || kind.name === "schemas") && typeof item["source"] === "string" ? item["source"] : null;
  const rows = kind.name === "tables" ? item["rows"] : undefined;
  const rest = Object.entries(item).filter(([name, value]) => {
    if (value === title(kind, item)) return false; // Said already, by the heading.
    return !(name === "source" && source !== null) && !(name === "rows" && rows !== undefined);
  });
  return (
    <>
      <dl class="facts card">
        {rest.map(([name, value]) => (
          <div key={name} class="pair">
            <dt>{words(name)}</dt>
            <dd>
              <Value name={name} value={value} depth={0} />
            </dd>
          </div>
        ))}
      </dl>
      {source !== null && (
        <section aria-labelledby="source">
          <h2 id="source">Source</h2>
          <Lines text={source} marks={false} />
        </section>
      )}
      {rows !== undefined && (
        <section aria-labelledby="rows">
          <h2 id="rows">Rows</h2>
          <Grid rows={rows} />
        </section>
      )}
    </>
  );
}

const DEEPEST = 6;

function Value({name, value, depth}: {name: string; value: Json; depth: number}): JSX.Element {
  if (value === null || value === "") return <span class="none">–</span>;
  if (typeof value === "boolean") return <>{value ? "yes" : "no"}</>;
  if (typeof value === "number") return <>{value}</>;
  if (typeof value === "string") {
    const kind = name === "key" && depth > 0 ? undefined : references[name]; // Deeper down a key is a business key.
    if (value.startsWith("-----BEGIN"))
      return (
        <pre class="pem" tabIndex={0} aria-label={words(name)}>
          {value}
        </pre>
      );
    if (kind && /^[A-Za-z0-9][\w.-]*$/.test(value)) return <Named kind={kind} name={value} />;
    if (/_at$|^not_(after|before)$/.test(name)) return <Time at={value} />;
    return <Foreign text={value} />;
  }
  if (isSealed(value)) return <span class="quiet">kept, never shown</span>;
  // JSON of somebody else's words: its names mean what they are.
  if (depth > 0 && (name === "schema" || name === "example")) return <Lines text={JSON.stringify(value, null, 2)} marks={false} />;
  if (depth >= DEEPEST) return <span class="mono">{JSON.stringify(value)}</span>;
  if (Array.isArray(value)) {
    if (value.length === 0) return <span class="none">none</span>;
    const simple = value.every((entry) => entry === null || typeof entry !== "object");
    if (simple) {
      return (
        <>
          {value.map((entry, index) => (
            <span key={index}>
              {index > 0 && ", "}
              <Value name={name} value={entry} depth={depth + 1} />
            </span>
          ))}
        </>
      );
    }
    return (
      <ul class="plain-list">
        {value.map((entry, index) => (
          <li key={index}>
            <Value name={name} value={entry} depth={depth + 1} />
          </li>
        ))}
      </ul>
    );
  }
  return (
    <dl class="facts inner">
      {Object.entries(value).map(([inner, entry]) => (
        <div key={inner} class="pair">
          <dt>{words(inner)}</dt>
          <dd>
            <Value name={inner} value={entry} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

// A table's rows: a list of records, a list of lists, or names with values.
function Grid({rows}: {rows: Json}): JSX.Element {
  const {head, body} = grid(rows);
  return (
    <table>
      <caption class="hidden">Rows of the table</caption>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              <Foreign text={name} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {body.map((row, index) => (
          <tr key={index}>
            {row.map((cell, column) => (
              <td key={column}>
                <Foreign text={cell} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function grid(rows: Json): {head: string[]; body: string[][]} {
  const text = (value: Json | undefined): string =>
    value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  if (!Array.isArray(rows)) {
    const entries = rows !== null && typeof rows === "object" ? Object.entries(rows) : [];
    return {head: ["Key", "Value"], body: entries.map(([key, value]) => [key, text(value)])};
  }
  if (rows.every(Array.isArray)) {
    const width = Math.max(0, ...rows.map((row) => (row as Json[]).length));
    return {
      head: Array.from({length: width}, (_, index) => `Column ${index + 1}`),
      body: rows.map((row) => (row as Json[]).map(text)),
    };
  }
  const head: string[] = [];
  for (const row of rows)
    for (const name of Object.keys(row !== null && typeof row === "object" ? row : {}))
      if (!head.includes(name)) head.push(name);
  return {head, body: rows.map((row) => head.map((name) => text((row as Item)[name])))};
}
