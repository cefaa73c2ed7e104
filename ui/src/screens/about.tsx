// screens/about.tsx: what this appliance is and how it fares; the backup; what a user may set for themselves.

import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {address} from "../api";
import {count, duration} from "../format";
import {lettersOn, switchLetters} from "../keys";
import {Icon} from "../parts/icon";
import {Failed} from "../parts/states";
import {Foreign, Time} from "../parts/text";
import {useResource} from "../resource";
import {link} from "../router";
import {isAdmin} from "../session";
import {lookAtStats, stats} from "../stats";
import type {Json} from "../types";

interface Setting {
  name: string;
  variable: string;
  help: string;
  value: Json;
  set: boolean;
}

// The program's own settings: what was set first, then what stands by default.
function InForce(): JSX.Element {
  const found = useResource<{settings?: Setting[]}>("api/v1/appliance");
  const all = [...(found.data.value?.settings ?? [])].sort((a, b) => Number(b.set) - Number(a.set));
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings of the program</h2>
      <p class="quiet">
        They stand in <code>banyan.yaml</code>, or in the environment, and are read when it starts.
      </p>
      {found.problem.value ? (
        <Failed problem={found.problem.value} what="the settings" again={found.reload} />
      ) : (
        <table class="in-force">
          <caption class="hidden">Settings of the program, as they are in force</caption>
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Value</th>
              <th scope="col" class="grow weight-2">
                What it is
              </th>
            </tr>
          </thead>
          <tbody>
            {all.map((one) => (
              <tr key={one.name}>
                <td class="mono">{one.name}</td>
                <td>
                  {one.value === null ? <span class="none">–</span> : <Foreign text={String(one.value)} />}
                  {!one.set && one.value !== null && <span class="quiet"> by default</span>}
                </td>
                <td class="grow weight-2">
                  {one.help} <code>{one.variable}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

export function About(): JSX.Element {
  useEffect(() => {
    document.title = "Settings and about · Banyan";
    void lookAtStats();
  }, []);
  const figures = stats.data.value;
  const kept = Object.values(figures?.messages?.by_status ?? {}).reduce((sum, number) => sum + number, 0);
  return (
    <>
      <h1>Settings and about</h1>
      <section aria-labelledby="yours">
        <h2 id="yours">Yours</h2>
        <label class="check">
          <input type="checkbox" checked={lettersOn.value} onChange={(event) => switchLetters(event.currentTarget.checked)} />
          Single letters are commands (<kbd>?</kbd> lists them)
        </label>
        <p class="quiet">Light or dark follows your system. Columns and saved searches are chosen in the list of messages.</p>
      </section>
      <section aria-labelledby="appliance">
        <h2 id="appliance">This appliance</h2>
        <dl class="facts card">
          <dt>Version</dt>
          <dd>{figures?.version ?? "–"}</dd>
          <dt>Running for</dt>
          <dd>{figures?.uptime_s === undefined ? "–" : duration(figures.uptime_s)}</dd>
          <dt>Facade</dt>
          <dd class="mono">
            <Foreign text={figures?.public ?? "–"} />
          </dd>
          <dt>Messages kept</dt>
          <dd>{count(kept)}</dd>
          <dt>Workers</dt>
          <dd>
            {(figures?.workers ?? [])
              .map((worker) => `${worker.kind} ${worker.pid}${worker.busy ? " (busy)" : ""}`)
              .join(", ") || "none"}
          </dd>
          {figures?.held_since && (
            <>
              <dt>Deliveries held since</dt>
              <dd>
                <Time at={figures.held_since} />
              </dd>
            </>
          )}
        </dl>
      </section>
      <InForce />
      {isAdmin() && (
        <section aria-labelledby="backup">
          <h2 id="backup">Backup</h2>
          <p>
            <a class="button" href={address("api/v1/backup")} download="banyan.backup">
              <Icon name="down" /> Download a backup of everything
            </a>
          </p>
          <p class="quiet">
            Taken while it works. Restored by <code>banyan restore FILE</code> into an empty data directory.
          </p>
        </section>
      )}
      <section aria-labelledby="more">
        <h2 id="more">For programs</h2>
        <ul class="uses">
          <li>
            <a href={address("api/v1/openapi.json")}>The admin API, as OpenAPI</a>
          </li>
          <li>
            <a href={address("metrics")}>Metrics for Prometheus</a>
          </li>
          <li>
            <a href={link(["config", "keys"])}>API keys</a>
          </li>
          <li>
            <a href={address("licenses.txt")}>Licences of this page's parts</a>
          </li>
        </ul>
      </section>
    </>
  );
}
