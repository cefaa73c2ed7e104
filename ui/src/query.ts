// query.ts: the language of the search box: partner:acme type:850 status:failed PO4711. The same filters are the page's
// address and, translated here, the parameters of GET /api/v1/messages.

export const filters = ["status", "direction", "partner", "type", "connection", "flow", "since", "until"] as const;
export type Filter = (typeof filters)[number];
export type Query = {[name in Filter | "q"]?: string};

export const explanations: {[name in Filter]: string} = {
  status: "received, processing, waiting, completed, failed, rejected, duplicate or quarantined",
  direction: "in or out",
  partner: "the name of a partner",
  type: "a document type, such as 850 or ORDERS",
  connection: "the name of a connection",
  flow: "the name of a flow",
  since: "2h, 3d, today, or a date such as 2026-03-01",
  until: "the same",
};

function isFilter(name: string): name is Filter {
  return (filters as readonly string[]).includes(name);
}

// Words of the form name:value are filters, everything else is searched for. Quotes keep spaces: partner:"Blue Sky".
export function parseSearch(text: string): Query {
  const query: Query = {};
  const rest: string[] = [];
  for (const match of text.matchAll(/(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi)) {
    const [whole, name = "", quoted, bare = ""] = match;
    const value = quoted ?? bare;
    const key = name.toLowerCase();
    if (isFilter(key) && value) query[key] = value;
    else rest.push(whole);
  }
  if (rest.length > 0) query.q = rest.join(" ");
  return query;
}

export function formatSearch(query: Query): string {
  const parts = filters.flatMap((name) => {
    const value = query[name];
    return value ? [`${name}:${/\s/.test(value) ? `"${value}"` : value}`] : [];
  });
  if (query.q) parts.push(query.q);
  return parts.join(" ");
}

export function fromAddress(params: URLSearchParams): Query {
  const query: Query = {};
  for (const name of [...filters, "q"] as const) {
    const value = params.get(name);
    if (value) query[name] = value;
  }
  return query;
}

export function toAddress(query: Query): URLSearchParams {
  const params = new URLSearchParams();
  for (const name of [...filters, "q"] as const) {
    const value = query[name];
    if (value) params.set(name, value);
  }
  return params;
}

export function toParameters(query: Query, now: Date = new Date()): URLSearchParams {
  const params = toAddress(query);
  for (const name of ["since", "until"] as const) {
    const value = query[name];
    if (value) params.set(name, instant(value, now));
  }
  return params;
}

// What a person writes for a moment, as RFC 3339. What is not understood is passed on: the server says what is wrong with it.
export function instant(text: string, now: Date = new Date()): string {
  const seconds: {[unit: string]: number} = {m: 60, h: 3600, d: 86400, w: 604800};
  const ago = /^(\d{1,5})([mhdw])$/.exec(text);
  if (ago) {
    // Whole minutes: the same words a moment later are the same list, which is then still there.
    const then = now.getTime() - Number(ago[1]) * (seconds[ago[2] ?? ""] ?? 0) * 1000;
    return new Date(Math.floor(then / 60_000) * 60_000).toISOString();
  }
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  if (text === "today") return midnight.toISOString();
  if (text === "yesterday") return new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).toISOString();
  const day = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (day) return new Date(Number(day[1]), Number(day[2]) - 1, Number(day[3])).toISOString();
  const moment = /^\d{4}-\d{2}-\d{2}T/.test(text) ? new Date(text) : null;
  return moment && !Number.isNaN(moment.getTime()) ? moment.toISOString() : text;
}
