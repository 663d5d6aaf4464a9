// @ts-check
/**
 * One row's elements. They are kept by the operation's id, so that a finger on a button never meets another row's.
 *
 * @typedef {import("./store.js").Row} Row
 * @typedef {import("./store.js").Live} Live
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./parts.js").Icon} Icon
 * @typedef {"" | "cancel" | "replace" | "give" | "details"} Opened
 * @typedef {{store: Store, open: Map<string, Opened>, high: Map<string, number>, again: () => void,
 *   folded: Map<string, boolean>, measure: (text: string) => number}} View
 */
import { askingOf, detailsOf, questionOf } from "./forms.js";
import { attr, barOf, buttonOf, iconOf, make, say } from "./parts.js";
import { wish } from "./store.js";
import { amountWords, dots, leftWords, rateWords, sizeWords, timeWords, whenWords } from "./words.js";

export const OVER = new Set(["done", "cancel"]);
/** @type {Record<string, string>} */
const DOING = {
  start: "Starting…", pause: "Pausing…", resume: "Resuming…", retry: "Trying again…", cancel: "Canceling…",
  ask: "Asking…", replace: "Replacing…", priority: "", first: "",
};
/** @type {Record<string, Icon>} */
const ICONS = { start: "play", pause: "pause", resume: "play", retry: "retry" };
/** @type {Record<string, Icon>} */
const STATES = {
  queue: "queue", wait: "wait", pause: "pause", person: "person", check: "check", orphan: "orphan", cancel: "cancel",
  fail: "fail", done: "done",
};
/** @type {Record<string, Icon>} */
const WAYS = { download: "down", upload: "up", copy: "copy" };
/** The buttons in words, in their order. */
const WORDS = ["give", "replace", "ask", "resume"];
const RANK = ["", "high priority", "low priority"];

/** Whether one line is enough: it is over, or has not begun. @param {Row} row @param {Live | undefined} live */
export const slimOf = (row, live) => OVER.has(row.tone) || (row.tone === "queue" && !live?.[1] && !row.why);

/** How far it is: 0 to 1, null while nobody knows. @param {Row} row @param {Live | undefined} live */
export const shareOf = (row, live) => (row.tone === "done" ? 1 : live?.[2] ? Math.min(1, live[1] / live[2]) : null);

/** What stands below the bar. @param {Row} row @param {Live | undefined} live */
export const figures = (row, live) => (!live || (!live[1] && (!live[2] || row.tone === "cancel") && row.tone !== "done") ? ""
  : !live[1] && row.tone === "queue" ? sizeWords(live[2] ?? 0)
  : dots(amountWords(live[1], row.tone === "done" ? live[1] : live[2]), rateWords(live[3]), leftWords(live[4])));

/** The buttons that a row has in words. @param {Row} row @returns {string[]} */
export const waysOut = (row) => [
  ...(row.ways.includes("url") || row.ways.includes("auth") ? ["give"] : []),
  ...(row.ways.includes("replace") ? ["replace"] : []),
  ...(row.verbs.includes("ask") ? ["ask"] : []),
  ...(row.tone === "orphan" && row.verbs.includes("resume") ? ["resume"] : []),
];

/** @param {View} view @param {string} id */
export function rowOf(view, id) {
  const { store } = view;
  let row = /** @type {Row} */ ({}), live = /** @type {Live | undefined} */ (undefined), lines = 0;
  let below = /** @type {import("./forms.js").Below | null} */ (null), shown = /** @type {Opened} */ ("");
  const icon = iconOf("down"), mark = make("span", "nbx-mark", icon.el), name = make("span", "nbx-name");
  const host = make("span", "nbx-host"), size = make("span", "nbx-size"), when = make("span", "nbx-size nbx-when");
  const word = make("b", "nbx-word"), why = make("span", "nbx-why"), state = make("span", "nbx-state", word, why);
  const free = () => store.link === "live" && !store.asked.has(id);
  const verb = () => row.verbs.find((v) => v in ICONS) ?? "";
  const ask = (/** @type {string} */ what, fields = {}) => { if (free()) wish(store, row, what, fields); };
  const turn = (/** @type {Opened} */ what) => {
    view.open.set(id, view.open.get(id) === what ? "" : what);
    view.again();
  };
  const shut = () => { view.open.set(id, ""); view.again(); el.focus({ preventScroll: true }); };
  const main = buttonOf("nbx-tool", "pause", "", () => ask(verb()));
  const up = buttonOf("nbx-tool", "first", "", () => (row.verbs.includes("first") ? ask("first") : ask("priority", { priority: row.priority === 2 ? 0 : 1 })));
  const more = buttonOf("nbx-tool nbx-turn", "more", "", () => turn("details"));
  const stop = buttonOf("nbx-tool", "x", "", () => { // what has come would be deleted: ask before
    if (live?.[1]) turn("cancel"); else ask("cancel");
  });
  const ways = make("div", "nbx-ways"), acts = make("span", "nbx-acts", up.el, main.el, stop.el, more.el);
  const top = make("div", "nbx-top", mark, name, host, acts), bar = barOf("", ""), line = make("div", "nbx-line", size, when, state);
  const el = make("div", "nbx-row", top, bar.el, line, ways);
  attr(el, { role: "listitem", tabindex: "-1" });
  el.dataset.id = id;
  const words = /** @type {Record<string, ReturnType<typeof buttonOf>>} */ ({}); // made where they are needed: few are
  const wordOf = (/** @type {string} */ key) => {
    const made = key === "give" ? buttonOf("nbx-main", "", "-", () => turn("give"))
      : key === "replace" ? buttonOf("nbx-main", "", "Replace the file…", () => turn("replace"))
      : key === "ask" ? buttonOf("", "take", "Go on here", () => ask("ask"))
      : buttonOf("nbx-main", "play", "Take it over", () => ask("resume"));
    const next = WORDS.slice(WORDS.indexOf(key) + 1).find((other) => words[other]);
    ways.insertBefore(made.el, next ? words[next].el : null);
    return made;
  };
  top.onclick = (event) => { if (!(/** @type {Element} */ (event.target).closest("button"))) turn("details"); };
  el.onkeydown = (event) => {
    if (event.key === "Escape" && view.open.get(id)) { event.stopPropagation(); shut(); return; }
    if (event.target !== el || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") turn("details");
    else if (event.key === "p" && verb()) ask(verb());
    else if ((event.key === "Delete" || event.key === "Backspace") && row.verbs.includes("cancel")) stop.el.click();
    else return;
    event.preventDefault(); event.stopPropagation();
  };
  let sizes = /** @type {ResizeObserver | null} */ (null);
  const sized = () => {
    const high = below?.el.isConnected ? below.el.offsetHeight : 0;
    if (high && view.high.get(id) !== high) { view.high.set(id, high); view.again(); }
  };

  /** Show what is open below the row. */
  const unfold = () => {
    const now = view.open.get(id) ?? "";
    if (now !== shown) {
      const focus = now && now !== "details";
      below?.el.remove(); sizes?.disconnect(); shown = now;
      below = now === "cancel" || now === "replace" ? questionOf(store, now, shut)
        : now === "give" ? askingOf(store, row, shut) : now === "details" ? detailsOf(store) : null;
      if (below) {
        el.append(below.el); sizes ??= new ResizeObserver(sized); sizes.observe(below.el);
        if (focus) /** @type {HTMLElement | null} */ (below.el.querySelector("input, .nbx-choices > :last-child"))?.focus();
      }
    }
    below?.draw(row, live);
  };

  /** @param {Row} now @param {Live | undefined} news @param {number} tall */
  const draw = (now, news, tall) => {
    row = now; live = news; lines = tall;
    const asked = store.asked.get(id), slim = slimOf(row, live), note = store.notes.get(id), off = String(!free());
    const lost = store.link === "lost" && !OVER.has(row.tone) && row.tone !== "fail";
    const tone = lost ? "orphan" : row.tone, wait = row.until ? (row.until - Date.now()) / 1000 : 0;
    Object.assign(el.dataset, { tone, lines: String(lines), slim: String(slim), open: view.open.get(id) ?? "" });
    el.style.setProperty("--nbx-lines", String(lines || 1));
    icon.set(STATES[tone] ?? WAYS[row.kind] ?? "down");
    say(name, row.name); say(host, dots(row.host, row.where, RANK[row.priority]));
    say(size, lost ? amountWords(live?.[1] ?? 0, live?.[2] ?? null) : figures(row, live));
    say(when, OVER.has(row.tone) ? whenWords(row.at) : "");
    say(word, lost ? "Interrupted" : asked && DOING[asked.verb] ? DOING[asked.verb] : row.word);
    say(why, note ? `. ${note}` : lost ? ": its kernel is gone" : asked ? "" : row.why.replace("{due}", wait >= 1 ? ` in ${timeWords(wait)}` : ""));
    attr(name, { title: row.name }); attr(host, { title: row.source });
    attr(state, { title: `${word.textContent}${why.textContent}` });
    attr(el, { "aria-label": `${row.name}: ${word.textContent}${why.textContent}` });
    bar.el.hidden = slim; bar.set(shareOf(row, live), !lost && ["run", "check"].includes(row.tone), live?.[5]);
    attr(bar.el, { "aria-label": `Progress of ${row.name}` });
    const act = verb(), label = act && act[0].toUpperCase() + act.slice(1), open = view.open.get(id);
    main.el.hidden = !act || tone === "orphan"; main.icon(ICONS[act] ?? "play"); main.named(`${label} ${row.name}`, label);
    stop.el.hidden = !row.verbs.includes("cancel"); stop.named(`Cancel ${row.name}`, "Cancel");
    const raise = row.verbs.includes("first") || (row.verbs.includes("priority") && row.priority !== 1);
    up.el.hidden = !raise || row.tone !== "queue"; // of others it is in the details
    up.named(row.verbs.includes("first") ? `Move ${row.name} to the top` : `Raise the priority of ${row.name}`, row.verbs.includes("first") ? "Move to the top" : "Raise its priority");
    more.named(`Details of ${row.name}`, "Details");
    attr(more.el, { "aria-expanded": String(open === "details") });
    const out = store.link === "live" ? waysOut(row) : [];
    for (const key of out) words[key] ??= wordOf(key);
    for (const { el: button } of [main, stop, up, ...Object.values(words)]) attr(button, { "aria-disabled": off });
    for (const [key, { el: button }] of Object.entries(words)) button.hidden = !out.includes(key);
    ways.hidden = !out.length;
    const needs = row.ways.includes("url") ? row.ways.includes("auth") ? "Give a new URL or credentials…" : "Give a new URL…" : "Give credentials…";
    if (words.give) {
      say(words.give.label, needs); words.give.named(`${needs.replace("…", "")} for ${row.name}`, needs);
      attr(words.give.el, { "aria-expanded": String(open === "give") });
    }
    words.replace?.named(`Replace the file ${row.name}`, "What is there now is replaced when all has come");
    words.ask?.named(`Go on with ${row.name} here`, "Ask the other kernel to hand it over");
    words.resume?.named(`Take over ${row.name}`, "Nobody runs it: go on with it in this kernel");
    unfold();
  };
  const drop = () => { sizes?.disconnect(); el.remove(); };
  return { el, draw, drop };
}
