// workbench/start.tsx: a new script: its name, and what it begins with.

import {useSignal} from "@preact/signals";
import type {JSX} from "preact";
import {useEffect} from "preact/hooks";
import {asProblem, get, put, type Problem} from "../../api";
import {words} from "../../format";
import {Icon} from "../../parts/icon";
import {Lines} from "../../parts/payload";
import {Refused} from "../../parts/states";
import {link, navigate} from "../../router";
import {objectPath} from "../edit";

interface Template {
  name: string;
  source: string;
}

export function NewScript(): JSX.Element {
  const templates = useSignal<Template[]>([]);
  const chosen = useSignal("");
  const name = useSignal("");
  const problem = useSignal<Problem | null>(null);
  useEffect(() => {
    document.title = "New script · Banyan";
    get<{items: Template[]}>("api/v1/templates").then(
      (found) => {
        templates.value = found.items.filter((one) => one.name !== "tests");
        chosen.value = templates.value.find((one) => one.name === "translate")?.name ?? templates.value[0]?.name ?? "";
      },
      (cause: unknown) => (problem.value = asProblem(cause)),
    );
  }, []);
  const source = templates.value.find((one) => one.name === chosen.value)?.source ?? "";
  const make = async (): Promise<void> => {
    problem.value = null;
    try {
      await put(objectPath("scripts", name.value), {source}, "");
      navigate(link(["config", "scripts", name.value]));
    } catch (cause) {
      problem.value = asProblem(cause);
    }
  };
  return (
    <>
      <div class="steps">
        <a href={link(["config", "scripts"])} data-key="Escape">
          <Icon name="back" /> Scripts
        </a>
      </div>
      <h1>New script</h1>
      <p class="about">Nothing runs through it before a flow or an endpoint names it.</p>
      <Refused problem={problem.value} />
      <div class="edit">
        <form
          class="narrow-form"
          onSubmit={(event) => {
            event.preventDefault();
            void make();
          }}
        >
          <div class="field">
            <label for="script-name">Name</label>
            <input
              id="script-name"
              required
              pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,63}"
              placeholder="order_850_to_json"
              spellcheck={false}
              value={name.value}
              onInput={(event) => (name.value = event.currentTarget.value)}
            />
            <p class="field-help">Letters, digits, . _ and -: what comes in, and what it becomes.</p>
          </div>
          <fieldset class="field">
            <legend>Begin with</legend>
            {templates.value.map((template) => (
              <label key={template.name} class="check">
                <input
                  type="radio"
                  name="template"
                  checked={chosen.value === template.name}
                  onChange={() => (chosen.value = template.name)}
                />
                {words(template.name)
                  .replace(/\bedi\b/gi, "EDI")
                  .replace(/\bcsv\b/gi, "CSV")
                  .replace(/\bjson\b/gi, "JSON")}
              </label>
            ))}
          </fieldset>
          <button type="submit" class="primary" disabled={source === ""}>
            Make it and open it
          </button>
        </form>
        <section aria-label="What it begins with">
          <Lines text={source} marks={false} />
        </section>
      </div>
    </>
  );
}
