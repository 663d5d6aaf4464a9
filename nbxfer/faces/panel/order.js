// @ts-check
/**
 * Which rows are shown, in which order, how high each is, and what they come to together. No drawing here.
 *
 * @typedef {import("./store.js").Row} Row
 * @typedef {import("./store.js").Live} Live
 * @typedef {import("./row.js").View} View
 * @typedef {{key: string, kind: "op" | "group" | "fold", rows: Row[], high: number, lines: number, open: boolean}} Item
 * @typedef {{rows: Row[], tones: string[] | null, query: string, sort: string, places: Map<string, number> | null,
 *   width: number, now: number}} Wanted
 * @typedef {{count: number, over: number, received: number, total: number | null, rate: number, left: number | null,
 *   fraction: number | null, moving: boolean}} Sum
 */
import { OVER, figures, slimOf, waysOut } from "./row.js";

/** Seconds for which what has just ended stays where it was. */
const FRESH = 8;
/** More finished rows than this fold away; a group with more members than this begins folded. */
const FEW = 3, LARGE = 6;
export const HIGH = { op: 59, slim: 33, group: 46, fold: 34, line: 17, ways: 31 };
const OUT = new Set(["cancel", "fail"]), GOING = new Set(["run", "queue", "wait"]);
const URGENCY = ["person", "fail", "orphan", "wait", "run", "check", "queue", "pause", "done", "cancel"];

/** Add up: bytes here and in all, speed, seconds left. @param {Row[]} rows @param {Live[]} lives @returns {Sum} */
export function sumOf(rows, lives) {
  let received = 0, total = 0, missing = 0, rate = 0, longest = 0, over = 0, unknown = false, moving = false;
  for (const row of rows) {
    const [, here = 0, size = null, speed = null, left = null] = lives[row.n] ?? [0];
    if (OVER.has(row.tone)) over++;
    if (OUT.has(row.tone)) continue;
    received += here;
    const whole = row.tone === "done" ? here : size;
    if (whole === null) unknown = true; else total += whole;
    if (GOING.has(row.tone) && whole !== null) missing += whole - here;
    if (row.tone === "run") { moving = true; rate += speed ?? 0; longest = Math.max(longest, left ?? 0); }
  }
  moving &&= rate > 1; // the slowest one may take longer than all the bytes at the speed of all
  const left = moving && !unknown ? Math.max(missing / rate, longest) : null;
  const fraction = !unknown && total ? Math.min(1, received / total) : null;
  return { count: rows.length, over, received, total: unknown ? null : total, rate, left, fraction, moving };
}

/** @param {string} sort @param {Live[]} lives @returns {((a: Row, b: Row) => number) | null} */
function comparing(sort, lives) {
  const figure = (/** @type {number} */ at) => (/** @type {Row} */ a, /** @type {Row} */ b) =>
    Number(lives[b.n]?.[at] ?? -1) - Number(lives[a.n]?.[at] ?? -1);
  const left = (/** @type {Row} */ r) => Number(lives[r.n]?.[4] ?? 1e12);
  /** @type {Record<string, (a: Row, b: Row) => number>} */
  const ways = {
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }), size: figure(2), speed: figure(3),
    left: (a, b) => left(a) - left(b), state: (a, b) => URGENCY.indexOf(a.tone) - URGENCY.indexOf(b.tone), newest: (a, b) => b.n - a.n,
  };
  return ways[sort] ?? null;
}

/** How many lines a text takes, as a browser breaks it: at blanks, longer words anywhere. @param {(text: string) => number} measure @param {string} text @param {number} width */
function broken(measure, text, width) {
  let lines = 1, at = 0;
  for (const word of text.split(" ")) {
    const wide = measure(`${word} `) * 1.07; // some of it is bold
    if (at && at + wide > width) { lines++; at = 0; }
    lines += Math.floor((at + wide) / (width + 4)); at = (at + wide) % (width + 4);
  }
  return lines;
}

/** How many lines the state needs below the figures. @param {View} view @param {Row} row @param {number} width */
function linesOf({ store, measure }, row, width) {
  if (row.word.length + row.why.length < 24 && width > 480 && !store.notes.size) return 0; // nearly all, and quickly
  const text = row.word + (store.notes.has(row.id) ? `. ${store.notes.get(row.id)}` : row.why.replace("{due}", " in 99 s"));
  const beside = measure(figures(row, store.live[row.n]));
  if (row.word === "Running" || measure(text) * 1.07 <= width - 76 - beside) return 0;
  return Math.min(6, broken(measure, text, width - (width < 400 ? 44 : 64)));
}

/** @param {View} view @param {Row} row @param {number} width @returns {Item} */
function itemOf(view, row, width) {
  const slim = slimOf(row, view.store.live[row.n]), note = view.store.notes.has(row.id), lines = slim && !note ? 0 : linesOf(view, row, width);
  const bare = lines && !figures(row, view.store.live[row.n]) ? lines - 1 : lines; // the state takes the figures' line
  const ways = waysOut(row).length && view.store.link === "live" ? HIGH.ways : 0;
  const below = view.open.get(row.id) ? view.high.get(row.id) ?? 60 : 0;
  const high = (slim ? HIGH.slim : HIGH.op) + HIGH.line * (slim ? lines : bare) + ways + below;
  return { key: row.id, kind: "op", rows: [row], high, lines, open: false };
}

/** Give what is to be shown, from top to bottom. @param {View} view @param {Wanted} wanted @returns {Item[]} */
export function arrange(view, { rows, tones, query, sort, places, width, now }) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean), narrowed = !!tones || words.length > 0;
  const fits = (/** @type {Row} */ r) => (!tones || tones.includes(r.tone))
    && words.every((word) => `${r.name} ${r.host} ${r.group} ${r.word}`.toLowerCase().includes(word));
  const shown = rows.filter((r) => r && fits(r)), compare = comparing(sort, view.store.live);
  if (compare) shown.sort((a, b) => compare(a, b) || a.n - b.n); else shown.sort((a, b) => a.n - b.n);
  if (places) shown.sort((a, b) => (places.get(a.id) ?? 1e9) - (places.get(b.id) ?? 1e9)); // a pointer is on them
  const stays = (/** @type {Row} */ r) => !OVER.has(r.tone) || now - r.at < FRESH || !!places?.has(r.id) || !!view.open.get(r.id);
  const groups = /** @type {Map<string, Row[]>} */ (new Map()), over = /** @type {Row[]} */ ([]), items = /** @type {Item[]} */ ([]);
  for (const row of shown) {
    if (!row.group) continue;
    const members = groups.get(row.group);
    if (members) members.push(row); else groups.set(row.group, [row]);
  }
  if (!compare && !places) for (const members of groups.values()) members.sort((a, b) => a.place - b.place); // as they go
  const many = shown.filter((r) => !r.group && OVER.has(r.tone)).length > FEW;
  const begun = new Set();
  for (const row of shown) {
    const members = row.group ? groups.get(row.group) : undefined;
    if (members) {
      if (begun.has(row.group)) continue;
      begun.add(row.group);
      const open = narrowed || !(view.folded.get(row.group) ?? members.length > LARGE);
      items.push({ key: `group ${row.group}`, kind: "group", rows: members, high: HIGH.group, lines: 0, open });
      if (open) for (const member of members) items.push(itemOf(view, member, width - 18));
    } else if (!narrowed && !stays(row) && many) over.push(row);
    else items.push(itemOf(view, row, width));
  }
  if (over.length) {
    const open = !(view.folded.get("") ?? true);
    items.push({ key: "fold", kind: "fold", rows: over, high: HIGH.fold, lines: 0, open });
    if (open) for (const row of over) items.push(itemOf(view, row, width));
  }
  return items;
}
