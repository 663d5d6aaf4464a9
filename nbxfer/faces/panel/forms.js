// @ts-check
/**
 * What opens below a row: the question before data is lost, the fields for what only a person has, and the details.
 *
 * @typedef {import("./store.js").Row} Row
 * @typedef {import("./store.js").Live} Live
 * @typedef {import("./store.js").Store} Store
 * @typedef {{el: HTMLElement, draw: (row: Row, live: Live | undefined) => void}} Below
 */
import { attr, barOf, buttonOf, fieldOf, make, say } from "./parts.js";
import { confidential, tell, wish } from "./store.js";
import { amountWords, dots, sizeWords, whenWords } from "./words.js";

/**
 * Ask before what has come is deleted, or a file is replaced.
 * @param {Store} store @param {"cancel" | "replace"} what @param {() => void} close @returns {Below}
 */
export function questionOf(store, what, close) {
  let row = /** @type {Row} */ ({});
  const text = make("span", "nbx-question"), no = buttonOf("", "", what === "cancel" ? "Keep it going" : "Leave it", close);
  const answer = (/** @type {Record<string, unknown>} */ fields) => { close(); wish(store, row, what, fields); };
  const yes = buttonOf("nbx-danger", "", what === "cancel" ? "Cancel and delete" : "Replace", () => answer({}));
  const keep = buttonOf("", "", "Cancel, keep the part", () => answer({ keep: true }));
  const el = make("div", "nbx-below", text, make("span", "nbx-choices", yes.el, ...(what === "cancel" ? [keep.el] : []), no.el));
  attr(el, { role: "group" });
  const draw = (/** @type {Row} */ now, /** @type {Live | undefined} */ live) => {
    row = now;
    const come = sizeWords(live?.[1] ?? 0);
    say(text, what === "cancel" ? `Cancel, and delete the ${come} that ${live?.[1] === 1 ? "has" : "have"} come?`
      : `Replace what is at ${row.path}?`);
    attr(el, { "aria-label": text.textContent });
    yes.named(what === "cancel" ? `Really cancel ${row.name} and delete what has come` : `Replace ${row.path}`);
    keep.named(`Cancel ${row.name} and keep what has come`, "The unfinished file stays; the same cell goes on from it");
    no.named(what === "cancel" ? `Do not cancel ${row.name}` : `Leave what is at ${row.path}`);
  };
  return { el, draw };
}

/**
 * Fields for a new URL or for credentials. What is typed goes to the kernel by its control channel, and is kept by
 * nothing on the way: no trait, no output, no file.
 * @param {Store} store @param {Row} first @param {() => void} close @returns {Below}
 */
export function askingOf(store, first, close) {
  let row = first;
  const url = fieldOf("New URL", "url", "https://…"), user = fieldOf("User", "text"), word = fieldOf("Password", "password");
  const token = fieldOf("or token", "password"), wants = (/** @type {string} */ way) => first.ways.includes(way);
  const fields = [...(wants("url") ? [url] : []), ...(wants("auth") ? [user, word, token] : [])];
  const go = buttonOf("nbx-main", "", "Go on", () => {});
  const no = buttonOf("", "", "Not now", () => { forget(); close(); });
  const trust = make("p", "nbx-hint", "Kept in this kernel's memory only, for this transfer; never in the notebook.");
  const form = /** @type {HTMLFormElement} */ (make("form", "nbx-below nbx-form", ...fields.map((f) => f.el),
    make("span", "nbx-choices", go.el, no.el), trust));
  const forget = () => { for (const { input } of fields) input.value = ""; };
  /** @type {HTMLButtonElement} */ (go.el).type = "submit";
  form.onsubmit = (event) => {
    event.preventDefault(); // never to the page's own address
    const typed = { url: url.input.value.trim(), user: user.input.value, password: word.input.value, token: token.input.value };
    const missing = !Object.values(typed).some(Boolean);
    attr(fields[0].input, { "aria-invalid": missing ? "true" : null });
    if (missing) { fields[0].input.focus(); return; }
    forget(); close();
    wish(store, row, row.verbs.includes("retry") ? "retry" : "resume", {}, typed);
  };
  form.onkeydown = (event) => { // not left to the browser: JupyterLab has its own idea of Enter
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault(); form.requestSubmit();
  };
  const cell = make("div", "nbx-below", `Give it in a cell: op.resume(${first.ways.map((way) => `${way}=…`).join(", ")})`);
  const draw = (/** @type {Row} */ now) => {
    row = now;
    attr(form, { "aria-label": `What ${row.name} needs` });
    go.named(`Go on with ${row.name}`);
  };
  return { el: confidential(store) ? form : cell, draw };
}

const WHAT = /** @type {Record<string, string>} */ ({ download: "Download", upload: "Upload", copy: "Copy" });
const RANKS = ["Normal", "High", "Low"];

/** Where it comes from and goes to, what of it is here, and its story. @param {Store} store @returns {Below} */
export function detailsOf(store) {
  let row = /** @type {Row} */ ({}), told = "";
  const facts = make("dl", "nbx-facts"), story = make("pre", "nbx-story"), values = /** @type {Map<string, HTMLElement>} */ (new Map());
  const map = barOf("nbx-map", ""), rank = /** @type {HTMLSelectElement} */ (make("select", "nbx-select"));
  rank.append(...["High", "Normal", "Low"].map((name) => {
    const option = /** @type {HTMLOptionElement} */ (make("option", "", name));
    option.value = String(RANKS.indexOf(name));
    return option;
  }));
  rank.onchange = () => wish(store, row, "priority", { priority: Number(rank.value) });
  const ranks = make("label", "nbx-field nbx-rank", make("span", "", "Priority"), rank);
  const el = make("div", "nbx-below nbx-details", map.el, facts, ranks, story);
  attr(el, { role: "group" }); attr(story, { "aria-label": "Story", tabindex: "0", role: "region" });
  const fact = (/** @type {string} */ name, /** @type {string} */ text) => {
    let value = values.get(name);
    if (!value) {
      value = make("dd", "");
      values.set(name, value); facts.append(make("div", "", make("dt", "", name), value));
    }
    say(value, text);
    /** @type {HTMLElement} */ (value.parentElement).hidden = !text;
  };
  const draw = (/** @type {Row} */ now, /** @type {Live | undefined} */ live) => {
    row = now;
    const state = row.tone + row.word + row.why + row.priority, [, received = 0, total = null, , , pieces = []] = live ?? [0];
    if (told !== state) { told = state; tell(store, { t: "story", id: row.id }); }
    attr(el, { "aria-label": `Details of ${row.name}` });
    attr(map.el, { "aria-label": `Parts of ${row.name} that are here` });
    map.el.hidden = !pieces.length; map.set(total ? received / total : null, false, pieces);
    fact("What", WHAT[row.kind] ?? row.kind);
    fact("From", row.source); fact("To", row.path);
    fact("Here", dots(amountWords(received, total), pieces.length > 2 && `in ${pieces.length / 2} places`));
    fact("Asked for", ["done", "cancel"].includes(row.tone) ? "" : whenWords(row.at));
    fact("Ended", ["done", "cancel"].includes(row.tone) ? whenWords(row.at) : "");
    fact("Group", row.group); fact("Id", row.id);
    ranks.hidden = !row.verbs.includes("priority");
    if (document.activeElement !== rank) rank.value = String(row.priority);
    const text = (store.stories.get(row.id) ?? "…").split("\n"); // its head says what stands above it already
    say(story, text.slice(text.findIndex((line) => /^\d{4}-/.test(line))).join("\n").trim());
  };
  return { el, draw };
}
