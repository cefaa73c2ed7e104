// types.ts: the shapes of the admin REST API, as PRODUCT.md names them. A field that the API may leave out is optional here.

export type Id = string;
export type Json = null | boolean | number | string | Json[] | {[name: string]: Json};
export type Item = {[name: string]: Json};

export interface Session {
  user: string;
  roles: string[];
  csrf: string;
}

export type Status = "received" | "processing" | "waiting" | "completed" | "failed" | "rejected" | "duplicate" | "quarantined";

export interface BusinessDocument {
  standard?: string | null;
  type?: string | null;
  control?: string | null;
  keys?: {[name: string]: string} | null;
  acknowledgement?: string | null;
}

export interface Message {
  id: Id;
  direction: "in" | "out";
  status: Status;
  reason?: string | null;
  connection?: string | null;
  partner?: string | null;
  flow?: string | null;
  endpoint?: string | null;
  script?: string | null; // "orders@469b82a3c31f": what worked on it.
  received_at: string;
  size?: number;
  sha256?: string;
  content_type?: string | null;
  filename?: string | null;
  parent?: Id | null;
  children?: Id[];
  documents?: BusinessDocument[];
}

export interface TimelineEvent {
  at: string;
  kind: string;
  text: string;
  detail?: {[name: string]: Json} | null;
}

export interface Stats {
  messages?: {by_status?: {[status: string]: number}; last_24h?: {in?: number; out?: number; failed?: number}};
  jobs?: {ready?: number; waiting?: number; dead?: number};
  acknowledgements?: {due?: number; overdue?: number};
  uptime_s?: number;
  version?: string;
  workers?: WorkerState[];
  connections?: {[name: string]: {state?: string; error?: string; since?: string; last?: string}};
  back_ends?: {[connection: string]: BackEnd};
  public?: string;
  public_url?: string;
  held_since?: string;
}

// A back-end that is guarded by a breaker or a limit.
export interface BackEnd {
  breaker: "closed" | "open" | "half-open";
  failures: number;
  refused: number;
  since?: string;
  next_ms?: number;
}

export interface WorkerState {
  kind: string;
  pid: number;
  busy: boolean;
  restarts: number;
}

export interface Acknowledgement {
  document?: string | null;
  message: Id;
  partner?: string | null;
  type?: string | null;
  control?: string | null;
  kind: string;
  due_at?: string | null;
  answered_at?: string | null;
  status: "due" | "overdue" | "accepted" | "rejected";
}

export interface Job {
  id: Id;
  kind: string;
  status: string;
  message?: Id | null;
  connection?: string | null;
  attempts?: number;
  next_at?: string | null;
  error?: string | null;
}

export interface AuditEntry {
  at: string;
  who: string;
  what: string;
  object?: string | null;
}
