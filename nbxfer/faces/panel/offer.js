// @ts-check
/**
 * The offer: what an earlier kernel left unfinished, with a button for each way to go from there. It draws what the
 * kernel says, as text, and hands one choice back: over the control channel, which answers while a cell runs, else over
 * the comm. What was saved is fed by whichever model has its uid now.
 */

/** @type {(tag: string, cls: string, ...kids: (Node | string)[]) => HTMLElement} */
const make = (tag, cls, ...kids) => {
  const e = document.createElement(tag);
  e.className = cls; e.append(...kids);
  return e;
};
/** @typedef {{model: any, last: any, views: Set<(content: any) => void>}} Line */
/** @param {any} model @returns {Line} */
function lineOf(model) {
  const all = /** @type {any} */ (globalThis)[Symbol.for("nbxfer.offer.1")] ??= new Map(), uid = model.get("uid");
  if (!all.has(uid)) all.set(uid, { model, last: null, views: new Set() });
  return all.get(uid);
}

/** Tell the kernel. @param {any} model @param {Record<string, unknown>} content */
function tell(model, content) {
  const manager = model.widget_manager;
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

/** Called by anywidget once for each model. @param {{model: any}} context */
function initialize({ model }) {
  const line = lineOf(model);
  line.model = model; line.last = null;
  const take = (/** @type {any} */ content) => {
    if (content?.t !== "offer") return;
    line.last = content;
    for (const draw of line.views) draw(content);
  };
  model.on("msg:custom", take);
  let tries = 0;
  const ask = () => { // again and again: what is said too early is lost
    if (line.last || line.model !== model || tries > 9) return;
    tell(model, { t: "hello" });
    setTimeout(ask, 100 * 2 ** Math.min(++tries, 5));
  };
  ask();
  return () => { model.off("msg:custom", take); };
}

/** Called by anywidget for each place on the page. @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const line = lineOf(model), text = make("span", "nbxo-text"), live = make("span", "nbxo-said");
  live.setAttribute("role", "status");
  const choose = (/** @type {string} */ choice) => tell(line.model, { t: "choose", choice });
  const button = (/** @type {string} */ label, /** @type {string} */ title, /** @type {() => void} */ act) => {
    const e = make("button", "nbxo-button", label);
    e.title = title; e.onclick = act;
    return e;
  };
  const resume = button("Resume all", "Go on from where they stopped", () => choose("resume"));
  const keep = button("Keep paused", "Leave everything as it is", () => choose("keep"));
  let sure = /** @type {any} */ (0);
  const calm = () => { clearTimeout(sure); sure = 0; stop.textContent = "Discard"; stop.classList.remove("nbxo-sure"); };
  const stop = button("Discard", "Give them up; what has arrived is deleted", () => { // twice, for it deletes
    if (sure) { calm(); choose("discard"); return; }
    sure = setTimeout(calm, 5000); stop.textContent = "Really discard?"; stop.classList.add("nbxo-sure");
  });
  stop.onblur = calm;
  stop.onkeydown = (event) => { if (event.key === "Escape") calm(); };
  const acts = make("span", "nbxo-acts", resume, keep, stop);
  el.classList.add("nbxo");
  el.dataset.lmSuppressShortcuts = "true"; // else Enter on a button is JupyterLab's "edit the cell"
  el.setAttribute("role", "group"); el.setAttribute("aria-label", "Unfinished transfers");
  const draw = (/** @type {any} */ now) => {
    text.textContent = now?.said ? "" : now?.text ?? "Looking for unfinished transfers…";
    live.textContent = now?.said ?? "";
    acts.hidden = !now || !!now.said;
    el.closest(".jupyter-widgets-disconnected")?.classList.remove("jupyter-widgets-disconnected");
  };
  el.replaceChildren(text, live, acts);
  draw(line.last); line.views.add(draw);
  return () => { line.views.delete(draw); };
}

export default { initialize, render };
