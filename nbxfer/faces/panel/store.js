// @ts-check
/**
 * What the kernel told, kept for the views; and the way back to the kernel. No drawing here.
 *
 * One store for each uid outlives the models: after a kernel restart the new model fills it, and the views that are
 * still on the page draw again. A wish goes over the kernel's control channel, which answers while a cell runs, else
 * over the comm.
 *
 * @typedef {{n: number, id: string, name: string, host: string, source: string, path: string, tone: string,
 *   word: string, why: string, verbs: string[], where: string, due: number | null, until?: number}} Row
 * @typedef {[n: number, fraction: number | null, size: string, rate: string, left: string, pieces: number[]]} Live
 * @typedef {{size: string, rate: string, left: string, fraction: number | null}} Sum
 * @typedef {{verb: string, row: Row}} Asked
 * @typedef {{model: any, boot: string, serial: number, version: number, link: "live" | "lost" | "away",
 *   heard: boolean, rows: Row[], live: Live[], coming: {rows: Row[], live: Live[]}, sum: Sum, scopes: Record<string, Set<string>>,
 *   asked: Map<string, Asked>, notes: Map<string, string>, views: Map<() => void, () => boolean>, timer: any,
 *   asking: any}} Store
 */

/** Give the store of a uid in a place, which is the notebook on the page. @param {any} model @returns {Store} */
export function storeOf(model) {
  const all = /** @type {any} */ (globalThis)[Symbol.for("nbxfer.panel.1")] ??= { places: new WeakMap(), here: {} };
  const place = model.widget_manager ?? all.here, uid = model.get("uid");
  if (!all.places.has(place)) all.places.set(place, new Map());
  const stores = all.places.get(place);
  if (!stores.has(uid)) {
    stores.set(uid, {
      model, boot: "", serial: 0, version: 0, link: "live", heard: false, rows: [], live: [],
      coming: { rows: [], live: [] },
      sum: { size: "", rate: "", left: "", fraction: null }, scopes: {},
      asked: new Map(), notes: new Map(), views: new Map(), timer: 0, asking: null,
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

/** Tell the kernel. @param {Store} store @param {Record<string, unknown>} content */
function tell(store, content) {
  const { model } = store, manager = model.widget_manager;
  const kernel = manager?.kernel ?? manager?.context?.sessionContext?.session?.kernel;
  if (model.get("control") && typeof kernel?.sendControlMessage === "function") {
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
  try { model.send(content); } catch (error) { console.warn("nbxfer: the kernel cannot be told", error); }
}

/** Say whether somebody looks. @param {Store} store */
export const look = (store) => { if (store.heard) tell(store, { t: "see", visible: visible(store) }); };

/** Ask for everything, again and again until something comes: what is said too early is lost. @param {Store} store */
function hello(store) {
  const { boot, serial, model } = store;
  if (store.asking === model) return;
  store.asking = model;
  let tries = 0;
  const ask = () => {
    if (store.asking !== model) return; // another model asks
    if (tries > 9 || (tries && (store.boot !== boot || store.serial !== serial))) { store.asking = null; return; }
    tell(store, { t: "hello", visible: visible(store) });
    setTimeout(ask, 100 * 2 ** Math.min(++tries, 5));
  };
  ask();
}

/** Take a message of the kernel. @param {Store} store @param {any} content @param {any[]} buffers */
function take(store, content, buffers) {
  if (content?.t !== "rows" || !buffers?.length) return;
  const reborn = content.boot !== store.boot; // another kernel, or another feed in it
  if (store.link === "lost" && !reborn) return; // a last word of the kernel that is gone
  if (!content.first && (reborn || content.serial !== store.serial + 1)) return hello(store); // something was missed
  store.boot = content.boot; store.serial = content.serial;
  if (content.first) store.coming = { rows: [], live: [] }; // a keyframe may come in parts: shown when it is whole
  const into = content.whole ? store.coming : store, body = JSON.parse(new TextDecoder().decode(buffers[0]));
  let news = content.whole || store.link !== "live";
  for (const /** @type {Row} */ row of body.rows) {
    if (row.due !== null) row.until = Date.now() + row.due * 1000;
    const asked = store.asked.get(row.id), old = into.rows[row.n];
    if (asked && (asked.row.tone !== row.tone || asked.row.word !== row.word)) store.asked.delete(row.id);
    into.rows[row.n] = row;
    news ||= !old || old.tone !== row.tone || old.word !== row.word || old.why !== row.why;
  }
  for (const /** @type {Live} */ live of body.live) into.live[live[0]] = live;
  if (!content.last) return;
  if (content.whole) Object.assign(store, store.coming, { scopes: {} });
  store.link = "live"; store.heard = true;
  store.sum = body.sum;
  for (const [key, ids] of Object.entries(body.scopes ?? {})) store.scopes[key] = new Set(ids);
  for (const [id, text] of body.notes ?? []) {
    store.asked.delete(id); store.notes.set(id, text); news = true;
    setTimeout(() => { store.notes.delete(id); changed(store); }, 8000);
  }
  if (news) store.version++;
  redraw(store);
}

/**
 * Hand a wish over; the row says so until the kernel has answered.
 * @param {Store} store @param {Row} row @param {string} verb
 */
export function wish(store, row, verb) {
  const asked = { verb, row };
  store.asked.set(row.id, asked); changed(store);
  tell(store, { t: "wish", id: row.id, verb });
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
