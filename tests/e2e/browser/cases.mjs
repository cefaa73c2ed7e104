// cases.mjs: what a person does with the admin UI, one case a thing. They stand on the demo estate, but name none of its objects: what
// they look for they first ask the API for.

import {
  accessibility,
  aMessage,
  api,
  assert,
  equal,
  eventually,
  expect,
  go,
  messages,
  open,
  settings,
  settled,
  signIn,
  watched,
} from "./harness.mjs";
import {configuration, starting, strangling, traffic} from "./cases-config.mjs";
import {scripts} from "./cases-scripts.mjs";
import {MARK, poisonAnswers, stretch} from "./hostile.mjs";

const kinds = [
  "partners",
  "stations",
  "connections",
  "flows",
  "endpoints",
  "scripts",
  "tables",
  "certificates",
  "users",
  "keys",
];
const screens = [
  "#/",
  "#/messages",
  "#/acknowledgements",
  "#/jobs",
  "#/audit",
  "#/about",
  "#/setup",
  ...kinds.map((kind) => `#/config/${kind}`),
  ...["partners", "flows", "users", "keys", "scripts", "tables", "certificates"].map((kind) => `#/config/${kind}/+new`),
  "#/config/connections/+new?kind=as2",
];
const OPENED =
  "main table, main .empty, main .needs, main form, main .card, main .code, main .cm-line, main .guided, main .paper";

// The screens of one object of each kind, and what can be done with it.
async function deeper(page) {
  const addresses = [];
  for (const kind of kinds) {
    const address = await anObject(page, kind);
    if (!address) continue;
    addresses.push(address);
    if (["partners", "connections", "flows", "endpoints"].includes(kind)) addresses.push(`${address}/edit`);
    if (kind === "partners")
      addresses.push(`${address}/sheet`, ...[1, 2, 3, 4, 5].map((step) => `${address}/onboarding?step=${step}`));
    if (kind === "scripts") addresses.push(`${address}?tab=versions`, `${address}?tab=replay`);
  }
  return addresses;
}

const rows = (page) => page.locator("main [data-row]");
const related = (message) => message.parent || (message.children ?? []).length > 0;

async function anObject(page, kind) {
  const {body} = await api(page, kind);
  const item = body?.items?.[0];
  return item ? `#/config/${kind}/${encodeURIComponent(item.name ?? item.route)}` : null;
}

async function detail(page, message) {
  await go(page, "#/messages/" + encodeURIComponent(message.id));
  await page.waitForSelector(".facts");
}

// The text of the lines of a payload, until it is what it should be.
async function shows(page, pane, path, what) {
  const real = await page.evaluate(async (address) => (await fetch(address)).text(), path);
  let shown = "";
  const same = async () => {
    shown = (await pane.locator(".code li").evaluateAll((lines) => lines.map((line) => line.textContent))).join("");
    return shown === real;
  };
  await eventually(same, () => `${what}: ${JSON.stringify(shown)} instead of ${JSON.stringify(real)}`);
}

// Holds back the answers to GET /api/v1/messages that `holds` picks by their parameters, until release() is called.
async function holdMessages(page, holds) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(/\/api\/v1\/messages\?/, async (route) => {
    if (holds(new URL(route.request().url()).searchParams)) await released;
    await route.continue().catch(() => undefined); // Nobody may be waiting for it any more.
  });
  return release;
}

const directions = (page) => page.locator("main tbody .direction .hidden").allTextContents();

const signing = [
  [
    "a wrong password is refused in words and opens nothing",
    async () => {
      const page = await open({signedIn: false});
      await page.goto(settings.url);
      await signIn(page, settings.password + "x");
      await page.waitForSelector("[role=alert]");
      assert(/wrong/i.test(await page.textContent("[role=alert]")), "the page does not say that the password is wrong");
      equal(await page.locator("#rail").count(), 0, "rails on the page");
      equal((await api(page, "messages")).status, 401, "the API's answer without a session");
    },
  ],
  [
    "signing in opens the overview, with a cookie that scripts cannot read",
    async () => {
      const page = await open({signedIn: false});
      await page.goto(settings.url);
      await signIn(page);
      await page.waitForSelector("h1:has-text('Overview')");
      const cookies = await page.context().cookies();
      assert(cookies.length > 0, "there is no cookie");
      for (const cookie of cookies)
        assert(
          cookie.httpOnly && cookie.sameSite === "Strict",
          `the cookie ${cookie.name} is not HttpOnly and SameSite=Strict`,
        );
    },
  ],
  [
    "an address opened without a session is shown after signing in",
    async () => {
      const page = await open({signedIn: false});
      await page.goto(settings.url + "#/config/partners");
      await signIn(page);
      await page.waitForSelector("h1:has-text('Partners')");
    },
  ],
  [
    "signing out ends the session, not only the page",
    async () => {
      const page = await open({signedIn: false});
      await page.goto(settings.url);
      await signIn(page);
      await page.click("button:text-is('Sign out')");
      await page.waitForSelector("#user");
      equal((await api(page, "messages")).status, 401, "the API's answer after signing out");
      await page.reload();
      await page.waitForSelector("#user");
    },
  ],
  [
    "a session that ended sends back to the sign-in page, which says so",
    async () => {
      const page = await open({signedIn: false});
      await page.goto(settings.url);
      await signIn(page);
      await page.context().clearCookies();
      await page.goto(settings.url + "#/jobs");
      await page.waitForSelector("#user");
      assert(/ended/.test(await page.textContent("[role=status]")), "the page does not say that the session has ended");
      await signIn(page);
      await page.waitForSelector("h1:has-text('Jobs')");
    },
  ],
];

const looking = [
  [
    "every screen opens, with a heading and without an error",
    async () => {
      const page = await open();
      for (const screen of screens) {
        await go(page, screen);
        await page.waitForSelector(OPENED);
        equal(await page.locator("main .failed").count(), 0, `errors on ${screen}`);
        equal(await page.locator("main h1").count(), 1, `headings on ${screen}`);
      }
    },
  ],
  [
    "every kind of object has a page of its own, scripts with their source",
    async () => {
      const page = await open();
      let shown = 0;
      await go(page, "#/");
      for (const kind of kinds) {
        const address = await anObject(page, kind);
        if (!address) continue;
        await go(page, address);
        await page.waitForSelector("main .card, main .code, main .grid, main form, main .workbench");
        equal(await page.locator("main .failed").count(), 0, `errors on ${address}`);
        if (kind === "scripts") await page.locator(".cm-line").nth(1).waitFor();
        if (kind === "scripts") assert((await page.locator(".cm-line").count()) > 1, "the script's source is not shown");
        shown++;
      }
      assert(shown >= 3, `only ${shown} kinds have an object: load the demo estate first`);
    },
  ],
  [
    "the overview's numbers are those of the API",
    async () => {
      const page = await open();
      await go(page, "#/");
      await page.waitForSelector(".figures");
      const {body} = await api(page, "stats");
      await page.waitForSelector(`main:has-text("${body.version}")`);
      // The live stream may still be on its way with the figures of a moment ago.
      await eventually(async () => {
        const {body: now} = await api(page, "stats");
        const overdue = now.acknowledgements?.overdue ?? 0;
        const total = (now.messages?.by_status?.failed ?? 0) + (now.messages?.by_status?.quarantined ?? 0) + overdue;
        return (await page.locator("#rail .group:first-child li:first-child .badge").count()) === (total > 0 ? 1 : 0);
      }, "the badge beside Overview does not tell what needs a person");
    },
  ],
  [
    "messages are found by their business key, and the address keeps the search",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(
        page,
        (item) => Object.values(item.documents?.[0]?.keys ?? {}).length > 0,
        "message with a business key",
      );
      const key = Object.values(message.documents[0].keys)[0];
      await page.keyboard.press("/");
      await page.keyboard.type(key);
      await page.keyboard.press("Enter");
      await page.waitForSelector(`.chip:has-text("${key}")`);
      await settled(page);
      assert(page.url().includes(`q=${encodeURIComponent(key)}`), `the address ${page.url()} does not hold the search`);
      await rows(page).first().waitFor();
      const found = await messages(page, `?q=${encodeURIComponent(key)}`);
      assert(
        found.some((item) => item.id === message.id),
        "the API does not find the message by its key",
      );
      equal(await rows(page).count(), found.length, "rows shown");
      await page.click(".chip button");
      await page.waitForFunction(() => !location.hash.includes("q="));
    },
  ],
  [
    "filters of the search box narrow the list, and go back with the back button",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      await page.fill("#search", "direction:out");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => location.hash.includes("direction=out"));
      await settled(page);
      const shown = await directions(page);
      assert(shown.length > 0, "no message that went out is shown");
      assert(
        shown.every((word) => word === "sent"),
        "a message that came in is among those that went out",
      );
      equal(await page.locator("select[aria-label='In and out']").inputValue(), "out", "the choice beside it");
      await page.goBack();
      await page.waitForFunction(() => !location.hash.includes("direction"));
      await settled(page);
      equal(await page.inputValue("#search"), "", "the search box after going back");
    },
  ],
  [
    "rows of the search before stay until the new ones are there, marked as such and out of reach",
    async () => {
      const page = await open();
      const release = await holdMessages(page, (query) => query.get("direction") === "out");
      await go(page, "#/messages");
      await rows(page).first().waitFor();
      const before = await rows(page).count();
      await page.selectOption("select[aria-label='In and out']", "out");
      await page.waitForSelector("main .outdated[aria-busy=true]");
      equal(await rows(page).count(), before, "rows that stay");
      assert(await page.evaluate(() => document.querySelector("main .outdated").inert), "rows of another search can be opened");
      await page.waitForSelector(".picked:has-text('Looking for messages')");
      await page.waitForFunction(() => Number(getComputedStyle(document.querySelector("main .outdated")).opacity) < 0.6);
      release();
      await page.waitForSelector("main .outdated", {state: "detached"});
      assert((await directions(page)).every((word) => word === "sent"), "a message that came in is among those that went out");
    },
  ],
  [
    "an answer that comes after another question was asked is not shown",
    async () => {
      const page = await open();
      const release = await holdMessages(page, (query) => query.get("direction") === "out");
      await go(page, "#/messages");
      await page.selectOption("select[aria-label='In and out']", "out");
      await page.waitForSelector("main .outdated[aria-busy=true]");
      await page.selectOption("select[aria-label='In and out']", "in");
      await settled(page);
      release();
      await page.waitForFunction(() => true);
      await settled(page);
      const shown = await directions(page);
      assert(shown.length > 0 && shown.every((word) => word !== "sent"), `what came in is not what is shown: ${shown}`);
    },
  ],
  [
    "a search that finds nothing says which filter to leave out",
    async () => {
      const page = await open();
      await go(page, "#/messages?q=nothinghasthisinit&direction=in");
      await page.waitForSelector(".empty");
      await page.click(".empty >> text=without any");
      await page.waitForFunction(() => location.hash === "#/messages");
    },
  ],
  [
    "a message shows its facts, its timeline and the bytes that it holds",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(
        page,
        (item) => /json|csv|edi|xml/i.test(item.content_type ?? "") && item.size < 20_000,
        "message with a small payload of text",
      );
      await detail(page, message);
      await page.waitForSelector(".timeline li");
      await eventually(async () => {
        const {events} = (await api(page, `messages/${message.id}/events`)).body;
        return (await page.locator(".timeline > li").count()) === events.length;
      }, "the timeline does not show every event");
      assert((await page.textContent(".facts")).includes(message.sha256), "the digest is not shown");
      const pane = page.locator("section[aria-label='Payload of this message']");
      await pane.locator(".code").waitFor();
      const raw = pane.locator("input[type=checkbox]");
      if (await raw.count()) await raw.check();
      await shows(page, pane, `api/v1/messages/${message.id}/payload`, "the payload as it is shown");
      const times = await page.locator("time").evaluateAll((all) => all.map((time) => time.title));
      assert(
        times.every((title) => title.includes("UTC")),
        "a time has no UTC time in its title",
      );
    },
  ],
  [
    "EDI is shown one segment a line, with nothing lost",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(
        page,
        (item) => /^(X12|EDIFACT)$/.test(item.documents?.[0]?.standard ?? "") && item.size < 20_000,
        "EDI message",
      );
      await detail(page, message);
      const pane = page.locator("section[aria-label='Payload of this message']");
      await pane.locator(".code li b").first().waitFor();
      const tags = await pane.locator(".code li > b").allTextContents();
      assert(tags.length > 3 && /^(ISA|UNA|UNB)$/.test(tags[0].trim()), `the segments shown are ${tags.slice(0, 5)}`);
      await shows(page, pane, `api/v1/messages/${message.id}/payload`, "the interchange as it is shown");
    },
  ],
  [
    "a translated message is shown beside what it was made from, a link away",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(page, related, "message with a parent or a child");
      await detail(page, message);
      await page.waitForSelector(".lineage a");
      await page.locator(".panes.two .pane").nth(1).waitFor();
      const other = message.parent ?? message.children[0];
      await page.click(`.lineage a[href="#/messages/${other}"]`);
      await page.waitForFunction((id) => location.hash.endsWith(id), other);
      await page.waitForSelector(`.lineage a[href="#/messages/${message.id}"]`);
      await page.goBack();
      await page.waitForFunction((id) => location.hash.endsWith(id), message.id);
    },
  ],
];

const acting = [
  [
    "sending again asks first, says what leaves to whom, and Cancel sends nothing",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(page, (item) => item.direction === "out" && item.partner, "message to a partner");
      const sent = [];
      page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
      await detail(page, message);
      await page.click("button[data-key=r]");
      await page.waitForSelector("dialog[open]");
      await settled(page);
      const question = await page.textContent("dialog");
      assert(
        question.includes(message.partner) && question.includes(message.connection),
        `the question does not name receiver and way: ${question}`,
      );
      await page.click("dialog >> text=Cancel");
      await page.waitForSelector("dialog", {state: "detached"});
      equal(sent.length, 0, "POST requests");
    },
  ],
  [
    "sending again carries the CSRF token and leads to the new message; a refusal is said in words",
    async () => {
      const page = await open();
      expect(/status of 409/);
      await go(page, "#/messages");
      const message = await aMessage(page, (item) => item.direction === "out", "message that goes out");
      let token = "";
      let refuse = true;
      await page.route("**/resend", (route) => {
        token = route.request().headers()["x-csrf-token"] ?? "";
        const problem = {title: "It is being sent right now", detail: "Wait until it has ended.", status: 409};
        return refuse
          ? route.fulfill({status: 409, contentType: "application/problem+json", body: JSON.stringify(problem)})
          : route.fulfill({status: 202, contentType: "application/json", body: JSON.stringify({id: "new-one"})});
      });
      await detail(page, message);
      await page.keyboard.press("r");
      await page.click("dialog .primary");
      await page.waitForSelector("dialog [role=alert]:has-text('Wait until it has ended.')");
      refuse = false;
      await page.click("dialog .primary");
      await page.waitForSelector(".toast a[href='#/messages/new-one']");
      equal(token, (await api(page, "session")).body.csrf, "the CSRF token");
    },
  ],
  [
    "new messages are announced and wait, rows that are shown stay where they are",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const sample = await aMessage(page, () => true, "message");
      const fresh = {...sample, id: "00000000-0000-7000-8000-000000000001", filename: "fresh.edi", documents: []};
      let changed = false;
      await page.route(/\/api\/v1\/events$/, async (route) => {
        await eventually(() => changed, "the case did not go on");
        await route.fulfill({
          contentType: "text/event-stream",
          body: `event: message\ndata: ${JSON.stringify({id: fresh.id, status: fresh.status})}\n\n`,
        });
      });
      await page.route(/\/api\/v1\/messages(\?limit=\d+)?$/, async (route) => {
        const response = await route.fetch();
        const body = await response.json();
        await route.fulfill({response, json: {items: changed ? [fresh, ...body.items] : body.items}});
      });
      await page.reload();
      await rows(page).first().waitFor();
      const before = await rows(page).first().getAttribute("href");
      changed = true;
      await page.waitForSelector(".new-rows");
      equal(await rows(page).first().getAttribute("href"), before, "the first row while new ones wait");
      await page.keyboard.press("n");
      await page.waitForSelector(`main tbody tr:first-child a[href="#/messages/${fresh.id}"]`);
    },
  ],
  [
    "everything can be done with the keyboard",
    async () => {
      const page = await open();
      await go(page, "#/");
      // The two letters belong together for a moment only, which a busy machine may miss.
      await eventually(async () => {
        await page.keyboard.press("g");
        await page.keyboard.press("m");
        return page.evaluate(() => location.hash === "#/messages");
      }, "g and m do not lead to the messages");
      await page.waitForSelector("h1:has-text('Messages')");
      await settled(page);
      await page.keyboard.press("j");
      await page.waitForFunction(() => document.activeElement === document.querySelector("main [data-row]"));
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert(outline !== "none", "the focus cannot be seen");
      await page.keyboard.press("Enter");
      await page.waitForSelector(".facts");
      await page.keyboard.press("Escape");
      await page.waitForSelector("h1:has-text('Messages')");
      await page.keyboard.press("?");
      await page.waitForSelector("dialog[open]");
      await page.click("dialog input[type=checkbox]");
      await page.keyboard.press("Escape");
      await page.waitForSelector("dialog", {state: "detached"});
      await page.keyboard.press("g");
      await page.keyboard.press("j");
      await settled(page);
      equal(await page.evaluate(() => location.hash), "#/messages", "the address after letters that are switched off");
    },
  ],
];

const looks = [
  [
    "dark where the system is dark, light where it is light",
    async () => {
      const ground = async (scheme) => {
        const page = await open({scheme});
        await go(page, "#/");
        return page.evaluate(() =>
          getComputedStyle(document.body)
            .backgroundColor.match(/\d+/g)
            .slice(0, 3)
            .reduce((sum, part) => sum + Number(part), 0),
        );
      };
      assert((await ground("dark")) < 200, "the dark page is light");
      assert((await ground("light")) > 600, "the light page is dark");
    },
  ],
  ...["light", "dark"].map((scheme) => [
    `no screen has a barrier that axe knows of, ${scheme}`,
    async () => {
      const page = await open({scheme});
      await go(page, "#/messages");
      const message = await aMessage(page, related, "message with a parent or a child");
      const found = [];
      for (const screen of [...screens, `#/messages/${message.id}`, ...(await deeper(page))]) {
        await go(page, screen);
        await page.waitForSelector(OPENED);
        found.push(...(await accessibility(page)).map((line) => `${screen} ${line}`));
      }
      await page.keyboard.press("?");
      await page.waitForSelector("dialog[open]");
      found.push(...(await accessibility(page)).map((line) => `help ${line}`));
      const outside = await open({scheme, signedIn: false});
      await outside.goto(settings.url);
      await outside.waitForSelector("#user");
      found.push(...(await accessibility(outside)).map((line) => `sign in ${line}`));
      assert(found.length === 0, found.join("\n"));
    },
  ]),
  [
    "what flows refuse and what stands still is on the overview; what a caller was told himself is not",
    async () => {
      const page = await open();
      const alert = (kind, path, what, more = {}) => ({key: what, kind, path: `/api/v1/${path}`, what, at: new Date().toISOString(), ...more});
      await page.route(/\/api\/v1\/alerts$/, (route) =>
        route.fulfill({
          json: {
            items: [
              alert("messages-rejected", "messages?status=rejected&flow=acme-answers", "2 messages of flow acme-answers rejected within a day"),
              alert("messages-rejected", "messages?status=rejected", "7 messages of endpoint POST /orders rejected within a day"),
              alert("connection-quiet", "messages?connection=erp", "nothing has come in by connection erp", {connection: "erp"}),
            ],
          },
        }),
      );
      await go(page, "#/");
      const needs = page.locator(".needs");
      await needs.getByText("connection erp").waitFor();
      equal(await needs.getByText("POST /orders").count(), 0, "rows about an endpoint");
      await needs.getByText("2 messages of flow acme-answers").click();
      await page.waitForURL(/status=rejected/);
      assert(/flow=acme-answers/.test(page.url()), page.url());
    },
  ],
  ...[1280, 640, 390].map((width) => [
    `nothing scrolls sideways at ${width} px`,
    async () => {
      const page = await open({width});
      await go(page, "#/messages");
      const message = await aMessage(page, related, "message with a parent or a child");
      for (const screen of [...screens, `#/messages/${message.id}`, ...(await deeper(page))]) {
        await go(page, screen);
        await page.waitForSelector(OPENED);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert(beyond <= 0, `${screen} is ${beyond} px too wide`);
      }
    },
  ]),
  ...[1280, 1130, 720, 390].map((width) => [
    `nothing scrolls sideways at ${width} px when every name is as long as it may be`,
    async () => {
      const page = await open({width});
      await poisonAnswers(page, stretch);
      for (const screen of ["#/", "#/messages", "#/acknowledgements", "#/jobs", "#/audit", ...kinds.map((kind) => `#/config/${kind}`)]) {
        await go(page, screen);
        await page.waitForSelector(OPENED);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert(beyond <= 0, `${screen} is ${beyond} px too wide`);
      }
    },
  ]),
];

const trouble = [
  [
    "a problem is shown in the server's words, with a way to try again",
    async () => {
      const page = await open();
      expect(/status of 500/);
      let broken = true;
      await page.route(/\/api\/v1\/audit/, (route) => {
        const problem = {title: "The store cannot be read", detail: "Look at its disk.", status: 500};
        return broken
          ? route.fulfill({status: 500, contentType: "application/problem+json", body: JSON.stringify(problem)})
          : route.continue();
      });
      await go(page, "#/audit");
      await page.waitForSelector(".failed:has-text('Look at its disk.')");
      broken = false;
      await page.click(".failed button");
      await page.waitForSelector("main table, main .empty");
    },
  ],
  [
    "out of reach, the page keeps what it shows, says as of when, and comes back by itself",
    async () => {
      const page = await open();
      expect(/ERR_FAILED|ERR_INTERNET_DISCONNECTED/);
      await go(page, "#/messages");
      await page.waitForSelector("main table, main .empty");
      let away = true;
      await page.route(/\/api\/v1\//, (route) => (away ? route.abort() : route.continue()));
      await go(page, "#/jobs");
      await page.waitForSelector(".notice:has-text('does not answer')");
      await go(page, "#/messages");
      await page.waitForSelector("main table, main .empty");
      assert(/as of/.test(await page.textContent(".notice")), "the page does not say as of when");
      away = false;
      await page.waitForSelector(".notice", {state: "detached"});
    },
  ],
  [
    "AU-10: hostile text is shown as text on every screen",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await go(page, "#/messages");
      const addresses = [...screens, ...(await messages(page)).slice(0, 8).map((message) => `#/messages/${message.id}`)];
      for (const kind of kinds) addresses.push((await anObject(page, kind)) ?? `#/config/${kind}/x`);
      addresses.push(...(await deeper(page)));
      await poisonAnswers(page);
      await page.reload();
      for (const address of addresses) {
        await go(page, address);
        await page.waitForSelector(OPENED);
        const seen = await page.evaluate(
          (mark) => ({
            ran: mark in globalThis,
            elements: document.querySelectorAll(
              "iframe, img, object, embed, main script, [onclick], [onerror], [onload], [srcdoc], a[href^='javascript:' i]",
            ).length,
            text: document.querySelector("main")?.textContent ?? "",
            wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
          }),
          MARK,
        );
        assert(!seen.ran, `a script ran on ${address}`);
        equal(seen.elements, 0, `elements made of hostile text on ${address}`);
        // Some screens show nothing that came from outside.
        const silent = /^#\/$|users\/|\+new|setup|onboarding|\/edit|scripts\//.test(address);
        assert(seen.text.includes(MARK) || silent, `hostile text is not shown at all on ${address}`);
        assert(seen.wide <= 0, `hostile text makes ${address} ${seen.wide} px too wide`);
      }
    },
  ],
  [
    "AU-12: a payload in the browser is never a page of its own",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(page, () => true, "message");
      const headers = await page.evaluate(
        async (id) => Object.fromEntries((await fetch(`api/v1/messages/${id}/payload`)).headers),
        message.id,
      );
      assert(/attachment/.test(headers["content-disposition"] ?? ""), "the payload is not an attachment");
      equal(headers["x-content-type-options"], "nosniff", "X-Content-Type-Options");
    },
  ],
];

const whole = [
  [
    "the page is served under a policy that allows nothing but its own files",
    async () => {
      assert(watched.headers.size > 0, "no page was served");
      for (const [url, headers] of watched.headers) {
        const policy = headers["content-security-policy"] ?? "";
        for (const part of [
          "default-src 'none'",
          "script-src 'self'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
          "require-trusted-types-for 'script'",
        ]) {
          assert(policy.includes(part), `${url} has no ${part}`);
        }
        assert(!policy.includes("unsafe"), `${url} allows what is unsafe: ${policy}`);
      }
    },
  ],
  [
    "no page broke its content security policy in the whole run",
    async () => equal(watched.policy.join("\n"), "", "violations"),
  ],
  ["no page threw or logged an error in the whole run", async () => equal(watched.errors.join("\n"), "", "errors")],
  ["no request left the appliance in the whole run", async () => equal(watched.outside.join("\n"), "", "requests")],
];

export const cases = [
  ...signing,
  ...looking,
  ...acting,
  ...starting,
  ...configuration,
  ...strangling,
  ...traffic,
  ...scripts,
  ...looks,
  ...trouble,
  ...whole,
];
