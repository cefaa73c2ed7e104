// hostile.mjs: answers of the API whose every text is hostile (row AU-10 of the acceptance matrix). The real answers keep their shape, so
// that every screen is drawn as usual; only their free text is replaced. What the UI makes of it must be text.

export const MARK = "xssmark";

const attacks = [
  `<img src=x onerror=window.${MARK}=1>`,
  `<script>window.${MARK}=1</script>`,
  `"><svg onload=window.${MARK}=1>`,
  `'-window.${MARK}++-'`,
  `javascript:window.${MARK}=1`,
  "{{constructor.constructor('return 1')()}}${7*7}",
  `</textarea></title></style><iframe srcdoc='<script>parent.${MARK}=1</script>'>`,
  "\u202egnp.exe\u2066\u200b\ufeff\u0000\u0007\r\n",
];

// Values that steer the UI and come from a closed set stay; everything else becomes an attack.
const kept = /^(id|direction|status|received_at|size|parent|children|at|due_at|next_at|message|csrf|roles|connection)$/;

let turn = 0;

export function poison(value, name = "") {
  if (typeof value === "string")
    return kept.test(name) ? value : attacks[turn++ % attacks.length] + attacks[turn % attacks.length];
  if (Array.isArray(value)) return kept.test(name) ? value : value.map((entry) => poison(entry, name));
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, entry]) => {
    const free = ["keys", "detail"].includes(name);
    return [free ? `${key}<b onclick=${MARK}=1>` : key, poison(entry, key)];
  });
  return Object.fromEntries(entries);
}

const filled = {
  documents: [{standard: "X12", type: "850", control: "0001", keys: {po: "1"}, acknowledgement: "due"}],
  reason: "a reason",
  filename: "a name",
  partner: "acme",
  flow: "orders",
  content_type: "text/html",
};

// A message has every text that a message can have, whatever the appliance holds.
function complete(body, path) {
  if (/\/events$/.test(path) && Array.isArray(body.events))
    return {events: [...body.events, {at: new Date(0).toISOString(), kind: "failed", text: "x", detail: {a: "b"}}]};
  if (/\/messages$/.test(path)) return {...body, items: body.items.map((item) => ({...item, ...filled}))};
  if (/\/messages\/[^/]+$/.test(path)) return {...body, ...filled};
  if (Array.isArray(body.items) && body.items.length === 0) {
    const item = {
      name: "x",
      at: new Date(0).toISOString(),
      who: "x",
      what: "x",
      object: "flows/x",
      kind: "x",
      status: "x",
      error: "x",
      type: "x",
      control: "x",
      message: "1",
      id: "1",
    };
    return {...body, items: [item]};
  }
  return body;
}

// Names as long as they may be, all at once.
export function stretch(value, name = "") {
  if (typeof value === "string")
    return /^(name|partner|connection|flow|script|owner|principal|filename|route|endpoint|who|object)$/.test(name)
      ? value.padEnd(64, "-as-long-as-a-name-may-be")
      : value;
  if (Array.isArray(value)) return value.map((entry) => stretch(entry));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, stretch(entry, key)]));
}

export async function poisonAnswers(page, change = poison) {
  await page.route(/\/api\/v1\/(?!session|events$)/, async (route) => {
    const path = new URL(route.request().url()).pathname;
    const response = await route.fetch();
    if (/\/payload$/.test(path)) {
      return route.fulfill({response, body: `<!doctype html><html><body>${attacks.join("\n")}</body></html>`});
    }
    // An object that is only there in a poisoned list is answered with a poisoned object.
    const body = response.ok()
      ? await response.json()
      : {name: "x", source: "x", rows: [{a: "x"}], description: "x", nested: {list: ["x", {y: "x"}]}};
    return route.fulfill({status: 200, contentType: "application/json", body: JSON.stringify(change(complete(body, path)))});
  });
}
