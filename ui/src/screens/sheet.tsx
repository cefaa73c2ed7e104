// screens/sheet.tsx: the page to print or send to a partner: who we are, where we are, by which certificates we are known.

import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {words} from "../format";
import {Icon} from "../parts/icon";
import {Failed, Loading} from "../parts/states";
import {Foreign, Time} from "../parts/text";
import {useResource} from "../resource";
import {link} from "../router";
import {stats} from "../stats";
import type {Item} from "../types";
import {brief} from "./kinds";

const SHOWN: {[kind: string]: string[]} = {
  as2: ["profile", "sign", "encrypt", "compress", "mdn", "mdn_signed", "subject", "content_type"],
  sftp: ["host", "port", "user", "directory", "pattern", "path"],
  ftp: ["host", "port", "user", "directory", "pattern", "path"],
  http: ["url"],
  file: [],
};

export function PartnerSheet({name}: {name: string}): JSX.Element {
  const partner = useResource<Item>(`api/v1/partners/${encodeURIComponent(name)}`);
  const stations = useResource<{items: Item[]}>("api/v1/stations");
  const connections = useResource<{items: Item[]}>("api/v1/connections");
  const certificates = useResource<{items: Item[]}>("api/v1/certificates");
  useEffect(() => {
    document.title = `Our parameters for ${name}`;
  }, [name]);
  const problem = partner.problem.value ?? stations.problem.value ?? connections.problem.value ?? certificates.problem.value;
  if (problem) return <Failed problem={problem} what="this page" again={partner.reload} />;
  if (!partner.data.value || !stations.data.value || !connections.data.value || !certificates.data.value)
    return <Loading what="the page" />;
  const mine = connections.data.value.items.filter((item) => item["partner"] === name);
  const used = new Set(mine.map((item) => brief(item["station"])).filter(Boolean));
  const ours = stations.data.value.items.filter((item) => used.size === 0 || used.has(brief(item["name"])));
  const keys = new Set(ours.map((item) => brief(item["key"])).filter(Boolean));
  const shown = certificates.data.value.items.filter((item) => keys.has(brief(item["name"])) && brief(item["certificate"]));
  const them = partner.data.value;
  return (
    <article class="paper">
      <div class="steps no-print">
        <a href={link(["config", "partners", name])} data-key="Escape">
          <Icon name="back" /> <Foreign text={name} />
        </a>
        <button type="button" class="primary" onClick={() => print()}>
          Print, or save as PDF
        </button>
      </div>
      <h1>
        EDI parameters for <Foreign text={name} />
      </h1>
      <p class="quiet">
        As of <Time at={new Date().toISOString()} />. Please compare with what you have, and tell us what differs.
      </p>
      {ours.map((station) => (
        <section key={brief(station["name"])} aria-label={`Station ${brief(station["name"])}`}>
          <h2>
            We: <Foreign text={brief(station["description"]) || brief(station["name"])} />
          </h2>
          <dl class="facts card">
            {(["x12_id", "edifact_id", "as2_id"] as const)
              .filter((id) => station[id])
              .map((id) => (
                <div key={id} class="pair">
                  <dt>{words(id)}</dt>
                  <dd class="mono">
                    <Foreign text={brief(station[id])} />
                  </dd>
                </div>
              ))}
            {mine.some((item) => item["kind"] === "as2") && (
              <div class="pair">
                <dt>AS2 address</dt>
                <dd class="mono">{stats.data.value?.public_url ? `${stats.data.value.public_url}/as2` : "ask us"}</dd>
              </div>
            )}
          </dl>
        </section>
      ))}
      <section aria-labelledby="you">
        <h2 id="you">You, as we know you</h2>
        <dl class="facts card">
          {(["x12_id", "edifact_id", "as2_id"] as const)
            .filter((id) => them[id])
            .map((id) => (
              <div key={id} class="pair">
                <dt>{words(id)}</dt>
                <dd class="mono">
                  <Foreign text={brief(them[id])} />
                </dd>
              </div>
            ))}
          <div class="pair">
            <dt>Contacts</dt>
            <dd>
              <Foreign text={brief(them["contacts"]) || "none known: please name one"} />
            </dd>
          </div>
        </dl>
      </section>
      {mine.map((connection) => (
        <section key={brief(connection["name"])} aria-label={`Connection ${brief(connection["name"])}`}>
          <h2>How we exchange: {brief(connection["kind"]).toUpperCase()}</h2>
          <dl class="facts card">
            {connection["kind"] === "as2" && (
              <div class="pair">
                <dt>Your address</dt>
                <dd class="mono">
                  <Foreign text={brief(connection["url"]) || "not known yet"} />
                </dd>
              </div>
            )}
            {(SHOWN[brief(connection["kind"])] ?? [])
              .filter((setting) => connection[setting] !== undefined)
              .map((setting) => (
                <div key={setting} class="pair">
                  <dt>{words(setting)}</dt>
                  <dd>
                    <Foreign text={brief(connection[setting])} />
                  </dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
      {shown.map((certificate) => (
        <section key={brief(certificate["name"])} aria-label={`Certificate ${brief(certificate["name"])}`}>
          <h2>
            Our certificate <Foreign text={brief(certificate["subject"]) || brief(certificate["name"])} />
          </h2>
          <dl class="facts card">
            <div class="pair">
              <dt>Good until</dt>
              <dd>
                <Time at={brief(certificate["not_after"])} />
              </dd>
            </div>
            <div class="pair">
              <dt>Key</dt>
              <dd>{brief(certificate["key"])}</dd>
            </div>
            <div class="pair">
              <dt>SHA-256</dt>
              <dd class="mono">{brief(certificate["fingerprint"])}</dd>
            </div>
          </dl>
          <pre class="pem" tabIndex={0} aria-label="Certificate in PEM">
            {brief(certificate["certificate"])}
          </pre>
        </section>
      ))}
      {shown.length === 0 && mine.some((item) => item["kind"] === "as2") && (
        <p class="wait-text">Our station has no key yet: without one nothing can be signed.</p>
      )}
    </article>
  );
}
