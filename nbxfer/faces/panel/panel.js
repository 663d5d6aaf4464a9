// @ts-check
/**
 * The panel: draws what the kernel told, hands clicks back, decides nothing. Foreign text becomes text nodes only.
 *
 * A list of any length costs a few dozen elements. They are kept by the operation's id, so that a finger on a button
 * never meets another row's button. widget.py puts store.js and this file together; there is no build.
 *
 * @typedef {import("./store.js").Row} Row
 * @typedef {import("./store.js").Live} Live
 * @typedef {import("./store.js").Store} Store
 */
import { initialize, look, storeOf, wish } from "./store.js";

const LISTED = 430; // pixels: a higher list scrolls
/** @type {{key: string, label: string, tones: string[]}[]} */
const GROUPS = [
  { key: "active", label: "active", tones: ["run", "queue", "wait", "check"] },
  { key: "person", label: "needs you", tones: ["person"] },
  { key: "orphan", label: "interrupted", tones: ["orphan"] },
  { key: "pause", label: "paused", tones: ["pause"] },
  { key: "fail", label: "failed", tones: ["fail"] },
  { key: "done", label: "done", tones: ["done"] },
  { key: "cancel", label: "canceled", tones: ["cancel"] },
];
const OVER = new Set(["done", "cancel"]);
/** @type {Record<string, string>} */
const DOING = { start: "Starting…", pause: "Pausing…", resume: "Resuming…", retry: "Retrying…", cancel: "Canceling…" };
const GONE = {
  live: "",
  lost: "The kernel was restarted. What has arrived is kept: run nbxfer.reattach() to go on, nbxfer.panel() to look.",
  away: "The connection to the kernel is interrupted. The transfers go on without it.",
};

/** @type {(tag: string, cls: string, ...kids: (Node | string)[]) => HTMLElement} */
const make = (tag, cls, ...kids) => {
  const e = document.createElement(tag);
  e.className = cls; e.append(...kids);
  return e;
};
/** @type {(e: Element, text: string) => void} */
const say = (e, text) => { if (e.textContent !== text) e.textContent = text; };
/** @type {(e: Element, values: Record<string, string | null>) => void} */
const attr = (e, values) => {
  for (const [name, value] of Object.entries(values)) {
    if (value === null) e.removeAttribute(name); else if (e.getAttribute(name) !== value) e.setAttribute(name, value);
  }
};
/** @type {(seconds: number) => string} */
const span = (s) => (s < 100 ? `${Math.round(s)} s` : `${Math.round(s / 60)} min`);
/** @type {(...parts: string[]) => string} */
const dots = (...parts) => parts.filter(Boolean).join(" · ");

/**
 * A bar and the function that sets it: 0 to 1, or null while nobody knows; with pieces, where the bytes are.
 * @param {string} cls @param {string} label
 */
function barOf(cls, label) {
  const fill = make("i", "nbx-fill"), el = make("div", `nbx-bar ${cls}`, fill);
  attr(el, { role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100" });
  const set = (/** @type {number | null} */ fraction, moving = false, pieces = /** @type {number[]} */ ([])) => {
    const percent = fraction === null ? null : String(Math.floor(fraction * 100)), unknown = fraction === null && moving;
    el.classList.toggle("nbx-unknown", unknown); el.classList.toggle("nbx-pieces", pieces.length > 0);
    fill.style.transform = unknown ? "" : `scaleX(${pieces.length ? 1 : fraction ?? 0})`;
    const stops = pieces.map((at, i) => (i % 2 ? `var(--nbx-done) ${pieces[i - 1]}% ${at}%` : `#0000 ${pieces[i - 1] ?? 0}% ${at}%`));
    fill.style.backgroundImage = stops.length ? `linear-gradient(90deg, ${stops.join()}, #0000 0)` : "";
    const places = pieces.length > 2 ? `, in ${pieces.length / 2} places` : "";
    attr(el, { "aria-valuenow": percent, "aria-valuetext": percent === null ? "size unknown" : `${percent} %${places}` });
  };
  return { el, set };
}

/** One row's elements. @param {Store} store @param {string} id */
function rowOf(store, id) {
  const name = make("span", "nbx-name"), host = make("span", "nbx-host"), size = make("span", "nbx-size");
  const main = make("button", "nbx-button"), stop = make("button", "nbx-button");
  const word = make("b", "nbx-word"), why = make("span", "nbx-why"), state = make("span", "nbx-state", word, why);
  const top = make("div", "nbx-top", make("span", "nbx-dot"), name, host, make("span", "nbx-acts", main, stop));
  const bar = barOf("", ""), el = make("div", "nbx-row", top, bar.el, make("div", "nbx-line", size, state));
  el.setAttribute("role", "listitem");
  let row = /** @type {Row} */ ({}), sure = /** @type {any} */ (0), redo = () => {};
  const free = () => store.link === "live" && !store.asked.has(id);
  const calm = () => { clearTimeout(sure); sure = 0; redo(); };
  const verb = () => row.verbs.find((v) => v !== "cancel") ?? "";
  main.onclick = () => { if (free() && verb()) wish(store, row, verb()); };
  stop.onclick = () => { // twice, for what has arrived is deleted
    if (!free()) return;
    if (sure) { calm(); wish(store, row, "cancel"); } else { sure = setTimeout(calm, 5000); redo(); }
  };
  stop.onblur = calm;
  el.onkeydown = (event) => { if (event.key === "Escape" && sure) calm(); };

  /** @param {Row} now @param {Live | undefined} live @param {number} lines */
  const draw = (now, live, lines) => {
    row = now; redo = () => draw(now, live, lines);
    const [, fraction, bytes, rate, left, pieces] = live ?? [0, null, "", "", "", []], asked = store.asked.get(id);
    const stopped = store.link === "lost" && !OVER.has(row.tone) && row.tone !== "fail", note = store.notes.get(id);
    const wait = row.until ? (row.until - Date.now()) / 1000 : 0;
    const reason = row.why.replace("{due}", wait >= 1 ? ` in ${span(wait)}` : "");
    Object.assign(el.dataset, { tone: stopped ? "orphan" : row.tone, lines: String(lines) });
    say(name, row.name); say(host, dots(row.host, row.where));
    say(size, stopped ? bytes : dots(bytes, rate, left));
    say(word, stopped ? "Interrupted" : row.word);
    say(why, note ? `. ${note}` : stopped ? ": its kernel is gone" : reason);
    attr(name, { title: row.path }); attr(host, { title: row.source });
    attr(state, { title: `${word.textContent}${why.textContent}` });
    bar.set(fraction, !stopped && ["run", "check"].includes(row.tone), pieces);
    attr(bar.el, { "aria-label": `Progress of ${row.name}` });
    const label = verb() && verb()[0].toUpperCase() + verb().slice(1), off = String(!free());
    main.hidden = !verb(); stop.hidden = !row.verbs.includes("cancel");
    say(main, asked && asked.verb !== "cancel" ? DOING[asked.verb] : label);
    say(stop, asked?.verb === "cancel" ? DOING.cancel : sure ? "Really?" : "Cancel");
    attr(main, { "aria-label": `${label} ${row.name}`, "aria-disabled": off });
    attr(stop, {
      "aria-label": sure ? `Really cancel ${row.name} and delete what has arrived?` : `Cancel ${row.name}`,
      "aria-disabled": off, title: sure ? "Click again: what has arrived is deleted" : null,
    });
    stop.classList.toggle("nbx-sure", !!sure);
  };
  return { el, draw };
}

/** Called by anywidget for each place on the page. @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = storeOf(model), only = /** @type {string} */ (model.get("only"));
  const title = make("strong", "nbx-title"), chips = make("span", "nbx-chips"), sum = make("span", "nbx-sum");
  const head = make("div", "nbx-head", title, chips, sum), total = barOf("nbx-total", "Progress of all transfers");
  const gone = make("div", "nbx-gone"), live = make("div", "nbx-live");
  const space = make("div", "nbx-space"), list = make("div", "nbx-list", space);
  const empty = make("div", "nbx-empty", make("p", "", "No transfers yet. Start one in a cell:"),
    make("pre", "", 'nbxfer.download("https://example.org/data.zip", "data/")'),
    make("p", "", "It goes on while you work. After a kernel restart, nbxfer.reattach() takes it up where it was."));
  el.classList.add("nbx");
  el.dataset.lmSuppressShortcuts = "true"; // else Enter on a button is JupyterLab's "edit the cell"
  attr(el, { role: "group", "aria-label": "Transfers" }); attr(list, { role: "list", "aria-label": "Operations" });
  attr(live, { role: "status" }); attr(gone, { role: "status" });
  el.replaceChildren(head, total.el, gone, list, empty, live);

  const pool = /** @type {Map<string, ReturnType<typeof rowOf>>} */ (new Map());
  const tones = /** @type {Map<string, string>} */ (new Map());
  const tops = [0], lines = /** @type {number[]} */ ([]);
  let order = /** @type {Row[]} */ ([]), seen = -1, width = 800, filter = "";
  let held = false, queued = false, onScreen = true;
  const buttons = GROUPS.map((group) => {
    const button = make("button", "nbx-chip");
    button.dataset.tone = group.key;
    button.onclick = () => { filter = filter === group.key ? "" : group.key; list.scrollTop = 0; again(); };
    chips.append(button);
    return { ...group, button };
  });

  const mine = () => store.rows.filter((r) => r && (!only || (store.scopes[only]?.has(r.id) ?? r.id === only)));
  /** Choose rows, their order and heights. A long list has what is over at its end; not while a pointer is on it. */
  const arrange = () => {
    const group = GROUPS.find(({ key }) => key === filter);
    const rows = mine().filter((r) => !group || group.tones.includes(r.tone));
    const place = new Map(held ? order.map((r, i) => [r.id, i]) : []), long = rows.length * 62 > LISTED;
    const rank = (/** @type {Row} */ r) => place.get(r.id) ?? place.size + (long && OVER.has(r.tone) ? 1e9 : 0) + r.n;
    order = rows.sort((a, b) => rank(a) - rank(b));
    tops.length = 1; lines.length = 0;
    for (const r of order) {
      const size = store.live[r.n]?.[2] ?? "", text = 6.6 * (r.word + (store.notes.get(r.id) ?? r.why)).length;
      const inline = r.word === "Running" || text <= width - 50 - 6.6 * size.length; // beside the figures
      const extra = inline ? 0 : Math.min(3, Math.ceil(text / (width - 40)));
      lines.push(extra);
      tops.push(tops[tops.length - 1] + 62 + 17 * (extra && r.tone === "fail" && !size ? extra - 1 : extra));
    }
    for (const r of rows) {
      const was = tones.get(r.id);
      if (was && was !== r.tone && !["run", "queue"].includes(r.tone)) say(live, `${r.name}: ${r.word}`);
      tones.set(r.id, r.tone);
    }
  };
  const heading = () => {
    const rows = mine(), all = rows.length, counts = /** @type {Record<string, number>} */ ({}), figures = store.sum;
    for (const r of rows) counts[r.tone] = (counts[r.tone] ?? 0) + 1;
    const count = only && !all ? "This transfer is not known any more." : `${all} transfer${all === 1 ? "" : "s"}`;
    say(title, store.heard ? count : "Waiting for the kernel…");
    for (const { key, label, tones: of, button } of buttons) {
      const number = of.reduce((n, tone) => n + (counts[tone] ?? 0), 0);
      button.hidden = !number && filter !== key;
      say(button, `${number} ${label}`); attr(button, { "aria-pressed": String(filter === key) });
    }
    say(sum, only ? "" : store.link === "live" ? dots(figures.size, figures.rate, figures.left) : figures.size);
    total.el.hidden = !!only || all < 2 || figures.fraction === null; total.set(figures.fraction);
    empty.hidden = !!only || !store.heard || all > 0;
    head.hidden = !empty.hidden || (!!only && all === 1);
    gone.hidden = store.link === "live"; say(gone, GONE[store.link]);
  };
  const draw = () => {
    queued = false;
    if (el.clientWidth) width = el.clientWidth; // 0 while hidden, and while a theme is being swapped
    if (seen !== store.version) { seen = store.version; arrange(); }
    heading();
    el.classList.toggle("nbx-narrow", width < 520); el.dataset.link = store.link;
    const mark = "jupyter-widgets-disconnected"; // of the model that went; another one feeds the view now
    if (store.link === "live") el.closest(`.${mark}`)?.classList.remove(mark);
    const high = tops[order.length], shown = Math.min(high, LISTED);
    list.hidden = !order.length; list.tabIndex = high > LISTED ? 0 : -1;
    list.style.height = `${shown}px`; space.style.height = `${high}px`;
    let first = 0, last = 0;
    while (first < order.length - 1 && tops[first + 1] < list.scrollTop - 200) first++;
    for (last = first; last < order.length && tops[last] < list.scrollTop + shown + 200;) last++;
    const wanted = new Map(order.slice(first, last).map((r, i) => [r.id, first + i]));
    for (const [id, { el: old }] of pool) {
      if (wanted.has(id)) continue;
      const focused = old.contains(document.activeElement);
      if (focused && order.some((r) => r.id === id)) continue; // scrolled away with the focus: it comes back
      if (focused) list.focus();
      old.remove(); pool.delete(id);
    }
    let at = space.firstChild;
    for (const [id, i] of wanted) {
      const row = pool.get(id) ?? rowOf(store, id);
      pool.set(id, row);
      if (row.el === at) at = at.nextSibling; else space.insertBefore(row.el, at);
      row.el.style.transform = `translateY(${tops[i]}px)`; row.el.style.height = `${tops[i + 1] - tops[i]}px`;
      attr(row.el, { "aria-setsize": String(order.length), "aria-posinset": String(i + 1) });
      const focused = row.el.contains(document.activeElement) ? document.activeElement : null;
      row.draw(order[i], store.live[order[i].n], lines[i]);
      if (/** @type {HTMLElement | null} */ (focused)?.hidden) list.focus(); // its button has gone
    }
  };

  const kick = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } }; // one draw a frame at most
  const again = () => { seen = -1; kick(); };
  const turned = () => { look(store); kick(); };
  const observer = new IntersectionObserver((entries) => {
    const now = entries[entries.length - 1].isIntersecting;
    if (now !== onScreen) { onScreen = now; turned(); }
  });
  const sizes = new ResizeObserver(() => { if (el.clientWidth && el.clientWidth !== width) again(); });
  const ticks = setInterval(() => { if (order.some((r) => (r.until ?? 0) > Date.now() - 2000)) kick(); }, 1000);
  list.addEventListener("scroll", kick, { passive: true });
  list.addEventListener("pointerenter", () => { held = true; });
  list.addEventListener("pointerleave", () => { held = false; again(); });
  document.addEventListener("visibilitychange", turned);
  observer.observe(el); sizes.observe(el); store.views.set(kick, () => onScreen); kick();
  return () => {
    store.views.delete(kick); observer.disconnect(); sizes.disconnect(); clearInterval(ticks);
    document.removeEventListener("visibilitychange", turned);
  };
}

export default { initialize, render };
