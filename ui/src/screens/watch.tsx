// screens/watch.tsx: the three plain lists of traffic and people: acknowledgements that are due, jobs in the queue, the audit trail.

import type {ComponentChildren, JSX} from "preact";
import {useEffect} from "preact/hooks";
import {Empty} from "../parts/states";
import {ListView, type Column} from "../parts/table";
import {Clipped, Foreign, Named, StatusWord, Time} from "../parts/text";
import {useList} from "../resource";
import {link, route} from "../router";
import type {Acknowledgement, AuditEntry, Job} from "../types";
import {kinds} from "./kinds";

interface View {
  title: string;
  name: string;
  value: string;
}

function Views({path, views}: {path: string; views: View[]}): JSX.Element {
  const query = route.value.query;
  return (
    <ul class="views" aria-label="Views">
      {views.map(({title, name, value}) => (
        <li key={title}>
          <a
            href={link([path], name ? {[name]: value} : {})}
            aria-current={(name ? query.get(name) === value : [...query].length === 0) ? "true" : undefined}
          >
            {title}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Head({title, about, children}: {title: string; about: string; children?: ComponentChildren}): JSX.Element {
  useEffect(() => {
    document.title = `${title} · Banyan`;
  }, [title]);
  return (
    <>
      <div class="head">
        <h1>{title}</h1>
      </div>
      <p class="about">{about}</p>
      {children}
    </>
  );
}

// The parameters of the address that the API knows for this list.
function parameters(...names: string[]): string {
  const kept = new URLSearchParams();
  for (const name of names) {
    const value = route.value.query.get(name);
    if (value) kept.set(name, value);
  }
  const text = kept.toString();
  return text ? "?" + text : "";
}

const acknowledgementColumns: Column<Acknowledgement>[] = [
  {
    title: "When",
    cell: (row) => (
      <a class="row-link" data-row href={link(["messages", row.message])}>
        {row.answered_at ? (
          <>
            came <Time at={row.answered_at} relative />
          </>
        ) : row.due_at ? (
          <>
            due <Time at={row.due_at} relative />
          </>
        ) : (
          "Show the message"
        )}
      </a>
    ),
  },
  {title: "Status", cell: (row) => <StatusWord status={row.status} />},
  {title: "Expected", weight: 2, cell: (row) => <Clipped text={row.kind} />},
  {
    title: "For the document",
    grow: true,
    cell: (row) => (
      <>
        <b>
          <Foreign text={row.type ?? ""} />
        </b>{" "}
        <Foreign text={row.control ?? ""} />
      </>
    ),
  },
  {title: "Partner", weight: 2, cell: (row) => <Named kind="partners" name={row.partner} />},
  {title: "Due at", weight: 3, cell: (row) => <Time at={row.due_at} />},
];

export function Acknowledgements(): JSX.Element {
  const list = useList<Acknowledgement>(
    "api/v1/acknowledgements" + parameters("overdue"),
    (row) => `${row.message} ${row.document ?? row.control ?? ""} ${row.kind}`,
    ["acknowledgement"],
  );
  const overdue = route.value.query.get("overdue") === "true";
  return (
    <>
      <Head title="Acknowledgements" about="What the other side still has to confirm, and what it has confirmed or refused." />
      <Views
        path="acknowledgements"
        views={[
          {title: "All", name: "", value: ""},
          {title: "Overdue", name: "overdue", value: "true"},
        ]}
      />
      <ListView
        list={list}
        what="acknowledgements"
        caption="Acknowledgements"
        columns={acknowledgementColumns}
        empty={
          overdue ? (
            <Empty title="Nothing is overdue">
              <p>
                <a href={link(["acknowledgements"])}>Show all acknowledgements</a>
              </p>
            </Empty>
          ) : (
            <Empty title="No acknowledgement is expected yet">
              <p>
                One appears here when a <a href={link(["config", "flows"])}>flow</a> sends a document whose receiver has to
                confirm it.
              </p>
            </Empty>
          )
        }
      />
    </>
  );
}

function NextTry({job}: {job: Job}): JSX.Element {
  if (job.status === "dead") return <span class="none">none</span>;
  const due = !job.next_at || new Date(job.next_at).getTime() <= Date.now();
  return due ? <>now</> : <Time at={job.next_at} relative />;
}

const jobColumns: Column<Job>[] = [
  {
    title: "Job",
    cell: (row) =>
      row.message ? (
        <a class="row-link" data-row href={link(["messages", row.message])}>
          <Clipped text={row.kind} />
        </a>
      ) : (
        <Clipped text={row.kind} />
      ),
  },
  {title: "Status", cell: (row) => <StatusWord status={row.status} />},
  {title: "Connection", weight: 2, cell: (row) => <Named kind="connections" name={row.connection} />},
  {title: "Tries", align: "end", weight: 2, cell: (row) => row.attempts ?? 0},
  {title: "Next try", cell: (row) => <NextTry job={row} />},
  {title: "Last error", grow: true, cell: (row) => (row.error ? <Foreign text={row.error} /> : <span class="none">–</span>)},
];

export function Jobs(): JSX.Element {
  const list = useList<Job>(
    "api/v1/jobs" + parameters("status"),
    (row) => String(row.id),
    ["job"],
    (jobs, topic, notice) => {
      if (topic === "job" && notice.id && notice.status) jobs.patch(notice.id, {status: notice.status});
    },
  );
  return (
    <>
      <Head
        title="Jobs"
        about="The queue: deliveries, polls and runs of flows that are waiting, being worked on, or given up."
      />
      <Views
        path="jobs"
        views={[
          {title: "All", name: "", value: ""},
          {title: "Ready", name: "status", value: "ready"},
          {title: "Waiting for the next try", name: "status", value: "waiting"},
          {title: "Given up", name: "status", value: "dead"},
        ]}
      />
      <ListView
        list={list}
        what="jobs"
        caption="Jobs"
        columns={jobColumns}
        empty={
          <Empty title="No job is in this queue">
            <p>
              That is the usual state: work is done as it comes. <a href={link(["messages"])}>See what was done</a>.
            </p>
          </Empty>
        }
      />
    </>
  );
}

// An object of the audit trail ("flows/acme-orders") as a link, where it is one of those that have a page.
function ObjectLink({object}: {object: string | null | undefined}): JSX.Element {
  const [kind = "", name] = (object ?? "").split(/\/(.*)/s, 2);
  if (name && kinds.some((candidate) => candidate.name === kind)) {
    return (
      <a href={link(["config", kind, name])}>
        <Foreign text={object ?? ""} />
      </a>
    );
  }
  if (name && kind === "messages") return <a href={link(["messages", name])}>message {name.slice(-12)}</a>;
  return object ? <Foreign text={object} /> : <span class="none">–</span>;
}

const auditColumns: Column<AuditEntry>[] = [
  {title: "Time", cell: (row) => <Time at={row.at} />},
  {title: "Who", cell: (row) => <Clipped text={row.who} />},
  {title: "What", cell: (row) => <Foreign text={row.what} />, grow: true},
  {title: "Object", cell: (row) => <ObjectLink object={row.object} />, grow: true},
];

export function Audit(): JSX.Element {
  const list = useList<AuditEntry>("api/v1/audit", (row) => `${row.at} ${row.who} ${row.what} ${row.object ?? ""}`, ["config"]);
  return (
    <>
      <Head
        title="Audit"
        about="What people and their programs did to this appliance, newest first. Nothing here can be changed."
      />
      <ListView
        list={list}
        what="entries"
        caption="Audit trail, newest first"
        columns={auditColumns}
        empty={
          <Empty title="Nobody has changed anything yet">
            <p>Sign-ins, configuration changes and repeated sends appear here.</p>
          </Empty>
        }
      />
    </>
  );
}
