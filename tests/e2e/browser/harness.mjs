// harness.mjs: starts Debian's Chromium, watches everything that its pages do, and prints TAP.
//
// One context (a browser profile with nothing in it) a case; the session is made once and carried over. Whatever a page should
// never do (break its content security policy, throw, ask another host) is noted for the whole run and judged at its end.

import {readFile} from "node:fs/promises";
import {createRequire} from "node:module";
import {chromium} from "playwright-core";

const require = createRequire(import.meta.url);

export const settings = {
  url: required("BANYAN_E2E_URL").replace(/\/*$/, "/"),
  user: required("BANYAN_E2E_USER"),
  password: required("BANYAN_E2E_PASSWORD"),
  chromium: process.env.BANYAN_E2E_CHROMIUM ?? "/usr/bin/chromium",
  slower: Number(process.env.BANYAN_E2E_SLOWER ?? 1), // Pages run so many times slower than the machine could.
  shots: process.env.BANYAN_E2E_SHOTS ?? "", // A directory: every case that fails leaves a picture there.
};

function required(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(`run.mjs: set ${name}: the address of the admin UI, a user and the password come from the environment`);
  process.exit(2);
}

const WAIT_MS = 60_000; // A limit for what never happens, not for what is slow: when things work nobody waits for it.
const origin = new URL(settings.url).origin;

export const watched = {policy: [], errors: [], outside: [], headers: new Map()};
let browser;
let session;
let expected = []; // What the case in hand provokes: such console errors are no faults.

export function expect(...patterns) {
  expected = patterns;
}

export async function start() {
  browser = await chromium.launch({
    executablePath: settings.chromium,
    args: [
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export async function stop() {
  await browser?.close();
}

// A page of its own. With `signedIn` it carries the session of the run.
export async function open({signedIn = true, width = 1280, height = 800, scheme = "light"} = {}) {
  if (signedIn && !session) session = await signInOnce();
  const context = await browser.newContext({
    viewport: {width, height},
    colorScheme: scheme,
    timezoneId: "Europe/Berlin",
    ...(signedIn ? {storageState: session} : {}),
  });
  context.setDefaultTimeout(WAIT_MS);
  watch(context);
  const page = await context.newPage();
  if (settings.slower > 1) {
    const tools = await context.newCDPSession(page);
    await tools.send("Emulation.setCPUThrottlingRate", {rate: settings.slower});
  }
  return page;
}

async function signInOnce() {
  const page = await open({signedIn: false});
  await page.goto(settings.url);
  await signIn(page);
  const state = await page.context().storageState();
  await page.context().close();
  return state;
}

export async function signIn(page, password = settings.password) {
  await page.fill("#user", settings.user);
  await page.fill("#password", password);
  await page.click("button[type=submit]");
  if (password !== settings.password) return;
  await page.waitForSelector("#rail", {state: "attached"});
  await settled(page);
}

export function watch(context) {
  context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  context.on("console", (message) => {
    const text = message.text();
    if (/policy violation|Content Security Policy|Trusted(HTML|Script)/i.test(text)) watched.policy.push(text);
    else if (message.type() === "error" && ![/status of 401/, ...expected].some((pattern) => pattern.test(text))) {
      watched.errors.push(`${message.page()?.url()}: ${text}`);
    }
  });
  context.on("weberror", (error) => watched.errors.push(String(error.error().stack)));
  context.on("dialog", (dialog) => {
    watched.errors.push(`a script opened a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== origin) watched.outside.push(request.url());
  });
  context.on("response", (response) => {
    if (new URL(response.url()).origin === origin && response.request().resourceType() === "document") {
      watched.headers.set(response.url(), response.headers());
    }
  });
}

export async function go(page, address) {
  await page.goto(settings.url + address);
  await settled(page);
}

// Until the page has done what it was asked for: the screen is that of the address, no call is under way, and what came is drawn. What a
// pause in typing or the live stream starts comes later: for that, wait for what it shows.
export async function settled(page) {
  await page.waitForFunction(() => {
    const main = document.querySelector("main[data-address]");
    return (
      document.documentElement.dataset.activity === "idle" &&
      (!main || main.dataset.address === location.hash) &&
      !document.querySelector("[aria-busy=true], .state.loading")
    );
  });
}

// A call to the API with the page's session, from inside the page.
export async function api(page, path) {
  return page.evaluate(async (address) => {
    const response = await fetch(address, {headers: {Accept: "application/json"}});
    return {status: response.status, body: await response.json().catch(() => null)};
  }, "api/v1/" + path);
}

// A changing call with the page's session.
export async function change(page, method, path, body) {
  return page.evaluate(
    async ([how, address, value]) => {
      const session = await (await fetch("api/v1/session")).json();
      const response = await fetch("api/v1/" + address, {
        method: how,
        headers: {"Content-Type": "application/json", "X-CSRF-Token": session.csrf},
        ...(value === undefined ? {} : {body: JSON.stringify(value)}),
      });
      return response.status;
    },
    [method, path, body],
  );
}

export async function messages(page, query = "") {
  const {status, body} = await api(page, "messages" + query);
  assert(status === 200, `GET /api/v1/messages answers ${status}`);
  return body.items;
}

export async function aMessage(page, wanted, what) {
  for (const query of ["", "?status=failed", "?status=completed", "?direction=out"]) {
    const found = (await messages(page, query)).find(wanted);
    if (found) return (await api(page, "messages/" + encodeURIComponent(found.id))).body;
  }
  throw new Error(`the appliance has no ${what}: run the demo's journey first`);
}

// Removes what a case has made. The page goes elsewhere first: on that of the object it would look for what is no longer there.
export async function discard(page, ...paths) {
  await go(page, "#/about");
  for (const path of paths) equal(await change(page, "DELETE", path), 204, `removing ${path}`);
}

// A list of a million messages, made up by the test as it is asked for. Counts the pages.
export async function million(page) {
  const asked = {pages: 0};
  await page.route(/\/api\/v1\/messages\?/, async (route) => {
    const url = new URL(route.request().url());
    const from = Number(url.searchParams.get("after") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? 50);
    asked.pages++;
    const items = Array.from({length: limit}, (_, index) => ({
      id: `m-${from + index}`,
      direction: "in",
      status: "completed",
      partner: "acme",
      received_at: new Date(1_700_000_000_000 - (from + index) * 1000).toISOString(),
      documents: [{type: "850", keys: {po: String(1_000_000 - from - index)}}],
    }));
    await route.fulfill({
      contentType: "application/json",
      headers: {Link: `</api/v1/messages?after=${from + limit}&limit=${limit}>; rel="next"`},
      body: JSON.stringify({items}),
    });
  });
  return asked;
}

let axe;

// Everything that axe finds wrong with the page, one line a finding. The page's policy does not allow a foreign script element, so
// it goes in by the debugger.
export async function accessibility(page) {
  axe ??= await readFile(require.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(`${axe};undefined`);
  const {violations} = await page.evaluate(() =>
    globalThis.axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}),
  );
  return violations.map(
    ({id, nodes}) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`)
        .join(" | ")}`,
  );
}

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

export function equal(actual, wanted, what) {
  const short = (value) => String(JSON.stringify(value)).slice(0, 600);
  assert(Object.is(actual, wanted), `${what}: ${short(actual)} instead of ${short(wanted)}`);
}

// Tries until it holds: for what changes by itself.
export async function eventually(condition, message) {
  const until = Date.now() + WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > until) throw new Error(typeof message === "string" ? message : message());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Rarely Chromium stops drawing a page, which nothing in the page can help: no frame comes any more, nothing scrolls and nothing can be
// clicked, while its scripts run.
async function standsStill(page) {
  const frames = page.evaluate(
    () =>
      new Promise((done) => {
        requestAnimationFrame(() => done(1));
        setTimeout(() => done(0), 5000);
      }),
  );
  return (await frames.catch(() => 1)) === 0;
}

const CASE_MS = 4 * WAIT_MS * settings.slower;

async function attempt(body) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not over after ${CASE_MS / 1000} s`)), CASE_MS);
  });
  try {
    await Promise.race([body(), late]);
  } finally {
    clearTimeout(timer);
  }
}

// A case whose page Chromium drew no more says nothing of the page: it gets another one, once.
async function decide(body) {
  try {
    await attempt(body);
  } catch (error) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    if (!(await Promise.all(pages.map(standsStill))).includes(true)) throw error;
    console.log(`# a page was not drawn any more: once again (${error.message})`);
    for (const context of browser.contexts()) await context.close();
    await attempt(body);
  }
}

export async function run(cases) {
  let number = 0;
  let failed = 0;
  console.log("TAP version 13");
  await start();
  for (const [name, body] of cases) {
    number++;
    expected = [];
    try {
      await decide(body);
      console.log(`ok ${number} - ${name}`);
    } catch (error) {
      failed++;
      console.log(`not ok ${number} - ${name}`);
      for (const line of String(error.stack ?? error)
        .split("\n")
        .slice(0, 12))
        console.log(`# ${line}`);
      await picture(number);
    }
    for (const context of browser.contexts()) await context.close();
  }
  await stop();
  console.log(`1..${number}`);
  console.log(`${number - failed} passed, ${failed} failed`);
  return failed;
}

async function picture(number) {
  if (!settings.shots) return;
  let index = 0;
  for (const page of browser.contexts().flatMap((context) => context.pages())) {
    const path = `${settings.shots}/case-${number}-${index++}.png`;
    await page.screenshot({path}).then(
      () => console.log(`# picture: ${path}`),
      () => undefined,
    );
  }
}
