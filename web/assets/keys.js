/**
 * Owns the keyboard. Keys with modifiers, and while one types, are the browser's. Keys of one character disturb whoever
 * speaks to a computer: the checkbox `[data-keys]` in `[data-keys-switch]` switches them off.
 */
import { read, write } from './storage.js';
import { hush } from './tell.js';

const OFF = 'chatty:keys-off';
/** The milliseconds for which `g` waits for a second key. */
const SECOND_KEY = 1_500;

const ACTIONS = {
  j: () => step(1),
  k: () => step(-1),
  l: like,
  n: () => click('/new'),
  r: answer,
  '/': search,
  '?': () => go('/keys'),
};
const PLACES = { h: '/', a: '/activity', d: '/discover', s: '/saved' };

let goes = -SECOND_KEY;

export function startKeys() {
  document.addEventListener('keydown', onKey);
  document.querySelectorAll('[data-keys-switch]').forEach((element) => (element.hidden = false));
  const box = document.querySelector('input[data-keys]');
  if (box) {
    box.checked = !read(OFF);
    box.addEventListener('change', () => write(OFF, box.checked ? null : true));
  }
  if (location.hash === '#answer') {
    // When the page is complete, the browser goes there by itself, and takes the focus away.
    addEventListener('load', () => setTimeout(focusAnswer));
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const { key, target, timeStamp } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    return;
  }
  if (key === 'Escape') {
    leave(target);
  } else if (!isTyping(target) && !read(OFF)) {
    const place = timeStamp - goes < SECOND_KEY && PLACES[key];
    const act = place ? () => go(place) : ACTIONS[key];
    goes = key === 'g' ? timeStamp : -SECOND_KEY;
    if (act) {
      event.preventDefault();
      act();
    }
  }
}

/** @param {Element} target */
function isTyping(target) {
  const keyless = ':is([type=checkbox], [type=radio], [type=file], [type=submit], [type=button])';
  return target.isContentEditable || target.matches?.(`textarea, select, input:not(${keyless})`);
}

/** @param {Element} target */
function leave(target) {
  const menu = target.closest?.('details[open]') ?? document.querySelector('details[open]');
  if (isTyping(target)) {
    target.blur();
    // From here j and k go on.
    target.closest('article')?.focus({ preventScroll: true });
  } else if (menu) {
    menu.open = false;
    menu.querySelector('summary')?.focus();
  } else {
    hush();
  }
}

function focused() {
  return document.activeElement?.closest('main article');
}

/** @param {1 | -1} direction */
function step(direction) {
  const all = [...document.querySelectorAll('main article')];
  const at = all.indexOf(focused());
  // Without a focus one begins at what can be seen.
  const next = at < 0 ? all.find((one) => one.getBoundingClientRect().bottom > 80) : all[at + direction];
  if (next) {
    focusArticle(next);
  }
}

/** @param {HTMLElement} article */
export function focusArticle(article) {
  article.tabIndex = -1;
  article.focus({ preventScroll: true });
  const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  article.scrollIntoView({ behavior: isCalm ? 'auto' : 'smooth' });
}

function like() {
  const selector = ':is(form[action$="/like"], form[action$="/unlike"])';
  const all = document.querySelectorAll(`main ${selector}`);
  const form = focused()?.querySelector(selector) ?? (all.length === 1 ? all[0] : null);
  form?.requestSubmit(form.querySelector('button'));
}

function answer() {
  const link = focused()?.querySelector('a[href$="#answer"]');
  const post = focused()?.querySelector('a[href^="/p/"]');
  if (link) {
    link.click();
  } else if (!focusAnswer() && post) {
    location.assign(`${post.pathname}#answer`);
  }
}

function focusAnswer() {
  const field = document.querySelector('#answer textarea');
  field?.focus();
  return field;
}

function search() {
  const field = document.querySelector('main input[type=search]');
  if (field) {
    field.select();
  } else {
    click('/search');
  }
}

/** @param {string} path */
function go(path) {
  if (!click(path)) {
    location.assign(path);
  }
}

/** Follows a link, if it is there. @param {string} path */
function click(path) {
  const link = document.querySelector(`a[href="${path}"]`);
  link?.click();
  return link !== null;
}
