// The page at /docs: reads /openapi.json, shows each operation, and sends what one fills in. No other host is ever asked.

const main = document.getElementById("operations");
const key = document.getElementById("key");

// An element with attributes and children; texts never become markup.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (value !== undefined && value !== false) element.setAttribute(attribute, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

function resolved(document, value) {
  if (!value?.$ref?.startsWith("#/")) return value;
  return value.$ref.slice(2).split("/").reduce((at, part) => at?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}

// A value that gives an idea of a schema.
function sample(document, schema, depth = 0) {
  const s = resolved(document, schema);
  if (s === true || !s || depth > 6) return null;
  if ("example" in s) return s.example;
  if ("default" in s) return s.default;
  if ("const" in s) return s.const;
  if (Array.isArray(s.enum)) return s.enum[0];
  const type = Array.isArray(s.type) ? s.type[0] : s.type ?? (s.properties ? "object" : s.items ? "array" : "string");
  if (type === "object") return Object.fromEntries(Object.entries(s.properties ?? {}).map(([name, one]) => [name, sample(document, one, depth + 1)]));
  if (type === "array") return s.items ? [sample(document, s.items, depth + 1)] : [];
  if (type === "integer" || type === "number") return s.minimum ?? 0;
  if (type === "boolean") return true;
  return type === "null" ? null : "";
}

function parameterTable(operation, fields) {
  if (!operation.parameters?.length) return undefined;
  const rows = operation.parameters.map((parameter) => {
    const field = make("input", {"aria-label": parameter.name, value: parameter.example ?? "", required: parameter.required, placeholder: parameter.required ? "required" : ""});
    fields.push({parameter, field});
    return make("tr", {},
      make("th", {scope: "row"}, make("code", {}, parameter.name), make("br"), make("small", {}, parameter.in)),
      make("td", {}, field),
      make("td", {}, parameter.description ?? "", make("br"), make("small", {}, make("code", {}, JSON.stringify(parameter.schema ?? {})))));
  });
  return make("table", {}, make("tbody", {}, ...rows));
}

function bodyField(document, operation) {
  const content = operation.requestBody?.content;
  if (!content) return undefined;
  const [type, media] = Object.entries(content)[0];
  const example = media.example ?? (media.schema ? sample(document, media.schema) : undefined);
  const area = make("textarea", {"aria-label": "Request body", spellcheck: "false"});
  area.value = example === undefined ? "" : pretty(example);
  const kind = make("input", {"aria-label": "Content-Type", value: type === "*/*" ? "application/json" : type});
  return {area, kind, schema: media.schema ? resolved(document, media.schema) : undefined};
}

function requestOf(path, method, fields, body) {
  const headers = new Headers();
  const query = new URLSearchParams();
  let target = path;
  for (const {parameter, field} of fields) {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(field.value).replaceAll("%2F", "/"));
    else if (field.value !== "" && parameter.in === "query") query.append(parameter.name, field.value);
    else if (field.value !== "") headers.set(parameter.name, field.value);
  }
  if (key.value) headers.set("Authorization", `Bearer ${key.value}`);
  if (body?.area.value) headers.set("Content-Type", body.kind.value);
  const url = query.size ? `${target}?${query}` : target;
  return {url, options: {method: method.toUpperCase(), headers, body: body?.area.value || undefined, credentials: "omit"}};
}

async function send(path, method, fields, body, output) {
  const empty = fields.find(({parameter, field}) => parameter.required && field.value === "");
  if (empty) {
    empty.field.focus();
    return;
  }
  const {url, options} = requestOf(path, method, fields, body);
  const began = performance.now();
  output.textContent = "…";
  try {
    const answer = await fetch(url, options);
    const text = await answer.text();
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    let shown = text;
    if ((answer.headers.get("content-type") ?? "").includes("json")) {
      try {
        shown = pretty(JSON.parse(text));
      } catch {
        shown = text;
      }
    }
    output.textContent = `${options.method} ${url}\n${answer.status} ${answer.statusText} in ${Math.round(performance.now() - began)} ms\n\n${head}\n\n${shown}`;
  } catch (error) {
    output.textContent = `${options.method} ${url}\n${error.message}`;
  }
}

function answers(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, one]) =>
    make("tr", {}, make("th", {scope: "row"}, make("code", {}, status)), make("td", {}, one.description ?? "", " ", make("small", {}, Object.keys(one.content ?? {}).join(", ")))));
  return make("table", {}, make("tbody", {}, ...rows));
}

// What a caller has to show. An empty alternative is for callers on the appliance's own machine.
function credentials(operation) {
  const ways = operation.security ?? [];
  const named = new Set(ways.flatMap(Object.keys));
  const kinds = [["key", "a key"], ["token", "a token"], ["certificate", "a certificate"]].filter(([name]) => named.has(name)).map(([, words]) => words);
  if (kinds.length === 0) return "";
  const both = named.has("certificate") && kinds.length > 1;
  const last = kinds.pop();
  const words = `with ${kinds.length ? `${kinds.join(" or ")} ${both ? "and" : "or"} ${last}` : last}`;
  return ways.some((way) => Object.keys(way).length === 0) ? `${words} from other machines` : words;
}

function show(document, path, method, operation) {
  const fields = [];
  const parameters = parameterTable(operation, fields);
  const body = bodyField(document, operation);
  const output = make("pre", {"aria-live": "polite", "aria-label": "Answer"});
  const trying = make("button", {type: "button", on: {click: () => send(path, method, fields, body, output)}}, "Send");
  return make("details", {id: operation.operationId, "data-words": `${method} ${path} ${operation.summary ?? ""}`.toLowerCase()},
    make("summary", {}, make("span", {class: `method ${method}`}, method.toUpperCase()), make("span", {class: operation.deprecated ? "path old" : "path"}, path), make("span", {}, operation.summary ?? ""), make("small", {}, credentials(operation))),
    make("div", {},
      parameters,
      body && make("p", {}, make("label", {}, "Content-Type ", body.kind)), body?.area,
      body?.schema && make("details", {}, make("summary", {}, "Schema of the body"), make("pre", {}, pretty(body.schema))),
      make("p", {}, trying), output,
      make("details", {}, make("summary", {}, "Answers"), make("div", {}, answers(operation)))));
}

function find(words) {
  for (const one of main.querySelectorAll("details[data-words]")) one.hidden = !one.dataset.words.includes(words.toLowerCase());
}

async function load() {
  const document = await (await fetch("/openapi.json", {credentials: "omit"})).json();
  const groups = new Map();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const tag = operation.tags?.[0] ?? "";
      groups.set(tag, [...(groups.get(tag) ?? []), show(document, path, method, operation)]);
    }
  }
  const sections = [...groups].map(([tag, operations]) => make("section", {"aria-label": tag}, make("h2", {}, tag), ...operations));
  main.replaceChildren(...sections);
  if (sections.length === 0) main.append(make("p", {}, "There are no endpoints yet."));
  globalThis.document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
}

globalThis.document.getElementById("find").addEventListener("input", (event) => find(event.target.value));
load().catch((error) => main.replaceChildren(make("p", {}, `openapi.json cannot be read: ${error.message}`)));
