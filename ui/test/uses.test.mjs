import assert from "node:assert/strict";
import {test} from "node:test";
import {usesIn} from "../src/references.ts";

const estate = {
  stations: [{name: "us", key: "po"}],
  connections: [{name: "shop", kind: "http", authorities: ["house-ca"]}],
  flows: [{name: "orders", from: {connection: "inbox"}, to: [{connection: "erp"}], relate: {key: "po"}}],
  endpoints: [{name: "get-orders", route: "GET /orders", policies: ["inbox", "slow"], legacy: {connection: "erp"}}],
  notifications: [{name: "desk", partners: ["acme"], to: {connection: "erp"}}],
};

function places(kind, name) {
  return usesIn(estate, kind, name).map((use) => `${use.kind} ${use.name} ${use.setting}`);
}

test("a policy is used by the endpoints that name it in their list", () => {
  assert.deepEqual(places("policies", "slow"), ["endpoints get-orders policies"]);
});

test("a partner is used by the notifications that are only about it", () => {
  assert.deepEqual(places("partners", "acme"), ["notifications desk partners"]);
});

test("a business key of a flow is no use of a certificate of the same name", () => {
  assert.deepEqual(places("certificates", "po"), ["stations us key"]);
});

test("an authority is used by the connections that trust it", () => {
  assert.deepEqual(places("certificates", "house-ca"), ["connections shop authorities"]);
});

test("a connection is not taken for a policy of the same name", () => {
  assert.deepEqual(places("connections", "inbox"), ["flows orders from.connection"]);
});
