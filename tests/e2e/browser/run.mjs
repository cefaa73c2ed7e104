// run.mjs: the admin UI in a real browser, against a running appliance with the demo estate and at least one order's journey behind it.
//
//   BANYAN_E2E_URL=http://127.0.0.1:8081/ BANYAN_E2E_USER=admin BANYAN_E2E_PASSWORD=… node run.mjs [WORDS]
//
// Prints TAP; exit code 1 when a case failed. WORDS run only the cases whose name contains them.

import {cases} from "./cases.mjs";
import {run} from "./harness.mjs";

const words = process.argv.slice(2).join(" ");
const chosen = cases.filter(([name]) => name.includes(words));
if (chosen.length === 0) {
  console.error(`run.mjs: no case's name contains "${words}"`);
  process.exit(2);
}
process.exit((await run(chosen)) > 0 ? 1 : 0);
