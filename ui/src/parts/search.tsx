// parts/search.tsx: the search box in the top bar. It understands partner:acme type:850 status:failed PO4711, completes the names
// of filters and their values, and shows on the messages screen what that screen is filtered by.

import {signal, useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import {getPage} from "../api";
import {explanations, filters, formatSearch, fromAddress, parseSearch, toAddress, type Filter} from "../query";
import {link, navigate, route} from "../router";
import type {Item} from "../types";
import {Icon} from "./icon";

const known: {[name in Filter]?: string[]} = {
  status: ["failed", "waiting", "quarantined", "rejected", "completed", "processing", "received", "duplicate"],
  direction: ["in", "out"],
  since: ["1h", "today", "yesterday", "7d"],
};
const named = signal<{[name in Filter]?: string[]}>({});
let asked = false;

// The names to complete, asked for when somebody first looks at the box. Without them the box still works.
async function askForNames(): Promise<void> {
  if (asked) return;
  asked = true;
  await Promise.all(
    (["partner", "connection", "flow"] as const).map(async (kind) => {
      try {
        const page = await getPage<Item>(`api/v1/${kind}s`);
        named.value = {...named.value, [kind]: page.items.map((item) => String(item["name"]))};
      } catch {
        asked = false;
      }
    }),
  );
}

interface Suggestion {
  text: string; // What the last word becomes.
  help: string;
}

function suggestions(text: string): Suggestion[] {
  const word = /\S*$/.exec(text)?.[0] ?? "";
  const [name = "", value] = word.split(/:(.*)/s, 2);
  if (value === undefined) {
    if (word === "" && text !== "") return [];
    return filters
      .filter((filter) => filter.startsWith(name.toLowerCase()) && !text.includes(`${filter}:`))
      .map((filter) => ({text: `${filter}:`, help: explanations[filter]}));
  }
  const filter = filters.find((candidate) => candidate === name.toLowerCase());
  if (!filter) return [];
  return (known[filter] ?? named.value[filter] ?? [])
    .filter((candidate) => candidate.toLowerCase().startsWith(value.replace(/"/g, "").toLowerCase()) && candidate !== value)
    .slice(0, 8)
    .map((candidate) => ({text: `${filter}:${/\s/.test(candidate) ? `"${candidate}"` : candidate} `, help: ""}));
}

const MESSAGE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function Search(): JSX.Element {
  const here = route.value.path[0] === "messages" && route.value.path.length === 1;
  const shown = here ? formatSearch(fromAddress(route.value.query)) : "";
  const text = useSignal(shown);
  const open = useSignal(false);
  const chosen = useSignal(-1);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    text.value = shown;
  }, [shown, route.value.path.join("/")]);

  const found = open.value ? suggestions(text.value) : [];
  const go = (): void => {
    open.value = false;
    const id = text.value.trim();
    if (MESSAGE_ID.test(id)) navigate(link(["messages", id.toLowerCase()]));
    else navigate(link(["messages"], toAddress(parseSearch(text.value))));
    field.current?.blur();
  };
  const take = (suggestion: Suggestion): void => {
    text.value = text.value.replace(/\S*$/, "") + suggestion.text;
    chosen.value = -1;
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const suggestion = found[chosen.value];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      open.value = true;
      const by = event.key === "ArrowDown" ? 1 : -1;
      chosen.value = Math.max(-1, Math.min(found.length - 1, chosen.value + by));
    } else if (event.key === "Enter" && suggestion) take(suggestion);
    else if (event.key === "Escape" && open.value) open.value = false;
    else return;
    event.preventDefault();
  };

  return (
    <form
      role="search"
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <label class="hidden" for="search">
        Search messages
      </label>
      <Icon name="search" />
      <input
        id="search"
        ref={field}
        data-search
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        maxLength={500}
        placeholder="Search messages: partner:acme status:failed PO4711"
        aria-expanded={found.length > 0}
        aria-controls="search-list"
        aria-autocomplete="list"
        aria-activedescendant={found[chosen.value] ? `search-${chosen.value}` : undefined}
        value={text.value}
        onFocus={() => void askForNames()}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          open.value = true;
          chosen.value = -1;
        }}
        onBlur={() => (open.value = false)}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <ul id="search-list" role="listbox" aria-label="Filters" hidden={found.length === 0}>
        {found.map((suggestion, index) => (
          <li
            key={suggestion.text}
            id={`search-${index}`}
            role="option"
            aria-selected={index === chosen.value}
            onMouseDown={(event) => {
              event.preventDefault();
              take(suggestion);
            }}
          >
            <b>{suggestion.text}</b> <span class="quiet">{suggestion.help}</span>
          </li>
        ))}
      </ul>
    </form>
  );
}
