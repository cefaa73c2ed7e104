// screens/objects.tsx: the list of the objects of one kind.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {Empty} from "../parts/states";
import {ListView, type Column} from "../parts/table";
import {StatusWord, Time} from "../parts/text";
import {useList} from "../resource";
import {link} from "../router";
import {isAdmin, mayChange} from "../session";
import type {Item} from "../types";
import {brief, firstStep, nameOf, type Kind} from "./kinds";
import {Offers} from "./offers";
import {HealthWord, useHealth} from "./partner-health";
import {asRecord} from "./picture";

function connectionState(item: Item): JSX.Element {
  if (item["enabled"] === false) return <span class="quiet">switched off</span>;
  const behind = asRecord(item["back_end"]);
  if (behind["breaker"] === "open" || behind["breaker"] === "half-open") return <StatusWord status="cut off" />;
  const state = brief(asRecord(item["health"])["state"]);
  if (state === "" && item["kind"] === "http")
    return behind["breaker"] ? <StatusWord status="ok" /> : <span class="quiet">called on demand</span>;
  return state === "" || state === "idle" ? <span class="quiet">not used yet</span> : <StatusWord status={state} />;
}

export function Objects({kind}: {kind: Kind}): JSX.Element {
  const list = useList<Item>(`api/v1/${kind.name}`, nameOf, ["config"]);
  const typed = useSignal("");
  useEffect(() => {
    document.title = `${kind.title} · Banyan`;
  }, [kind]);
  const health = useHealth(kind.name === "partners");
  const columns: Column<Item>[] =
    kind.name === "partners"
      ? [
          ...kind.columns.slice(0, 1),
          {title: "Health", cell: (item) => <HealthWord health={health[nameOf(item)]} />},
          {title: "Last heard", weight: 2, cell: (item) => <Time at={health[nameOf(item)]?.last_in} relative />},
          {title: "Last sent", weight: 3, cell: (item) => <Time at={health[nameOf(item)]?.last_out} relative />},
          ...kind.columns.slice(1),
        ]
      : kind.name === "connections"
        ? [...kind.columns.slice(0, 2), {title: "State", cell: connectionState}, ...kind.columns.slice(2)]
        : kind.columns;
  const wanted = typed.value.trim().toLowerCase();
  return (
    <>
      <div class="head">
        <h1>{kind.title}</h1>
        <span class="head-side">
          {(kind.name === "users" || kind.name === "keys" ? isAdmin() : mayChange()) && (
            <a class="button primary" href={link(["config", kind.name, "+new"])} data-key="c" title={`New ${kind.one} (c)`}>
              New {kind.one}
            </a>
          )}
          <label class="hidden" for="narrow">
            Filter the {kind.title.toLowerCase()} that are shown
          </label>
          <input
            id="narrow"
            class="narrow"
            data-search
            type="search"
            placeholder="Filter this list"
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </span>
      </div>
      <p class="about">{kind.about}</p>
      {kind.name === "certificates" && <Offers />}
      <ListView
        list={list}
        what={kind.title === "API keys" ? "API keys" : kind.title.toLowerCase()}
        caption={kind.title}
        columns={columns}
        keep={wanted ? (item) => JSON.stringify(item).toLowerCase().includes(wanted) : undefined}
        empty={
          <Empty title={`There is no ${kind.one} yet`}>
            {mayChange() && (
              <p>
                <a href={link(["config", kind.name, "+new"])}>Make the first one</a>, or load some from files with{" "}
                <code>{firstStep(kind)}</code>
              </p>
            )}
          </Empty>
        }
      />
    </>
  );
}
