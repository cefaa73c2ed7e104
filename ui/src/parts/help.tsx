// parts/help.tsx: the sheet behind "?": what the keys do, what the search box understands, which version this is.

import type {ComponentChildren, JSX} from "preact";
import {helpShown, lettersOn, switchLetters} from "../keys";
import {places} from "../places";
import {explanations, filters} from "../query";
import {stats} from "../stats";
import {Dialog} from "./dialog";
import {Key} from "./text";

const general: [keys: string[], what: string][] = [
  [["/"], "search, or filter the list that is shown"],
  [["Ctrl", "K"], "the same, from everywhere"],
  [["j"], "next row"],
  [["k"], "previous row"],
  [["Enter"], "open the row"],
  [["Esc"], "back up to the list"],
  [["["], "previous message of the list"],
  [["]"], "next message of the list"],
  [["n"], "show new rows"],
  [["r"], "send the message again (asks first)"],
  [["x"], "select the row"],
  [["c"], "make a new one of what is listed"],
  [["e"], "change what is shown"],
  [["z"], "undo what was just done"],
  [["?"], "this sheet"],
];

const workbench: [keys: string[], what: string][] = [
  [["Ctrl", "Enter"], "run the tests"],
  [["Ctrl", "S"], "keep the draft now"],
  [["Ctrl", "⇧", "Enter"], "publish (asks first)"],
  [["Ctrl", "Space"], "what may come next"],
  [["F8"], "next problem"],
  [["Esc", "Tab"], "leave the editor"],
];

function Row({keys, children}: {keys: string[]; children: ComponentChildren}): JSX.Element {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <Key key={key}>{key}</Key>
        ))}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Help(): JSX.Element {
  const close = (): void => void (helpShown.value = false);
  return (
    <Dialog title="Keys and help" close={close} read>
      <div class="help-columns">
        <section>
          <h3>Everywhere</h3>
          <dl class="keys">
            {general.map(([keys, what]) => (
              <Row key={what} keys={keys}>
                {what}
              </Row>
            ))}
          </dl>
        </section>
        <section>
          <h3>Go to</h3>
          <dl class="keys">
            {places.map((place) => (
              <Row key={place.title} keys={["g", place.key]}>
                {place.title}
              </Row>
            ))}
          </dl>
        </section>
        <section>
          <h3>In the workbench</h3>
          <dl class="keys">
            {workbench.map(([keys, what]) => (
              <Row key={what} keys={keys}>
                {what}
              </Row>
            ))}
          </dl>
        </section>
        <section>
          <h3>In the search box</h3>
          <dl class="keys">
            {filters.map((filter) => (
              <Row key={filter} keys={[`${filter}:`]}>
                {explanations[filter]}
              </Row>
            ))}
          </dl>
          <p class="quiet">Anything else is searched for: order numbers, control numbers, file names.</p>
        </section>
      </div>
      <label class="check">
        <input type="checkbox" checked={lettersOn.value} onChange={(event) => switchLetters(event.currentTarget.checked)} />
        Single letters are commands
      </label>
      <div class="sheet-foot">
        <span class="quiet">
          Banyan {stats.data.value?.version ?? ""} · <a href="licenses.txt">licences of this page's parts</a>
        </span>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
