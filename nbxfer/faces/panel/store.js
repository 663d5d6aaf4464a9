// @ts-check
/**
 * What the kernel told, kept for the views; and the way back to the kernel. No drawing here.
 *
 * One store for each uid outlives the models: after a kernel restart the new model fills it, and the views that are
 * still on the page draw again. A wish goes over the kernel's control channel, which answers while a cell runs, else
 * over the comm.
 *
 * @typedef {{n: number, id: string, name: string, host: string, source: string, path: string, tone: string,
 *   word: string, at: number, why: string, verbs: string[], ways: string[], where: string, due: number | null,
 *   kind: string, group: string, priority: number, place: number, until?: number}} Row
 * @typedef {[n: number, received: number, total: number | null, rate: number | null, left: number | null,
 *   pieces: number[]]} Live
 * @typedef {{limit?: number | null, around: string, warning: string}} Top
 * @typedef {{verb: string, row: Row}} Asked
 * @typedef {{model: any, boot: string, serial: number, version: number, link: "live" | "lost" | "away", who: string,
 *   heard: boolean, rows: Row[], live: Live[], coming: {rows: Row[], live: Live[]}, top: Top,
 *   scopes: Record<string, Set<string>>, asked: Map<string, Asked>, notes: Map<string, string>,
 *   stories: Map<string, string>, views: Map<() => void, () => boolean>, timer: any, asking: any, looks: boolean}} Store
 */

const all = /** @type {any} */ (globalThis)[Symbol.for("nbxfer.panel.2")] ??= { places: new WeakMap(), here: {} };
all.ready ??= new Promise((resolve) => { all.come = resolve; }); // for the views, which have no script of their own

/** Let the views draw. @param {any} render */
export const ready = (render) => all.come({ render });

/** Give the store of a uid in a place, which is the notebook on the page. @param {any} model @returns {Store} */
export function storeOf(model) {
  const place = model.widget_manager ?? all.here, uid = model.get("uid");
  if (!all.places.has(place)) all.places.set(place, new Map());
  const stores = all.places.get(place);
  if (!stores.has(uid)) {
    stores.set(uid, {
      model, boot: "", serial: 0, version: 0, link: "live", heard: false, rows: [], live: [],
      coming: { rows: [], live: [] }, top: { around: "", warning: "" }, scopes: {}, who: Math.random().toString(36).slice(2),
      asked: new Map(), notes: new Map(), stories: new Map(), views: new Map(), timer: 0, asking: null, looks: false,
    });
  }
  return stores.get(uid);
}

/** @type {(store: Store) => void} */
const redraw = (store) => { for (const draw of store.views.keys()) draw(); };
/** @type {(store: Store) => void} */
const changed = (store) => { store.version++; redraw(store); };
/** @type {(store: Store) => boolean} */
const visible = (store) => !document.hidden && [...store.views.values()].some((seen) => seen());

/** The kernel's own way, which answers while a cell runs. @param {Store} store */
function kernelOf({ model }) {
  const manager = model.widget_manager;
  const kernel = manager?.kernel ?? manager?.context?.sessionContext?.session?.kernel;
  return model.get("control") && typeof kernel?.sendControlMessage === "function" ? kernel : null;
}

/** Say whether what is typed can reach the kernel without being kept anywhere. @param {Store} store */
export const confidential = (store) => kernelOf(store) !== null;

/**
 * Tell the kernel; what is private goes over the control channel or not at all.
 * @param {Store} store @param {Record<string, unknown>} content
 */
export function tell(store, content, only = false) {
  const { model } = store, kernel = kernelOf(store);
  if (kernel) {
    const header = {
      msg_id: Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join(""),
      msg_type: "nbxfer_request", version: "5.3", date: new Date().toISOString(),
      session: kernel.clientId ?? "", username: kernel.username ?? "",
    };
    const body = { uid: model.get("uid"), ...content };
    try {
      const message = { channel: "control", header, parent_header: {}, metadata: {}, content: body, buffers: [] };
      kernel.sendControlMessage(message, false, true);
      return;
    } catch (error) { console.warn("nbxfer: no control channel", error); }
  }
  if (only) return;
  try { model.send(content); } catch (error) { console.warn("nbxfer: the kernel cannot be told", error); }
}

/** Say whether somebody looks; ``looks`` is what was said last. Before the kernel has answered, "hello" says it.
 * @param {Store} store */
export function look(store) {
  if (!store.heard) return;
  store.looks = visible(store);
  tell(store, { t: "see", visible: store.looks, who: store.who });
}

/** Ask for everything, again and again until something comes: what is said too early is lost. @param {Store} store */
function hello(store) {
  const { boot, serial, model } = store;
  if (store.asking === model) return;
  store.asking = model;
  let tries = 0;
  const ask = () => {
    if (store.asking !== model) return; // another model asks
    if (tries > 9 || (tries && (store.boot !== boot || store.serial !== serial))) { store.asking = null; return; }
    store.looks = visible(store);
    tell(store, { t: "hello", visible: store.looks, who: store.who, kernel: model.get("kernel") ?? "" });
    setTimeout(ask, 100 * 2 ** Math.min(++tries, 5));
  };
  ask();
}

/** Tell that transfers are over: in the panel's head, and where that was wished for by the browser itself.
 * @param {Store} store @param {{id: string, browser: boolean}} content @param {{title: string, text: string, ok: boolean}} notice */
function ring(store, content, { title, text, ok }) {
  const line = `${ok ? "✓" : "✗"} ${title}. ${text}`, Bell = globalThis.Notification;
  store.notes.set("", line); changed(store);
  setTimeout(() => { if (store.notes.get("") === line) { store.notes.delete(""); changed(store); } }, 20000);
  const show = () => { if (Bell.permission === "granted") new Bell(title, { body: text, tag: `nbxfer-${content.id}` }); };
  if (!content.browser || !Bell) return;
  try { if (Bell.permission === "default") Promise.resolve(Bell.requestPermission()).then(show, () => {}); else show(); }
  catch (error) { console.warn("nbxfer: the browser shows no notifications", error); }
}

const PLAIN = { why: "", verbs: [], ways: [], where: "", due: null, kind: "download", group: "", priority: 0, place: 0 };

/** Take a message of the kernel. @param {Store} store @param {any} content @param {any[]} buffers */
function take(store, content, buffers) {
  if (!buffers?.length) return;
  const text = new TextDecoder().decode(buffers[0]);
  if (content?.t === "story") { store.stories.set(content.id, text); redraw(store); return; }
  if (content?.t === "bell") { ring(store, content, JSON.parse(text)); return; }
  if (content?.t !== "rows") return;
  const reborn = content.boot !== store.boot; // another kernel, or another feed in it
  if (store.link === "lost" && !reborn) return; // a last word of the kernel that is gone
  if (!content.first && (reborn || content.serial !== store.serial + 1)) return hello(store); // something was missed
  store.boot = content.boot; store.serial = content.serial;
  if (content.first) store.coming = { rows: [], live: [] }; // a keyframe may come in parts: shown when it is whole
  const into = content.whole ? store.coming : store, body = JSON.parse(text);
  let news = content.whole || store.link !== "live";
  for (const told of body.rows) {
    const row = /** @type {Row} */ ({ ...PLAIN, ...told }); // what is as usual is not told
    if (row.due !== null) row.until = Date.now() + row.due * 1000;
    const asked = store.asked.get(row.id);
    if (asked && asked.row.tone + asked.row.word + asked.row.priority + asked.row.place !== row.tone + row.word + row.priority + row.place) {
      store.asked.delete(row.id);
    }
    into.rows[row.n] = row;
    news = true;
  }
  for (const live of /** @type {Live[]} */ (body.live)) into.live[live[0]] = live;
  if (!content.last) return;
  if (content.whole) Object.assign(store, store.coming, { scopes: {} });
  store.link = "live"; store.heard = true;
  if (body.top) store.top = body.top;
  for (const [key, ids] of Object.entries(body.scopes ?? {})) store.scopes[key] = new Set(ids);
  for (const [id, note] of body.notes ?? []) {
    store.asked.delete(id); store.notes.set(id, note); news = true;
    setTimeout(() => { store.notes.delete(id); changed(store); }, 8000);
  }
  if (news) store.version++;
  redraw(store);
  if (visible(store) !== store.looks) look(store); // its first view came after the first word
}

/**
 * Hand a wish over; the row says so until the kernel has answered. What is typed is told privately, and not kept.
 * @param {Store} store @param {Row} row @param {string} verb @param {Record<string, unknown>} [typed]
 */
export function wish(store, row, verb, fields = {}, typed = undefined) {
  const asked = { verb, row };
  store.asked.set(row.id, asked); changed(store);
  if (typed) tell(store, { t: "give", id: row.id, verb, ...typed }, true);
  else tell(store, { t: "wish", id: row.id, verb, ...fields });
  setTimeout(() => { if (store.asked.get(row.id) === asked) { store.asked.delete(row.id); changed(store); } }, 5000);
}

/** Follow the kernel's own state where the front end tells it. @param {Store} store @param {any} model */
function watch(store, model) {
  const context = model.widget_manager?.context?.sessionContext ?? model.widget_manager?.kernel;
  const link = (/** @type {Store["link"]} */ now) => {
    if (store.model === model && store.link !== now) { store.link = now; changed(store); }
  };
  const status = (/** @type {any} */ _, /** @type {string} */ now) => {
    if (/restarting|dead|terminating/.test(now)) link("lost");
  };
  const connection = (/** @type {any} */ _, /** @type {string} */ now) => {
    if (now !== "connected" && store.link === "live") link("away");
    if (now === "connected" && store.link === "away") hello(store);
  };
  context?.statusChanged?.connect?.(status); context?.connectionStatusChanged?.connect?.(connection);
  return () => {
    context?.statusChanged?.disconnect?.(status); context?.connectionStatusChanged?.disconnect?.(connection);
  };
}

/** Draw outputs again that say "model not found", now that it is there. @param {Store} store @param {any} model */
function revive(store, model) {
  const cells = model.widget_manager?.context?.model?.cells;
  for (let i = 0; cells && !store.views.size && i < cells.length; i++) {
    const outputs = cells.get(i)?.outputs;
    for (let j = 0; outputs && j < outputs.length; j++) {
      const view = outputs.get(j).data?.["application/vnd.jupyter.widget-view+json"];
      if (view?.model_id === model.get("uid")) outputs.set(j, outputs.get(j).toJSON());
    }
  }
}

/** Called by anywidget once for each model. @param {{model: any}} context */
export function initialize({ model }) {
  const store = storeOf(model);
  if (model.get("only")) return undefined; // a view of some operations: the panel's model feeds it
  store.model = model;
  const message = (/** @type {any} */ content, /** @type {any[]} */ buffers) => take(store, content, buffers);
  model.on("msg:custom", message);
  const unwatch = watch(store, model);
  clearInterval(store.timer);
  store.timer = setInterval(() => { if (visible(store) && store.link === "live") look(store); }, 25000);
  hello(store);
  setTimeout(() => {
    try { revive(store, model); } catch (error) { console.warn("nbxfer: an old output stays as it is", error); }
  }, 500);
  return () => {
    model.off("msg:custom", message); unwatch();
    if (store.model === model) clearInterval(store.timer);
  };
}
