/** Owns what modules say: the words in `<template id="words">`, the live region `#announce`, the banner `#offline`. */

/** The milliseconds for which a message stays. */
const STAYS = 10_000;

let timer = 0;
let offline = false;

/** Returns a word of the template; empty, and so not said, if there is none. @param {string} name */
export function word(name) {
  return document.getElementById('words')?.dataset[name] ?? '';
}

/** @param {string | undefined} sentence @param {boolean} [shown] also to people who see the page */
export function say(sentence, shown = false) {
  const region = document.getElementById('announce');
  if (!region || !sentence?.trim()) {
    return;
  }
  hush();
  // An empty region first: so the same sentence is said a second time.
  timer = setTimeout(() => {
    region.textContent = sentence.trim();
    region.toggleAttribute('data-shown', shown);
    timer = setTimeout(hush, STAYS);
  }, 50);
}

export function hush() {
  clearTimeout(timer);
  const region = document.getElementById('announce');
  region?.replaceChildren();
  region?.removeAttribute('data-shown');
}

export function sayFailed() {
  say(word(offline ? 'offline' : 'failed'), true);
}

export function isOffline() {
  return offline;
}

/** Only changes count: a page that has just come is proof of a network. */
export function watchNetwork() {
  for (const name of ['offline', 'online']) {
    addEventListener(name, () => {
      offline = name === 'offline';
      const banner = document.getElementById('offline');
      if (banner) {
        banner.hidden = !offline;
      }
      say(word(name));
    });
  }
}
