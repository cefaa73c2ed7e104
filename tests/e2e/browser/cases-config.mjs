// cases-config.mjs: changing what an appliance does, as its users would: connections, flows, tables, certificates, users, keys, partners.
// Everything that a case makes it removes again.

import {accessibility, aMessage, api, assert, change, discard, equal, eventually, expect, go, million, open, settings, settled} from "./harness.mjs";

const field = (page, label) => page.getByLabel(label, {exact: false}).first();
const press = (page, name) => page.locator("main").getByRole("button", {name, exact: true}).first().click();

export const configuration = [
  [
    "a connection is made in a form, tested, changed, and removed; the change can be undone",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await go(page, "#/config/connections");
      await change(page, "DELETE", "connections/e2e-files");
      await page.click("main a:has-text('New connection')");
      await page.waitForSelector("#object-form");
      await settled(page);
      await page.locator("#object-form select").first().selectOption("file");
      await field(page, "Directory").waitFor();
      await field(page, "Name").fill("e2e-files");
      await field(page, "Directory").fill("/nowhere/at/all");
      await page.waitForFunction(() => document.querySelector(".yaml textarea").value.includes("directory: /nowhere/at/all"));
      // A fault in one of them opens them by itself.
      if (!(await field(page, "Enabled").isVisible())) await page.click("summary:has-text('More settings')");
      await field(page, "Enabled").uncheck();
      await page.getByLabel("Poll", {exact: true}).fill("3 minutes");
      await page.waitForSelector(".field-fault:has-text('duration')");
      await page.getByLabel("Poll", {exact: true}).fill("3m");
      await page.waitForSelector(".field-fault:has-text('duration')", {state: "detached"});
      await press(page, "Save");
      await page.waitForSelector("h1:has-text('e2e-files')");
      await settled(page);
      equal((await api(page, "connections/e2e-files")).body.poll, "3m", "the poll that is stored");
      await press(page, "Test the connection");
      await page.waitForSelector(".outcome");
      await page.click(".head a:text-is('Change')");
      await page.waitForSelector(".yaml textarea");
      await settled(page);
      const yaml = await page.inputValue(".yaml textarea");
      await page.fill(".yaml textarea", yaml.replace("3m", "7m"));
      await page.waitForFunction(() =>
        [...document.querySelectorAll("#object-form input")].some((input) => input.value === "7m"),
      );
      await press(page, "Save");
      await page.waitForSelector(".toast:has-text('saved')");
      await settled(page);
      equal((await api(page, "connections/e2e-files")).body.poll, "7m", "the poll after the change as YAML");
      await page.click(".toast button:text-is('Undo')");
      await page.waitForSelector(".toast:has-text('as it was before')");
      equal((await api(page, "connections/e2e-files")).body.poll, "3m", "the poll after the change was undone");
      await settled(page);
      await press(page, "Remove …");
      await page.click("dialog button.primary");
      await page.waitForSelector("h1:has-text('Connections')");
      equal((await api(page, "connections/e2e-files")).status, 404, "the connection that was removed");
      await page.click(".toast:has-text('is removed') button:text-is('Undo')");
      await page.waitForSelector(".toast:has-text('is back')");
      equal((await api(page, "connections/e2e-files")).status, 200, "the removed connection after Undo");
      await change(page, "DELETE", "connections/e2e-files");
    },
  ],
  [
    "what somebody else changed meanwhile is shown before anything is overwritten",
    async () => {
      const page = await open();
      expect(/status of 412/);
      await go(page, "#/config/tables");
      await change(page, "PUT", "tables/e2e-conflict", {rows: {A: "1"}, description: "before"});
      await go(page, "#/config/tables/e2e-conflict/edit");
      await page.waitForSelector("#object-form");
      await field(page, "Description").fill("mine");
      await change(page, "PUT", "tables/e2e-conflict", {rows: {A: "1"}, description: "theirs"});
      await press(page, "Save");
      await page.waitForSelector(".conflict");
      const shown = await page.textContent(".conflict");
      assert(shown.includes("theirs") && shown.includes("mine"), `both versions are not shown: ${shown}`);
      await press(page, "Save mine over it");
      await page.waitForSelector(".toast:has-text('saved')");
      await eventually(async () => (await api(page, "tables/e2e-conflict")).body.description === "mine", "mine is not stored");
      await discard(page, "tables/e2e-conflict");
    },
  ],
  [
    "the appliance's own faults are shown at their settings while one types",
    async () => {
      const page = await open();
      expect(/status of 422/);
      await go(page, "#/config/flows/+new");
      await page.waitForSelector("#object-form");
      await field(page, "Name").fill("e2e-flow");
      await page.fill(".yaml textarea", "name: e2e-flow\nfrom:\n  connection: nobody-of-that-name\n");
      await page.waitForSelector(".field-fault:has-text('no \"nobody-of-that-name\"')");
      await press(page, "Save");
      await page.waitForSelector("#object-form .field-fault");
      await settled(page);
      equal(
        (await api(page, "flows")).body.items.filter((flow) => flow.name === "e2e-flow").length,
        0,
        "flows that were stored",
      );
    },
  ],
  [
    "a table is edited like a spreadsheet, pasted into, and read from and written to CSV",
    async () => {
      const page = await open();
      await go(page, "#/config/tables");
      await change(page, "PUT", "tables/e2e-units", {rows: {EA: "piece"}});
      await go(page, "#/config/tables/e2e-units");
      await page.waitForSelector(".grid");
      await press(page, "Add a row");
      await page.waitForFunction(() => document.activeElement?.closest(".grid tbody tr:last-child"));
      await page.keyboard.type("CS");
      await page.keyboard.press("Tab");
      await page.keyboard.type("case");
      await press(page, "Save");
      await page.waitForSelector(".toast:has-text('saved')");
      equal(
        JSON.stringify((await api(page, "tables/e2e-units")).body.rows),
        '{"EA":"piece","CS":"case"}',
        "the rows that are stored",
      );
      await page.setInputFiles("input[type=file]", {
        name: "units.csv",
        mimeType: "text/csv",
        buffer: Buffer.from('code;value\r\nBX;"box; big"\r\nPL;pallet\r\n'),
      });
      await page.waitForFunction(
        () =>
          [...document.querySelectorAll(".grid tbody input")].map((input) => input.value).join("|") === "BX|box; big|PL|pallet",
      );
      const [download] = await Promise.all([page.waitForEvent("download"), page.click("button:has-text('CSV') >> nth=0")]);
      const stream = await download.createReadStream();
      let text = "";
      for await (const part of stream) text += part;
      equal(text, "code,value\r\nBX,box; big\r\nPL,pallet\r\n".replace("box; big", '"box; big"'), "the CSV that is given");
      await discard(page, "tables/e2e-units");
    },
  ],
  [
    "a user is made and removed; a key is shown once",
    async () => {
      const page = await open();
      expect(/status of 404/); // The event that the user is gone may come before the answer to its removal.
      await go(page, "#/config/users/+new");
      await page.fill("#user-name", "e2e-viewer");
      await page.fill("#user-password", "a password for e2e");
      await press(page, "Make the user");
      await page.waitForSelector("h1:has-text('Users')");
      await settled(page);
      await page.click("main a:has-text('e2e-viewer')");
      await page.waitForSelector("h1:has-text('e2e-viewer')");
      await settled(page);
      await press(page, "Remove …");
      await page.click("dialog button.primary");
      await page.waitForSelector("h1:has-text('Users')");
      await go(page, "#/config/keys/+new");
      await page.fill("#key-name", "e2e-key");
      await press(page, "Make the key");
      await page.waitForSelector(".the-key");
      const key = (await page.textContent(".the-key")).trim();
      assert(key.length > 20, `the key is "${key}"`);
      await page.click("main >> text=Done");
      await page.waitForSelector("h1:has-text('API keys')");
      await settled(page);
      assert(!(await page.textContent("main")).includes(key), "the key is shown again");
      await change(page, "DELETE", "keys/e2e-key");
    },
  ],
  [
    "a certificate of ours is offered to a partner, and one that a partner offers is looked at and accepted",
    async () => {
      const page = await open();
      expect(/status of 40[0-9]/);
      const sent = [];
      const answer = (body, status = 200) => ({status, contentType: "application/json", body: JSON.stringify(body)});
      const offer = {id: "o-1", direction: "in", status: "waiting", partner: "e2e-acme", connection: "e2e-as2", subject: "CN=e2e-next", issuer: "CN=e2e-next",
        fingerprint: "aa11", key: "RSA 2048", not_before: "2026-01-01T00:00:00Z", not_after: "2036-01-01T00:00:00Z", respond_by: "2035-01-01T00:00:00Z", uses: ["digitalSignature"]};
      await page.route(/\/api\/v1\/certificate-offers$/, (route) => route.fulfill(answer({items: [offer]})));
      await page.route(/\/api\/v1\/connections$/, (route) => route.fulfill(answer({items: [{name: "e2e-as2", kind: "as2", partner: "e2e-acme"}, {name: "e2e-file", kind: "file"}]})));
      await page.route(/\/(offer|accept|refuse)$/, (route) => {
        sent.push([new URL(route.request().url()).pathname.replace(/^.*\/api\/v1\//, ""), route.request().postDataJSON()]);
        return route.fulfill(answer(offer));
      });
      await go(page, "#/config/certificates");
      await change(page, "DELETE", "certificates/e2e-ours");
      await change(page, "PUT", "certificates/e2e-ours", {generate: {kind: "ec", common_name: "e2e"}});
      await go(page, "#/config/certificates/e2e-ours");
      await page.click("text=Offer it to a partner …");
      await page.waitForSelector("#offer-connection option", {state: "attached"});
      equal(await page.textContent("#offer-connection"), "e2e-as2 (e2e-acme)", "only connections that exchange certificates");
      await page.fill("#offer-by", "2035-01-01");
      await page.click("dialog button.primary");
      await page.waitForSelector("dialog", {state: "detached"});
      await go(page, "#/config/certificates");
      await page.click("text=Decide …");
      await page.waitForSelector("dialog .facts:has-text('aa11')");
      equal((await accessibility(page)).join("; "), "", "what axe says of the dialog");
      await page.fill("#refusal", "not agreed");
      await page.click("dialog >> text=Refuse >> nth=-1");
      await page.waitForSelector("dialog", {state: "detached"});
      await settled(page);
      await page.click("text=Decide …");
      await page.click("dialog >> text=Accept >> nth=-1");
      await page.waitForSelector("dialog", {state: "detached"});
      equal(
        JSON.stringify(sent),
        JSON.stringify([
          ["connections/e2e-as2/offer", {certificate: "e2e-ours", respond_by: "2035-01-01"}],
          ["certificate-offers/o-1/refuse", {reason: "not agreed"}],
          ["certificate-offers/o-1/accept", {}],
        ]),
        "what was sent",
      );
      equal(await change(page, "DELETE", "certificates/e2e-ours"), 204, "removing e2e-ours");
    },
  ],
  [
    "a certificate is made, described while it is pasted, and rolled over where it is used",
    async () => {
      const page = await open();
      expect(/status of 40[0-9]/);
      await go(page, "#/config/certificates");
      for (const [kind, name] of [
        ["partners", "e2e-holder"],
        ["certificates", "e2e-2030"],
        ["certificates", "e2e-2031"],
      ])
        await change(page, "DELETE", `${kind}/${name}`);
      await change(page, "PUT", "certificates/e2e-2030", {generate: {kind: "ec", common_name: "e2e"}});
      await change(page, "PUT", "partners/e2e-holder", {certificates: ["e2e-2030"]});
      const pem = (await api(page, "certificates/e2e-2030")).body.certificate;
      await go(page, "#/config/certificates/e2e-2030");
      await page.waitForSelector(".uses:has-text('e2e-holder')");
      await settled(page);
      await page.click("text=Roll over …");
      equal(await page.inputValue("#roll-name"), "e2e-2031", "the name that is proposed");
      await page.check("text=the partner sent it");
      await page.fill("dialog textarea", pem);
      await page.waitForSelector("dialog .facts:has-text('e2e')");
      await page.check("text=make a new key");
      await page.click("dialog >> text=Replace >> nth=-1");
      await page.waitForSelector("h1:has-text('e2e-2031')");
      equal(
        (await api(page, "partners/e2e-holder")).body.certificates.join(),
        "e2e-2031,e2e-2030",
        "the certificates, both good",
      );
      for (const [kind, name] of [
        ["partners", "e2e-holder"],
        ["certificates", "e2e-2030"],
        ["certificates", "e2e-2031"],
      ])
        equal(await change(page, "DELETE", `${kind}/${name}`), 204, `removing ${name}`);
    },
  ],
  [
    "a new certificate begins with where it comes from, and is shown by what it is",
    async () => {
      const page = await open();
      expect(/status of 40[0-9]/);
      await go(page, "#/config/certificates/+new");
      await change(page, "DELETE", "certificates/e2e-2040");
      await page.check("text=Make a key and a certificate here");
      await page.fill("#certificate-name", "e2e-2040");
      await page.fill("#certificate-subject", "e2e company");
      await page.click("button:has-text('Make it')");
      await page.waitForSelector("h1:has-text('e2e-2040')");
      await page.waitForSelector(".facts:has-text('CN=e2e company')");
      await page.waitForSelector(".facts:has-text('never shown')");
      await go(page, "#/config/certificates");
      await page.waitForSelector("tr:has-text('e2e-2040'):has-text('ours')");
      equal(await change(page, "DELETE", "certificates/e2e-2040"), 204, "removing it");
    },
  ],
  [
    "a partner's guide is written in a field of many lines, checked while typing, saved, and tells which partner uses it",
    async () => {
      const page = await open();
      expect(/status of (404|422)/);
      await go(page, "#/config/schemas");
      await change(page, "DELETE", "partners/e2e-guided");
      await change(page, "DELETE", "schemas/e2e-guide");
      await page.click("main a:has-text('New schema')");
      await page.waitForSelector("#object-form textarea");
      await settled(page);
      const source = page.locator("#object-form textarea").first();
      assert(Number(await source.getAttribute("rows")) >= 10, "the field of the source is a few lines high");
      await field(page, "Name").fill("e2e-guide");
      await source.fill("overlay guide of X12 004010 850\nXYZ forbidden\n");
      await page.waitForSelector(".field-fault:has-text('e2e-guide.schema:2')");
      await source.fill('overlay guide of X12 004010 850\nREF[DP] required "<b>the department</b>"\n');
      await page.waitForSelector(".field-fault", {state: "detached"});
      await press(page, "Save");
      await page.waitForSelector("h1:has-text('e2e-guide')");
      await settled(page);
      await page.waitForSelector("main:has-text('<b>the department</b>')");
      equal(await change(page, "PUT", "partners/e2e-guided", {schemas: ["e2e-guide"]}), 200, "making a partner that uses it");
      await go(page, "#/config/schemas");
      await go(page, "#/config/schemas/e2e-guide");
      await page.waitForSelector("main a[href='#/config/partners/e2e-guided']");
      await discard(page, "partners/e2e-guided", "schemas/e2e-guide");
    },
  ],
  [
    "the overview says which back-end is cut off, since when, and when it is tried again",
    async () => {
      const page = await open();
      await page.route(/\/api\/v1\/stats$/, async (route) => {
        const answer = await route.fetch();
        const body = await answer.json();
        body.back_ends = {
          "e2e <warehouse>": {breaker: "open", failures: 5, refused: 12, since: new Date().toISOString(), next_ms: 42_000},
        };
        return route.fulfill({response: answer, json: body});
      });
      await go(page, "#/");
      const row = page.locator(".need-rows li:has-text('e2e <warehouse>')");
      await row.waitFor();
      const said = await row.textContent();
      assert(/cut off/.test(said) && /5 failures in a row/.test(said) && /in 42 s/.test(said), said);
      await page.waitForSelector(".tallies:has-text('1 back-end cut off')");
    },
  ],
  [
    "the evidence of an AS2 exchange tells who signed, whether the digests are the same, and what the receipt says",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const message = await aMessage(page, (item) => item.direction === "out" && item.connection, "message that went out");
      const digest = {algorithm: "sha-256", value: "same="};
      const evidence = {
        direction: "out",
        message_id: "<1@us>",
        packed_at: "2026-11-30T10:00:00Z",
        size: 3164,
        ruled: "signed",
        layers: [
          {kind: "enveloped", cipher: "aes256-cbc", recipient: "acme-2026"},
          {kind: "signed", digest: "sha-256", signer: "us-2026"},
        ],
        mics: {signed: {sha1: "other=", "sha-256": "same="}},
        headers: [["AS2-To", "ACME <i>Corp</i>"]],
        receipt: {
          meaning: "good",
          verdict: "accepted, receipt signed with acme-2026",
          received_at: "2026-11-30T10:00:01Z",
          signature_good: true,
          layers: [{kind: "signed", digest: "sha-256", signer: "acme-2026"}],
          answers: {disposition: "processed", words: "", human: "taken", mic: digest},
        },
        raw_receipt: "Content-Type: multipart/report\r\n\r\n<script>x</script>",
      };
      await page.route(/\/api\/v1\/connections\/[^/]+$/, (route) => route.fulfill({json: {name: "x", kind: "as2"}}));
      await page.route(/\/evidence$/, (route) => route.fulfill({json: evidence}));
      await go(page, "#/messages/" + message.id);
      const section = page.locator("section[aria-labelledby=evidence]");
      await section.waitFor();
      await settled(page);
      const text = await section.textContent();
      for (const words of [
        "encrypted for acme-2026",
        "signed with our us-2026",
        "both sides have the same bytes",
        "the signature is good",
        "taken",
      ])
        assert(text.includes(words), `${words} is not said: ${text}`);
      equal(await section.locator("i, script").count(), 0, "elements made of what came");
      digest.value = "another=";
      evidence.receipt.meaning = "bad";
      evidence.receipt.verdict = "the digest is another one";
      await page.reload();
      await page.waitForSelector(".outcome.bad:has-text('the digest is another one')");
      await page.waitForSelector("section[aria-labelledby=evidence] .bad-text:has-text('tells another one')");
    },
  ],
  [
    "a back-end is called and a file looked into from the page of its connection",
    async () => {
      const page = await open();
      expect(/status of 40[0-9]/);
      await go(page, "#/config/connections");
      await change(page, "PUT", "connections/e2e-back", {kind: "http", url: new URL(page.url()).origin});
      await go(page, "#/config/connections/e2e-back");
      await page.fill("input[aria-label=Path]", "/healthz");
      await page.click("text=Call it");
      await page.waitForSelector(".answered .outcome.good:has-text('200')");
      await page.waitForSelector(".answered .code:has-text('status')");
      await page.selectOption("select[aria-label=Method]", "POST");
      await page.waitForSelector("text=may change something there");
      await page.selectOption("select[aria-label=Method]", "GET");
      await page.fill("input[aria-label=Path]", "/api/v1/stats");
      await page.click("text=Call it");
      await page.waitForSelector(".answered .outcome.bad:has-text('401')");
      await page.goto("about:blank");
      await go(page, "#/config/connections");
      equal(await change(page, "DELETE", "connections/e2e-back"), 204, "removing it");
      const {body} = await api(page, "connections");
      const files = body.items.find((item) => item.kind === "file");
      await page.route(/\/list$/, (route) => route.fulfill({json: {entries: [{name: "a <b>.txt", size: 3}], more: false}}));
      await page.route(/\/call$/, (route) =>
        route.fulfill({json: {status: 200, headers: {}, body: "what <i>it</i> holds", size: 20, cut: false}}),
      );
      await go(page, `#/config/connections/${files.name}`);
      await page.click("text=What could be picked up?");
      await page.click("button:has-text('a <b>.txt')");
      await page.waitForSelector(".answered .code:has-text('what <i>it</i> holds')");
      equal(await page.locator(".answered .code i, .answered .code b, .listing .plain b").count(), 0, "elements made of a file");
    },
  ],
  [
    "a partner is taken on step by step, from a pasted file to a page to send them",
    async () => {
      const page = await open();
      expect(/status of 40[0-9]|status of 422/);
      await go(page, "#/config/partners");
      const remove = async () => {
        await change(page, "DELETE", "flows/e2e-partner-orders");
        await change(page, "DELETE", "connections/e2e-partner-file");
        await change(page, "DELETE", "partners/e2e-partner");
      };
      await remove();
      await page.click("main a:has-text('New partner')");
      await page.fill("#paste", "UNA:+.? 'UNB+UNOC:3+4012345000009:14+BANYAN:14+261128:0900+1'");
      await page.waitForFunction(() =>
        [...document.querySelectorAll("form input")].some((input) => input.value === "4012345000009:14"),
      );
      await field(page, "Name").fill("e2e-partner");
      await press(page, "Keep and go on");
      await page.waitForSelector("legend:has-text('By which way')");
      await page.check("text=A directory");
      await page.getByLabel("Directory (needed)", {exact: true}).fill("/tmp/nothing-lies-here");
      await press(page, "Keep and go on");
      await press(page, "Test the connection");
      await page.waitForSelector(".outcome");
      await press(page, "Go on");
      await page.click("text=Anything from them");
      await field(page, "Name").fill("e2e-partner-orders");
      const {items} = (await api(page, "connections")).body;
      const other = items.find((item) => item.kind === "file" && item.name !== "e2e-partner-file");
      await page.locator(".list-field select").first().selectOption(other.name);
      await press(page, "Keep the flow");
      await page.click("main a:has-text('The page to send them')");
      await page.waitForSelector("h1:has-text('EDI parameters')");
      await settled(page);
      assert((await page.textContent(".paper")).includes("4012345000009:14"), "the page does not say how we know them");
      equal((await api(page, "flows/e2e-partner-orders")).body.from.connection, "e2e-partner-file", "where the flow begins");
      await remove();
    },
  ],
  [
    "a notification is made in a form, tried, and its message shown",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await go(page, "#/config/notifications");
      await change(page, "DELETE", "notifications/e2e-desk");
      await change(page, "PUT", "connections/e2e-desk", {kind: "file", directory: "/tmp/banyan-e2e-desk"});
      await page.click("main a:has-text('New notification')");
      await page.waitForSelector("#object-form");
      await settled(page);
      await field(page, "Name").fill("e2e-desk");
      await page.getByLabel("Connection", {exact: false}).first().selectOption("e2e-desk");
      await page.waitForFunction(() => document.querySelector(".yaml textarea").value.includes("connection: e2e-desk"));
      await press(page, "Save");
      await page.waitForSelector("h1:has-text('e2e-desk')");
      await settled(page);
      equal((await api(page, "notifications/e2e-desk")).body.to.connection, "e2e-desk", "where it goes");
      await press(page, "Send it now");
      await page.click(".outcome.good a:has-text('see how it fares')");
      await page.waitForSelector(".status:has-text('completed')");
      const problems = await accessibility(page);
      equal(problems.join("; "), "", "problems that axe finds");
      await change(page, "DELETE", "notifications/e2e-desk");
      await change(page, "DELETE", "connections/e2e-desk");
    },
  ],
  [
    "what is pasted before the form has come is kept, and a flow begins only when the partner's connections are known",
    async () => {
      const page = await open();
      expect(/status of 40[0-9]/);
      await go(page, "#/config/partners");
      await change(page, "DELETE", "connections/e2e-late-file");
      await change(page, "DELETE", "partners/e2e-late");
      let release;
      const released = new Promise((resolve) => (release = resolve));
      await page.route(/\/api\/v1\/settings$/, async (route) => {
        await released;
        await route.continue();
      });
      await page.goto("about:blank");
      await page.goto(settings.url + "#/config/partners/+new");
      await page.fill("#paste", "UNA:+.? 'UNB+UNOC:3+4012345000009:14+BANYAN:14+261128:0900+1'");
      await page.waitForSelector("text=Found EDIFACT id");
      assert(await page.locator("button:has-text('Keep and go on')").isDisabled(), "what is not known yet can be kept");
      release();
      await page.waitForFunction(() =>
        [...document.querySelectorAll("form input")].some((input) => input.value === "4012345000009:14"),
      );
      await change(page, "PUT", "partners/e2e-late", {edifact_id: "4012345000009:14"});
      await change(page, "PUT", "connections/e2e-late-file", {kind: "file", partner: "e2e-late", directory: "/tmp/nothing-lies-here"});
      let answer;
      const answered = new Promise((resolve) => (answer = resolve));
      await page.route(/\/api\/v1\/connections$/, async (route) => {
        await answered;
        await route.continue();
      });
      await page.goto(settings.url + "#/config/partners/e2e-late/onboarding?step=4");
      await page.waitForSelector(".state.loading");
      equal(await page.locator("text=Anything from them").count(), 0, "flows that can begin nowhere");
      answer();
      await page.click("text=Anything from them");
      await page.waitForFunction(() =>
        [...document.querySelectorAll("form select")].some((select) => select.value === "e2e-late-file"),
      );
      await change(page, "DELETE", "connections/e2e-late-file");
      await change(page, "DELETE", "partners/e2e-late");
    },
  ],
];

export const starting = [
  [
    "the first start asks for a password, who we are and a key, and leads to the first partner",
    async () => {
      const page = await open();
      const put = [];
      await page.route(/\/api\/v1\/(certificates|stations|users)\/[^/]+$/, (route) => {
        if (route.request().method() !== "PUT") return route.continue();
        put.push([new URL(route.request().url()).pathname.split("/").slice(-2).join("/"), route.request().postDataJSON()]);
        return route.fulfill({status: 200, contentType: "application/json", body: "{}"});
      });
      await page.route(/\/api\/v1\/stations$/, (route) =>
        route.fulfill({contentType: "application/json", body: '{"items":[]}'}),
      );
      await go(page, "#/");
      await page.waitForSelector(".first-steps li.next:has-text('Say who we are')");
      await page.click("text=Set it up");
      await page.fill("#own-password", "a password of my own");
      await page.fill("#station-x12", "ZZ:WE");
      await page.fill("#station-as2", "WE");
      await page.click("button:has-text('Set up')");
      await page.waitForSelector("h1:has-text('New partner')");
      equal(
        put.map(([path]) => path.replace(/\d{4}/, "YEAR")).join(" "),
        "certificates/us-YEAR stations/us users/admin",
        "what was put",
      );
      equal(put[1][1].x12_id, "ZZ:WE", "the X12 id");
      assert(put[1][1].key.startsWith("us-"), "the station has no key");
      equal(put[2][1].password, "a password of my own", "the password");
    },
  ],
];

const ROUTE = "GET /e2e-strangler/{number}";

export const strangling = [
  [
    "an endpoint is turned to its modern side in four steps or fewer, and back in one",
    async () => {
      const page = await open();
      expect(/status of 404/);
      await go(page, "#/config/endpoints");
      const path = `endpoints/${encodeURIComponent(ROUTE)}`;
      await change(page, "DELETE", path);
      const target = {connection: "erp", path: "out/{number}.csv"};
      const made = await change(page, "PUT", path, {legacy: target, modern: target, traffic: {modern: "10%"}});
      equal(made, 200, "making the endpoint");
      await change(page, "PUT", `${path}/switch`, {modern: "10%"}); // A switch outlives its endpoint.
      await go(page, `#/config/${path}`);
      await page.waitForSelector(".strangler:has-text('90 %')");
      await page.fill('input[aria-label="Modern\'s share in percent"]', "25");
      await page.click("text=Turn to 25 %");
      await page.fill("#turn-reason", "it <b>works</b>");
      await page.click("text=Turn it");
      await page.waitForSelector(".strangler:has-text('75 %')");
      await page.waitForSelector("main:has-text('it <b>works</b>')");
      equal((await api(page, `${path}/switch`)).body.modern, "25%", "the share that is in force");
      await page.click(".strangler >> text=Go back to 10%");
      await page.waitForSelector(".strangler:has-text('90 %')");
      equal((await api(page, `${path}/switch`)).body.modern, "10%", "the share after going back");
      await change(page, "DELETE", path);
    },
  ],
  [
    "the first screen waits for one call, and for less than 120 KiB of script and style as they are sent",
    async () => {
      const page = await open();
      let release;
      const released = new Promise((resolve) => (release = resolve));
      await page.route(/\/api\/v1\/(?!session$)/, async (route) => {
        await released;
        await route.continue().catch(() => undefined);
      });
      await page.goto(settings.url);
      await page.waitForSelector("#rail a");
      await page.waitForSelector("main h1");
      const sent = await page.evaluate(() =>
        performance
          .getEntriesByType("resource")
          .filter(({name}) => /\.(js|css)$/.test(name))
          .reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0),
      );
      assert(sent > 0 && sent < 120 * 1024, `${sent} bytes of script and style were sent`);
      release();
    },
  ],
];

export const traffic = [
  [
    "messages are selected, and sending them again says beforehand to whom and how much",
    async () => {
      const page = await open();
      await go(page, "#/messages?direction=out");
      await page.waitForSelector("td.select input");
      await page.locator("td.select input").first().click();
      await page.waitForSelector("text=1 selected");
      await page.keyboard.press("Escape");
      const sent = [];
      page.on("request", (request) => request.method() === "POST" && sent.push(request.url()));
      await page.click(".picked >> text=All that match");
      await page.waitForSelector("dialog .heaps li");
      await settled(page);
      const said = await page.textContent("dialog");
      const total = (await api(page, "messages?direction=out&limit=1000")).body.items.length;
      assert(said.includes(`${total} message`), `the number ${total} is not said: ${said}`);
      assert(/through/.test(said), "the way is not said");
      await page.click("dialog >> text=Cancel");
      equal(sent.length, 0, "POST requests");
    },
  ],
  [
    "a search is kept under a name, and forgotten again; columns are chosen",
    async () => {
      const page = await open();
      await go(page, "#/messages?direction=in");
      await page.click("text=Save this search");
      await page.fill("#view-name", "What <b>came</b>");
      await page.click("dialog >> text=Save >> nth=-1");
      await page.waitForSelector(".views a[aria-current]:has-text('What <b>came</b>')");
      await settled(page);
      await page.reload();
      await page.waitForSelector(".views a:has-text('What <b>came</b>')");
      await page.click("text=Columns …");
      await page.check("dialog >> text=Reason");
      await page.click("dialog >> text=Done");
      await page.waitForSelector("th:has-text('Reason')");
      await page.click("text=Columns …");
      await page.click("text=As delivered");
      await page.click("dialog >> text=Done");
      await page.waitForSelector("th:has-text('Reason')", {state: "detached"});
      await page.click("text=Forget this search");
      await page.waitForSelector(".views a:has-text('What <b>came</b>')", {state: "detached"});
    },
  ],
  [
    "a list of 1,000,000 messages scrolls through thousands of rows and draws only those that are seen",
    async () => {
      const page = await open();
      const asked = await million(page);
      await go(page, "#/messages");
      await page.waitForSelector("main [data-row]");
      // However slowly the pages come: it goes on until row 2000 is seen.
      await page.evaluate(async () => {
        const last = () => Number([...document.querySelectorAll("tr[data-index]")].pop()?.dataset.index ?? 0);
        while (last() < 2000) {
          scrollBy(0, 400);
          await new Promise((resolve, reject) => {
            requestAnimationFrame(resolve);
            setTimeout(() => reject(new Error(`no frame for 20 s, at row ${last()}`)), 20_000);
          });
        }
      });
      await settled(page);
      const drawn = await page.locator("main tbody tr[data-index]").count();
      assert(asked.pages > 5, `2000 rows came in ${asked.pages} pages`);
      assert(drawn < 250, `${drawn} rows are drawn at once`);
    },
  ],
  [
    "EDI is explained segment by segment on the message's page, and shown as JSON",
    async () => {
      const page = await open();
      await go(page, "#/messages");
      const {body} = await api(page, "messages?limit=200");
      const message = body.items.find((item) => item.documents?.[0]?.standard === "X12");
      await go(page, `#/messages/${message.id}`);
      const pane = page.locator("section[aria-label='Payload of this message']");
      await pane.locator("button:has-text('Explain')").click();
      await pane.locator(".heading").first().waitFor();
      assert(/interchange/.test(await pane.textContent()), "the interchange is not explained");
      await pane.locator("button:has-text('JSON')").click();
      await pane.locator(".code li:has-text('interchanges')").first().waitFor();
    },
  ],
  [
    "the overview plots traffic, and tells how the partners are",
    async () => {
      const page = await open();
      await go(page, "#/");
      await page.locator(".plot canvas").nth(1).waitFor();
      equal(await page.locator(".plot canvas").count(), 2, "plots");
      await page.waitForSelector(".glance li");
      await page.selectOption("select[aria-label='How far back']", "168");
      await settled(page);
      await page.locator(".plot canvas").nth(1).waitFor();
    },
  ],
];
