// lazy.tsx: a screen that is fetched when it is first opened, with what it is made of (the editor, the plots). Until it is there it
// says so, and when it cannot be had it says that, too.

import type {ComponentType, JSX} from "preact";
import {useEffect, useState} from "preact/hooks";
import {during} from "./activity";
import {Problem} from "./api";
import {Failed, Loading} from "./parts/states";

export function lazy<P extends object>(load: () => Promise<ComponentType<P>>, what: string): (props: P) => JSX.Element {
  let known: ComponentType<P> | null = null;
  return function Lazy(props: P): JSX.Element {
    const [part, setPart] = useState<{view: ComponentType<P> | null}>({view: known});
    const [failed, setFailed] = useState(false);
    const fetchPart = (): void => {
      setFailed(false);
      during(load()).then(
        (view) => {
          known = view;
          setPart({view});
        },
        () => setFailed(true),
      );
    };
    useEffect(() => {
      if (!part.view) fetchPart();
    }, []);
    if (part.view) {
      const View = part.view;
      return <View {...props} />;
    }
    if (!failed) return <Loading what={what} />;
    const problem = new Problem(0, "A part of this page could not be loaded", "Check that the appliance runs, then try again.");
    return <Failed problem={problem} what={what} again={fetchPart} />;
  };
}
