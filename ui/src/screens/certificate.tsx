// screens/certificate.tsx: certificates and keys: what one is before it is taken, and how one is replaced without a gap.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, call, getTagged, put, type Problem} from "../api";
import {Dialog, DialogFoot} from "../parts/dialog";
import {words} from "../format";
import {Icon} from "../parts/icon";
import {Refused} from "../parts/states";
import {Foreign, Time} from "../parts/text";
import {say} from "../parts/toast";
import {link, navigate} from "../router";
import {mayChange} from "../session";
import type {Item, Json} from "../types";
import {objectPath, settingsOf} from "./edit";
import {brief} from "./kinds";
import {useUses, type Use} from "./uses";

const INSPECT_AFTER_MS = 300;

// A certificate, pasted or from a file, with what it is shown below at once.
export function CertificateInput({
  value,
  change,
  label = "Certificate (PEM)",
}: {
  value: string;
  change: (pem: string) => void;
  label?: string;
}): JSX.Element {
  const details = useSignal<Item | null>(null);
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    details.value = null;
    problem.value = null;
    if (value.trim() === "") return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      call("POST", "api/v1/certificates/inspect", {certificate: value}, {signal: abort.signal}).then(
        async (response) => (details.value = (await response.json()) as Item),
        (cause: unknown) => {
          if (!abort.signal.aborted) problem.value = asProblem(cause);
        },
      );
    }, INSPECT_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [value]);
  const takeFile = (file: File | undefined): void => {
    if (!file) return;
    void file.arrayBuffer().then((bytes) => {
      const text = new TextDecoder().decode(bytes);
      if (text.includes("-----BEGIN")) return change(text);
      // The other form in which certificates travel: DER.
      const base64 = btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
      change(`-----BEGIN CERTIFICATE-----\n${base64.replace(/(.{64})/g, "$1\n").trim()}\n-----END CERTIFICATE-----\n`);
    });
  };
  return (
    <div class="field certificate-input">
      <label>
        {label}
        <textarea
          class="mono"
          rows={6}
          spellcheck={false}
          placeholder="-----BEGIN CERTIFICATE-----"
          value={value}
          onInput={(event) => change(event.currentTarget.value)}
        />
      </label>
      <label>
        or a file:{" "}
        <input type="file" accept=".pem,.crt,.cer,.der" onChange={(event) => takeFile(event.currentTarget.files?.[0])} />
      </label>
      <div role="status">
        {problem.value && <p class="field-fault">This is no certificate that can be read. {problem.value.detail}</p>}
        {details.value && <Details details={details.value} />}
      </div>
    </div>
  );
}

export function Details({details}: {details: Item}): JSX.Element {
  const ends = brief(details["not_after"]);
  const left = ends ? new Date(ends).getTime() - Date.now() : 0;
  return (
    <dl class="facts card">
      <dt>For</dt>
      <dd>
        <Foreign text={brief(details["subject"]) || "–"} />
      </dd>
      <dt>Issued by</dt>
      <dd>
        <Foreign text={brief(details["issuer"]) || "–"} />
        {details["issuer"] === details["subject"] && <span class="quiet"> (itself: compare the fingerprint by telephone)</span>}
      </dd>
      <dt>Good</dt>
      <dd class={ends && left < 0 ? "bad-text" : ""}>
        <Time at={brief(details["not_before"])} /> to <Time at={ends} />
        {ends && left < 0 && " (expired)"}
      </dd>
      <dt>Key</dt>
      <dd>{brief(details["key"]) || "–"}</dd>
      <dt>SHA-256 fingerprint</dt>
      <dd class="mono">{brief(details["fingerprint"])}</dd>
    </dl>
  );
}

// One that is kept: what it is first, its text when asked for.
export function CertificateFacts({item}: {item: Item}): JSX.Element {
  const pem = brief(item["certificate"]);
  const key = brief(item["public_key"]);
  const rest = (["description", "use", "valid_from", "valid_until", "serial", "revision"] as const).filter(
    (name) => item[name],
  );
  return (
    <>
      {pem ? (
        <Details details={item} />
      ) : (
        <p class="about">A key without a certificate: {brief(item["key"]) || "of unknown kind"}.</p>
      )}
      <dl class="facts card">
        <div class="pair">
          <dt>Private key</dt>
          <dd>
            {item["has_private_key"] === true ? "ours: it is here, sealed, and never shown" : "none: it is somebody else's"}
          </dd>
        </div>
        {rest.map((name) => (
          <div key={name} class="pair">
            <dt>{words(name)}</dt>
            <dd>
              <Foreign text={brief(item[name])} />
            </dd>
          </div>
        ))}
      </dl>
      {pem && (
        <details>
          <summary>Certificate in PEM</summary>
          <pre class="pem" tabIndex={0} aria-label="Certificate in PEM">
            {pem}
          </pre>
        </details>
      )}
      {key && (
        <details open={!pem}>
          <summary>Public key, for the other side</summary>
          <pre class="pem" tabIndex={0} aria-label="Public key">
            {key}
          </pre>
        </details>
      )}
    </>
  );
}

type Origin = "make" | "theirs" | "ours" | "ssh";

const origins: [Origin, string, string][] = [
  ["theirs", "A partner sent it", "Checks their signatures, encrypts for them."],
  ["make", "Make a key and a certificate here", "Signs and decrypts for us. The partner gets the certificate."],
  ["ours", "We have a key and a certificate already", "Made elsewhere, for example by an authority."],
  ["ssh", "Make a key for SFTP", "The other side gets the public half, for its authorized_keys."],
];

// The first question is where it comes from; the rest follows from that.
export function NewCertificate(): JSX.Element {
  const origin = useSignal<Origin>("theirs");
  const name = useSignal("");
  const pem = useSignal("");
  const key = useSignal("");
  const subject = useSignal("");
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    document.title = "New certificate · Banyan";
  }, []);
  const body = (): Item => {
    if (origin.value === "theirs") return {certificate: pem.value};
    if (origin.value === "ours") return {certificate: pem.value, private_key: key.value};
    if (origin.value === "ssh") return {generate: {kind: "ssh"}};
    return {generate: {kind: "ec", common_name: subject.value || name.value}};
  };
  const missing =
    !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name.value) ||
    ((origin.value === "theirs" || origin.value === "ours") && !pem.value.trim()) ||
    (origin.value === "ours" && !key.value.trim());
  const save = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      await put(objectPath("certificates", name.value), body(), "");
      say(`${name.value} is kept.`);
      navigate(link(["config", "certificates", name.value]));
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  return (
    <>
      <div class="steps">
        <a href={link(["config", "certificates"])} data-key="Escape">
          <Icon name="back" /> Certificates
        </a>
      </div>
      <div class="head">
        <h1>New certificate or key</h1>
        <a href={link(["config", "certificates", "+new"], {plain: ""})}>All settings at once</a>
      </div>
      <form
        class="narrow-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!missing) void save();
        }}
      >
        <fieldset class="field">
          <legend>Where it comes from</legend>
          {origins.map(([value, title, help]) => (
            <label key={value} class="check">
              <input type="radio" name="origin" checked={origin.value === value} onChange={() => (origin.value = value)} />
              <span>
                <b>{title}</b> <span class="quiet">{help}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <div class="field">
          <label for="certificate-name">Name</label>
          <input
            id="certificate-name"
            value={name.value}
            maxLength={64}
            required
            spellcheck={false}
            placeholder={origin.value === "theirs" ? "acme-2027" : origin.value === "ssh" ? "us-ssh" : "us-2027"}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
          <p class="field-help">How other objects refer to it; with the year in it the next one is easy to name.</p>
        </div>
        {origin.value === "make" && (
          <div class="field">
            <label for="certificate-subject">Common name in the certificate</label>
            <input
              id="certificate-subject"
              value={subject.value}
              maxLength={64}
              placeholder={name.value}
              onInput={(event) => (subject.value = event.currentTarget.value)}
            />
            <p class="field-help">What the partner sees; our company, or our AS2 name. Good for two years.</p>
          </div>
        )}
        {(origin.value === "theirs" || origin.value === "ours") && (
          <CertificateInput value={pem.value} change={(text) => (pem.value = text)} />
        )}
        {origin.value === "ours" && (
          <div class="field">
            <label for="certificate-key">Private key (PEM)</label>
            <textarea
              id="certificate-key"
              class="mono"
              rows={6}
              spellcheck={false}
              autocomplete="off"
              value={key.value}
              onInput={(event) => (key.value = event.currentTarget.value)}
            />
            <p class="field-help">It is sealed when it is kept, and never shown again.</p>
          </div>
        )}
        <Refused problem={problem.value} />
        <button type="submit" class="primary" disabled={busy.value || missing}>
          {origin.value === "make" || origin.value === "ssh" ? "Make it" : "Keep it"}
        </button>
      </form>
    </>
  );
}

export function CertificateTools({name, item}: {name: string; item: Item}): JSX.Element {
  const rolling = useSignal(false);
  const pem = brief(item["certificate"]);
  const save = (): void => {
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([pem], {type: "application/x-pem-file"}));
    anchor.download = `${name}.pem`;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  };
  return (
    <div class="buttons">
      {pem && (
        <button type="button" onClick={save}>
          <Icon name="down" /> Download the certificate
        </button>
      )}
      {mayChange() && (
        <button type="button" onClick={() => (rolling.value = true)}>
          <Icon name="again" /> Roll over …
        </button>
      )}
      {rolling.value && (
        <RollOver
          name={name}
          own={item["private_key"] !== undefined || item["has_private_key"] === true}
          close={() => (rolling.value = false)}
        />
      )}
    </div>
  );
}

function nextName(name: string): string {
  const year = /(\d{4})(?!.*\d{4})/.exec(name);
  if (year) return name.replace(year[0], String(Number(year[1]) + 1));
  const number = /^(.*?)-?(\d+)$/.exec(name);
  return number ? `${number[1] ?? ""}-${Number(number[2]) + 1}` : `${name}-2`;
}

// The item with the new name where the old one is: in its place, or, in a list, before it, so that both are good until the old one is
// taken out.
function replaced(value: Json, old: string, next: string): Json {
  if (Array.isArray(value)) return value.flatMap((entry) => (entry === old ? [next, old] : [replaced(entry, old, next)]));
  if (value === null || typeof value !== "object") return value === old ? next : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === "name" ? inner : replaced(inner, old, next)]),
  );
}

function RollOver({name, own, close}: {name: string; own: boolean; close: () => void}): JSX.Element {
  const uses = useUses("certificates", name);
  const next = useSignal(nextName(name));
  const how = useSignal<"generate" | "paste">(own ? "generate" : "paste");
  const pem = useSignal("");
  const left = useSignal<Set<string>>(new Set()); // Uses that stay with the old one.
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const keyOf = (use: Use): string => `${use.kind}/${use.name}`;
  const go = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      const body: Item =
        how.value === "generate" ? {generate: {kind: "ec", common_name: next.value}} : {certificate: pem.value};
      await put(objectPath("certificates", next.value), body, "");
      for (const use of new Map((uses.value ?? []).map((one) => [keyOf(one), one])).values()) {
        if (left.value.has(keyOf(use))) continue;
        const now = await getTagged<Item>(objectPath(use.kind, use.name));
        await put(objectPath(use.kind, use.name), replaced(settingsOf(use.kind, now.value), name, next.value), now.tag);
      }
      say(`${next.value} is there, and used from now on.`);
      navigate(link(["config", "certificates", next.value]));
      close();
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  return (
    <Dialog title={`Replace ${name}`} close={close}>
      <div class="field">
        <label for="roll-name">Name of the new one</label>
        <input
          id="roll-name"
          value={next.value}
          spellcheck={false}
          onInput={(event) => (next.value = event.currentTarget.value)}
        />
      </div>
      <fieldset class="field">
        <legend>Where it comes from</legend>
        <label class="check">
          <input type="radio" name="how" checked={how.value === "generate"} onChange={() => (how.value = "generate")} /> make a
          new key and certificate here
        </label>
        <label class="check">
          <input type="radio" name="how" checked={how.value === "paste"} onChange={() => (how.value = "paste")} /> the partner
          sent it
        </label>
      </fieldset>
      {how.value === "paste" && <CertificateInput value={pem.value} change={(text) => (pem.value = text)} />}
      <fieldset class="field">
        <legend>Use it from now on in</legend>
        {(uses.value ?? []).length === 0 && <p class="quiet">Nothing uses {name} yet.</p>}
        {(uses.value ?? []).map((use) => (
          <label key={keyOf(use) + use.setting} class="check">
            <input
              type="checkbox"
              checked={!left.value.has(keyOf(use))}
              onChange={(event) => {
                const kept = new Set(left.value);
                if (event.currentTarget.checked) kept.delete(keyOf(use));
                else kept.add(keyOf(use));
                left.value = kept;
              }}
            />
            {use.kind.replace(/s$/, "")} <Foreign text={use.name} />
            <span class="quiet">{use.setting === "certificates" ? " (beside the old one)" : ""}</span>
          </label>
        ))}
      </fieldset>
      <Refused problem={problem.value} />
      <DialogFoot
        close={close}
        act={go}
        word="Replace"
        disabled={busy.value || next.value === "" || (how.value === "paste" && !pem.value)}
      />
    </Dialog>
  );
}
