// The page under /docs: what /openapi.json says, to read and to try.

import { $, make } from "./dom.js";

const MOST = 20000; // characters of an answer that are shown: a stream of events does not end
let names = {}; // the document's schemas

/** A schema with its reference followed. */
const found = (schema) => (schema?.$ref ? names[schema.$ref.split("/").pop()] : (schema ?? {}));

const shown = (value) => make("pre", {}, JSON.stringify(value, null, 2));

/** A value to start from: what must be there, with what the schema has for it. */
function example(schema, depth = 0) {
  const { type, properties = {}, required = [], ...rest } = found(schema);
  for (const name of ["example", "default", "const"]) if (rest[name] !== undefined) return rest[name];
  const [first] = rest.examples ?? rest.enum ?? [];
  if (first !== undefined) return first;
  const [one] = rest.anyOf ?? rest.oneOf ?? rest.allOf ?? [];
  if (one && depth < 6) return example(one, depth + 1);
  if (type === "array") return depth < 6 && rest.items ? [example(rest.items, depth + 1)] : [];
  if (type === "object" || Object.keys(properties).length)
    return Object.fromEntries(required.filter((name) => properties[name]).map((name) => [name, example(properties[name], depth + 1)]));
  return { string: "…", integer: 0, number: 0, boolean: false }[type] ?? null;
}

/** Ask, as the form says; what comes is shown as it comes. */
async function ask(method, path, fields, body, output) {
  const query = new URLSearchParams();
  for (const { name, place, input } of fields) {
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (input.value) query.append(name, input.value);
  }
  const address = query.size ? `${path}?${query}` : path;
  const headers = { ...($("key").value && { Authorization: `Bearer ${$("key").value}` }), ...(body && { "Content-Type": body.kind }) };
  const stop = new AbortController();
  output.replaceChildren(make("p", {}, `${method} ${address}`));
  try {
    const answer = await fetch(address, { method, headers, body: body?.input.value, signal: stop.signal });
    const kind = answer.headers.get("Content-Type") ?? "";
    output.append(make("p", {}, `${answer.status} ${answer.statusText} ${kind}`));
    if (kind.startsWith("image/")) return output.append(make("img", { alt: "The picture", src: URL.createObjectURL(await answer.blob()) }));
    if (kind.startsWith("application/json")) return output.append(shown(await answer.json()));
    const text = output.appendChild(make("pre"));
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let read; reader && text.textContent.length < MOST && !(read = await reader.read()).done; ) text.append(read.value);
  } catch (error) {
    output.append(make("p", {}, String(error)));
  } finally {
    stop.abort();
  }
}

/** The form of a call: a field for each parameter, and one for the body. */
function form(method, path, operation) {
  const fields = (operation.parameters ?? [])
    .filter(({ name, in: place }) => place !== "header" && name !== "api_key")
    .map(({ name, in: place, required }) => ({ name, place, input: make("input", { name, required: Boolean(required) }) }));
  const rows = fields.map(({ name, input }) => make("label", {}, make("span", {}, name), input));
  const [[kind, content] = []] = Object.entries(operation.requestBody?.content ?? {});
  const json = kind === "application/json";
  const value = json ? JSON.stringify(example(content.schema), null, 2) : "";
  const body = kind && { kind, input: make("textarea", { rows: json ? 8 : 4, value, ariaLabel: `Body, ${kind}` }) };
  const output = make("output");
  const made = make("form", {}, ...rows, ...(body ? [body.input] : []), make("button", { className: "primary" }, "Send"), output);
  made.onsubmit = (event) => {
    event.preventDefault();
    ask(method, path, fields, body, output);
  };
  return made;
}

function call(method, path, operation) {
  const parts = [make("p", { className: "words" }, operation.description ?? "")];
  for (const [kind, { schema }] of Object.entries(operation.requestBody?.content ?? {}))
    parts.push(make("h3", {}, `Body, ${kind}`), shown(found(schema)));
  for (const { name, in: place, description, schema } of operation.parameters ?? [])
    parts.push(make("h3", {}, `${name} (${place})`), ...(description ? [make("p", {}, description)] : []), shown(schema));
  for (const [status, { description }] of Object.entries(operation.responses ?? {}))
    parts.push(make("h3", {}, `${status} ${description}`));
  parts.push(make("h3", {}, "Try it"), form(method, path, operation));
  const title = make("summary", {}, make("b", {}, method), `${path} `, make("span", {}, operation.summary ?? ""));
  return make("details", {}, title, make("div", { className: "call" }, ...parts));
}

const answer = await fetch("openapi.json");
const { paths, components } = await answer.json();
names = components.schemas;
const groups = new Map();
for (const [path, operations] of Object.entries(paths))
  for (const [method, operation] of Object.entries(operations)) {
    const [tag] = operation.tags ?? ["pictures"];
    groups.set(tag, [...(groups.get(tag) ?? []), call(method.toUpperCase(), path, operation)]);
  }
const schemas = Object.entries(names).map(([name, schema]) => make("details", {}, make("summary", {}, name), shown(schema)));
groups.set("schemas", schemas);
$("calls").replaceChildren(...[...groups].flatMap(([tag, calls]) => [make("h2", {}, tag), ...calls]));
