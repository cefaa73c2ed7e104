// screens/picture.tsx: a flow as a picture: where messages come from, which, what translates them, where they go, what goes back.

import type {ComponentChildren, JSX} from "preact";
import {Icon} from "../parts/icon";
import {Foreign} from "../parts/text";
import {link} from "../router";
import type {Item, Json} from "../types";
import {brief} from "./kinds";

export function asRecord(value: Json | undefined): Item {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

export function asList(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

function Box({
  title,
  kind,
  name,
  children,
}: {
  title: string;
  kind?: string;
  name?: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="box">
      <span class="quiet">{title}</span>
      {kind && name ? (
        <a href={link(["config", kind, name])}>
          <Foreign text={name} />
        </a>
      ) : (
        name && <Foreign text={name} />
      )}
      {children && <span class="box-note">{children}</span>}
    </div>
  );
}

const Arrow = (): JSX.Element => (
  <span class="arrow" aria-hidden="true">
    <Icon name="forward" />
  </span>
);

export function FlowPicture({flow}: {flow: Item}): JSX.Element {
  const from = asRecord(flow["from"]);
  const when = asRecord(flow["when"]);
  const acknowledge = flow["acknowledge"];
  const back = typeof acknowledge === "string" ? acknowledge : brief(asRecord(acknowledge)["kind"]);
  const expect = asRecord(flow["expect"]);
  const script = brief(flow["script"]);
  return (
    <div class={`picture ${flow["enabled"] === false ? "off" : ""}`} role="group" aria-label="Picture of the flow">
      <Box title="from" kind={from["connection"] ? "connections" : ""} name={brief(from["connection"]) || "nothing yet"}>
        {from["path"] !== undefined && <Foreign text={brief(from["path"])} />}
      </Box>
      <Arrow />
      <Box title="takes" name={Object.values(when).map(brief).join(" ") || "everything"}>
        {asRecord(flow["answers"])["type"] !== undefined && <>answers our {brief(asRecord(flow["answers"])["type"])}</>}
      </Box>
      <Arrow />
      {script ? (
        <Box title="script" kind="scripts" name={script}>
          {asList(flow["calls"]).length > 0 && (
            <>
              asks <Foreign text={brief(flow["calls"])} />
            </>
          )}
        </Box>
      ) : (
        <Box title="script" name="none: as it is" />
      )}
      <Arrow />
      <div class="boxes">
        {asList(flow["to"]).map((entry, index) => (
          <Box
            key={index}
            title="to"
            kind={asRecord(entry)["connection"] ? "connections" : ""}
            name={brief(asRecord(entry)["connection"]) || "nothing yet"}
          >
            {asRecord(entry)["path"] !== undefined && <Foreign text={brief(asRecord(entry)["path"])} />}
          </Box>
        ))}
        {asList(flow["to"]).length === 0 && <Box title="to" name="nowhere" />}
      </div>
      {(back || expect["acknowledgement"] !== undefined) && (
        <p class="picture-foot">
          {back && (
            <>
              <Icon name="back" /> a {back} goes back
            </>
          )}
          {back && expect["acknowledgement"] !== undefined && " · "}
          {expect["acknowledgement"] !== undefined && (
            <>
              waits for a {brief(expect["acknowledgement"])} within {brief(expect["within"]) || "24h"}
            </>
          )}
        </p>
      )}
      {flow["enabled"] === false && <p class="picture-foot bad-text">Switched off: it takes no message.</p>}
    </div>
  );
}
