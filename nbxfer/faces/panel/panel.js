// @ts-check
/**
 * The panel: draws what the kernel told, hands clicks back, decides nothing. Foreign text becomes text nodes only.
 *
 * A list of any length costs a few dozen elements. widget.py puts the scripts of this folder together; no build.
 *
 * @typedef {import("./store.js").Row} Row
 * @typedef {import("./order.js").Item} Item
 */
import { KINDS, foldOf, headOf } from "./head.js";
import { arrange } from "./order.js";
import { attr, buttonOf, make, say } from "./parts.js";
import { rowOf } from "./row.js";
import { initialize, look, ready, storeOf } from "./store.js";

const LISTED = 460; // pixels: a higher list scrolls
const EXAMPLE = 'nbxfer.download("https://example.org/data.zip", "data/")';
const GONE = {
  live: "",
  lost: "The kernel was restarted. What has arrived is kept: run nbxfer.reattach() to go on, nbxfer.panel() to look.",
  away: "The connection to the kernel is interrupted. The transfers go on without it.",
};

/** What a panel without transfers teaches. */
function lesson() {
  const copied = make("span", "nbx-hint"), copy = buttonOf("", "", "Copy", () => {
    navigator.clipboard?.writeText(EXAMPLE).then(() => say(copied, "Copied: paste it into a cell."), () => say(copied, "Select it, and copy it."));
  });
  const point = (/** @type {string} */ code, /** @type {string} */ text) => make("li", "", make("code", "", code), ` ${text}`);
  attr(copied, { role: "status" });
  return make("div", "nbx-empty", make("p", "nbx-title", "No transfers yet"),
    make("div", "nbx-example", make("code", "", EXAMPLE), copy.el), copied,
    make("ul", "", point("nbxfer.download([…], \"data/\")", "fetches many at once; they show up here, and go on while you work"),
      point("nbxfer.reattach()", "takes up what a restarted kernel has left, from where it was"),
      point("nbxfer ls", "shows the same in a terminal, beside a busy notebook")));
}

/** Called by anywidget for each place on the page. @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = storeOf(model), only = /** @type {string} */ (model.get("only"));
  const state = { filter: "", query: "", sort: "order" };
  const gone = make("div", "nbx-gone"), live = make("div", "nbx-live"), nothing = make("div", "nbx-nothing");
  const space = make("div", "nbx-space"), list = make("div", "nbx-list", space), empty = lesson();
  const pool = /** @type {Map<string, {el: HTMLElement, drop: () => void}>} */ (new Map());
  const tones = /** @type {Map<string, string>} */ (new Map());
  let items = /** @type {Item[]} */ ([]), tops = [0], rows = /** @type {Row[]} */ ([]), seen = -1, width = 800;
  let held = false, queued = false, onScreen = true, heard = true, wanted = "";
  const soon = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } }; // one draw a frame at most
  const pen = document.createElement("canvas").getContext("2d");
  const kick = () => { heard = true; soon(); };
  const again = () => { seen = -1; kick(); };
  const view = /** @type {import("./row.js").View} */ ({
    store, open: new Map(), high: new Map(), folded: new Map(), again, measure: (text) => pen?.measureText(text).width ?? 6.6 * text.length,
  });
  const head = headOf(view, only, state, () => { list.scrollTop = 0; again(); });
  el.classList.add("nbx");
  el.dataset.lmSuppressShortcuts = "true"; // else Enter on a button is JupyterLab's "edit the cell"
  attr(el, { role: "group", "aria-label": "Transfers" }); attr(list, { role: "list", "aria-label": "Operations" });
  attr(live, { role: "status" }); attr(gone, { role: "status" });
  el.replaceChildren(head.el, gone, list, nothing, empty, live);

  /** Choose rows, their order and heights; where a pointer is on them, they stay in their places. */
  const reorder = () => {
    rows = store.rows.filter((r) => r && (!only || (store.scopes[only]?.has(r.id) ?? r.id === only)));
    const places = held ? new Map(items.filter((i) => i.kind === "op").map((i, at) => [i.key, at])) : null;
    const kinds = KINDS.find(({ key }) => key === state.filter)?.tones ?? null;
    items = arrange(view, { rows, tones: kinds, query: state.query, sort: state.sort, places, width, now: Date.now() / 1000 });
    tops = [0];
    for (const { high } of items) tops.push(tops[tops.length - 1] + high);
    for (const r of rows) {
      const was = tones.get(r.id);
      if (was && was !== r.tone && !["run", "queue"].includes(r.tone)) say(live, `${r.name}: ${r.word}`);
      tones.set(r.id, r.tone);
    }
  };

  /** Which items are near enough to be drawn. @param {number} shown */
  const near = (shown) => {
    const from = list.scrollTop - 200, to = list.scrollTop + shown + 200;
    let low = 0, high = items.length; // halving: the list may be long
    while (low < high) { const middle = (low + high) >> 1; if (tops[middle + 1] < from) low = middle + 1; else high = middle; }
    let last = low;
    while (last < items.length && tops[last] < to) last++;
    return new Map(items.slice(low, last).map((item, i) => [item.key, low + i]));
  };

  /** @param {Map<string, number>} shown @param {boolean} fresh  whether rows that are drawn may be out of date */
  const drawItems = (shown, fresh) => {
    for (const [key, part] of pool) {
      if (shown.has(key)) continue;
      const focused = part.el.contains(document.activeElement);
      if (focused && items.some((item) => item.key === key)) continue; // scrolled away with the focus: it comes back
      if (focused) list.focus();
      part.drop(); pool.delete(key);
    }
    let at = /** @type {ChildNode | null} */ (space.firstChild);
    for (const [key, i] of shown) {
      const item = items[i], old = pool.get(key);
      const part = /** @type {any} */ (old ?? (item.kind === "op" ? rowOf(view, key) : foldOf(view)));
      pool.set(key, part);
      if (at && part.el === at) at = at.nextSibling; else space.insertBefore(part.el, at);
      if (old && !fresh && wanted !== key) continue; // it was scrolled, no more
      part.el.style.transform = `translateY(${tops[i]}px)`; part.el.style.height = `${item.high}px`;
      attr(part.el, { "aria-setsize": String(items.length), "aria-posinset": String(i + 1) });
      part.el.classList.toggle("nbx-member", item.kind === "op" && !!item.rows[0].group);
      const focused = part.el.contains(document.activeElement) ? document.activeElement : null;
      if (item.kind === "op") part.draw(item.rows[0], store.live[item.rows[0].n], item.lines); else part.draw(item);
      if (/** @type {HTMLElement | null} */ (focused)?.hidden) part.el.focus({ preventScroll: true }); // its button has gone
      if (wanted === key) { wanted = ""; part.el.focus({ preventScroll: true }); }
    }
  };

  const draw = () => {
    queued = false;
    if (pen && !pen.font.startsWith("12px")) pen.font = `12px ${getComputedStyle(el).fontFamily}`;
    const room = el.clientWidth; // 0 while hidden, and while a theme is being swapped
    if (room && room !== width) { width = room; seen = -1; } // a frame may come before the observer's word
    const fresh = heard || seen !== store.version;
    if (seen !== store.version) { seen = store.version; reorder(); }
    if (heard) { heard = false; around(); } // a scrolled list has the same head
    const high = tops[items.length], shown = Math.min(high, LISTED);
    list.hidden = !items.length; list.tabIndex = high > shown || items.length > 1 ? 0 : -1;
    list.style.height = `${shown}px`; space.style.height = `${high}px`;
    drawItems(near(shown), fresh);
  };
  const around = () => {
    head.draw(rows);
    el.classList.toggle("nbx-narrow", width < 560); el.classList.toggle("nbx-tiny", width < 400);
    el.dataset.link = store.link;
    const mark = "jupyter-widgets-disconnected"; // of the model that went; another one feeds the view now
    if (store.link === "live") el.closest(`.${mark}`)?.classList.remove(mark);
    gone.hidden = store.link === "live"; say(gone, GONE[store.link]);
    empty.hidden = !!only || !store.heard || rows.length > 0;
    nothing.hidden = !rows.length || items.length > 0; say(nothing, "Nothing fits this filter.");
  };

  /** Go to a row by its place, from where the focus is. @param {number} at */
  const go = (at) => {
    const i = Math.max(0, Math.min(items.length - 1, at));
    if (!items[i]) return;
    if (tops[i] < list.scrollTop) list.scrollTop = tops[i];
    if (tops[i + 1] > list.scrollTop + list.clientHeight) list.scrollTop = tops[i + 1] - list.clientHeight;
    wanted = items[i].key; draw(); // at once: the next key is meant for this row
  };
  list.onkeydown = (event) => {
    const on = /** @type {HTMLElement} */ (event.target);
    if (/^(INPUT|SELECT|TEXTAREA|PRE)$/.test(on.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = [...pool].find(([, part]) => part.el.contains(on))?.[0], at = items.findIndex((item) => item.key === key);
    const page = Math.max(1, Math.floor(list.clientHeight / 58) - 1);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1, PageDown: at + page, PageUp: at - page }[event.key];
    if (event.key === "/") head.focus(); else if (to !== undefined) go(to); else return;
    event.preventDefault();
  };

  const turned = () => { look(store); kick(); };
  const observer = new IntersectionObserver((entries) => {
    const now = entries[entries.length - 1].isIntersecting;
    if (now !== onScreen) { onScreen = now; turned(); }
  });
  const sizes = new ResizeObserver(() => { if (el.clientWidth && el.clientWidth !== width) again(); });
  const ticks = setInterval(() => {
    const now = Date.now();
    if (rows.some((r) => (r.until ?? 0) > now - 2000)) kick();
    if (!held && rows.some((r) => now / 1000 - r.at < 12 && (r.tone === "done" || r.tone === "cancel"))) again(); // it folds soon
  }, 1000);
  list.addEventListener("scroll", soon, { passive: true });
  list.addEventListener("pointerenter", () => { held = true; });
  list.addEventListener("pointerleave", () => { held = false; again(); });
  document.addEventListener("visibilitychange", turned);
  observer.observe(el); sizes.observe(el); store.views.set(kick, () => onScreen); turned();
  return () => {
    for (const part of pool.values()) part.drop();
    store.views.delete(kick); observer.disconnect(); sizes.disconnect(); clearInterval(ticks);
    document.removeEventListener("visibilitychange", turned);
  };
}

ready(render);
export default { initialize, render };
