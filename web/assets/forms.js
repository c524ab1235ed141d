/**
 * Owns the one mechanism for lively forms. A form with `data-part="ID"` is sent by fetch, and the `#ID` of the answer
 * replaces that of the page. A form with `data-once` is sent once, however often it is clicked.
 */
import { isOffline, say, sayFailed, word } from './tell.js';
import { readPage } from './trusted.js';

/** The milliseconds after which an answer is called slow, and nobody waits any more. */
const [SLOW, LIMIT] = [4_000, 30_000];

/** The forms that are being sent, each with what ends that. */
const sent = new Map();
/** The last answer that each part waits for. */
const waiting = new Map();
/** The forms whose senders know of the lost network. */
const warned = new WeakSet();

export function startForms() {
  document.addEventListener('submit', onSubmit);
  document.addEventListener('click', (event) => {
    // The second click of a double click would hit a button that the answer to the first one has brought.
    if (event.detail > 1 && event.target.closest?.(':is(form[data-part], form[data-once]) button')) {
      event.preventDefault();
    }
  }, true);
  // Somebody comes back to a page that the browser has kept.
  addEventListener('pageshow', () => [...sent.values()].forEach((release) => release()));
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  const form = event.target;
  const { part, once } = form.dataset;
  if (event.defaultPrevented || (part ?? once) === undefined) {
    return;
  }
  if (sent.has(form)) {
    event.preventDefault();
  } else if (part !== undefined) {
    event.preventDefault();
    send(form, event.submitter);
  } else if (isOffline() && !warned.has(form)) {
    // The browser would leave the page. Whoever knows better sends the form once more.
    event.preventDefault();
    warned.add(form);
    sayFailed();
  } else {
    hold(form);
  }
}

/**
 * Marks a form as being sent, and returns what ends that.
 *
 * @param {HTMLFormElement} form
 * @param {boolean} [disables] its buttons too, none of which is to keep the focus
 * @param {boolean} [hurries] says when it takes long, and ends
 */
export function hold(form, disables = true, hurries = true) {
  const buttons = [...form.querySelectorAll('button:not([type=button], :disabled)')].filter(() => disables);
  const timers = [
    // Not before the browser has read the fields, to which the clicked button belongs.
    setTimeout(() => buttons.forEach((button) => (button.disabled = true))),
    hurries && setTimeout(() => say(word('slow'), true), SLOW),
    hurries && setTimeout(() => release(), LIMIT),
  ];
  const release = () => {
    timers.forEach(clearTimeout);
    buttons.forEach((button) => (button.disabled = false));
    form.removeAttribute('aria-busy');
    sent.delete(form);
  };
  form.setAttribute('aria-busy', 'true');
  sent.set(form, release);
  return release;
}

/** Sends a form after the earlier ones of its part. @param {HTMLFormElement} form @param {HTMLElement?} submitter */
function send(form, submitter) {
  const { part } = form.dataset;
  const [url, data] = [target(form, submitter), fields(form, submitter)];
  const release = hold(form, false);
  const turn = (waiting.get(part) ?? Promise.resolve()).then(() => exchange(part, url, data));
  waiting.set(part, turn.catch(sayFailed).finally(release));
}

/** @param {string} part @param {string} url @param {FormData} data */
async function exchange(part, url, data) {
  const answer = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(data),
    headers: { 'Chatty-Part': part },
    signal: AbortSignal.timeout(LIMIT),
  });
  if (answer.redirected) {
    follow(answer.url);
    return;
  }
  const page = await readPage(answer);
  if (!answer.ok) {
    sayRefused(page);
  } else if (!replace(part, page)) {
    location.reload();
  }
}

/** Says the sentence of a page about a refusal. @param {Document?} page */
export function sayRefused(page) {
  say(page?.querySelector('[data-sentence]')?.textContent || word('failed'), true);
}

/** The fields, with that of the button. @param {HTMLFormElement} form @param {HTMLElement?} submitter */
export function fields(form, submitter) {
  const data = new FormData(form);
  if (submitter?.name) {
    data.append(submitter.name, submitter.value);
  }
  return data;
}

/** @param {HTMLFormElement} form @param {HTMLElement?} submitter */
export function target(form, submitter) {
  // A field may be called `action`, so only the attribute counts.
  return new URL(submitter?.getAttribute('formaction') ?? form.getAttribute('action') ?? '', location).href;
}

/** Goes where a redirect has led. Whoever has to sign in comes back to this page. @param {string} url */
export function follow(url) {
  const to = new URL(url);
  if (to.pathname === '/signin' && !to.searchParams.has('back')) {
    to.searchParams.set('back', location.pathname + location.search);
  }
  location.assign(to);
}

/** Puts a part of another page into this one, if both have it. @param {string} id @param {Document?} page */
export function replace(id, page) {
  const [fresh, old] = [page?.getElementById(id), document.getElementById(id)];
  if (!fresh || !old) {
    return false;
  }
  const controls = (part) => [...part.querySelectorAll('a[href], button, input:not([type=hidden]), summary, textarea')];
  const focused = document.activeElement;
  const place = controls(old).indexOf(focused);
  old.replaceWith(document.adoptNode(fresh));
  if (place >= 0) {
    // The focus stays on the control of the same name or place.
    const all = controls(fresh);
    const same = all.find((control) => control.name && control.name === focused.name) ?? all[place] ?? all[0];
    same?.focus({ preventScroll: true });
  }
  say(fresh.dataset.announce);
  changed(fresh);
  return true;
}

/** Puts the main part of another page into this one, and leads to what it says. @param {Document?} page */
export function showMain(page) {
  const [fresh, old] = [page?.querySelector('main'), document.querySelector('main')];
  if (!fresh || !old) {
    return false;
  }
  old.replaceWith(document.adoptNode(fresh));
  document.title = page.title;
  const find = (selector) => fresh.querySelector(selector);
  const first = find('[aria-invalid=true]') ?? find('[role=alert]:not([hidden])') ?? fresh;
  first.tabIndex = first.name ? 0 : -1;
  first.focus();
  changed(fresh);
  return true;
}

/** @param {Element} part */
function changed(part) {
  part.dispatchEvent(new CustomEvent('chatty:replaced', { bubbles: true }));
}
