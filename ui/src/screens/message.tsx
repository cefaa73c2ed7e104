// screens/message.tsx: one message: what it is, what happened to it, what it held, where it came from and what was made of it.

import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {useSignal} from "@preact/signals";
import {session} from "../api";
import {plural} from "../format";
import {Icon} from "../parts/icon";
import {Failed, Loading, Stale} from "../parts/states";
import {Direction, Foreign, messageTitle, Named, Size, StatusWord, Time} from "../parts/text";
import {useResource} from "../resource";
import {link} from "../router";
import {mayChange, mayResend} from "../session";
import type {BusinessDocument, Item, Json, Message, TimelineEvent} from "../types";
import {Evidence} from "./evidence";
import {Journey} from "./journey";
import {lastMessages, neighbours} from "./message-order";
import {Resend} from "./resend";

export function MessagePage({id}: {id: string}): JSX.Element {
  const path = `api/v1/messages/${encodeURIComponent(id)}`;
  const mine = (notice: {id?: string}): boolean => notice.id === undefined || notice.id === id;
  const message = useResource<Message>(path, ["message", "acknowledgement"], mine);
  const events = useResource<{events?: TimelineEvent[]}>(`${path}/events`, ["message", "acknowledgement", "job"], mine);
  const data = message.data.value;
  useEffect(() => {
    document.title = `${data ? messageTitle(data) : "Message"} · Banyan`;
  }, [data]);

  if (!data) {
    return (
      <>
        <Steps id={id} />
        {message.problem.value ? (
          <Failed problem={message.problem.value} what="this message" again={message.reload} />
        ) : (
          <Loading what="the message" />
        )}
      </>
    );
  }
  const reload = (): void => {
    message.reload();
    events.reload();
  };
  return (
    <>
      <Steps id={id} />
      <Stale problem={message.problem.value} again={message.reload} />
      <Title message={data} reload={reload} />
      <div class="message-top">
        <Facts message={data} />
        <section aria-labelledby="timeline">
          <h2 id="timeline">Timeline</h2>
          {events.data.value ? (
            <Timeline events={events.data.value.events ?? []} />
          ) : events.problem.value ? (
            <Failed problem={events.problem.value} what="the timeline" again={events.reload} />
          ) : (
            <Loading what="the timeline" />
          )}
        </section>
      </div>
      <DocumentList documents={data.documents ?? []} />
      <Evidence message={data} />
      <Journey message={data} />
    </>
  );
}

function Steps({id}: {id: string}): JSX.Element {
  const {previous, next} = neighbours(id);
  return (
    <div class="steps">
      <a href={lastMessages.value.address} data-key="Escape">
        <Icon name="back" /> Messages
      </a>
      <span class="steps-side">
        {previous && (
          <a href={link(["messages", previous])} data-key="[" title="Previous of the list ([)">
            <Icon name="back" /> Previous
          </a>
        )}
        {next && (
          <a href={link(["messages", next])} data-key="]" title="Next of the list (])">
            Next <Icon name="forward" />
          </a>
        )}
      </span>
    </div>
  );
}

const meaning: {[status: string]: string} = {
  received: "It has come in and is safely stored. It will be processed next.",
  processing: "It is being worked on now.",
  waiting: "It was delivered. An acknowledgement from the other side is still due.",
  completed: "Everything that had to be done with it is done.",
  failed: "It could not be completed, and no further try is planned.",
  rejected: "It was judged and found bad. Trying again will not change that.",
  duplicate: "It had come in before. It is kept, but was not processed again.",
  quarantined: "A worker process died on it three times. It is kept aside and touched no more.",
};

function Title({message, reload}: {message: Message; reload: () => void}): JSX.Element {
  const asking = useSignal(false);
  const documents = message.documents ?? [];
  const bad = ["failed", "rejected", "quarantined"].includes(message.status);
  return (
    <>
      <div class="head">
        <h1>
          <Direction direction={message.direction} /> <Foreign text={messageTitle(message)} />
          {documents.length > 1 && <span class="quiet"> and {plural(documents.length - 1, "more document")}</span>}
        </h1>
        <StatusWord status={message.status} />
        <span class="head-side">
          <OpenInWorkbench message={message} />
          <button
            type="button"
            data-key="r"
            disabled={!mayResend()}
            title={
              mayResend()
                ? "Send again (r)"
                : `Your role (${session.value?.roles.join(", ") ?? ""}) may only look: an operator may send again`
            }
            onClick={() => (asking.value = true)}
          >
            <Icon name="again" /> {message.direction === "out" ? "Send again …" : "Process again …"}
          </button>
        </span>
      </div>
      <p class={`reason ${bad ? "bad" : ""}`}>
        {meaning[message.status] ?? ""}
        {message.reason && (
          <>
            {" "}
            <b>
              <Foreign text={message.reason} />
            </b>
          </>
        )}
      </p>
      {asking.value && <Resend message={message} close={() => (asking.value = false)} done={reload} />}
    </>
  );
}

// From a message to the script that translates it, with the message as what comes in.
function OpenInWorkbench({message}: {message: Message}): JSX.Element | null {
  const flow = useResource<Item>(
    message.flow && message.direction === "in" ? `api/v1/flows/${encodeURIComponent(message.flow)}` : null,
  );
  const script = flow.data.value?.["script"];
  if (typeof script !== "string" || !mayChange()) return null;
  const line = /\.lua:(\d+)/.exec(message.reason ?? "")?.[1];
  return (
    <a class="button" href={link(["config", "scripts", script], {message: message.id, ...(line ? {line} : {})})}>
      {line ? `Open the script at line ${line}` : "Run it in the workbench"}
    </a>
  );
}

function Facts({message}: {message: Message}): JSX.Element {
  const came = message.direction === "in";
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <dl class="facts">
        <dt>{came ? "Received" : "Made"}</dt>
        <dd>
          <Time at={message.received_at} />{" "}
          <span class="quiet">
            (<Time at={message.received_at} relative />)
          </span>
        </dd>
        <dt>{came ? "From" : "To"}</dt>
        <dd>
          <Named kind="partners" name={message.partner} />
        </dd>
        <dt>Connection</dt>
        <dd>
          <Named kind="connections" name={message.connection} />
        </dd>
        <dt>{message.endpoint ? "Endpoint" : "Flow"}</dt>
        <dd>
          {message.endpoint ? <Named kind="endpoints" name={message.endpoint} /> : <Named kind="flows" name={message.flow} />}
        </dd>
        <dt>File name</dt>
        <dd>{message.filename ? <Foreign text={message.filename} /> : <span class="none">–</span>}</dd>
        <dt>Content type</dt>
        <dd>{message.content_type ? <Foreign text={message.content_type} /> : <span class="none">–</span>}</dd>
        <dt>Size</dt>
        <dd>
          <Size bytes={message.size} />
        </dd>
        <dt>SHA-256</dt>
        <dd class="mono">{message.sha256 ?? "–"}</dd>
        <dt>Id</dt>
        <dd class="mono">{message.id}</dd>
      </dl>
    </section>
  );
}

function Timeline({events}: {events: TimelineEvent[]}): JSX.Element {
  if (events.length === 0) return <p class="quiet">Nothing has happened to it yet.</p>;
  return (
    <ol class="timeline">
      {events.map((event, index) => (
        <li key={index} class={/fail|error|reject|quarantine|overdue|dead/.test(event.kind) ? "bad" : ""}>
          <Time at={event.at} />
          <div>
            <span class="kind">
              <Foreign text={kindOf(event)} />
            </span>{" "}
            <Foreign text={restOf(event)} />
            <Detail detail={event.detail} />
          </div>
        </li>
      ))}
    </ol>
  );
}

const kindOf = (event: TimelineEvent): string => event.kind.replace(/[_.]/g, " ");

// "packed for acme" of the kind "packed" need not say it twice.
function restOf(event: TimelineEvent): string {
  const kind = kindOf(event);
  return event.text.startsWith(kind) && !/^\w/.test(event.text.slice(kind.length))
    ? event.text.slice(kind.length).trimStart()
    : event.text;
}

function Detail({detail}: {detail: TimelineEvent["detail"]}): JSX.Element | null {
  const entries = Object.entries(detail ?? {}).filter(([, value]) => value !== null && value !== "");
  if (entries.length === 0) return null;
  return (
    <details>
      <summary>{plural(entries.length, "detail")}</summary>
      <dl class="facts small">
        {entries.map(([name, value]) => (
          <div key={name} class="pair">
            <dt>
              <Foreign text={name.replace(/_/g, " ")} />
            </dt>
            <dd>
              <Foreign text={plainText(value)} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function plainText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function DocumentList({documents}: {documents: BusinessDocument[]}): JSX.Element | null {
  if (documents.length === 0) return null;
  return (
    <section aria-labelledby="documents">
      <h2 id="documents">Documents</h2>
      <table>
        <caption class="hidden">Business documents in this message</caption>
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col" class="weight-2">
              Standard
            </th>
            <th scope="col" class="weight-2">
              Control number
            </th>
            <th scope="col" class="grow">
              Keys
            </th>
            <th scope="col">Acknowledgement</th>
          </tr>
        </thead>
        <tbody>
          {documents.map((item, index) => (
            <tr key={index}>
              <td>
                <b>
                  <Foreign text={item.type ?? "?"} />
                </b>
              </td>
              <td class="weight-2">
                <Foreign text={item.standard ?? "–"} />
              </td>
              <td class="weight-2">
                <Foreign text={item.control ?? "–"} />
              </td>
              <td class="grow">
                <Keys keys={item.keys ?? {}} />
              </td>
              <td>
                {item.acknowledgement ? <StatusWord status={item.acknowledgement} /> : <span class="none">none due</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

// A key leads to everything else that carries it: the order's acknowledgement, its shipment, its invoice.
function Keys({keys}: {keys: {[name: string]: string}}): JSX.Element {
  const entries = Object.entries(keys);
  if (entries.length === 0) return <span class="none">–</span>;
  return (
    <span class="documents">
      {entries.map(([name, value]) => (
        <span key={name}>
          <span class="quiet">
            <Foreign text={name} />
          </span>{" "}
          <a href={link(["messages"], {q: value})} title="All messages with this key">
            <Foreign text={value} />
          </a>
        </span>
      ))}
    </span>
  );
}
