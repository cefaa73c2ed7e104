// screens/notification.tsx: whether those who are told of alerts hear it: what would be told now is sent to them.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {asProblem, call, type Problem} from "../api";
import {Icon} from "../parts/icon";
import {Refused} from "../parts/states";
import {link} from "../router";
import {mayResend} from "../session";

export function NotificationTest({name}: {name: string}): JSX.Element | null {
  const busy = useSignal(false);
  const sent = useSignal<string | null>(null);
  const problem = useSignal<Problem | null>(null);
  if (!mayResend()) return null;
  const send = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      const response = await call("POST", `api/v1/notifications/${encodeURIComponent(name)}/test`);
      sent.value = ((await response.json()) as {message: string}).message;
    } catch (cause) {
      problem.value = asProblem(cause);
    }
    busy.value = false;
  };
  return (
    <section aria-labelledby="tests">
      <h2 id="tests">Try it</h2>
      <p class="quiet">Sends what stands now, whether or not it was told before.</p>
      <div class="buttons">
        <button type="button" disabled={busy.value} onClick={() => void send()}>
          {busy.value ? "Sending …" : "Send it now"}
        </button>
      </div>
      <div role="status">
        {sent.value && (
          <p class="outcome good">
            <Icon name="check" /> On its way: <a href={link(["messages", sent.value])}>see how it fares</a>.
          </p>
        )}
        <Refused problem={problem.value} />
      </div>
    </section>
  );
}
