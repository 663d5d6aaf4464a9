// @ts-check
/** Bytes, speeds and times in people's words: the same as nbxfer/faces/words/amounts.py. Units are decimal. */

const UNITS = ["kB", "MB", "GB", "TB", "PB", "EB"];

/** "1.2 GB". @param {number} count */
export function sizeWords(count) {
  if (count < 999.5) return `${Math.max(0, Math.round(count))} B`;
  let amount = count;
  for (const unit of UNITS) {
    amount /= 1000;
    if (amount < 99.95) return `${amount.toFixed(1)} ${unit}`;
    if (amount < 999.5 || unit === "EB") return `${amount.toFixed(0)} ${unit}`;
  }
  return "";
}

/** "1.2 of 3.4 GB"; "1.2 GB" alone while the size is unknown. @param {number} received @param {number | null} total */
export function amountWords(received, total) {
  if (total === null) return received ? sizeWords(received) : "";
  const have = sizeWords(received), of = sizeWords(total), [number, unit] = have.split(" ");
  if (received === total) return of;
  return of.endsWith(` ${unit}`) ? `${number} of ${of}` : `${have} of ${of}`;
}

/** @param {number | null | undefined} rate */
export const rateWords = (rate) => (rate === null || rate === undefined ? "" : `${sizeWords(rate)}/s`);

/** A length of time in its two largest units: "3 s", "2 min 3 s", "1 h 5 min". @param {number} seconds */
export function timeWords(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  for (const [unit, length, smaller, part] of /** @type {[string, number, string, number][]} */ (
    [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]])) {
    const rest = Math.floor((whole % length) / part);
    if (whole >= length) return `${Math.floor(whole / length)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
  }
  return `${whole} s`;
}

/** @param {number | null | undefined} left */
export const leftWords = (left) => (left ? `${timeWords(left)} left` : "");

/** "3 transfers", with commas in long numbers. @param {number} n @param {string} one @param {string} [many] */
export const countWords = (n, one, many = `${one}s`) => `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;

/** @type {(...parts: (string | null | undefined | false)[]) => string} */
export const dots = (...parts) => parts.filter(Boolean).join(" · ");

/** "10:42", with the day where it is not today. @param {number} at Unix seconds */
export function whenWords(at) {
  const then = new Date(at * 1000), two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const time = `${two(then.getHours())}:${two(then.getMinutes())}`;
  const day = `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;
  return then.toDateString() === new Date().toDateString() ? time : `${day} ${time}`;
}
