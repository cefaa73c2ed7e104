// screens/evidence.tsx: what an AS2 exchange leaves behind to be shown to the other side, or to an auditor: who signed what with which
// digest, what the receipt says, and the receipt itself as it came.

import type {JSX} from "preact";
import {words} from "../format";
import {Lines} from "../parts/payload";
import {Foreign} from "../parts/text";
import {useResource} from "../resource";
import type {Item, Json, Message} from "../types";

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
  const {raw_receipt: receipt, ...facts} = data;
  return (
    <section aria-labelledby="evidence">
      <h2 id="evidence">Evidence of the exchange</h2>
      <Facts value={facts} />
      {typeof receipt === "string" && (
        <details>
          <summary>The receipt as it came</summary>
          <Lines text={receipt} marks />
        </details>
      )}
    </section>
  );
}

function Facts({value}: {value: Item}): JSX.Element {
  return (
    <dl class="facts card">
      {Object.entries(value)
        .filter(([, inner]) => inner !== null && inner !== "")
        .map(([name, inner]) => (
          <div key={name} class="pair">
            <dt>{words(name)}</dt>
            <dd>
              <Value value={inner} />
            </dd>
          </div>
        ))}
    </dl>
  );
}

function Value({value}: {value: Json}): JSX.Element {
  if (typeof value === "boolean") return <>{value ? "yes" : "no"}</>;
  if (Array.isArray(value)) {
    return (
      <ul>
        {value.map((entry, index) => (
          <li key={index}>
            <Value value={entry} />
          </li>
        ))}
      </ul>
    );
  }
  if (value !== null && typeof value === "object") {
    return (
      <Foreign
        text={Object.entries(value)
          .map(([name, inner]) => `${name}: ${typeof inner === "string" ? inner : JSON.stringify(inner)}`)
          .join(", ")}
      />
    );
  }
  return <Foreign text={String(value)} />;
}
