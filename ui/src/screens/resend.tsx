// screens/resend.tsx: the question before a message goes out again. It says what leaves the house and to whom, in one sentence.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {asProblem, call, type Problem} from "../api";
import {plural, size} from "../format";
import {Dialog, DialogFoot} from "../parts/dialog";
import {Refused} from "../parts/states";
import {Foreign, messageTitle} from "../parts/text";
import {say} from "../parts/toast";
import {useResource} from "../resource";
import {link} from "../router";
import type {Item, Json, Message} from "../types";

interface ResendProps {
  message: Message;
  close: () => void;
  done: () => void;
}

export function Resend({message, close, done}: ResendProps): JSX.Element {
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);

  const send = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      const response = await call("POST", `api/v1/messages/${encodeURIComponent(message.id)}/resend`, {});
      const made: unknown = await response.json().catch(() => null);
      const id = made !== null && typeof made === "object" && "id" in made ? String(made.id) : "";
      const text = message.direction === "out" ? "It is on its way again." : "It is being processed again.";
      say(text, id && id !== message.id ? {title: "Show the new message", address: link(["messages", id])} : null);
      done();
      close();
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };

  return (
    <Dialog title={message.direction === "out" ? "Send this message again?" : "Process this message again?"} close={close}>
      {message.direction === "out" ? <Outward message={message} /> : <Inward message={message} />}
      <Refused problem={problem.value} />
      <DialogFoot
        close={close}
        act={send}
        word={message.direction === "out" ? "Send again" : "Process again"}
        disabled={busy.value}
      />
    </Dialog>
  );
}

function What({message}: {message: Message}): JSX.Element {
  const documents = message.documents ?? [];
  return (
    <>
      <b>
        <Foreign text={messageTitle(message)} />
      </b>
      {documents.length > 1 && ` and ${plural(documents.length - 1, "more document")}`}
      {message.size !== undefined && ` (${size(message.size)})`}
    </>
  );
}

function Outward({message}: {message: Message}): JSX.Element {
  return (
    <>
      <p>
        <What message={message} /> leaves for{" "}
        <b>
          <Foreign text={message.partner ?? "the other side"} />
        </b>{" "}
        through the connection{" "}
        <b>
          <Foreign text={message.connection ?? "it went through before"} />
        </b>
        , the same bytes as before.
      </p>
      {(message.status === "completed" || message.status === "waiting") && (
        <p>It was delivered once already: the other side receives it a second time, and has to know it as a repetition.</p>
      )}
    </>
  );
}

function Inward({message}: {message: Message}): JSX.Element {
  const flow = useResource<Item>(message.flow ? `api/v1/flows/${encodeURIComponent(message.flow)}` : null);
  const targets = destinations(flow.data.value?.["to"] ?? null);
  return (
    <p>
      <What message={message} /> runs through{" "}
      {message.flow ? (
        <>
          the flow{" "}
          <b>
            <Foreign text={message.flow} />
          </b>
        </>
      ) : (
        "its flow"
      )}{" "}
      again. What that makes leaves for{" "}
      {targets.length > 0
        ? targets.map((name, index) => (
            <>
              {index > 0 && (index === targets.length - 1 ? " and " : ", ")}
              <b>
                <Foreign text={name} />
              </b>
            </>
          ))
        : "the flow's destinations"}
      .
    </p>
  );
}

function destinations(to: Json): string[] {
  return (Array.isArray(to) ? to : [to]).flatMap((entry) => {
    if (typeof entry === "string") return [entry];
    if (entry === null || typeof entry !== "object" || Array.isArray(entry)) return [];
    return typeof entry["connection"] === "string" ? [entry["connection"]] : [];
  });
}
