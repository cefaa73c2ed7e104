// screens/journey.tsx: where a message came from and what was made of it, and their payloads side by side: before the translation and
// after it.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {get} from "../api";
import {plural} from "../format";
import {PayloadView} from "../parts/payload";
import {Direction, Foreign, messageTitle, StatusWord} from "../parts/text";
import {link} from "../router";
import type {Message} from "../types";

const MOST_RELATIVES = 20;

interface Relative {
  id: string;
  role: "before" | "after";
  message: Message | null; // Null until known, or when it is no longer kept.
}

// The parent and the children, each looked up for its name and state. What cannot be looked up is still a link.
function useRelatives(message: Message): Relative[] {
  const ids: Relative[] = [
    ...(message.parent ? [{id: message.parent, role: "before" as const, message: null}] : []),
    ...(message.children ?? []).slice(0, MOST_RELATIVES).map((id) => ({id, role: "after" as const, message: null})),
  ];
  const wanted = ids.map((relative) => relative.id).join(" ");
  const known = useSignal(new Map<string, Message>());
  useEffect(() => {
    const abort = new AbortController();
    for (const {id} of ids) {
      get<Message>(`api/v1/messages/${encodeURIComponent(id)}`, abort.signal).then(
        (found) => (known.value = new Map(known.value).set(id, found)),
        () => undefined,
      );
    }
    return () => abort.abort();
  }, [wanted, message.status]);
  return ids.map((relative) => ({...relative, message: known.value.get(relative.id) ?? null}));
}

function label(relative: Relative): string {
  return relative.message ? messageTitle(relative.message) : `message ${relative.id}`;
}

const MOST_IN_TREE = 60;

// The whole tree that a message belongs to: from what came in first to everything that was made of it.
function Lineage({message}: {message: Message}): JSX.Element {
  const known = useSignal(new Map<string, Message>([[message.id, message]]));
  const root = useSignal(message.id);
  useEffect(() => {
    const abort = new AbortController();
    const load = async (id: string): Promise<Message | null> => {
      const here = known.peek().get(id);
      if (here && id !== message.id) return here;
      const found =
        id === message.id
          ? message
          : await get<Message>(`api/v1/messages/${encodeURIComponent(id)}`, abort.signal).catch(() => null);
      if (found) known.value = new Map(known.peek()).set(id, found);
      return found;
    };
    const walk = async (): Promise<void> => {
      let top = message;
      for (let steps = 0; top.parent && steps < 12; steps++) {
        const parent = await load(top.parent);
        if (!parent) break;
        top = parent;
      }
      root.value = top.id;
      const queue = [top];
      for (let node = queue.shift(); node && known.peek().size < MOST_IN_TREE; node = queue.shift()) {
        const children = await Promise.all((node.children ?? []).slice(0, MOST_RELATIVES).map(load));
        queue.push(...children.filter((child): child is Message => child !== null));
      }
    };
    void walk();
    return () => abort.abort();
  }, [message]);
  return (
    <section aria-labelledby="lineage">
      <h2 id="lineage">Where it comes from, what was made of it</h2>
      <ul class="lineage">
        <Branch id={root.value} here={message.id} known={known.value} depth={0} />
      </ul>
    </section>
  );
}

interface BranchProps {
  id: string;
  here: string;
  known: ReadonlyMap<string, Message>;
  depth: number;
}

function Branch({id, here, known, depth}: BranchProps): JSX.Element {
  const message = known.get(id);
  const children = message?.children ?? [];
  const body = message ? (
    <>
      <Direction direction={message.direction} /> <Foreign text={messageTitle(message)} />
    </>
  ) : (
    `message ${id}`
  );
  return (
    <li>
      <div class={`node ${id === here ? "here" : ""}`}>
        {id === here ? <b aria-current="true">{body}</b> : <a href={link(["messages", id])}>{body}</a>}
        {message && (
          <>
            <span class="quiet">
              <Foreign text={message.connection ?? message.endpoint ?? ""} />
            </span>
            <StatusWord status={message.status} />
          </>
        )}
        {id === here && <span class="quiet">this message</span>}
      </div>
      {children.length > 0 && depth < 12 && (
        <ul>
          {children.slice(0, MOST_RELATIVES).map((child) => (
            <Branch key={child} id={child} here={here} known={known} depth={depth + 1} />
          ))}
          {children.length > MOST_RELATIVES && (
            <li>
              <div class="node quiet">and {plural(children.length - MOST_RELATIVES, "more message")}</div>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

export function Journey({message}: {message: Message}): JSX.Element {
  const relatives = useRelatives(message);
  const wanted = useSignal<string | null>(null); // Null: the nearest one; empty: none.
  const beside = wanted.value === "" ? undefined : (relatives.find(({id}) => id === wanted.value) ?? relatives[0]);

  const mine = (
    <section class="pane" aria-label="Payload of this message" key={message.id}>
      <h3>This message{beside ? (beside.role === "before" ? ", after translation" : ", before translation") : ""}</h3>
      <PayloadView id={message.id} bytes={message.size} />
    </section>
  );
  const theirs = beside && (
    <section class="pane" aria-label={`Payload ${beside.role} translation`} key={beside.id}>
      <h3>
        {beside.role === "before" ? "Before" : "After"}:{" "}
        <a href={link(["messages", beside.id])}>
          <Foreign text={label(beside)} />
        </a>
      </h3>
      <PayloadView id={beside.id} bytes={beside.message?.size} />
    </section>
  );

  return (
    <>
      {relatives.length > 0 && <Lineage message={message} />}
      <section aria-labelledby="payload">
        <div class="section-head">
          <h2 id="payload">Payload</h2>
          {relatives.length > 0 && (
            <label>
              <span class="quiet">beside</span>{" "}
              <select value={beside?.id ?? ""} onChange={(event) => (wanted.value = event.currentTarget.value)}>
                <option value="">nothing</option>
                {relatives.map((relative) => (
                  <option key={relative.id} value={relative.id}>
                    {relative.role}: {label(relative)}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
        <div class={beside ? "panes two" : "panes"}>{beside?.role === "before" ? [theirs, mine] : [mine, theirs]}</div>
      </section>
    </>
  );
}
