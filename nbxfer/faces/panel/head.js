// @ts-check
/**
 * The head: how many, how far, how fast; what concerns all; which rows are shown. And the heads of groups.
 *
 * @typedef {import("./store.js").Row} Row
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./row.js").View} View
 * @typedef {import("./order.js").Sum} Sum
 * @typedef {import("./order.js").Item} Item
 */
import { attr, barOf, buttonOf, fieldOf, iconOf, make, say } from "./parts.js";
import { amountWords, countWords, dots, leftWords, rateWords } from "./words.js";
import { sumOf } from "./order.js";
import { tell } from "./store.js";

/** @type {{key: string, label: string, tones: string[]}[]} */
export const KINDS = [
  { key: "active", label: "active", tones: ["run", "queue", "wait", "check"] },
  { key: "person", label: "needs you", tones: ["person"] },
  { key: "orphan", label: "interrupted", tones: ["orphan"] },
  { key: "pause", label: "paused", tones: ["pause"] },
  { key: "fail", label: "failed", tones: ["fail"] },
  { key: "done", label: "done", tones: ["done"] },
  { key: "cancel", label: "canceled", tones: ["cancel"] },
];
const SORTS = { order: "As asked for", newest: "Newest first", name: "Name", state: "State", size: "Size", speed: "Speed", left: "Time left" };
const LIMITS = [1e6, 5e6, 20e6, 50e6, 100e6];

/** A choice of few. @param {string} cls @param {string} label @param {[string, string][]} choices */
function choiceOf(cls, label, choices) {
  const el = /** @type {HTMLSelectElement} */ (make("select", `nbx-select ${cls}`));
  const set = (/** @type {[string, string][]} */ all) => el.replaceChildren(...all.map(([value, text]) => {
    const option = /** @type {HTMLOptionElement} */ (make("option", "", text));
    option.value = value;
    return option;
  }));
  set(choices); attr(el, { "aria-label": label, title: label });
  return { el, set };
}

/** The limit of all transfers together, to be changed at any time. @param {Store} store */
function limitOf(store) {
  const choice = choiceOf("", "Speed limit of all transfers", []), own = fieldOf("", "text", "such as 5 MB/s");
  const el = make("span", "nbx-limit", choice.el, own.input);
  let had = /** @type {string | null} */ (null), asked = 0;
  const send = (/** @type {string | number | null} */ rate) => { asked = Date.now(); had = null; tell(store, { t: "limit", rate }); };
  const back = () => { own.input.hidden = true; choice.el.hidden = false; had = null; };
  attr(own.input, { "aria-label": "Speed limit, such as 5 MB/s" }); own.input.hidden = true;
  choice.el.onchange = () => {
    if (choice.el.value !== "own") { send(choice.el.value ? Number(choice.el.value) : null); return; }
    own.input.value = ""; own.input.hidden = false; choice.el.hidden = true; own.input.focus();
  };
  own.input.onkeydown = (event) => {
    if (event.key === "Enter") { if (own.input.value.trim()) send(own.input.value.trim()); back(); choice.el.focus(); }
    if (event.key === "Escape") { back(); choice.el.focus(); }
  };
  own.input.onblur = back;
  const draw = () => {
    const { limit } = store.top, now = String(limit ?? "");
    el.hidden = limit === undefined;
    if (el.hidden || now === had || Date.now() - asked < 400 || document.activeElement === own.input) return;
    had = now;
    const speeds = limit && !LIMITS.includes(limit) ? [limit, ...LIMITS] : LIMITS;
    choice.set([["", "No speed limit"], ...speeds.map((n) => /** @type {[string, string]} */ ([String(n), `At most ${rateWords(n)}`])), ["own", "Another limit…"]]);
    choice.el.value = now;
  };
  return { el, draw };
}

/**
 * @param {View} view @param {string} only
 * @param {{filter: string, query: string, sort: string}} state @param {() => void} changed
 */
export function headOf(view, only, state, changed) {
  const { store } = view;
  const title = make("strong", "nbx-title"), sum = make("span", "nbx-sum"), chips = make("span", "nbx-chips");
  const all = (/** @type {string} */ verb) => tell(store, { t: "all", verb, ...(only ? { only } : {}) });
  const pause = buttonOf("", "pause", "Pause all", () => all("pause"));
  const resume = buttonOf("", "play", "Resume all", () => all("resume")), limit = limitOf(store);
  pause.named("Pause all transfers", "Pause all"); resume.named("Resume all transfers", "Resume all that are paused or interrupted");
  const query = fieldOf("", "search", "Filter by name or host"), sort = choiceOf("", "Order of the rows", Object.entries(SORTS));
  attr(query.input, { "aria-label": "Filter by name or host" });
  query.input.oninput = () => { state.query = query.input.value; changed(); };
  query.input.onkeydown = (event) => {
    if (event.key === "Escape" && query.input.value) { event.stopPropagation(); query.input.value = state.query = ""; changed(); }
  };
  sort.el.onchange = () => { state.sort = sort.el.value; changed(); };
  const first = make("div", "nbx-head", title, sum, make("span", "nbx-acts", pause.el, resume.el, limit.el));
  const find = make("span", "nbx-find", iconOf("search").el, query.input), second = make("div", "nbx-tools", chips, make("span", "nbx-acts", find, sort.el));
  const seen = make("span", ""), warning = make("div", "nbx-warning"), around = make("div", "nbx-around", seen, warning), said = make("div", "nbx-said"), total = barOf("nbx-total", "Progress of all transfers");
  attr(said, { role: "status" });
  const el = make("div", "nbx-top-of-all", first, total.el, around, said, second);
  const buttons = KINDS.map((kind) => {
    const button = buttonOf("nbx-chip", "", "", () => { state.filter = state.filter === kind.key ? "" : kind.key; changed(); });
    button.el.dataset.tone = kind.key;
    chips.append(button.el);
    return { ...kind, button };
  });

  /** @param {Row[]} rows */
  const draw = (rows) => {
    const figure = sumOf(rows, store.live), live = store.link === "live", counts = /** @type {Record<string, number>} */ ({});
    for (const row of rows) counts[row.tone] = (counts[row.tone] ?? 0) + 1;
    const count = only && !rows.length ? "This transfer is not known any more." : countWords(rows.length, "transfer");
    say(title, store.heard ? figure.over === rows.length && rows.length ? `${count}, all over` : count : "Waiting for the kernel…");
    for (const { key, label, tones, button } of buttons) {
      const number = tones.reduce((n, tone) => n + (counts[tone] ?? 0), 0);
      button.el.hidden = !number && state.filter !== key;
      say(button.label, `${number.toLocaleString("en-US")} ${label}`); attr(button.el, { "aria-pressed": String(state.filter === key) });
    }
    const size = figure.received || figure.total ? amountWords(figure.received, figure.total) : "";
    say(sum, dots(size, live && figure.moving && rateWords(figure.rate), live && leftWords(figure.left)));
    total.el.hidden = rows.length < 2 || figure.fraction === null; total.set(figure.fraction);
    pause.el.hidden = !live || !rows.some((r) => r.verbs.includes("pause") && !r.verbs.includes("ask"));
    resume.el.hidden = !live || !rows.some((r) => r.verbs.includes("resume") && !r.ways.length && !r.verbs.includes("ask"));
    limit.draw(); if (only || !live) limit.el.hidden = true;
    around.hidden = !!only || !live || !(store.top.around || store.top.warning);
    say(seen, store.top.around); say(warning, store.top.warning); warning.hidden = !store.top.warning;
    const note = store.notes.get("") ?? "";
    said.hidden = !note; say(said, note);
    find.hidden = sort.el.hidden = rows.length < 6 && !state.query && state.sort === "order";
    second.hidden = rows.length < 2;
    title.hidden = store.heard && !rows.length && !only;
    el.hidden = !rows.length && !only ? !live : rows.length === 1 && !!only;
  };
  return { el, draw, focus: () => query.input.focus() };
}

/** The head of a group, or of what is over: it folds. @param {View} view */
export function foldOf(view) {
  const { store } = view;
  let item = /** @type {Item} */ ({}), group = "";
  const turn = buttonOf("nbx-fold", "more", "-", () => { view.folded.set(group, item.open); view.again(); });
  const sum = make("span", "nbx-sum"), bar = barOf("", ""), tell_ = (/** @type {string} */ verb) => tell(store, { t: "all", verb, group });
  const pause = buttonOf("nbx-tool", "pause", "", () => tell_("pause")), resume = buttonOf("nbx-tool", "play", "", () => tell_("resume"));
  const acts = make("span", "nbx-acts", pause.el, resume.el), el = make("div", "nbx-row nbx-group", make("div", "nbx-top", turn.el, sum, acts), bar.el);
  attr(el, { role: "listitem" });
  const draw = (/** @type {Item} */ now) => {
    item = now; group = now.kind === "group" ? now.rows[0].group : "";
    const figure = sumOf(now.rows, store.live), failed = now.rows.filter((r) => r.tone === "fail" || r.tone === "person").length;
    const size = figure.received || figure.total ? amountWords(figure.received, figure.total) : "";
    const done = now.rows.filter((r) => r.tone === "done").length;
    const name = group || `${figure.over.toLocaleString("en-US")} finished`;
    say(turn.label, name); turn.named(`${name}, ${now.open ? "fold" : "unfold"}`, now.open ? "Fold" : "Unfold");
    attr(turn.el, { "aria-expanded": String(now.open) });
    el.dataset.tone = failed ? "person" : figure.moving ? "run" : figure.over === figure.count ? "done" : "pause";
    say(sum, group ? dots(`${done} of ${figure.count} done`, failed > 0 && `${failed} need a look`, size,
      figure.moving && rateWords(figure.rate), leftWords(figure.left)) : size);
    bar.el.hidden = !group; bar.set(figure.fraction, figure.moving); attr(bar.el, { "aria-label": `Progress of ${name}` });
    const live = store.link === "live" && !!group;
    pause.el.hidden = !live || !now.rows.some((r) => r.verbs.includes("pause")); pause.named(`Pause the group ${name}`, "Pause the group");
    resume.el.hidden = !live || !now.rows.some((r) => r.verbs.includes("resume") && !r.ways.length); resume.named(`Resume the group ${name}`, "Resume the group");
  };
  return { el, draw, drop: () => el.remove() };
}
