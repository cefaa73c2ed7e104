// parts/states.tsx: what stands in place of data: still loading, nothing there, gone wrong, not reachable. Each says what to do next.

import type {ComponentChildren, JSX} from "preact";
import {useEffect, useState} from "preact/hooks";
import {lastAnswer, reachable, type Problem} from "../api";
import {localTime} from "../format";
import {reconnect} from "../live";
import {Icon} from "./icon";

const PATIENCE_MS = 200; // What comes sooner needs no announcement.

export function Loading({what}: {what: string}): JSX.Element {
  const [shown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="state loading" role="status">
      {shown && `Loading ${what} …`}
    </div>
  );
}

export function Empty({title, children}: {title: string; children?: ComponentChildren}): JSX.Element {
  return (
    <div class="state empty">
      <p class="state-title">{title}</p>
      {children}
    </div>
  );
}

// What was asked for was refused: in the server's words, beside the button that asked. Nothing without a problem.
export function Refused({problem}: {problem: Problem | null}): JSX.Element | null {
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

export function Failed({problem, what, again}: {problem: Problem; what: string; again: () => void}): JSX.Element {
  const retry = (): void => {
    reconnect();
    again();
  };
  return (
    <div class={`state failed ${problem.status === 0 ? "offline" : ""}`} role="alert">
      <p class="state-title">
        <Icon name="warn" /> Could not show {what}
      </p>
      <p>
        <b>{problem.title}.</b> {problem.detail}
      </p>
      {problem.status !== 403 && problem.status !== 404 && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

// Above data that is shown although the latest look at the server failed.
export function Stale({problem, again}: {problem: Problem | null; again: () => void}): JSX.Element | null {
  if (!problem || problem.status === 0) return null;
  return (
    <div class="notice bad" role="alert">
      <span>
        <b>{problem.title}.</b> {problem.detail} What is shown below may be out of date.
      </span>
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

export function OfflineBanner(): JSX.Element | null {
  if (reachable.value) return null;
  return (
    <div class="notice bad" role="alert">
      <span>
        <b>The appliance does not answer.</b>{" "}
        {lastAnswer.value ? `What is shown is as of ${localTime(lastAnswer.value)}. ` : ""}
        The page keeps trying; nothing is lost.
      </span>
      <button type="button" onClick={reconnect}>
        Try now
      </button>
    </div>
  );
}
