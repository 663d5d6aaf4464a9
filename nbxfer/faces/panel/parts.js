// @ts-check
/** The small parts that everything is made of. Foreign text becomes text nodes only; icons are lines of our own. */

/** @typedef {"down" | "up" | "copy" | "queue" | "wait" | "pause" | "play" | "person" | "orphan" | "check" | "cancel"
 *   | "fail" | "done" | "x" | "retry" | "more" | "first" | "take" | "search"} Icon */

const RING = "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0Z";
/** @type {Record<Icon, string>} */
const LINES = {
  down: "M8 2v9M4 7.5l4 4 4-4M3 14h10", up: "M8 11V2M4 6l4-4 4 4M3 14h10", copy: "M2 8h11M9 4l4 4-4 4",
  queue: `${RING}M8 4.5V8l2.5 1.5`, wait: "M4 2h8M4 14h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14",
  pause: "M5.5 3.5v9M10.5 3.5v9", play: "M5 3v10l8-5Z", person: `${RING}M8 4.8v4M8 11v.3`,
  orphan: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8Z", check: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.8 10.8l3.4 3.4",
  cancel: `${RING}M4 4l8 8`, fail: `${RING}M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4`, done: `${RING}M5 8.2l2.2 2.3L11 6`,
  x: "M4 4l8 8M12 4l-8 8", retry: "M13 8a5 5 0 1 1-1.5-3.5M12 1.5V5H8.5", more: "M4 6l4 4 4-4",
  first: "M3 2.5h10M8 14V5.5M4.5 9L8 5.5 11.5 9", take: "M2 8h8M7 5l3 3-3 3M9.5 2.5h4v11h-4",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.8 10.8l3.4 3.4",
};

/** @type {(tag: string, cls: string, ...kids: (Node | string)[]) => HTMLElement} */
export const make = (tag, cls, ...kids) => {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  e.append(...kids);
  return e;
};
/** @type {(e: Element, text: string) => void} */
export const say = (e, text) => { if (e.textContent !== text) e.textContent = text; };
/** @type {(e: Element, values: Record<string, string | null>) => void} */
export const attr = (e, values) => {
  for (const [name, value] of Object.entries(values)) {
    if (value === null) e.removeAttribute(name); else if (e.getAttribute(name) !== value) e.setAttribute(name, value);
  }
};

/** An icon and the function that changes it. @param {Icon} name */
export function iconOf(name) {
  const space = "http://www.w3.org/2000/svg";
  const el = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  attr(el, { viewBox: "0 0 16 16", class: "nbx-svg", "aria-hidden": "true", focusable: "false" });
  el.append(path);
  const set = (/** @type {Icon} */ now) => attr(path, { d: LINES[now] });
  set(name);
  return { el, set };
}

/**
 * A button that is an icon, or a word, or both.
 * @param {string} cls @param {Icon | ""} icon @param {string} text @param {() => void} click
 */
export function buttonOf(cls, icon, text, click) {
  const el = /** @type {HTMLButtonElement} */ (make("button", `nbx-button ${cls}`)), label = make("span", "nbx-label", text);
  const drawn = icon ? iconOf(icon) : null;
  el.type = "button";
  if (drawn) el.append(drawn.el);
  if (text || !icon) el.append(label);
  el.onclick = () => { if (el.getAttribute("aria-disabled") !== "true") click(); };
  /** Name it for who hears and for who points. @param {string} name @param {string} [hint] */
  const named = (name, hint = name) => attr(el, { "aria-label": name, title: hint });
  return { el, label, named, icon: (/** @type {Icon} */ now) => drawn?.set(now) };
}

/**
 * A bar and the function that sets it: 0 to 1, or null while nobody knows; with pieces, where the bytes are.
 * @param {string} cls @param {string} label
 */
export function barOf(cls, label) {
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

/** A field to type into, with its name before it. @param {string} label @param {string} type @param {string} [hint] */
export function fieldOf(label, type, hint = "") {
  const input = /** @type {HTMLInputElement} */ (make("input", "nbx-input"));
  attr(input, { type, placeholder: hint, autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  return { input, el: make("label", "nbx-field", make("span", "", label), input) };
}
