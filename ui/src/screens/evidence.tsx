// screens/evidence.tsx: what an AS2 exchange leaves behind to be shown to the other side, or to an auditor: who signed what with which
// digest, what the receipt says, whether both sides saw the same bytes, and the receipt itself as it came. What decides stands first,
// in words; every field that was kept is one click away, and in the file.

import type {ComponentChildren, JSX} from "preact";
import {size} from "../format";
import {Icon} from "../parts/icon";
import {Lines} from "../parts/payload";
import {Foreign, Named, Time} from "../parts/text";
import {useResource} from "../resource";
import type {Item, Json, Message} from "../types";
import {brief} from "./kinds";
import {asList, asRecord} from "./picture";

export function Evidence({message}: {message: Message}): JSX.Element | null {
  const connection = useResource<Item>(
    message.connection ? `api/v1/connections/${encodeURIComponent(message.connection)}` : null,
  );
  if (connection.data.value?.["kind"] !== "as2") return null;
  return <Shown id={message.id} />;
}

function Shown({id}: {id: string}): JSX.Element | null {
  const evidence = useResource<Item>(
    `api/v1/messages/${encodeURIComponent(id)}/evidence`,
    ["message", "acknowledgement"],
    (notice) => !notice.id || notice.id === id,
  );
  const data = evidence.data.value;
  if (!data) return null;
  const sent = data["direction"] === "out";
  const {raw_receipt: raw, ...facts} = data;
  return (
    <section aria-labelledby="evidence">
      <div class="section-head">
        <h2 id="evidence">Evidence of the exchange</h2>
        <button type="button" class="plain" onClick={() => save(`evidence-${id}.json`, JSON.stringify(data, null, 2))}>
          <Icon name="down" /> Download all of it
        </button>
      </div>
      {sent ? <Sent data={data} /> : <Taken data={data} />}
      <Headers title={sent ? "Header fields that we sent" : "Header fields that came"} value={data["headers"]} />
      <Headers title="Header fields of the receipt" value={asRecord(data["receipt"])["headers"]} />
      {typeof raw === "string" && (
        <details>
          <summary>The receipt as it {sent ? "came" : "was sent"}</summary>
          <Lines text={receiptText(raw)} marks />
        </details>
      )}
      <details>
        <summary>Every field, as it is kept</summary>
        <Lines text={JSON.stringify(facts, null, 2)} marks={false} />
      </details>
    </section>
  );
}

function save(name: string, text: string): void {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
}

// A receipt of ours is kept as {"headers": [[name, value]], "body": text}: shown as it stood on the wire.
function receiptText(raw: string): string {
  try {
    const kept = JSON.parse(raw) as Item;
    const body = kept["body"];
    const fields = pairs(kept["headers"]).map(([name, value]) => `${name}: ${value}`);
    if (fields.length > 0) return [...fields, "", typeof body === "string" ? body : ""].join("\r\n").trimEnd();
  } catch {
    // It is no JSON: it stands as it is.
  }
  return raw;
}

function Verdict({good, children}: {good: boolean | null; children: ComponentChildren}): JSX.Element {
  return (
    <p class={`outcome ${good === null ? "" : good ? "good" : "bad"}`}>
      {good !== null && <Icon name={good ? "check" : "warn"} />} {children}
    </p>
  );
}

function Row({title, children}: {title: string; children: ComponentChildren}): JSX.Element {
  return (
    <div class="pair">
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

// What we sent, and the receipt that answers it.
function Sent({data}: {data: Item}): JSX.Element {
  const receipt = asRecord(data["receipt"]);
  const has = Object.keys(receipt).length > 0;
  const answers = asRecord(receipt["answers"]);
  const returned = asRecord(answers["mic"]);
  return (
    <>
      {has ? (
        <Verdict good={receipt["meaning"] === "good"}>
          <b>The partner's receipt:</b> <Foreign text={brief(receipt["verdict"]) || brief(receipt["text"])} />
        </Verdict>
      ) : (
        <Verdict good={null}>There is no receipt yet, or none was asked for.</Verdict>
      )}
      <dl class="facts card">
        <Row title="Message-ID">
          <span class="mono">
            <Foreign text={brief(data["message_id"])} />
          </span>
        </Row>
        <Row title="Packed">
          <Time at={brief(data["packed_at"])} />, {size(Number(data["size"] ?? 0))} as they travelled
        </Row>
        <Row title="How">
          <Layers layers={data["layers"]} sent />
        </Row>
        <Digest mics={data["mics"]} ruled={data["ruled"]} returned={has ? returned : null} />
        {has && (
          <>
            <Row title="Receipt">
              <Time at={brief(receipt["received_at"])} />,{" "}
              <Foreign text={[brief(answers["disposition"]), brief(answers["words"])].filter(Boolean).join("/")} />
              {brief(answers["human"]).trim() && (
                <>
                  : <Foreign text={brief(answers["human"]).trim()} />
                </>
              )}
            </Row>
            <Row title="Receipt's signature">
              <Layers layers={receipt["layers"]} good={receipt["signature_good"]} />
            </Row>
            {brief(answers["agent"]) && (
              <Row title="Their program">
                <Foreign text={brief(answers["agent"])} />
              </Row>
            )}
          </>
        )}
      </dl>
    </>
  );
}

// What came, and what we said to it.
function Taken({data}: {data: Item}): JSX.Element {
  const documents = asList(data["documents"]).map(asRecord);
  return (
    <>
      <Verdict good={data["level"] === "accepted"}>
        <b>Our receipt:</b> <Foreign text={[brief(data["outcome"]), brief(data["level"])].filter(Boolean).join(", ")} />.{" "}
        <Foreign text={brief(data["text"])} />
      </Verdict>
      <dl class="facts card">
        <Row title="Message-ID">
          <span class="mono">
            <Foreign text={brief(data["message_id"])} />
          </span>
        </Row>
        <Row title="Received">
          <Time at={brief(data["received_at"])} /> from <Foreign text={brief(data["peer"])} />,{" "}
          {size(Number(data["size"] ?? 0))} as they travelled
          {data["took_ms"] !== undefined && `, opened in ${brief(data["took_ms"])} ms`}
        </Row>
        <Row title="How">
          <Layers layers={data["layers"]} good={data["signature_good"]} />
        </Row>
        <Digest mics={data["mics"]} ruled={data["ruled"]} returned={null} />
        {documents.length > 0 && (
          <Row title={documents.length === 1 ? "Held" : "Held, one after the other"}>
            <ul class="short-list">
              {documents.map((one, index) => (
                <li key={index}>
                  <Foreign text={[brief(one["filename"]), brief(one["content_type"])].filter(Boolean).join(", ")} />,{" "}
                  {size(Number(one["length"] ?? 0))}
                </li>
              ))}
            </ul>
          </Row>
        )}
        <Row title="Our receipt went">
          {data["receipt_url"] ? (
            <>
              on its own way to <Foreign text={brief(data["receipt_url"])} />
            </>
          ) : (
            "in the answer to the same request"
          )}
        </Row>
      </dl>
    </>
  );
}

// The layers from the outside in: "encrypted for …", "signed by …".
function Layers({
  layers,
  sent = false,
  good,
}: {
  layers: Json | undefined;
  sent?: boolean;
  good?: Json | undefined;
}): JSX.Element {
  const all = asList(layers).map(asRecord);
  if (all.length === 0) return <>in the clear: neither signed nor encrypted</>;
  return (
    <ul class="short-list">
      {all.map((layer, index) => (
        <li key={index}>
          <Layer layer={layer} sent={sent} good={good} />
        </li>
      ))}
    </ul>
  );
}

function Layer({layer, sent, good}: {layer: Item; sent: boolean; good: Json | undefined}): JSX.Element {
  const notes = (names: string[]): string =>
    names
      .map((name) => (name === "key_bits" && layer[name] ? `${brief(layer[name])} bits` : brief(layer[name])))
      .filter(Boolean)
      .join(", ");
  if (layer["kind"] === "enveloped") {
    const whose = brief(layer["recipient"]) || brief(layer["key"]);
    return (
      <>
        encrypted for {!sent && "our "}
        <Named kind="certificates" name={whose || null} />{" "}
        <span class="quiet">
          <Foreign text={notes(["cipher", "key_transport"])} />
        </span>
      </>
    );
  }
  if (layer["kind"] === "signed") {
    return (
      <>
        signed {sent ? "with our " : "by "}
        {layer["signer"] ? (
          <Named kind="certificates" name={brief(layer["signer"])} />
        ) : (
          <Foreign text={brief(layer["says"])} />
        )}{" "}
        <span class="quiet">
          <Foreign text={notes(["digest", "signature", "key_bits", "says"])} />
        </span>{" "}
        {good === true && <span class="good-text">the signature is good</span>}
        {good === false && <b class="bad-text">the signature is not good</b>}
      </>
    );
  }
  return <Foreign text={brief(layer["kind"])} />;
}

// The digest that the receipt repeats, by which both sides know that they mean the same bytes (RFC 4130 §7.3.1).
function Digest({
  mics,
  ruled,
  returned,
}: {
  mics: Json | undefined;
  ruled: Json | undefined;
  returned: Item | null;
}): JSX.Element | null {
  const ours = asRecord(asRecord(mics)[brief(ruled) || "signed"]);
  const algorithm = brief(returned?.["algorithm"]) || Object.keys(ours)[0] || "";
  const own = brief(ours[algorithm]);
  if (!own && !returned) return null;
  const theirs = brief(returned?.["value"]);
  return (
    <Row title="Digest (MIC)">
      <span class="mono">
        <Foreign text={own || "–"} />
      </span>{" "}
      <span class="quiet">{algorithm}</span>
      {theirs && (
        <div>
          {theirs === own ? (
            <span class="good-text">The receipt tells the same one: both sides have the same bytes.</span>
          ) : (
            <b class="bad-text">
              The receipt tells another one: <Foreign text={theirs} />
            </b>
          )}
        </div>
      )}
      {returned && !theirs && <div class="wait-text">The receipt tells none.</div>}
    </Row>
  );
}

function pairs(value: Json | undefined): [string, string][] {
  return asList(value).flatMap((entry) =>
    Array.isArray(entry) ? [[brief(entry[0]), brief(entry[1])] as [string, string]] : [],
  );
}

function Headers({title, value}: {title: string; value: Json | undefined}): JSX.Element | null {
  const fields = pairs(value);
  if (fields.length === 0) return null;
  return (
    <details>
      <summary>
        {title} ({fields.length})
      </summary>
      <dl class="facts card small">
        {fields.map(([name, text], index) => (
          <div key={index} class="pair">
            <dt>
              <Foreign text={name} />
            </dt>
            <dd>
              <Foreign text={text} />
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
