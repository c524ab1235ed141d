/**
 * Owns drafts: what one types into a form with `data-draft="KEY"` is kept in this browser, under the person's id, until
 * the form was sent. Only texts are kept; passwords, files and hidden fields never are.
 */
import { TAB, keysOf, read, write } from './storage.js';

const KEPT = 'textarea[name], input[name]:is([type=text], :not([type]))';
const DRAFTS = 'chatty:draft:';
/** The milliseconds after which a draft is forgotten: 30 days. */
const LIFETIME = 2_592e6;
/** Which form the tab has sent, until the next page shows how that went. */
const SENT = 'chatty:sent';

/** The forms with text that is not kept yet. */
const typed = new Set();
let timer = 0;

export function startDrafts() {
  finishSent();
  for (const key of keysOf(DRAFTS)) {
    if (!(Date.now() - read(key)?.at < LIFETIME)) {
      write(key, null);
    }
  }
  restore(document);
  document.addEventListener('input', (event) => {
    const form = event.target.closest?.('form[data-draft]');
    if (form) {
      typed.add(form);
      clearTimeout(timer);
      timer = setTimeout(keepTyped, 300);
    }
  });
  document.addEventListener('submit', onSubmit, true);
  document.addEventListener('chatty:replaced', (event) => {
    // An answer that is shown in this page leads nowhere.
    keepSent();
    restore(event.target);
  });
  addEventListener('pagehide', keepTyped);
}

/** @param {string} [name] */
function mine(name = '') {
  return `${DRAFTS}${document.body.dataset.me ?? ''}:${name}`;
}

function keepTyped() {
  clearTimeout(timer);
  typed.forEach(keep);
  typed.clear();
}

/** @param {HTMLFormElement} form */
function keep(form) {
  // With what the page itself has in a field: a draft belongs to that only.
  const fields = [...form.querySelectorAll(KEPT)].map((field) => [field.name, field.defaultValue, field.value]);
  const isTyped = fields.some(([, given, value]) => value !== given);
  write(mine(form.dataset.draft), isTyped ? { at: Date.now(), fields } : null);
}

/** @param {ParentNode} part */
function restore(part) {
  for (const form of part.querySelectorAll('form[data-draft]')) {
    for (const [name, given, value] of read(mine(form.dataset.draft))?.fields ?? []) {
      const field = [...form.querySelectorAll(KEPT)].find((one) => one.name === name);
      // A field with another text, such as one that was refused, is newer than the draft.
      if (field?.defaultValue === given && field.value !== value) {
        field.value = value;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
    }
  }
}

/** @param {SubmitEvent} event */
function onSubmit({ target: form }) {
  const path = form.getAttribute('action');
  if (path === '/signout') {
    typed.clear();
    keysOf(mine()).forEach((key) => write(key, null));
  } else if (form.dataset.draft !== undefined) {
    keep(form);
    write(SENT, [mine(form.dataset.draft), path], TAB);
  }
}

/** Keeps the draft of a form that was not sent. */
export function keepSent() {
  write(SENT, null, TAB);
}

/**
 * Forgets the draft whose form has led to this page. It stays if the form was refused, which is shown at the address it
 * was sent to; if one has to sign in; and if one came by other means, because the network was lost.
 */
function finishSent() {
  const [key, path] = read(SENT, TAB) ?? [];
  keepSent();
  const isLed = document.referrer && performance.getEntriesByType('navigation')[0]?.type === 'navigate';
  if (key && isLed && ![path, '/signin'].includes(location.pathname)) {
    write(key, null);
  }
}
