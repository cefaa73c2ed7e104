// screens/strangler.tsx: how far an endpoint has moved from its legacy back-end to its modern one.

import type {JSX} from "preact";
import type {Item} from "../types";
import {brief} from "./kinds";
import {asRecord} from "./picture";

export function Strangler({item}: {name: string; item: Item}): JSX.Element | null {
  const share = brief(asRecord(item["traffic"])["modern"]);
  if (item["modern"] === undefined || share === "") return null;
  return <p>The modern back-end answers {share} of the requests.</p>;
}
