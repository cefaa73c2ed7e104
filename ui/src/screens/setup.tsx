// screens/setup.tsx: the first start: a password of one's own, who we are, a key that signs and decrypts.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, put, session, type Problem} from "../api";
import {Refused} from "../parts/states";
import {say} from "../parts/toast";
import {link, navigate} from "../router";
import {isAdmin} from "../session";
import type {Item} from "../types";
import {objectPath} from "./edit";

export function SetUp(): JSX.Element {
  const password = useSignal("");
  const name = useSignal("us");
  const description = useSignal("");
  const x12 = useSignal("");
  const edifact = useSignal("");
  const as2 = useSignal("");
  const makeKey = useSignal(true);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    document.title = "Set up · Banyan";
  }, []);
  if (!isAdmin()) return <p class="notice">Only an administrator may set the appliance up.</p>;
  const go = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      const key = `${name.value}-${new Date().getFullYear()}`;
      if (makeKey.value)
        await put(
          objectPath("certificates", key),
          {description: "Signs and decrypts", generate: {kind: "rsa", common_name: as2.value || name.value}},
          "",
        ).catch((cause: unknown) => {
          if (asProblem(cause).status !== 412) throw cause; // There from a first try.
        });
      const station: Item = {name: name.value};
      if (description.value) station["description"] = description.value;
      if (x12.value) station["x12_id"] = x12.value;
      if (edifact.value) station["edifact_id"] = edifact.value;
      if (as2.value) station["as2_id"] = as2.value;
      if (makeKey.value) station["key"] = key;
      await put(objectPath("stations", name.value), station, null);
      if (password.value && session.value)
        await put(objectPath("users", session.value.user), {roles: session.value.roles, password: password.value}, null);
      say("The appliance knows who it is. A partner is next.");
      navigate(link(["config", "partners", "+new"]));
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  const field = (
    id: string,
    title: string,
    help: string,
    value: {value: string},
    more: {[name: string]: unknown} = {},
  ): JSX.Element => (
    <div class="field">
      <label for={id}>{title}</label>
      <input
        id={id}
        value={value.value}
        spellcheck={false}
        autocomplete="off"
        {...more}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
      <p class="field-help">{help}</p>
    </div>
  );
  return (
    <>
      <h1>Set up this appliance</h1>
      <p class="about">Three things, once. Everything can be changed later.</p>
      <form
        class="narrow-form"
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        <Refused problem={problem.value} />
        <h2>1 A password of your own</h2>
        <div class="field">
          <label for="own-password">New password for {session.value?.user}</label>
          <input
            id="own-password"
            type="password"
            autocomplete="new-password"
            minLength={8}
            value={password.value}
            onInput={(event) => (password.value = event.currentTarget.value)}
          />
          <p class="field-help">At least 8 characters. Left empty, the one of the first start stays.</p>
        </div>
        <h2>2 Who we are</h2>
        {field("station-name", "Name of our station", "Short, as other settings will refer to it.", name, {
          required: true,
          pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}",
        })}
        {field("station-description", "Company", "As partners know it.", description)}
        {field("station-x12", "X12 id", "Qualifier and id of our ISA, such as ZZ:BANYAN or 01:123456789.", x12)}
        {field("station-edifact", "EDIFACT id", "Id and qualifier of our UNB, such as 4012345000009:14.", edifact)}
        {field("station-as2", "AS2 id", "The name that we send as AS2-From.", as2)}
        <h2>3 A key</h2>
        <label class="check">
          <input type="checkbox" checked={makeKey.value} onChange={(event) => (makeKey.value = event.currentTarget.checked)} />
          Make a key and a certificate that sign and decrypt our AS2 messages
        </label>
        <button type="submit" class="primary" disabled={busy.value}>
          {busy.value ? "Setting up …" : "Set up"}
        </button>
      </form>
    </>
  );
}
