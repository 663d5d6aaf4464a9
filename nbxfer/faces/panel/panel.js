// @ts-check
/**
 * The panel: draws what the kernel tells, hands clicks back, decides nothing. Foreign text becomes text nodes only.
 *
 * One store for each uid outlives the models: after a kernel restart the new model fills it, and the views that are
 * still on the page draw again. A click goes over the kernel's control channel, which answers while a cell runs, else
 * over the comm. Rows are recycled by id, so that a finger on a button never meets another row's button.
 *
 * @typedef {{n: number, id: string, name: string, host: string, source: string, path: string, tone: string, word: string,
 *   why: string, verbs: string[], elsewhere: boolean, due: number | null, until?: number}} Row
 * @typedef {[n: number, fraction: number | null, size: string, rate: string, left: string]} Live
 * @typedef {{tones: Record<string, number>, size: string, rate: string, left: string, fraction: number | null}} Sum
 * @typedef {{model: any, boot: string, serial: number, rows: Row[], live: Live[], sum: Sum, link: string, heard: boolean,
 *   scopes: Record<string, Set<string>>, asked: Map<string, {verb: string, row: Row}>, notes: Map<string, string>,
 *   version: number, views: Map<() => void, () => boolean>, timer: any}} Store
 */
const LISTED = 430; // the height of the list in pixels, from which on it scrolls
const GROUPS = [
  ["active", "active", ["run", "queue", "wait", "check"]], ["person", "needs you", ["person"]],
  ["orphan", "interrupted", ["orphan"]], ["pause", "paused", ["pause"]], ["fail", "failed", ["fail"]],
  ["done", "done", ["done"]], ["cancel", "canceled", ["cancel"]],
];
const OVER = new Set(["done", "cancel"]);
const DOING = /** @type {Record<string, string>} */ (
  { pause: "Pausing…", resume: "Resuming…", retry: "Retrying…", cancel: "Canceling…" });
const GONE = {
  lost: "The kernel was restarted. What has arrived is kept: run nbxfer.reattach() to go on, nbxfer.panel() to look.",
  away: "The connection to the kernel is interrupted. The transfers go on without it.",
};

/** @type {(tag: string, cls: string, ...kids: (Node | string)[]) => HTMLElement} */
const make = (tag, cls, ...kids) => { const e = document.createElement(tag); e.className = cls; e.append(...kids); return e; };
/** @type {(e: Element, text: string) => void} */
const say = (e, text) => { if (e.textContent !== text) e.textContent = text; };
/** @type {(e: Element, name: string, value: string | null) => void} */
const attr = (e, name, value) => {
  if (value === null) e.removeAttribute(name); else if (e.getAttribute(name) !== value) e.setAttribute(name, value);
};
/** @type {(seconds: number) => string} */
const span = (s) => (s < 60 ? `${Math.round(s)} s` : s < 3600 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);

/** The store of a model's uid: one for each notebook on the page. @param {any} model @returns {Store} */
function storeOf(model) {
  const all = /** @type {any} */ (globalThis)[Symbol.for("nbxfer.panel.1")] ??= { places: new WeakMap(), place: {} };
  const place = model.widget_manager ?? all.place;
  if (!all.places.has(place)) all.places.set(place, new Map());
  const stores = all.places.get(place), uid = model.get("uid");
  if (!stores.has(uid)) stores.set(uid, { model, boot: "", serial: 0, rows: [], live: [], link: "live", heard: false,
    sum: { tones: {}, size: "", rate: "", left: "", fraction: null }, scopes: {}, asked: new Map(), notes: new Map(),
    version: 0, views: new Map(), timer: 0 });
  return stores.get(uid);
}

/** @type {(store: Store) => void} */
const redraw = (store) => { for (const draw of store.views.keys()) draw(); };
/** @type {(store: Store) => void} */
const changed = (store) => { store.version++; redraw(store); };

/** Tell the kernel. @param {Store} store @param {Record<string, unknown>} content */
function tell(store, content) {
  const { model } = store, manager = model.widget_manager;
  const kernel = manager?.kernel ?? manager?.context?.sessionContext?.session?.kernel;
  if (model.get("control") && typeof kernel?.sendControlMessage === "function") {
    try {
      const id = Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join("");
      kernel.sendControlMessage({ channel: "control", parent_header: {}, metadata: {}, buffers: [],
        header: { msg_id: id, msg_type: "nbxfer_request", session: kernel.clientId ?? "", username: kernel.username ?? "",
          date: new Date().toISOString(), version: "5.3" },
        content: { uid: model.get("uid"), ...content } }, false, true);
      return;
    } catch (error) { console.warn("nbxfer: no control channel", error); }
  }
  try { model.send(content); } catch (error) { console.warn("nbxfer: the kernel cannot be told", error); }
}

/** @param {Store} store */
const visible = (store) => !document.hidden && [...store.views.values()].some((seen) => seen());

/** Ask for everything, again and again until something comes: what is said too early is lost. @param {Store} store */
function hello(store) {
  const { boot, serial, model } = store; let tries = 0;
  const ask = () => {
    if (store.model !== model || (tries && (store.boot !== boot || store.serial !== serial)) || tries > 9) return;
    tell(store, { t: "hello", visible: visible(store) });
    setTimeout(ask, 100 * 2 ** Math.min(++tries, 5));
  };
  ask();
}

/** Take a message of the kernel. @param {Store} store @param {any} content @param {any[]} buffers */
function take(store, content, buffers) {
  if (content?.t !== "rows" || !buffers?.length) return;
  const again = content.boot !== store.boot, body = JSON.parse(new TextDecoder().decode(buffers[0]));
  if (store.link === "lost" && !again) return; // a last word of the kernel that is gone
  const gap = !content.first && (again || content.serial !== store.serial + 1);
  if (content.first) { store.rows = []; store.live = []; store.scopes = {}; }
  if (gap && (again || !store.heard)) return hello(store); // a beginning was missed
  const now = Date.now(); let news = !!content.first;
  store.boot = content.boot; store.serial = content.serial; store.link = "live"; store.heard = true;
  for (const /** @type {Row} */ row of body.rows) {
    if (row.due !== null) row.until = now + row.due * 1000;
    const asked = store.asked.get(row.id), old = store.rows[row.n];
    if (asked && (asked.row.tone !== row.tone || asked.row.word !== row.word)) store.asked.delete(row.id);
    store.rows[row.n] = row; news ||= !old || old.tone !== row.tone || old.why !== row.why;
  }
  for (const /** @type {Live} */ live of body.live) store.live[live[0]] = live;
  if (body.sum) store.sum = body.sum;
  for (const [key, ids] of Object.entries(body.scopes ?? {})) store.scopes[key] = new Set(/** @type {any} */ (ids));
  for (const [id, text] of body.notes ?? []) {
    store.asked.delete(id); store.notes.set(id, text); news = true;
    setTimeout(() => { store.notes.delete(id); changed(store); }, 8000);
  }
  if (news) store.version++;
  if (gap || store.rows.includes(/** @type {any} */ (undefined))) hello(store);
  redraw(store);
}

/** Follow the kernel's own state where the front end tells it. @param {Store} store @param {any} model @param {() => void} back */
function watch(store, model, back) {
  const context = model.widget_manager?.context?.sessionContext ?? model.widget_manager?.kernel;
  const set = (/** @type {string} */ link) => {
    if (store.model === model && store.link !== link) { store.link = link; changed(store); }
  };
  const status = (/** @type {any} */ _, /** @type {string} */ s) => { if (/restarting|dead|terminating/.test(s)) set("lost"); };
  const wire = (/** @type {any} */ _, /** @type {string} */ s) => {
    if (s === "connected") { if (store.link === "away") back(); } else if (store.link === "live") set("away");
  };
  context?.statusChanged?.connect?.(status); context?.connectionStatusChanged?.connect?.(wire);
  return () => { context?.statusChanged?.disconnect?.(status); context?.connectionStatusChanged?.disconnect?.(wire); };
}

/** Draw outputs again that say "model not found", now that it is there. @param {any} model @param {Store} store */
function revive(model, store) {
  setTimeout(() => {
    try {
      const cells = model.widget_manager?.context?.model?.cells;
      for (let i = 0; cells && !store.views.size && i < cells.length; i++) {
        const outputs = cells.get(i).outputs;
        for (let j = 0; outputs && j < outputs.length; j++) {
          const view = outputs.get(j).data?.["application/vnd.jupyter.widget-view+json"];
          if (view?.model_id === model.get("uid")) outputs.set(j, outputs.get(j).toJSON());
        }
      }
    } catch (error) { console.warn("nbxfer: an old output stays as it is", error); }
  }, 500);
}

/** @param {{model: any}} context */
function initialize({ model }) {
  const store = storeOf(model);
  if (model.get("only")) return undefined; // a view of some operations: the panel's model feeds it
  store.model = model;
  const onMessage = (/** @type {any} */ content, /** @type {any[]} */ buffers) => take(store, content, buffers);
  model.on("msg:custom", onMessage);
  const unwatch = watch(store, model, () => hello(store));
  clearInterval(store.timer);
  store.timer = setInterval(() => { if (visible(store) && store.link === "live") tell(store, { t: "see", visible: true }); }, 25000);
  hello(store);
  revive(model, store);
  return () => { model.off("msg:custom", onMessage); unwatch(); if (store.model === model) clearInterval(store.timer); };
}

/** @param {Store} store @param {Row} row @param {string} verb */
function wish(store, row, verb) {
  const asked = { verb, row };
  store.asked.set(row.id, asked); changed(store);
  tell(store, { t: "wish", id: row.id, verb });
  setTimeout(() => { if (store.asked.get(row.id) === asked) { store.asked.delete(row.id); changed(store); } }, 5000);
}

/** One row's elements. @param {Store} store @param {string} id */
function rowOf(store, id) {
  const name = make("span", "nbx-name"), host = make("span", "nbx-host"), fill = make("i", "nbx-fill");
  const main = make("button", "nbx-button"), stop = make("button", "nbx-button nbx-cancel"), acts = make("span", "nbx-acts", main, stop);
  const bar = make("div", "nbx-bar", fill), size = make("span", "nbx-size"), word = make("b", "nbx-word"), why = make("span", "nbx-why");
  const state = make("span", "nbx-state", word, why);
  const el = make("div", "nbx-row", make("div", "nbx-top", make("span", "nbx-dot"), name, host, acts), bar, make("div", "nbx-line", size, state));
  attr(el, "role", "listitem"); attr(bar, "role", "progressbar"); attr(bar, "aria-valuemin", "0"); attr(bar, "aria-valuemax", "100");
  let sure = /** @type {any} */ (0), row = /** @type {Row} */ ({}), redo = () => {};
  const calm = () => { clearTimeout(sure); sure = 0; redo(); };
  main.onclick = () => { if (main.dataset.verb) wish(store, row, main.dataset.verb); };
  stop.onclick = () => { // twice: what has arrived is deleted
    if (store.asked.has(id) || store.link !== "live") return;
    if (sure) { calm(); wish(store, row, "cancel"); } else { sure = setTimeout(calm, 5000); redo(); }
  };
  stop.onblur = calm;
  el.addEventListener("keydown", (event) => { if (event.key === "Escape" && sure) calm(); });
  /** @param {Row} now @param {Live} live @param {number} wrapped */
  const draw = (now, live, wrapped) => {
    row = now; redo = () => draw(now, live, wrapped);
    const [, fraction, bytes, rate, left] = live ?? [0, null, "", "", ""], dead = store.link === "lost" && !OVER.has(row.tone);
    const asked = store.asked.get(id), verb = row.verbs.find((v) => v !== "cancel") ?? "", may = row.verbs.includes("cancel");
    const wait = row.until ? (row.until - Date.now()) / 1000 : 0, note = store.notes.get(id);
    const tone = dead && row.tone !== "fail" ? "orphan" : row.tone, still = fraction === null && ["run", "check"].includes(tone);
    el.dataset.tone = tone; el.dataset.wrapped = String(wrapped);
    say(name, row.name); say(host, row.elsewhere ? `${row.host} · run by another kernel` : row.host);
    attr(name, "title", row.path); attr(host, "title", row.source);
    say(size, [bytes, ...(dead ? [] : [rate, left])].filter(Boolean).join(" · "));
    say(word, tone === row.tone ? row.word : "Interrupted");
    say(why, note ? `. ${note}` : tone !== row.tone ? ": its kernel is gone" : row.why.replace("{due}", wait >= 1 ? ` in ${span(wait)}` : ""));
    attr(state, "title", `${word.textContent}${why.textContent}`);
    bar.classList.toggle("nbx-unknown", still); fill.style.transform = still ? "" : `scaleX(${fraction ?? 0})`;
    attr(bar, "aria-label", `Progress of ${row.name}`);
    attr(bar, "aria-valuenow", fraction === null ? null : String(Math.floor(fraction * 100)));
    attr(bar, "aria-valuetext", fraction === null ? "size unknown" : `${Math.floor(fraction * 100)} %`);
    const off = String(!!asked || store.link !== "live");
    const label = verb && verb[0].toUpperCase() + verb.slice(1), doing = asked ? DOING[asked.verb] : "";
    main.dataset.verb = off === "true" ? "" : verb; main.hidden = !verb; stop.hidden = !may;
    say(main, asked && asked.verb !== "cancel" ? doing : label); attr(main, "aria-label", `${label} ${row.name}`); attr(main, "aria-disabled", off);
    say(stop, asked?.verb === "cancel" ? doing : sure ? "Really?" : "Cancel"); attr(stop, "aria-disabled", off);
    attr(stop, "aria-label", sure ? `Really cancel ${row.name} and delete what has arrived?` : `Cancel ${row.name}`);
    stop.classList.toggle("nbx-sure", !!sure); attr(stop, "title", sure ? "Click again: what has arrived is deleted" : null);
  };
  return { el, draw };
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const store = storeOf(model), only = /** @type {string} */ (model.get("only"));
  const title = make("strong", "nbx-title"), chips = make("span", "nbx-chips"), sum = make("span", "nbx-sum");
  const fill = make("i", "nbx-fill"), total = make("div", "nbx-bar nbx-total", fill), gone = make("div", "nbx-gone");
  const head = make("div", "nbx-head", title, chips, sum), space = make("div", "nbx-space"), list = make("div", "nbx-list", space);
  const empty = make("div", "nbx-empty"), live = make("div", "nbx-live");
  el.classList.add("nbx"); el.dataset.lmSuppressShortcuts = "true"; // Enter on a button is not "edit the cell"
  for (const [e, role, label] of /** @type {[Element, string, string][]} */ ([[el, "group", "Transfers"], [list, "list", "Operations"],
    [total, "progressbar", "Progress of all transfers"], [live, "status", ""], [gone, "status", ""]])) {
    attr(e, "role", role); if (label) attr(e, "aria-label", label);
  }
  attr(total, "aria-valuemin", "0"); attr(total, "aria-valuemax", "100");
  el.replaceChildren(head, total, gone, list, empty, live);
  empty.append(make("p", "", "No transfers yet. Start one in a cell:"),
    make("pre", "", 'nbxfer.download("https://example.org/data.zip", "data/")'),
    make("p", "", "It goes on while you work. After a kernel restart, nbxfer.reattach() takes it up where it was."));
  const pool = /** @type {Map<string, ReturnType<typeof rowOf>>} */ (new Map()), tops = [0], wraps = /** @type {number[]} */ ([]);
  const tones = /** @type {Map<string, string>} */ (new Map());
  let order = /** @type {Row[]} */ ([]), seen = -1, width = 800, held = false, filter = "", queued = false, onScreen = true;

  const chip = (/** @type {string} */ key) => { const b = make("button", "nbx-chip"); b.dataset.key = key;
    b.onclick = () => { filter = filter === key ? "" : key; seen = -1; list.scrollTop = 0; kick(); }; chips.append(b); return b; };
  const buttons = GROUPS.map(([key, label, of]) => ({ key, label, of, b: chip(/** @type {string} */ (key)) }));

  const arrange = () => { // which rows, in which order, how high
    const scope = store.scopes[only], group = GROUPS.find(([key]) => key === filter);
    const rows = store.rows.filter((r) => r && (!only || (scope ? scope.has(r.id) : r.id === only)) && (!group || group[2].includes(r.tone)));
    const many = rows.length * 64 > LISTED, place = new Map(held ? order.map((r, i) => [r.id, i]) : []);
    const rank = (/** @type {Row} */ r) => place.get(r.id) ?? place.size + (many && OVER.has(r.tone) ? 1e6 : 0) + r.n;
    order = rows.sort((a, b) => rank(a) - rank(b)); tops.length = 1; wraps.length = 0;
    for (const r of order) {
      const size = store.live[r.n]?.[2] ?? "", text = (r.word.length + (store.notes.get(r.id) ?? r.why).length) * 6.6;
      const room = width - 50 - (r.word === "Running" ? 240 : size.length * 6.6); // beside the figures
      const w = text <= room || r.word === "Running" ? 0 : Math.min(3, Math.ceil(text / (width - 40)));
      const bare = w > 0 && r.tone === "fail" && !size; // nothing stands above the reason
      wraps.push(w); tops.push(tops[tops.length - 1] + 62 + w * 17 - (bare ? 17 : 0));
    }
    for (const r of rows) { const was = tones.get(r.id);
      if (was && was !== r.tone && !["run", "queue"].includes(r.tone)) say(live, `${r.name}: ${r.word}`); tones.set(r.id, r.tone); }
  };
  const heading = () => {
    const counts = /** @type {Record<string, number>} */ ({}), s = store.sum; let all = 0;
    for (const r of store.rows) if (r && (!only || store.scopes[only]?.has(r.id))) { counts[r.tone] = (counts[r.tone] ?? 0) + 1; all++; }
    say(title, !store.heard ? "Waiting for the kernel…" : `${all} transfer${all === 1 ? "" : "s"}`);
    for (const { key, label, of, b } of buttons) {
      const count = /** @type {string[]} */ (of).reduce((n, tone) => n + (counts[tone] ?? 0), 0);
      b.hidden = !count && filter !== key; say(b, `${count} ${label}`); b.dataset.tone = String(key); attr(b, "aria-pressed", String(filter === key));
    }
    const lost = store.link !== "live";
    say(sum, only ? "" : [s.size, ...(lost ? [] : [s.rate, s.left])].filter(Boolean).join(" · "));
    total.hidden = !!only || all < 2 || s.fraction === null; fill.style.transform = `scaleX(${s.fraction ?? 0})`;
    attr(total, "aria-valuenow", String(Math.floor((s.fraction ?? 0) * 100)));
    empty.hidden = !!only || !store.heard || all > 0; head.hidden = !empty.hidden || (!!only && all < 2 && !!order.length);
    gone.hidden = !lost; if (lost) say(gone, store.link === "lost" ? GONE.lost : GONE.away);
  };
  const draw = () => {
    queued = false; if (el.clientWidth) width = el.clientWidth; // 0 while hidden, or while a theme is swapped
    el.classList.toggle("nbx-narrow", width < 520);
    if (seen !== store.version) { seen = store.version; arrange(); }
    heading();
    el.dataset.link = store.link; if (store.link === "live") el.closest(".jupyter-widgets-disconnected")?.classList.remove("jupyter-widgets-disconnected");
    const high = tops[order.length], shown = Math.min(high, LISTED);
    list.style.height = `${shown}px`; space.style.height = `${high}px`; list.hidden = !order.length; list.tabIndex = high > LISTED ? 0 : -1;
    let first = 0; while (first < order.length - 1 && tops[first + 1] < list.scrollTop - 200) first++;
    let last = first; while (last < order.length && tops[last] < list.scrollTop + shown + 200) last++;
    const wanted = new Map(order.slice(first, last).map((r, i) => [r.id, first + i]));
    for (const [id, { el: old }] of pool) if (!wanted.has(id)) {
      if (old.contains(document.activeElement)) { if (order.some((r) => r.id === id)) continue; list.focus(); }
      old.remove(); pool.delete(id);
    }
    let at = space.firstChild;
    for (const [id, i] of wanted) {
      let row = pool.get(id); if (!row) pool.set(id, (row = rowOf(store, id)));
      if (row.el === at) at = at.nextSibling; else space.insertBefore(row.el, at);
      row.el.style.transform = `translateY(${tops[i]}px)`; row.el.style.height = `${tops[i + 1] - tops[i]}px`;
      attr(row.el, "aria-setsize", String(order.length)); attr(row.el, "aria-posinset", String(i + 1));
      const focused = row.el.contains(document.activeElement);
      row.draw(order[i], store.live[order[i].n], wraps[i]);
      if (focused && /** @type {HTMLElement} */ (document.activeElement)?.hidden) list.focus();
    }
  };
  const kick = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };
  const look = () => { if (store.heard) tell(store, { t: "see", visible: visible(store) }); kick(); };
  const observer = new IntersectionObserver((entries) => {
    const now = entries[entries.length - 1].isIntersecting; if (now !== onScreen) { onScreen = now; look(); }
  });
  const sizes = new ResizeObserver(() => { if (el.clientWidth && el.clientWidth !== width) { seen = -1; kick(); } });
  const hold = (/** @type {boolean} */ on) => () => { held = on; if (!on) { seen = -1; kick(); } };
  const ticks = setInterval(() => { if (order.some((r) => (r.until ?? 0) > Date.now() - 2000)) kick(); }, 1000);
  list.addEventListener("scroll", kick, { passive: true });
  list.addEventListener("pointerenter", hold(true)); list.addEventListener("pointerleave", hold(false));
  document.addEventListener("visibilitychange", look);
  observer.observe(el); sizes.observe(el); store.views.set(kick, () => onScreen); kick();
  return () => {
    store.views.delete(kick); observer.disconnect(); sizes.disconnect(); clearInterval(ticks);
    document.removeEventListener("visibilitychange", look);
  };
}

export default { initialize, render };
