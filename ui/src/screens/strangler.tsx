// screens/strangler.tsx: how far an endpoint has moved from its legacy back-end to its modern one.

import type {JSX} from "preact";
import type {Item} from "../types";
import {asRecord} from "./picture";
import {brief} from "./kinds";

export function Strangler({item}: {name: string; item: Item}): JSX.Element | null {
  if (item["modern"] === undefined) return null;
  return <p>{brief(asRecord(item["traffic"])["modern"])}</p>;
}
