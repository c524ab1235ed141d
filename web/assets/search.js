/** Owns the results that come as one types: the same page is fetched, and its `#results` replace those of this one. */
import { follow, replace } from './forms.js';
import { sayFailed } from './tell.js';
import { readPage } from './trusted.js';

/** The milliseconds after which a word counts as typed. */
const PAUSE = 250;

let timer = 0;
let request = new AbortController();
let shown = new URLSearchParams(location.search).get('q') ?? '';

export function start() {
  document.addEventListener('input', ({ target: field }) => {
    if (field.name === 'q' && field.form?.getAttribute('action') === location.pathname) {
      clearTimeout(timer);
      timer = setTimeout(() => look(field), PAUSE);
    }
  });
}

/** @param {HTMLInputElement} field */
async function look(field) {
  const words = field.value.trim();
  if (words === shown) {
    return;
  }
  shown = words;
  request.abort();
  const { signal } = (request = new AbortController());
  const url = new URL(location.pathname, location);
  url.search = new URLSearchParams(new FormData(field.form));
  const results = document.getElementById('results');
  results?.setAttribute('aria-busy', 'true');
  try {
    const answer = await fetch(url, { signal });
    if (answer.redirected) {
      follow(answer.url);
      return;
    }
    const page = await readPage(answer);
    // A newer request may have begun.
    signal.throwIfAborted();
    if (replace('results', page)) {
      history.replaceState(null, '', url);
      document.title = page.title;
      return;
    }
  } catch {
    if (signal.aborted) {
      return;
    }
  }
  shown = null;
  results?.removeAttribute('aria-busy');
  sayFailed();
}
