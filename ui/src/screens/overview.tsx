// screens/overview.tsx: what needs a person now, then how the day went, then how the appliance itself is.

import type {ComponentChildren, JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, call} from "../api";
import {count, duration, localTime, plural} from "../format";
import {Icon} from "../parts/icon";
import {Empty, Failed, Loading, Stale} from "../parts/states";
import {Table} from "../parts/table";
import {Foreign, messageTitle, Named, StatusWord, Time} from "../parts/text";
import {say} from "../parts/toast";
import {useResource} from "../resource";
import {link} from "../router";
import {lookAtStats, needs, stats} from "../stats";
import type {Acknowledgement, Item, Job, Message, Stats} from "../types";
import {isAdmin, mayChange} from "../session";
import {messageColumns, NoneYet} from "./messages";
import {PartnersAtAGlance} from "./partner-health";
import {Trends} from "./trends";

export function Overview(): JSX.Element {
  useEffect(() => {
    document.title = "Overview · Banyan";
    void lookAtStats();
  }, []);
  const figures = stats.data.value;
  if (!figures) {
    return (
      <>
        <h1>Overview</h1>
        {stats.problem.value ? (
          <Failed problem={stats.problem.value} what="the overview" again={() => void lookAtStats()} />
        ) : (
          <Loading what="the overview" />
        )}
      </>
    );
  }
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        {stats.at.value && <span class="quiet">as of {localTime(stats.at.value).split(" ").pop()}</span>}
      </div>
      <Stale problem={stats.problem.value} again={() => void lookAtStats()} />
      <FirstSteps figures={figures} />
      <Needs />
      <div class="overview">
        <section aria-labelledby="day">
          <h2 id="day">Last 24 hours</h2>
          <Day figures={figures} />
        </section>
        <section aria-labelledby="states">
          <h2 id="states">Messages by status</h2>
          <ByStatus counts={figures.messages?.by_status ?? {}} />
        </section>
        <section aria-labelledby="queue">
          <h2 id="queue">Queue and workers</h2>
          <Health figures={figures} />
        </section>
      </div>
      <Trends />
      <PartnersAtAGlance />
      <Connections />
      <Recent />
    </>
  );
}

// The way to the first message, until it is there: who we are, whom we exchange with, what becomes of it.
function FirstSteps({figures}: {figures: Stats}): JSX.Element | null {
  const total = Object.values(figures.messages?.by_status ?? {}).reduce((sum, number) => sum + number, 0);
  const stations = useResource<{items?: Item[]}>("api/v1/stations", ["config"]);
  const nameless = stations.data.value?.items?.length === 0;
  if (!mayChange() || (total > 0 && !nameless)) return null;
  return <Steps named={stations.data.value !== null && !nameless} />;
}

interface FirstStep {
  done: boolean;
  what: string;
  why: string;
  links: [title: string, href: string][];
}

function Steps({named}: {named: boolean}): JSX.Element {
  const connections = useResource<{items?: Item[]}>("api/v1/connections", ["config"]);
  const flows = useResource<{items?: Item[]}>("api/v1/flows", ["config"]);
  const endpoints = useResource<{items?: Item[]}>("api/v1/endpoints", ["config"]);
  const some = (list: {data: {value: {items?: Item[]} | null}}): boolean => (list.data.value?.items ?? []).length > 0;
  const steps: FirstStep[] = [
    {
      done: named,
      what: "Say who we are",
      why: "Our identities, and a key that signs for us.",
      links: [["Set it up", link(["setup"])]],
    },
    {
      done: some(connections),
      what: "Reach somebody",
      why: "A trading partner, or a system of ours: a directory, an SFTP server, an HTTP address.",
      links: [
        ["New partner", link(["config", "partners", "+new"])],
        ["New connection", link(["config", "connections", "+new"])],
      ],
    },
    {
      done: some(flows) || some(endpoints),
      what: "Say what becomes of a message",
      why: "A flow takes it from one connection to others; an endpoint is a REST route to a back-end.",
      links: [
        ["New flow", link(["config", "flows", "+new"])],
        ["New endpoint", link(["config", "endpoints", "+new"])],
      ],
    },
    {
      done: false,
      what: "Send the first message",
      why: "Put a file where a connection looks, or call an endpoint: it appears here at once.",
      links: [],
    },
  ];
  const next = steps.findIndex((step) => !step.done);
  return (
    <section class="first-steps" aria-labelledby="first-steps">
      <h2 id="first-steps">First steps</h2>
      <ol>
        {steps.map((step, index) => (
          <li key={step.what} class={step.done ? "done" : index === next ? "next" : ""}>
            <b>
              {step.done && (
                <>
                  <Icon name="check" />{" "}
                </>
              )}
              {step.what}
              {step.done && <span class="hidden"> (done)</span>}
            </b>{" "}
            <span class="quiet">{step.why}</span>
            {!step.done &&
              step.links.map(([title, href], at) => (
                <a key={title} class={index === next && at === 0 ? "button primary" : "button"} href={href}>
                  {title}
                </a>
              ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

interface Need {
  key: string;
  href: string;
  status: string;
  what: ComponentChildren;
  more: number; // Others with the same cause.
  why: string;
  at: string | null | undefined;
}

const MOST_NEEDS = 6;

interface Alert {
  key: string;
  kind: string;
  what: string;
  path?: string;
  at?: string;
  connection?: string;
}

function Needs(): JSX.Element {
  const {failed, quarantined, overdue, cutOff, total} = needs.value;
  const failures = useResource<{items?: Message[]}>(failed > 0 ? "api/v1/messages?status=failed" : null, ["message"]);
  const kept = useResource<{items?: Message[]}>(quarantined > 0 ? "api/v1/messages?status=quarantined" : null, ["message"]);
  const late = useResource<{items?: Acknowledgement[]}>(overdue > 0 ? "api/v1/acknowledgements?overdue=true" : null, [
    "acknowledgement",
  ]);

  const soon = useExpiring();
  const offered = useOffered();
  const rows: Need[] = [
    ...useCutOff(),
    ...useBroken(),
    ...useAlerts(),
    ...offered,
    ...soon.filter((need) => need.status === "expired"),
    ...(late.data.value?.items ?? []).slice(0, MOST_NEEDS).map((item) => ({
      key: `${item.message} ${item.control ?? ""} ${item.kind}`,
      href: link(["messages", item.message]),
      status: "overdue",
      what: <Foreign text={[item.type, item.control, item.partner && `to ${item.partner}`].filter(Boolean).join(" ")} />,
      more: 0,
      why: `The ${item.kind} has not come.`,
      at: item.due_at,
    })),
    ...byCause([...(failures.data.value?.items ?? []), ...(kept.data.value?.items ?? [])]).slice(0, MOST_NEEDS),
    ...soon.filter((need) => need.status !== "expired"),
  ];

  return (
    <section aria-labelledby="needs" class={`needs ${total > 0 || rows.length > 0 ? "some" : "none-needed"}`}>
      <h2 id="needs">Needs you now</h2>
      <Held />
      {total === 0 && rows.length === 0 ? (
        <p class="all-well">
          <Icon name="check" /> Nothing. No message failed or was rejected by a flow, no acknowledgement is overdue, no certificate
          ends soon, no breaker is open, every connection works.
        </p>
      ) : (
        <>
          <ul class="tallies">
            <Tally
              number={failed}
              words={["failed message", "failed messages"]}
              href={link(["messages"], {status: "failed"})}
            />
            <Tally
              number={quarantined}
              words={["message in quarantine", "messages in quarantine"]}
              href={link(["messages"], {status: "quarantined"})}
            />
            <Tally
              number={overdue}
              words={["overdue acknowledgement", "overdue acknowledgements"]}
              href={link(["acknowledgements"], {overdue: "true"})}
            />
            <Tally number={cutOff} words={["back-end cut off", "back-ends cut off"]} href={link(["config", "connections"])} />
          </ul>
          <ul class="need-rows">
            {rows.map((row) => (
              <li key={row.key}>
                <StatusWord status={row.status} />
                <span>
                  <a data-row href={row.href}>
                    {row.what}
                  </a>
                  {row.more > 0 && (
                    <>
                      {" "}
                      and <a href={link(["messages"], {status: row.status})}>{count(row.more)} more</a>
                    </>
                  )}
                </span>
                <span class="why">
                  <Foreign text={row.why} />
                </span>
                <span class="quiet when">
                  <Time at={row.at} relative />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

const DAY_MS = 86_400_000;
const WARN_DAYS = 30;

function useExpiring(): Need[] {
  const all = useResource<{items?: Item[]}>("api/v1/certificates", ["config"]);
  return (all.data.value?.items ?? [])
    .filter(
      (item) =>
        typeof item["not_after"] === "string" && new Date(item["not_after"]).getTime() < Date.now() + WARN_DAYS * DAY_MS,
    )
    .sort((a, b) => String(a["not_after"]).localeCompare(String(b["not_after"])))
    .slice(0, MOST_NEEDS)
    .map((item) => {
      const at = String(item["not_after"]);
      const over = new Date(at).getTime() < Date.now();
      return {
        key: `certificate ${String(item["name"])}`,
        href: link(["config", "certificates", String(item["name"])]),
        status: over ? "expired" : "expiring",
        what: <Foreign text={`certificate ${String(item["name"])}`} />,
        more: 0,
        why: over ? "It has ended: what needs it fails." : "It ends soon: roll it over before.",
        at,
      };
    });
}

// Back-ends that nobody is sent to for now, because they failed so often in a row.
function useCutOff(): Need[] {
  return Object.entries(stats.data.value?.back_ends ?? {})
    .filter(([, behind]) => behind.breaker !== "closed")
    .slice(0, MOST_NEEDS)
    .map(([name, behind]) => ({
      key: `breaker ${name}`,
      href: link(["config", "connections", name]),
      status: "cut off",
      what: <Foreign text={`connection ${name}`} />,
      more: 0,
      why: `Its breaker is open after ${plural(behind.failures, "failure")} in a row: callers get 503, ${plural(behind.refused, "request")} so far. ${
        behind.next_ms ? `It is tried again in ${duration(Math.ceil(behind.next_ms / 1000))}.` : "The next request tries it."
      }`,
      at: behind.since,
    }));
}

// Certificates that partners offer and nobody has decided on.
function useOffered(): Need[] {
  const all = useResource<{items?: Item[]}>("api/v1/certificate-offers", ["config"]);
  return (all.data.value?.items ?? [])
    .filter((offer) => offer["direction"] === "in" && offer["status"] === "waiting")
    .slice(0, MOST_NEEDS)
    .map((offer) => ({
      key: `offer ${String(offer["id"])}`,
      href: link(["config", "partners", String(offer["partner"])]),
      status: "waiting",
      what: <Foreign text={`certificate of ${String(offer["partner"])}`} />,
      more: 0,
      why: "The partner offers a new one: look at it, then accept or refuse it.",
      at: String(offer["at"]),
    }));
}

// What a flow or a connection refused within a day, a row each. A caller of an endpoint was told himself.
function rejections(alerts: readonly Alert[]): Need[] {
  return alerts
    .filter((alert) => alert.kind === "messages-rejected" && /[?&](flow|connection)=/.test(alert.path ?? ""))
    .slice(0, MOST_NEEDS)
    .map((alert) => ({
      key: alert.key,
      href: link(["messages"], new URLSearchParams((alert.path ?? "").split("?")[1])),
      status: "rejected",
      what: <Foreign text={alert.what} />,
      more: 0,
      why: "Each says why. Mend what is wrong there or in the script, then process it again.",
      at: alert.at,
    }));
}

// What only the appliance sees: a disk that fills up, a source by which nothing comes any more, what was refused.
function useAlerts(): Need[] {
  const alerts = useResource<{items?: Alert[]}>("api/v1/alerts", ["config", "message"]);
  const all = alerts.data.value?.items ?? [];
  const standing = all
    .filter((alert) => alert.kind === "connection-quiet" || alert.kind === "space-short")
    .slice(0, MOST_NEEDS)
    .map((alert) => ({
      key: alert.key,
      href: alert.connection ? link(["config", "connections", alert.connection]) : link(["about"]),
      status: alert.connection ? "quiet" : "full",
      what: <Foreign text={alert.connection ? `connection ${alert.connection}` : "the disk of the data"} />,
      more: 0,
      why: alert.connection ? "Nothing has come in by it for longer than its quiet_after." : alert.what,
      at: alert.at,
    }));
  return [...standing, ...rejections(all)];
}

// Connections that fail now.
function useBroken(): Need[] {
  const known = stats.data.value?.connections ?? {};
  return Object.entries(known)
    .filter(([, health]) => health.state === "failing")
    .slice(0, MOST_NEEDS)
    .map(([name, health]) => ({
      key: `connection ${name}`,
      href: link(["config", "connections", name]),
      status: "failing",
      what: <Foreign text={`connection ${name}`} />,
      more: 0,
      why: health.error ?? "",
      at: health.since,
    }));
}

// After a restore nothing is delivered until somebody says so.
function Held(): JSX.Element | null {
  const since = stats.data.value?.held_since;
  if (!since) return null;
  const release = (): void => {
    call("POST", "api/v1/restore/release").then(
      () => {
        say("Deliveries go on.");
        void lookAtStats();
      },
      (cause: unknown) => say(asProblem(cause).message),
    );
  };
  return (
    <div class="notice bad" role="alert">
      <span>
        <b>
          This appliance was restored from a backup: nothing is delivered since <Time at={since} />.
        </b>{" "}
        What had left before the backup was made would leave again. Look through what waits, then let it go.
      </span>
      {isAdmin() && (
        <button type="button" onClick={release}>
          Deliver again
        </button>
      )}
    </div>
  );
}

// What is the same in the reasons of one cause: not the numbers, names and addresses in them.
function cause(reason: string): string {
  return reason.replace(/"[^"]*"|'[^']*'|https?:\/\/\S+|\d+/g, "#");
}

// Messages that failed for the same reason are one row: the newest of them, and how many more.
function byCause(messages: Message[]): Need[] {
  const groups = new Map<string, Message[]>();
  for (const message of messages) {
    const key = message.reason ? `${message.status} ${cause(message.reason)}` : message.id;
    groups.set(key, [...(groups.get(key) ?? []), message]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first, ...others] = group;
    if (!first) return [];
    const named = first.documents?.[0] || first.filename || first.endpoint; // Else the title tells whose it is.
    const partner = named && first.partner ? ` ${first.direction === "in" ? "from" : "to"} ${first.partner}` : "";
    return {
      key: first.id,
      href: link(["messages", first.id]),
      status: first.status,
      what: <Foreign text={messageTitle(first) + partner} />,
      more: others.length,
      why: first.reason ?? "",
      at: first.received_at,
    };
  });
}

function Tally({number, words, href}: {number: number; words: [one: string, many: string]; href: string}): JSX.Element | null {
  if (number === 0) return null;
  return (
    <li>
      <a href={href}>
        <b>{count(number)}</b> {number === 1 ? words[0] : words[1]}
      </a>
    </li>
  );
}

function Day({figures}: {figures: Stats}): JSX.Element {
  const day = figures.messages?.last_24h ?? {};
  return (
    <dl class="figures">
      <div>
        <dt>came in</dt>
        <dd>
          <a href={link(["messages"], {direction: "in", since: "24h"})}>{count(day.in ?? 0)}</a>
        </dd>
      </div>
      <div>
        <dt>went out</dt>
        <dd>
          <a href={link(["messages"], {direction: "out", since: "24h"})}>{count(day.out ?? 0)}</a>
        </dd>
      </div>
      <div class={day.failed ? "bad" : ""}>
        <dt>failed</dt>
        <dd>
          <a href={link(["messages"], {status: "failed", since: "24h"})}>{count(day.failed ?? 0)}</a>
        </dd>
      </div>
      <div>
        <dt>acknowledgements due</dt>
        <dd>
          <a href={link(["acknowledgements"])}>{count(figures.acknowledgements?.due ?? 0)}</a>
        </dd>
      </div>
    </dl>
  );
}

function ByStatus({counts}: {counts: {[status: string]: number}}): JSX.Element {
  const entries = Object.entries(counts)
    .filter(([, number]) => number > 0)
    .sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...entries.map(([, number]) => number));
  if (entries.length === 0) return <p class="quiet">No message yet.</p>;
  return (
    <ul class="bars">
      {entries.map(([status, number]) => (
        <li key={status}>
          <a href={link(["messages"], {status})}>
            <StatusWord status={status} />
          </a>
          <svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
            <rect width={(100 * number) / most} height={1} />
          </svg>
          <span class="number">{count(number)}</span>
        </li>
      ))}
    </ul>
  );
}

function Health({figures}: {figures: Stats}): JSX.Element {
  const {ready = 0, waiting = 0, dead = 0} = figures.jobs ?? {};
  const workers = figures.workers ?? [];
  const busy = workers.filter((worker) => worker.busy).length;
  const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
  return (
    <>
      <dl class="facts compact">
        <dt>Ready</dt>
        <dd>
          <a href={link(["jobs"], {status: "ready"})}>{plural(ready, "job")}</a>
        </dd>
        <dt>Next try later</dt>
        <dd>
          <a href={link(["jobs"], {status: "waiting"})}>{plural(waiting, "job")}</a>
        </dd>
        <dt>Given up</dt>
        <dd class={dead > 0 ? "bad-text" : ""}>
          <a href={link(["jobs"], {status: "dead"})}>{plural(dead, "job")}</a>
        </dd>
        <dt>Workers</dt>
        <dd title={workers.map((worker) => `${worker.kind} ${worker.pid}: ${worker.busy ? "busy" : "idle"}`).join("\n")}>
          {workerWords(figures)}
          {busy > 0 && `, ${count(busy)} busy`}
        </dd>
        <dt>Restarts of workers</dt>
        <dd class={restarts > 0 ? "wait-text" : ""}>{count(restarts)}</dd>
        <dt>Running for</dt>
        <dd>{figures.uptime_s === undefined ? "–" : duration(figures.uptime_s)}</dd>
        <dt>Version</dt>
        <dd>{figures.version ?? "–"}</dd>
      </dl>
    </>
  );
}

// "4 translators, 2 couriers"
function workerWords(figures: Stats): string {
  const kinds = new Map<string, number>();
  for (const worker of figures.workers ?? []) kinds.set(worker.kind, (kinds.get(worker.kind) ?? 0) + 1);
  if (kinds.size === 0) return "none";
  return [...kinds].map(([kind, number]) => plural(number, kind)).join(", ");
}

// Connections whose jobs are tried again or were given up, unless "needs you" has them already.
function Connections(): JSX.Element | null {
  const all = useResource<{items?: Item[]}>("api/v1/connections", ["config"]);
  const trouble = useResource<{items?: Job[]}>("api/v1/jobs", ["job"]);
  const items = all.data.value?.items;
  if (!items || items.length === 0) return null;
  const errors = new Map<string, Job[]>();
  for (const job of trouble.data.value?.items ?? []) {
    if (job.connection && job.error) errors.set(job.connection, [...(errors.get(job.connection) ?? []), job]);
  }
  const figures = stats.data.value;
  const isAbove = (name: string): boolean =>
    figures?.connections?.[name]?.state === "failing" || (figures?.back_ends?.[name]?.breaker ?? "closed") !== "closed";
  const names = items.map((item) => String(item["name"]));
  const troubled = names.filter((name) => errors.has(name) || isAbove(name));
  const rows = troubled.filter((name) => errors.has(name) && !isAbove(name));
  return (
    <section aria-labelledby="connections">
      <h2 id="connections">Connections</h2>
      {rows.length > 0 && (
        <ul class="need-rows">
          {rows.map((name) => {
            const jobs = errors.get(name) ?? [];
            const dead = jobs.filter((job) => job.status === "dead").length;
            return (
              <li key={name}>
                <StatusWord status={dead > 0 ? "failed" : "waiting"} />
                <Named kind="connections" name={name} />
                <span class="why">
                  {dead > 0 ? `${plural(dead, "job")} given up` : `${plural(jobs.length, "job")} tried again later`}:{" "}
                  <Foreign text={jobs[0]?.error ?? ""} />
                </span>
              </li>
            );
          })}
        </ul>
      )}
      <p class="quiet">
        {troubled.length > 0
          ? `${plural(names.length - troubled.length, "other connection")} without trouble.`
          : `${plural(names.length, "connection")}, all without trouble.`}{" "}
        <a href={link(["config", "connections"])}>Show all</a>
      </p>
    </section>
  );
}

const MOST_RECENT = 8;

function Recent(): JSX.Element {
  const recent = useResource<{items?: Message[]}>("api/v1/messages", ["message"]);
  const items = recent.data.value?.items;
  return (
    <section aria-labelledby="recent">
      <div class="section-head">
        <h2 id="recent">Recent messages</h2>
        {items && items.length > 0 && <a href={link(["messages"])}>Show all</a>}
      </div>
      {items ? (
        items.length > 0 ? (
          <Table
            caption="Recent messages"
            columns={messageColumns}
            rows={items.slice(0, MOST_RECENT)}
            rowKey={(row) => row.id}
          />
        ) : (
          <NoneYet />
        )
      ) : recent.problem.value ? (
        <Failed problem={recent.problem.value} what="the recent messages" again={recent.reload} />
      ) : (
        <Loading what="messages" />
      )}
    </section>
  );
}

export function NotFound(): JSX.Element {
  useEffect(() => {
    document.title = "Not found · Banyan";
  }, []);
  return (
    <Empty title="There is no such page">
      <p>
        <a href={link([])}>Go to the overview</a>
      </p>
    </Empty>
  );
}
