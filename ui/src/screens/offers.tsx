// screens/offers.tsx: certificates that partners offer over AS2, which wait until somebody has looked at them, and those that we offer.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {asProblem, call, type Problem} from "../api";
import {words} from "../format";
import {Dialog} from "../parts/dialog";
import {Icon} from "../parts/icon";
import {Refused} from "../parts/states";
import {Foreign, Named, Time} from "../parts/text";
import {say} from "../parts/toast";
import {useResource} from "../resource";
import {mayChange} from "../session";
import type {Item} from "../types";
import {Details} from "./certificate";
import {brief, nameOf} from "./kinds";

// Those of one partner, or all of them; nothing where there are none.
export function Offers({partner}: {partner?: string}): JSX.Element | null {
  const all = useResource<{items: Item[]}>("api/v1/certificate-offers", ["config"]);
  const looking = useSignal<Item | null>(null);
  const items = (all.data.value?.items ?? []).filter((offer) => partner === undefined || offer["partner"] === partner);
  if (items.length === 0) return null;
  return (
    <section aria-labelledby="offers">
      <h2 id="offers">Certificates offered</h2>
      <table class="listing">
        <caption class="hidden">Certificates offered over AS2</caption>
        <thead>
          <tr>
            <th scope="col">Certificate</th>
            {partner === undefined && <th scope="col">Partner</th>}
            <th scope="col" class="weight-2">
              Offered by
            </th>
            <th scope="col">State</th>
            <th scope="col" class="weight-2">
              Answer due
            </th>
            <th scope="col">
              <span class="hidden">What can be done</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((offer) => (
            <tr key={brief(offer["id"])}>
              <td>
                <Foreign text={brief(offer["subject"])} />
              </td>
              {partner === undefined && (
                <td>
                  <Named kind="partners" name={brief(offer["partner"])} />
                </td>
              )}
              <td class="weight-2">{offer["direction"] === "in" ? "the partner" : "us"}</td>
              <td>
                {words(brief(offer["status"]))}
                {offer["reason"] ? (
                  <>
                    : <Foreign text={brief(offer["reason"])} />
                  </>
                ) : null}
              </td>
              <td class="weight-2">{offer["status"] === "waiting" ? <Time at={brief(offer["respond_by"]) || null} /> : "–"}</td>
              <td class="end">
                {offer["direction"] === "in" && offer["status"] === "waiting" && mayChange() && (
                  <button type="button" onClick={() => (looking.value = offer)}>
                    Decide …
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {looking.value && <Decide offer={looking.value} close={() => (looking.value = null)} done={all.reload} />}
    </section>
  );
}

function Decide({offer, close, done}: {offer: Item; close: () => void; done: () => void}): JSX.Element {
  const reason = useSignal("");
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const decide = async (what: "accept" | "refuse", told: string): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      await call(
        "POST",
        `api/v1/certificate-offers/${encodeURIComponent(brief(offer["id"]))}/${what}`,
        what === "refuse" && reason.value ? {reason: reason.value} : {},
      );
      say(told);
      done();
      close();
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  const partner = brief(offer["partner"]);
  return (
    <Dialog title={`A new certificate of ${partner}`} close={close}>
      <p>
        It came in a message that is signed with a certificate in use. Compare the fingerprint with the partner by another way,
        such as the telephone. Accepted, it holds beside the present one, and is used to encrypt from its begin.
      </p>
      <Details details={offer} />
      <div class="field">
        <label for="refusal">Why, if you refuse it (the partner is told)</label>
        <input id="refusal" value={reason.value} onInput={(event) => (reason.value = event.currentTarget.value)} />
      </div>
      <Refused problem={problem.value} />
      <div class="sheet-foot">
        <button type="button" onClick={close}>
          Later
        </button>
        <button type="button" disabled={busy.value} onClick={() => void decide("refuse", `Refused; ${partner} is told.`)}>
          Refuse
        </button>
        <button
          type="button"
          class="primary"
          disabled={busy.value}
          onClick={() => void decide("accept", `It is one of ${partner}'s certificates now.`)}
        >
          Accept
        </button>
      </div>
    </Dialog>
  );
}

// A button beside a certificate of ours: the partner gets it over AS2.
export function OfferTools({name}: {name: string}): JSX.Element | null {
  const open = useSignal(false);
  if (!mayChange()) return null;
  return (
    <>
      <button type="button" onClick={() => (open.value = true)}>
        <Icon name="again" /> Offer it to a partner …
      </button>
      {open.value && <Offer name={name} close={() => (open.value = false)} />}
    </>
  );
}

function Offer({name, close}: {name: string; close: () => void}): JSX.Element {
  const connections = useResource<{items: Item[]}>("api/v1/connections");
  const chosen = useSignal("");
  const by = useSignal("");
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const fit = (connections.data.value?.items ?? []).filter((item) => item["kind"] === "as2");
  const connection = chosen.value || (fit[0] ? nameOf(fit[0]) : "");
  const send = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      const body: Item = {certificate: name};
      if (by.value) body["respond_by"] = by.value;
      await call("POST", `api/v1/connections/${encodeURIComponent(connection)}/offer`, body);
      say(`${name} is on its way; the answer is noted when it comes.`);
      close();
    } catch (cause) {
      problem.value = asProblem(cause);
      busy.value = false;
    }
  };
  return (
    <Dialog title={`Offer ${name} to a partner`} close={close}>
      <p>
        It is sent over AS2, signed with the key in use now. It must be one of the station's keys already; give it a valid_from
        in the future, so that the partner has time.
      </p>
      <div class="field">
        <label for="offer-connection">AS2 connection</label>
        <select id="offer-connection" value={connection} onChange={(event) => (chosen.value = event.currentTarget.value)}>
          {fit.map((item) => (
            <option key={nameOf(item)} value={nameOf(item)}>
              {nameOf(item)} ({brief(item["partner"])})
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="offer-by">To be answered by</label>
        <input id="offer-by" type="date" value={by.value} onInput={(event) => (by.value = event.currentTarget.value)} />
        <p class="field-help">In a month when left out.</p>
      </div>
      <Refused problem={problem.value} />
      <div class="sheet-foot">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={busy.value || connection === ""} onClick={() => void send()}>
          Offer it
        </button>
      </div>
    </Dialog>
  );
}
