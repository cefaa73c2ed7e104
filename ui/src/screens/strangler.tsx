// screens/strangler.tsx: how far an endpoint has moved from its legacy back-end to its modern one: the switch, how both sides fare, what
// differs between their answers, who turned it when and why, and the way back, always in sight.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, call, type Problem} from "../api";
import {count, plural} from "../format";
import {Dialog, DialogFoot} from "../parts/dialog";
import {Icon} from "../parts/icon";
import {Failed, Loading, Refused} from "../parts/states";
import {Foreign, Time} from "../parts/text";
import {say} from "../parts/toast";
import {useResource} from "../resource";
import {link} from "../router";
import {mayResend} from "../session";
import type {Item, Json} from "../types";

interface Side {
  requests?: number;
  errors?: number;
  error_rate?: number;
  p50_ms?: number;
  p95_ms?: number;
  share?: number;
}

interface Field {
  path: string;
  kind: string;
  count: number;
  noise: number;
  first?: string;
  last?: string;
}

interface Turn {
  at: string;
  who?: string | null;
  reason?: string | null;
  from: string;
  to: string;
}

interface Report {
  state: string;
  modern: string; // "25%"
  configured?: string;
  held?: boolean;
  recent?: {window_ms?: number; legacy?: Side; modern?: Side; shadow?: {[outcome: string]: number}};
  fields?: Field[];
  last?: Turn;
}

interface Sample {
  at: string;
  message?: string | null;
  differences: {path: string; kind: string; legacy?: Json; modern?: Json}[];
}

const EVERY_MS = 5000;
const stops = [0, 1, 5, 10, 25, 50, 75, 100];

export function Strangler({name, item}: {name: string; item: Item}): JSX.Element | null {
  return item["modern"] === undefined ? null : <Switch name={name} />;
}

function shareOf(text: string): number {
  return Number(text.replace("%", "")) || 0;
}

function Switch({name}: {name: string}): JSX.Element {
  const path = `api/v1/endpoints/${encodeURIComponent(name)}/switch`;
  const report = useResource<Report>(path, ["config"]);
  const history = useResource<{items: Turn[]}>(`${path}/history`, ["config"]);
  const differences = useResource<{fields?: Field[]; samples?: Sample[]}>(`${path}/differences`, ["config"]);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return;
      report.reload();
      differences.reload();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [path]);
  const data = report.data.value;
  const reload = (): void => {
    report.reload();
    history.reload();
  };
  if (!data)
    return report.problem.value ? (
      <Failed problem={report.problem.value} what="the switch" again={report.reload} />
    ) : (
      <Loading what="the switch" />
    );
  return (
    <>
      <section class="card strangler" aria-labelledby="switch">
        <div class="section-head">
          <h2 id="switch">From legacy to modern</h2>
          <GoBack path={path} last={data.last} done={reload} />
        </div>
        <Bar share={shareOf(data.modern)} />
        {data.held && (
          <p class="wait-text">The automation holds it here: somebody turned it by hand, or its gates were broken.</p>
        )}
        {data.last && (
          <p class="quiet">
            Last turned <Time at={data.last.at} relative /> from {data.last.from} to {data.last.to} by{" "}
            <Foreign text={data.last.who ?? "the automation"} />
            {data.last.reason && (
              <>
                : <Foreign text={data.last.reason} />
              </>
            )}
          </p>
        )}
        {mayResend() && <Turner key={data.modern} path={path} name={name} share={shareOf(data.modern)} done={reload} />}
      </section>
      <Sides report={data} />
      <Compared report={data} samples={differences.data.value?.samples ?? []} />
      <section aria-labelledby="turns">
        <h2 id="turns">Who turned it</h2>
        {(history.data.value?.items ?? []).length === 0 ? (
          <p class="quiet">Nobody has turned it yet: it stands as configured.</p>
        ) : (
          <ul class="uses">
            {[...(history.data.value?.items ?? [])]
              .sort((a, b) => b.at.localeCompare(a.at))
              .map((turn) => (
                <li key={turn.at}>
                  <Time at={turn.at} />{" "}
                  <b>
                    {turn.from} → {turn.to}
                  </b>{" "}
                  <Foreign text={turn.who ?? "the automation"} />
                  {turn.reason && (
                    <span class="quiet">
                      {" "}
                      <Foreign text={turn.reason} />
                    </span>
                  )}
                </li>
              ))}
          </ul>
        )}
      </section>
    </>
  );
}

function Bar({share}: {share: number}): JSX.Element {
  return (
    <div class="shares">
      <span>
        legacy <b>{Math.round((100 - share) * 100) / 100} %</b>
      </span>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="legacy" width="100" height="4" />
        <rect class="modern" x={100 - share} width={share} height="4" />
      </svg>
      <span>
        modern <b>{share} %</b>
      </span>
    </div>
  );
}

function GoBack({path, last, done}: {path: string; last: Turn | undefined; done: () => void}): JSX.Element | null {
  if (!last || !mayResend()) return null;
  const back = (): void => {
    call("POST", `${path}/back`, {reason: "went back"}).then(
      () => {
        say(`It stands at ${last.from} again.`);
        done();
      },
      (cause: unknown) => say(asProblem(cause).message),
    );
  };
  return (
    <button type="button" onClick={back} title={`Back to ${last.from}, at once`}>
      <Icon name="back" /> Go back to {last.from}
    </button>
  );
}

function Turner({path, name, share, done}: {path: string; name: string; share: number; done: () => void}): JSX.Element {
  const wanted = useSignal(share);
  const asking = useSignal(false);
  const reason = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const turn = async (): Promise<void> => {
    problem.value = null;
    try {
      await call("PUT", path, {modern: `${wanted.value}%`, ...(reason.value ? {reason: reason.value} : {})});
      say(
        `${wanted.value} % of ${name} go to the modern side.`,
        null,
        () => void call("POST", `${path}/back`, {reason: "undone"}).then(done, () => undefined),
      );
      asking.value = false;
      done();
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  const more = wanted.value > share;
  return (
    <div class="turner">
      <label for="share">Modern's share</label>
      <input
        id="share"
        type="range"
        min={0}
        max={100}
        step={1}
        value={wanted.value}
        list="stops"
        onInput={(event) => (wanted.value = Number(event.currentTarget.value))}
      />
      <datalist id="stops">
        {stops.map((stop) => (
          <option key={stop} value={stop} />
        ))}
      </datalist>
      <span class="with-link">
        <input
          type="number"
          aria-label="Modern's share in percent"
          min={0}
          max={100}
          step={0.01}
          value={wanted.value}
          onInput={(event) => (wanted.value = Math.max(0, Math.min(100, Number(event.currentTarget.value))))}
        />
        %
        <button type="button" class="primary" disabled={wanted.value === share} onClick={() => (asking.value = true)}>
          Turn to {wanted.value} % …
        </button>
      </span>
      {asking.value && (
        <Dialog title={`Turn ${name} to ${wanted.value} % modern?`} close={() => (asking.value = false)}>
          <p>
            From now on {wanted.value} of 100 requests are answered by the modern back-end, {100 - wanted.value} by the legacy
            one. {more ? "Those who are there already stay there." : "Who is left on the legacy side stays there."} Requests
            under way end on their side.
          </p>
          <div class="field">
            <label for="turn-reason">Why, for whoever reads the history</label>
            <input
              id="turn-reason"
              maxLength={500}
              value={reason.value}
              onInput={(event) => (reason.value = event.currentTarget.value)}
            />
          </div>
          <Refused problem={problem.value} />
          <DialogFoot close={() => (asking.value = false)} act={turn} word="Turn it" />
        </Dialog>
      )}
    </div>
  );
}

function percent(part: number | undefined): string {
  return part === undefined ? "–" : `${Math.round(part * 1000) / 10} %`;
}

function Sides({report}: {report: Report}): JSX.Element {
  const sides: [string, Side][] = [
    ["legacy", report.recent?.legacy ?? {}],
    ["modern", report.recent?.modern ?? {}],
  ];
  const minutes = Math.round((report.recent?.window_ms ?? 0) / 60_000);
  return (
    <section aria-labelledby="sides">
      <h2 id="sides">Both sides{minutes > 0 && `, in the last ${plural(minutes, "minute")}`}</h2>
      <table>
        <caption class="hidden">How both sides fare</caption>
        <thead>
          <tr>
            <th scope="col">Side</th>
            <th scope="col" class="end">
              Requests
            </th>
            <th scope="col" class="end">
              Errors
            </th>
            <th scope="col" class="end weight-2">
              Half within
            </th>
            <th scope="col" class="end">
              95 % within
            </th>
          </tr>
        </thead>
        <tbody>
          {sides.map(([name, side]) => (
            <tr key={name}>
              <td>{name}</td>
              <td class="end">{count(side.requests ?? 0)}</td>
              <td class={`end ${side.errors ? "bad-text" : ""}`}>
                {count(side.errors ?? 0)} {side.error_rate ? `(${percent(side.error_rate)})` : ""}
              </td>
              <td class="end weight-2">{side.requests ? `${side.p50_ms ?? 0} ms` : "–"}</td>
              <td class="end">{side.requests ? `${side.p95_ms ?? 0} ms` : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Compared({report, samples}: {report: Report; samples: Sample[]}): JSX.Element {
  const shadow = report.recent?.shadow ?? {};
  const fields = report.fields ?? [];
  const compared = shadow["compared"] ?? 0;
  const rate = shadow["match_rate"];
  return (
    <section aria-labelledby="compared">
      <h2 id="compared">Answers compared</h2>
      <p role="status">
        {compared > 0 ? (
          <>
            <b>{percent(rate)}</b> of {plural(compared, "answer")} are the same on both sides.
          </>
        ) : (
          <span class="quiet">
            No answer was compared lately. Shadow traffic is switched on by the endpoint's setting shadow.
          </span>
        )}
      </p>
      {fields.length > 0 && (
        <table>
          <caption class="hidden">Differences by field</caption>
          <thead>
            <tr>
              <th scope="col" class="grow">
                Field
              </th>
              <th scope="col">Difference</th>
              <th scope="col" class="end">
                Times
              </th>
              <th scope="col" class="end weight-2">
                Noise
              </th>
              <th scope="col" class="weight-2">
                Last
              </th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr key={`${field.path} ${field.kind}`}>
                <td class="mono grow">
                  <Foreign text={field.path} />
                </td>
                <td>
                  <Foreign text={field.kind} />
                </td>
                <td class="end">{count(field.count)}</td>
                <td class="end weight-2" title="How often it differs between two answers of the same side">
                  {count(field.noise)}
                </td>
                <td class="weight-2">
                  <Time at={field.last} relative />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {samples.length > 0 && (
        <details>
          <summary>{plural(samples.length, "sample")}</summary>
          <ul class="samples">
            {[...samples].reverse().map((sample, index) => (
              <li key={index}>
                <Time at={sample.at} /> {sample.message && <a href={link(["messages", sample.message])}>the request</a>}
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Field</th>
                      <th scope="col">Legacy</th>
                      <th scope="col">Modern</th>
                    </tr>
                  </thead>
                  <tbody>
                    {sample.differences.map((one, at) => (
                      <tr key={at}>
                        <td class="mono">
                          <Foreign text={one.path} />
                        </td>
                        <td>
                          <Foreign text={shown(one.legacy)} />
                        </td>
                        <td>
                          <Foreign text={shown(one.modern)} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function shown(value: Json | undefined): string {
  return value === undefined ? "(not there)" : typeof value === "string" ? value : JSON.stringify(value);
}
