// screens/access.tsx: users and API keys: who may do what. A key is shown once, when it is made.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, call, put, session, type Problem} from "../api";
import {Icon} from "../parts/icon";
import {Empty, Failed, Loading} from "../parts/states";
import {Foreign, Time} from "../parts/text";
import {say} from "../parts/toast";
import {useResource} from "../resource";
import {link, navigate} from "../router";
import {isAdmin} from "../session";
import type {Item} from "../types";
import {objectPath} from "./edit";
import {brief, type Kind} from "./kinds";
import {Remove} from "./object-actions";

const roles: [name: string, may: string][] = [
  ["viewer", "may look at everything but payloads and users"],
  ["operator", "may also read payloads, send again, test connections"],
  ["developer", "may also change scripts and configuration"],
  ["admin", "may also manage users, keys, backups, and read the audit trail"],
];
const clientRole: [name: string, may: string] = ["client", "may call the facade's endpoints, and nothing of the admin side"];

function randomPassword(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => alphabet[byte % alphabet.length]).join("");
}

function Problems({problem}: {problem: Problem | null}): JSX.Element | null {
  return (
    problem && (
      <p class="notice bad" role="alert">
        <span>
          <b>{problem.title}.</b> {problem.detail}
        </span>
      </p>
    )
  );
}

// A user or a key: made (name null) or changed.
export function AccessPage({kind, name}: {kind: Kind; name: string | null}): JSX.Element {
  const existing = useResource<Item>(name === null ? null : objectPath(kind.name, name), ["config"]);
  useEffect(() => {
    document.title = `${name ?? `New ${kind.one}`} · Banyan`;
  }, []);
  const up = (
    <div class="steps">
      <a href={link(["config", kind.name])} data-key="Escape">
        <Icon name="back" /> {kind.title}
      </a>
    </div>
  );
  if (!isAdmin()) {
    return (
      <>
        {up}
        <Empty title="Only an administrator sees this" />
      </>
    );
  }
  if (name !== null && !existing.data.value) {
    return (
      <>
        {up}
        {existing.problem.value ? (
          <Failed problem={existing.problem.value} what={`this ${kind.one}`} again={existing.reload} />
        ) : (
          <Loading what={`the ${kind.one}`} />
        )}
      </>
    );
  }
  const item = existing.data.value;
  return (
    <>
      {up}
      <div class="head">
        <h1>{name === null ? `New ${kind.one}` : <Foreign text={name} />}</h1>
        <span class="quiet">{name === null ? "" : kind.one}</span>
      </div>
      {kind.name === "users" ? (
        <UserForm name={name} item={item} />
      ) : name === null ? (
        <NewKey />
      ) : (
        <KeyFacts name={name} item={item ?? {}} />
      )}
      {name !== null && item && <RemoveButton kind={kind} name={name} item={item} />}
    </>
  );
}

function RemoveButton({kind, name, item}: {kind: Kind; name: string; item: Item}): JSX.Element {
  const asking = useSignal(false);
  const self = kind.name === "users" && session.value?.user === name;
  return (
    <div class="buttons">
      <button
        type="button"
        disabled={self}
        title={self ? "You cannot remove yourself" : undefined}
        onClick={() => (asking.value = true)}
      >
        {kind.name === "keys" ? "Revoke …" : "Remove …"}
      </button>
      {asking.value && <Remove kind={kind} name={name} item={item} close={() => (asking.value = false)} />}
    </div>
  );
}

function RoleChoice({
  value,
  change,
  withClient,
}: {
  value: string;
  change: (role: string) => void;
  withClient: boolean;
}): JSX.Element {
  return (
    <fieldset class="field">
      <legend>Role</legend>
      {(withClient ? [clientRole, ...roles] : roles).map(([role, may]) => (
        <label key={role} class="check">
          <input type="radio" name="role" value={role} checked={value === role} onChange={() => change(role)} />
          <span>
            <b>{role}</b> <span class="quiet">{may}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function roleOf(item: Item | null): string {
  return brief(item?.["roles"]).split(", ")[0] ?? "";
}

function UserForm({name, item}: {name: string | null; item: Item | null}): JSX.Element {
  const user = useSignal(name ?? "");
  const role = useSignal(roleOf(item) || "viewer");
  const password = useSignal("");
  const made = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const save = async (): Promise<void> => {
    problem.value = null;
    try {
      await put(
        objectPath("users", user.value),
        {roles: [role.value], ...(password.value ? {password: password.value} : {})},
        null,
      );
      say(name === null ? `The user ${user.value} is made.` : `${user.value} is saved.`);
      navigate(link(["config", "users"]));
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  return (
    <form
      class="narrow-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Problems problem={problem.value} />
      {name === null && (
        <div class="field">
          <label for="user-name">Name</label>
          <input
            id="user-name"
            required
            pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"
            value={user.value}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => (user.value = event.currentTarget.value)}
          />
        </div>
      )}
      <RoleChoice value={role.value} change={(next) => (role.value = next)} withClient={false} />
      <div class="field">
        <label for="user-password">{name === null ? "Password" : "New password (left empty, it stays)"}</label>
        <span class="with-link">
          <input
            id="user-password"
            type="password"
            required={name === null}
            minLength={8}
            autocomplete="new-password"
            value={password.value}
            onInput={(event) => (password.value = event.currentTarget.value)}
          />
          <button type="button" onClick={() => (made.value = password.value = randomPassword())}>
            Make one
          </button>
        </span>
        <p class="field-help">
          At least 8 characters.{" "}
          {made.value && (
            <>
              Write it down now, it is not shown again: <code>{made.value}</code>
            </>
          )}
        </p>
      </div>
      <button type="submit" class="primary">
        {name === null ? "Make the user" : "Save"}
      </button>
    </form>
  );
}

function NewKey(): JSX.Element {
  const name = useSignal("");
  const role = useSignal("client");
  const key = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const make = async (): Promise<void> => {
    problem.value = null;
    try {
      const response = await call("POST", "api/v1/keys", {name: name.value, roles: [role.value]});
      key.value = brief(((await response.json()) as Item)["key"]);
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  if (key.value) {
    return (
      <div class="narrow-form">
        <p>
          This is the key of <Foreign text={name.value} />. It is shown only now: give it to the program that will use it.
        </p>
        <p class="the-key mono">{key.value}</p>
        <p class="buttons">
          <button
            type="button"
            onClick={() =>
              void navigator.clipboard.writeText(key.value).then(
                () => say("Copied."),
                () => undefined,
              )
            }
          >
            Copy
          </button>
          <a class="button primary" href={link(["config", "keys"])}>
            Done
          </a>
        </p>
        <p class="field-help">
          It travels as <code>Authorization: Bearer KEY</code>.
        </p>
      </div>
    );
  }
  return (
    <form
      class="narrow-form"
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <Problems problem={problem.value} />
      <div class="field">
        <label for="key-name">Name: who will use it</label>
        <input
          id="key-name"
          required
          pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"
          value={name.value}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => (name.value = event.currentTarget.value)}
        />
      </div>
      <RoleChoice value={role.value} change={(next) => (role.value = next)} withClient />
      <button type="submit" class="primary">
        Make the key
      </button>
    </form>
  );
}

function KeyFacts({name, item}: {name: string; item: Item}): JSX.Element {
  return (
    <dl class="facts card">
      <dt>Name</dt>
      <dd>
        <Foreign text={name} />
      </dd>
      <dt>Role</dt>
      <dd>{brief(item["roles"] ?? item["role"])}</dd>
      <dt>Begins with</dt>
      <dd class="mono">{brief(item["prefix"]) || "–"}</dd>
      <dt>Made</dt>
      <dd>
        <Time at={brief(item["created_at"]) || null} />
      </dd>
      <dt>Last used</dt>
      <dd>
        <Time at={brief(item["last_used_at"]) || null} />
      </dd>
    </dl>
  );
}
