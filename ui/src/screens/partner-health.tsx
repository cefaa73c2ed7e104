// screens/partner-health.tsx: how each partner fares, in one word and the figures behind it.

import type {JSX} from "preact";
import {count, plural} from "../format";
import {Foreign, Time} from "../parts/text";
import {useResource} from "../resource";
import {link} from "../router";
import type {Item} from "../types";
import {Expiry} from "./kinds";

export interface Health {
  last_in: string | null;
  last_out: string | null;
  in: number;
  out: number;
  failed: number;
  overdue: number;
}

export function useHealth(wanted = true): {[partner: string]: Health} {
  return (
    useResource<{partners: {[partner: string]: Health}}>(wanted ? "api/v1/stats/partners" : null, [
      "message",
      "acknowledgement",
    ]).data.value?.partners ?? {}
  );
}

export function HealthWord({health}: {health: Health | undefined}): JSX.Element {
  const [tone, word] =
    !health || (health.last_in === null && health.last_out === null)
      ? ["held", "silent so far"]
      : health.failed > 0
        ? ["bad", `${plural(health.failed, "failure")} today`]
        : health.overdue > 0
          ? ["wait", `${count(health.overdue)} overdue`]
          : ["good", "well"];
  return (
    <span class={`status ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {word}
    </span>
  );
}

// How one partner fares, above its settings.
export function PartnerFacts({name, item}: {name: string; item: Item}): JSX.Element {
  const health = useHealth()[name];
  const certificates = useResource<{items?: Item[]}>("api/v1/certificates", ["config"]);
  const own = Array.isArray(item["certificates"]) ? item["certificates"] : [];
  const known = (certificates.data.value?.items ?? []).filter((one) => own.includes(one["name"] ?? null) && one["not_after"]);
  return (
    <dl class="figures partner-figures">
      <div>
        <dt>now</dt>
        <dd class="word">
          <HealthWord health={health} />
        </dd>
      </div>
      <div>
        <dt>came in today</dt>
        <dd>
          <a href={link(["messages"], {partner: name, direction: "in", since: "24h"})}>{count(health?.in ?? 0)}</a>
        </dd>
      </div>
      <div>
        <dt>went out today</dt>
        <dd>
          <a href={link(["messages"], {partner: name, direction: "out", since: "24h"})}>{count(health?.out ?? 0)}</a>
        </dd>
      </div>
      <div>
        <dt>last heard</dt>
        <dd class="word">{health?.last_in ? <Time at={health.last_in} relative /> : "never"}</dd>
      </div>
      {known.length > 0 && (
        <div>
          <dt>{known.length === 1 ? "its certificate ends" : "its certificates end"}</dt>
          <dd class="word">
            {known.map((one, index) => (
              <span key={String(one["name"])}>
                {index > 0 && ", "}
                <Expiry value={one["not_after"]} />
              </span>
            ))}
          </dd>
        </div>
      )}
    </dl>
  );
}

export function PartnersAtAGlance(): JSX.Element | null {
  const partners = useResource<{items?: Item[]}>("api/v1/partners", ["config"]);
  const health = useHealth();
  const names = (partners.data.value?.items ?? []).map((item) => String(item["name"]));
  if (names.length === 0) return null;
  const rank = (name: string): number => (health[name]?.failed ?? 0) * 1000 + (health[name]?.overdue ?? 0);
  names.sort((a, b) => rank(b) - rank(a) || a.localeCompare(b));
  return (
    <section aria-labelledby="partners">
      <h2 id="partners">Partners</h2>
      <ul class="glance">
        {names.slice(0, 12).map((name) => (
          <li key={name}>
            <a href={link(["config", "partners", name])}>
              <Foreign text={name} />
            </a>
            <HealthWord health={health[name]} />
            <span class="quiet">
              {health[name]?.last_in ? (
                <>
                  last heard <Time at={health[name]?.last_in} relative />
                </>
              ) : (
                "never heard"
              )}
            </span>
          </li>
        ))}
      </ul>
      {names.length > 12 && (
        <p>
          <a href={link(["config", "partners"])}>Show all {count(names.length)}</a>
        </p>
      )}
    </section>
  );
}
