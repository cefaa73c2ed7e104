// parts/frame.tsx: what stands around every screen: the rail, the top bar, the banner when the appliance is out of reach.

import {signal} from "@preact/signals";
import type {ComponentChildren, JSX} from "preact";
import {useLayoutEffect, useRef} from "preact/hooks";
import {begin} from "../activity";
import {asProblem, session} from "../api";
import {count, plural} from "../format";
import {helpShown} from "../keys";
import {live} from "../live";
import {groups, isAt} from "../places";
import {link, route} from "../router";
import {signOut} from "../session";
import {needs} from "../stats";
import {Help} from "./help";
import {Icon, Logo} from "./icon";
import {Search} from "./search";
import {OfflineBanner} from "./states";
import {Foreign} from "./text";
import {say, Toast} from "./toast";

const railOpen = signal(false); // On narrow screens the rail is a drawer.

export function Frame({children}: {children: ComponentChildren}): JSX.Element {
  const main = useRef<HTMLElement>(null);
  const here = route.value.path.join("/");
  const first = useRef(true);
  // Before the effects of the new screen: a list that is gone back to then finds its own place again.
  useLayoutEffect(() => {
    railOpen.value = false;
    helpShown.value = false;
    // A new screen is read from its top, by eyes and by screen readers; the first one was loaded with the page.
    if (!first.current) main.current?.focus({preventScroll: true});
    first.current = false;
    scrollTo(0, 0);
  }, [here]);
  // What a new address shows is asked for by effects that run later.
  useLayoutEffect(() => begin()(), [route.value.address]);

  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header>
        <button
          type="button"
          class="plain menu"
          aria-expanded={railOpen.value}
          aria-controls="rail"
          onClick={() => (railOpen.value = !railOpen.value)}
        >
          <Icon name={railOpen.value ? "close" : "menu"} />
          <span class="hidden">Menu</span>
        </button>
        <a class="brand" href={link([])}>
          <Logo />
          <span>Banyan</span>
        </a>
        <Search />
        <Live />
        <button
          type="button"
          class="plain help"
          aria-label="Keys and help"
          title="Keys and help (?)"
          onClick={() => (helpShown.value = true)}
        >
          ?
        </button>
        <Who />
      </header>
      <nav id="rail" aria-label="Screens" class={railOpen.value ? "open" : ""}>
        <Rail />
      </nav>
      <main ref={main} tabIndex={-1} data-address={route.value.address}>
        <OfflineBanner />
        {children}
      </main>
      <Toast />
      {helpShown.value && <Help />}
    </>
  );
}

function Rail(): JSX.Element {
  const path = route.value.path;
  const counts: {[title: string]: [number, string]} = {
    Overview: [needs.value.total, "need you"],
    Acknowledgements: [needs.value.overdue, "overdue"],
    Jobs: [needs.value.dead, "given up"],
  };
  return (
    <>
      {groups.map((group) => (
        <div key={group.title} class="group">
          <h2>{group.title}</h2>
          <ul>
            {group.places.map((place) => {
              const [number, meaning] = counts[place.title] ?? [0, ""];
              return (
                <li key={place.title}>
                  <a href={link(place.path)} aria-current={isAt(place, path) ? "page" : undefined}>
                    {place.title}
                    {number > 0 && (
                      <span class="badge" title={`${count(number)} ${meaning}`}>
                        {count(number)}
                        <span class="hidden"> {meaning}</span>
                      </span>
                    )}
                  </a>
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </>
  );
}

function Live(): JSX.Element {
  const words = {on: "Live", connecting: "Connecting", off: "Not live"}[live.value];
  const help = live.value === "on" ? "Changes appear by themselves" : "Changes appear once the appliance can be reached again";
  return (
    <span class={`live ${live.value}`} title={help}>
      <span class="dot" aria-hidden="true" />
      <span class="live-word">{words}</span>
    </span>
  );
}

function Who(): JSX.Element {
  const user = session.value?.user ?? "";
  const roles = session.value?.roles ?? [];
  const leave = (): void => {
    signOut().catch((cause: unknown) => say(`You are still signed in. ${asProblem(cause).message}`));
  };
  return (
    <div class="who">
      <span class="user" title={`${plural(roles.length, "role")}: ${roles.join(", ")}`}>
        <Foreign text={user} />
      </span>
      <button type="button" class="plain" onClick={leave}>
        Sign out
      </button>
    </div>
  );
}
