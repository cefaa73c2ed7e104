// screens/objects.tsx: the list of the objects of one kind.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {Empty} from "../parts/states";
import {ListView} from "../parts/table";
import {useList} from "../resource";
import {link} from "../router";
import {isAdmin, mayChange} from "../session";
import type {Item} from "../types";
import {firstStep, nameOf, type Kind} from "./kinds";

export function Objects({kind}: {kind: Kind}): JSX.Element {
  const list = useList<Item>(`api/v1/${kind.name}`, nameOf, ["config"]);
  const typed = useSignal("");
  useEffect(() => {
    document.title = `${kind.title} · Banyan`;
  }, [kind]);
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
      <ListView
        list={list}
        what={kind.title === "API keys" ? "API keys" : kind.title.toLowerCase()}
        caption={kind.title}
        columns={kind.columns}
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
