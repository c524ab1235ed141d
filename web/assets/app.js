/**
 * The beginning of the modules. Pages are complete without them: the server renders all, and every write is a form. A
 * module that fails leaves a page that works.
 *
 * - trusted.js: text becomes HTML
 * - storage.js: what is kept in the browser
 * - tell.js: words, live region, lost network
 * - forms.js: `data-part`, `data-once`
 * - drafts.js: `data-draft`
 * - keys.js: the keyboard
 * - composer.js: pictures, `data-max-bytes`
 * - search.js: `#results`
 * - live.js: the stream of events
 * - news.js: what pages show of it, `#news`, `data-unread`, `data-likes`, `data-comments`
 *
 * Whoever changes a page dispatches `chatty:replaced` at the new element, so that the others look at it.
 */
import { startDrafts } from './drafts.js';
import { startForms } from './forms.js';
import { startKeys } from './keys.js';
import { watchNetwork } from './tell.js';

// Each by itself, so that a failure of one does not stop the others.
[watchNetwork, startForms, startDrafts, startKeys].forEach(queueMicrotask);

const sometimes = {
  'body[data-live]': () => import('./live.js'),
  '#results': () => import('./search.js'),
  'input[data-max-bytes]': () => import('./composer.js'),
};
for (const [selector, load] of Object.entries(sometimes)) {
  if (document.querySelector(selector)) {
    // A page without the file works too.
    load().then(({ start }) => start(), () => {});
  }
}
