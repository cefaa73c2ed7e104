// cases-scripts.mjs: a day at the script workbench, on the demo's own scripts and messages. The script that a case changes is its own.

import {api, assert, change, equal, eventually, expect, go, open, settled} from "./harness.mjs";

export const NAME = "e2e_script";
export const SOURCE = `local M = {}

function M.translate(message)
  local order = message.json
  return {json = {number = order.number, lines = #order.lines}, keys = {po = order.number}}
end

return M
`;
const TESTS = `local test = require "test"

test.case("the number is kept", function()
  local out = test.run("translate", {json = {number = "1", lines = {}}})
  test.equal(out.results[1].keys, {po = "1"})
end)
`;

export async function bench(page, tests = TESTS) {
  await go(page, "#/config/scripts");
  await change(page, "DELETE", `scripts/${NAME}/draft`);
  await change(page, "DELETE", `scripts/${NAME}`);
  equal(await change(page, "PUT", `scripts/${NAME}`, {source: SOURCE, test: tests}), 200, "making the script");
  await go(page, `#/config/scripts/${NAME}`);
  await page.waitForSelector(".cm-content");
  await page.selectOption("#bench-input", "t");
  await page.fill("textarea[aria-label='What comes in, typed']", '{"number": "4711", "lines": [1, 2]}');
}

export async function leave(page) {
  await change(page, "DELETE", `scripts/${NAME}/draft`);
  await change(page, "DELETE", `scripts/${NAME}`);
}

const at = async (page, line) => {
  await page.click(".cm-content");
  await page.keyboard.press("Control+Home");
  for (let i = 1; i < line; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
};

export const scripts = [
  [
    "the workbench runs what is typed, and shows the result without a button",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      await page.waitForSelector(".output-pane:has-text('4711')");
      await at(page, 4);
      await page.keyboard.type("\nlocal more = {extra = 7}");
      await page.keyboard.press("Escape");
      await at(page, 6);
      for (let i = 0; i < "order.number}}".length; i++) await page.keyboard.press("ArrowLeft");
      await page.waitForSelector(".output-pane:has-text('lines')");
      await page.keyboard.press("End");
      await eventually(
        async () => (await api(page, `scripts/${NAME}/draft`)).body.source?.includes("extra = 7"),
        "the draft is not kept at the appliance",
      );
      await page.waitForSelector(".kept:has-text('Draft kept')");
      await leave(page);
    },
  ],
  [
    "the live result follows what is typed, and typing never waits for the appliance",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      await page.waitForSelector(".output-pane:has-text('4711')");
      for (const turn of ["one", "two", "three"]) {
        await at(page, 4);
        await page.keyboard.type(`\nprint("turn ${turn}")`);
        await page.waitForSelector(`.problem-list:has-text('turn ${turn}')`);
      }
      // Typing goes on while no answer comes: none of these is ever answered.
      await page.route(/\/(run|check|draft)$/, () => undefined);
      await at(page, 4);
      await page.keyboard.type("\n-- nobody answers, and it does not matter");
      await page.waitForSelector(".cm-line:has-text('it does not matter')");
      await page.unroute(/\/(run|check|draft)$/);
      await leave(page);
    },
  ],
  [
    "who leaves the workbench right after the last key finds the text when coming back, and an older draft never arrives last",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      const kept = [];
      let release;
      const released = new Promise((resolve) => (release = resolve));
      await page.route(/\/draft$/, async (route) => {
        if (route.request().method() !== "PUT") return route.continue();
        kept.push(route.request().postDataJSON().source);
        if (kept.length === 1) await released;
        await route.continue();
      });
      await at(page, 1);
      await page.keyboard.type("\n-- first");
      await eventually(() => kept.length === 1, "the first draft is not sent");
      await page.keyboard.type(" and last");
      await page.waitForSelector(".cm-line:has-text('first and last')");
      await page.click(".steps a");
      await page.waitForSelector("h1:has-text('Scripts')");
      equal(kept.length, 1, "drafts that were sent while one is under way");
      release();
      await eventually(() => kept[kept.length - 1].includes("-- first and last"), "what was typed last is not sent");
      await eventually(
        async () => (await api(page, `scripts/${NAME}/draft`)).body.source?.includes("-- first and last"),
        "what was typed last is not kept",
      );
      await go(page, `#/config/scripts/${NAME}`);
      await page.waitForSelector(".cm-line:has-text('first and last')");
      await leave(page);
    },
  ],
  [
    "mistakes are shown at their lines, while typing and when it runs",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      await at(page, 3);
      await page.keyboard.type("\nlocal x = = 1");
      await page.waitForSelector(".problem-list:has-text('line 4')");
      await page.waitForSelector(".cm-lint-marker-error");
      // What was typed slowly is taken back in several steps.
      await eventually(async () => {
        await page.keyboard.press("Control+z");
        return (await page.locator(".cm-line:has-text('local x')").count()) === 0;
      }, "what was typed is not taken back");
      await page.waitForSelector(".problem-list", {state: "detached"});
      await at(page, 3);
      await page.keyboard.type('\n  error("on purpose, <b>bold</b>")');
      await page.waitForSelector(".output-pane .outcome.bad:has-text('on purpose, <b>bold</b>')");
      await page.click(".output-pane .outcome button:has-text('line 4')");
      await page.waitForSelector(".cm-focused");
      await leave(page);
    },
  ],
  [
    "a script of an endpoint opens on a request that it worked on, not on whatever came last",
    async () => {
      const page = await open();
      await go(page, "#/config/scripts/order_json_to_850");
      const shown = page.locator('section[aria-label="What comes in"]');
      await shown.getByText('"number": "4711"').first().waitFor();
    },
  ],
  [
    "completion knows the libraries, and the segments of the message that is open",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      const {body} = await api(page, "messages?type=855&limit=1");
      await go(page, `#/config/scripts/${NAME}?message=${body.items[0].id}`);
      await page.waitForSelector(".input-pane:has-text('BAK')");
      await at(page, 3);
      await page.keyboard.type('\nlocal text = require "te');
      await page.waitForSelector(".cm-tooltip-autocomplete li:has-text('text')");
      await page.keyboard.press("Escape");
      await page.keyboard.press("End");
      await page.keyboard.type("\nmessage.");
      await page.waitForSelector(".cm-tooltip-autocomplete li:has-text('content_type')");
      await page.keyboard.press("Escape");
      await page.keyboard.type('edi:text("B');
      await page.waitForSelector(".cm-tooltip-autocomplete li:has-text('BAK')");
      await page.keyboard.press("Escape");
      await leave(page);
    },
  ],
  [
    "tests run beside the script; red ones keep it from being published, unless somebody insists",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page, TESTS.replace('{po = "1"}', '{po = "2"}'));
      const before = (await api(page, `scripts/${NAME}/versions`)).body.items.length;
      await page.click("button:text-is('Run the tests')");
      await page.waitForSelector(".bench-foot:has-text('1 of 1 test failed')");
      await at(page, 3);
      await page.keyboard.type("\n  -- changed");
      await page.click("text=Publish …");
      await page.waitForSelector("dialog .problem-list");
      await settled(page);
      assert(await page.locator("dialog button.primary").isDisabled(), "a script with red tests can be published");
      await page.check("text=although its tests fail");
      await page.fill("#publish-note", "in spite of <i>everything</i>");
      await page.click("dialog button.primary");
      await page.waitForSelector("tr:has-text('in spite of <i>everything</i>')");
      await page.waitForSelector("tr:has-text('in force')");
      const versions = (await api(page, `scripts/${NAME}/versions`)).body.items;
      equal(versions.length, before + 1, "versions");
      await page.locator("tr:has-text('Go back to it') >> text=Difference").first().click();
      await page.waitForSelector(".versions .diff .added");
      await page.locator("text=Go back to it").first().click();
      await page.waitForSelector(".toast:has-text('in force again')");
      await eventually(
        async () => !(await api(page, `scripts/${NAME}`)).body.source.includes("-- changed"),
        "the earlier version is not in force",
      );
      await leave(page);
    },
  ],
  [
    "a draft is replayed on real messages, and what would change is one click away",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await go(page, "#/config/flows");
      const flow = (await api(page, "flows")).body.items.find((item) => item.script);
      await change(page, "DELETE", `scripts/${flow.script}/draft`);
      await go(page, `#/config/scripts/${flow.script}`);
      await page.waitForSelector(".cm-content");
      await page.click("[role=tab]:has-text('Replay')");
      await page.locator(".bench-foot button:not([role=tab]):has-text('Replay')").click();
      await page.waitForSelector(".bench-foot:has-text('compared')");
      assert(/0 would change/.test(await page.textContent(".bench-foot")), "the published script differs from itself");
    },
  ],
  [
    "the log of a script is text, whatever it says",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      await at(page, 3);
      await page.keyboard.type('\nprint("<img src=x onerror=window.xssmark=1><script>window.xssmark=1<" .. "/script>")');
      await page.waitForSelector(".problem-list:has-text('<img src=x')");
      equal(await page.evaluate(() => "xssmark" in globalThis), false, "a script that ran");
      equal(await page.locator("main img, main script").count(), 0, "elements made of it");
      await leave(page);
    },
  ],
  [
    "calls of other systems are answered by a sample that is written beside the result, and nothing is sent",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      await change(page, "PUT", `scripts/${NAME}`, {
        source: `local connection = require "connection"
return {translate = function(m) return {json = {there = connection.get("warehouse", "/stock/" .. m.json.number).json.quantity}} end}
`,
      });
      await go(page, "#/config/scripts");
      await go(page, `#/config/scripts/${NAME}`);
      await page.waitForSelector(".cm-content");
      await page.selectOption("#bench-input", "t");
      await page.fill("textarea[aria-label='What comes in, typed']", '{"number": "4711"}');
      await page.waitForSelector(".called:has-text('no answer')");
      assert(
        /nothing is sent from here/.test(await page.textContent(".output-pane .outcome")),
        "it is not said that nothing is sent",
      );
      await page.click(".called button");
      await page.waitForFunction(() => document.querySelector("#calls-text")?.value.includes("/stock/4711"));
      await page.fill("#calls-text", '[{"connection": "warehouse"');
      await page.waitForSelector("dialog .field-fault:has-text('no JSON yet')");
      assert(await page.locator("dialog button.primary").isDisabled(), "what is no JSON can be saved");
      await page.fill("#calls-text", '[{"connection": "warehouse", "path": "/stock/*", "json": {"quantity": 7}}]');
      await page.click("dialog button.primary");
      await page.waitForSelector(".result .code:has-text('\"there\": 7')");
      await page.waitForSelector(".called:has-text('200')");
      await leave(page);
    },
  ],
  [
    "what comes in is kept as a sample under a name of one's own, and changed where it is shown",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await bench(page);
      await page.click("text=Keep as a sample …");
      await page.fill("input[aria-label='Name of the sample']", "first.json");
      await page.click(".naming button");
      await page.waitForFunction(() => document.querySelector("#bench-input")?.value === "s first.json");
      await page.click(".input-pane >> text=Change");
      await page.fill("textarea[aria-label='The sample, being changed']", '{"number": "99", "lines": []}');
      await page.click(".input-pane >> text=Save");
      await page.waitForSelector(".result .code:has-text('99')");
      await leave(page);
    },
  ],
];
