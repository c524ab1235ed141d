/** Owns what is kept in the browser. Where that is forbidden, nothing is kept, and nothing fails. */

/** What each tab has for itself. */
export const TAB = 'sessionStorage';

/** @param {string} key @param {string} [area] */
export function read(key, area = 'localStorage') {
  try {
    return JSON.parse(globalThis[area].getItem(key));
  } catch {
    return null;
  }
}

/** @param {string} key @param {any} value `null` to forget it @param {string} [area] */
export function write(key, value, area = 'localStorage') {
  try {
    if (value === null) {
      globalThis[area].removeItem(key);
    } else {
      globalThis[area].setItem(key, JSON.stringify(value));
    }
  } catch {
    // See above.
  }
}

/** @param {string} beginning */
export function keysOf(beginning) {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(beginning));
  } catch {
    return [];
  }
}
