// main.tsx: starts the page: asks who is signed in, opens the live stream, and shows the screen of the address.

import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/parts.css";
import "./style/forms.css";
import "./style/screens.css";
import {effect} from "@preact/signals";
import {render, type JSX} from "preact";
import {session} from "./api";
import {startKeys} from "./keys";
import {startLive} from "./live";
import {Frame} from "./parts/frame";
import {Failed, Loading} from "./parts/states";
import {forgetLists} from "./resource";
import {route} from "./router";
import {kinds} from "./screens/kinds";
import {MessagePage} from "./screens/message";
import {Messages} from "./screens/messages";
import {lazy} from "./lazy";
import {ObjectPage} from "./screens/object";
import {Objects} from "./screens/objects";
import {NotFound, Overview} from "./screens/overview";
import {SignIn} from "./screens/signin";
import {Acknowledgements, Audit, Jobs} from "./screens/watch";
import {startPreferences} from "./preferences";
import {restore, starting, startProblem} from "./session";
import {startStats} from "./stats";

const EditPage = lazy(async () => (await import("./screens/edit")).EditPage, "the form");
const AccessPage = lazy(async () => (await import("./screens/access")).AccessPage, "the page");
const TablePage = lazy(async () => (await import("./screens/tables")).TablePage, "the table");

const Workbench = lazy(async () => (await import("./screens/workbench/workbench")).Workbench, "the workbench");

const NewScript = lazy(async () => (await import("./screens/workbench/start")).NewScript, "the page");

const Onboarding = lazy(async () => (await import("./screens/onboarding")).Onboarding, "the page");
const PartnerSheet = lazy(async () => (await import("./screens/sheet")).PartnerSheet, "the page");
const NewCertificate = lazy(async () => (await import("./screens/certificate")).NewCertificate, "the page");
const SetUp = lazy(async () => (await import("./screens/setup")).SetUp, "the page");
const About = lazy(async () => (await import("./screens/about")).About, "the page");

const NEW = "+new"; // No object may be called so.

function Configuration({path}: {path: string[]}): JSX.Element {
  const [, second, name, action] = path;
  const kind = kinds.find((candidate) => candidate.name === second);
  if (!kind || path.length > 4) return <NotFound />;
  const key = path.join(" ");
  if (name === undefined) return <Objects key={key} kind={kind} />;
  if (kind.name === "users" || kind.name === "keys")
    return <AccessPage key={key} kind={kind} name={name === NEW ? null : name} />;
  if (kind.name === "scripts" && name === NEW) return <NewScript />;
  if (
    kind.name === "partners" &&
    name === NEW &&
    route.value.query.get("plain") === null &&
    route.value.query.get("copy") === null
  )
    return <Onboarding key={key} name={null} />;
  if (kind.name === "certificates" && name === NEW && route.value.query.get("plain") === null) return <NewCertificate />;
  if (kind.name === "partners" && action === "onboarding") return <Onboarding key={key} name={name} />;
  if (kind.name === "partners" && action === "sheet") return <PartnerSheet key={key} name={name} />;
  if (name === NEW || action === "edit") return <EditPage key={key} kind={kind} name={name === NEW ? null : name} />;
  if (action !== undefined) return <NotFound />;
  if (kind.name === "scripts") return <Workbench key={key} name={name} />;
  if (kind.name === "tables") return <TablePage key={key} kind={kind} name={name} />;
  return <ObjectPage key={key} kind={kind} name={name} />;
}

function Screen(): JSX.Element {
  const {path, query} = route.value;
  const [place, second, third] = path;
  if (place === undefined) return <Overview />;
  if (place === "messages" && second === undefined) return <Messages />;
  if (place === "messages" && second !== undefined && third === undefined) return <MessagePage key={second} id={second} />;
  if (place === "acknowledgements" && second === undefined) return <Acknowledgements key={query.toString()} />;
  if (place === "jobs" && second === undefined) return <Jobs key={query.toString()} />;
  if (place === "audit" && second === undefined) return <Audit />;
  if (place === "setup" && second === undefined) return <SetUp />;
  if (place === "about" && second === undefined) return <About />;
  if (place === "config") return <Configuration path={path} />;
  return <NotFound />;
}

function App(): JSX.Element {
  if (starting.value) return <Loading what="Banyan" />;
  if (startProblem.value) {
    return (
      <main class="signin">
        <Failed problem={startProblem.value} what="Banyan" again={() => void restore()} />
      </main>
    );
  }
  if (!session.value) return <SignIn />;
  return (
    <Frame>
      <Screen />
    </Frame>
  );
}

// Nothing of one user's lists is left for the next.
effect(() => {
  if (!session.value) forgetLists();
});
startKeys();
startLive();
startStats();
startPreferences();
void restore();
const root = document.getElementById("app");
if (root) render(<App />, root);
