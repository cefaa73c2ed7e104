// screens/signin.tsx: user and password, nothing else. A plain form, so that password managers know it.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect, useRef} from "preact/hooks";
import {asProblem, type Problem} from "../api";
import {Logo} from "../parts/icon";
import {notice, signIn} from "../session";

export function SignIn(): JSX.Element {
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const user = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · Banyan";
    user.current?.focus();
  }, []);

  const send = async (): Promise<void> => {
    if (busy.value || !user.current || !password.current) return;
    busy.value = true;
    problem.value = null;
    try {
      await signIn(user.current.value.trim(), password.current.value);
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
      password.current.select();
    }
  };

  return (
    <main class="signin">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <h1>
          <Logo /> Banyan
        </h1>
        {notice.value && !problem.value && (
          <p class="notice" role="status">
            {notice.value}
          </p>
        )}
        {problem.value && (
          <p class="notice bad" role="alert" id="signin-problem">
            {problem.value.status === 401 ? (
              <span>
                <b>User or password is wrong.</b> Check both. An administrator can set a new password with{" "}
                <code>banyan user passwd</code>.
              </span>
            ) : (
              <span>
                <b>{problem.value.title}.</b> {problem.value.detail}
              </span>
            )}
          </p>
        )}
        <label for="user">User</label>
        <input
          id="user"
          ref={user}
          name="user"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          required
          aria-describedby={problem.value ? "signin-problem" : undefined}
        />
        <label for="password">Password</label>
        <input
          id="password"
          ref={password}
          name="password"
          type="password"
          autocomplete="current-password"
          required
          aria-describedby={problem.value ? "signin-problem" : undefined}
        />
        <button type="submit" class="primary" disabled={busy.value}>
          {busy.value ? "Signing in …" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
