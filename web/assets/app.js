/**
 * The beginning of the modules: it starts each of them, and fetches those that only some pages need.
 *
 * Pages are complete without any of this: the server renders them, and every write is a form. A module that fails leaves
 * a page that works.
 *
 * - trusted.js: how a text becomes HTML (Trusted Types policy `chatty`)
 * - storage.js: what is kept in the browser
 * - tell.js: the words of modules, the live region, the lost network
 * - forms.js: `data-part`, `data-once`: forms sent by fetch, parts replaced
 * - drafts.js: `data-draft`: typed text stays until it was sent
 * - keys.js: the keyboard
 * - composer.js: `data-max-bytes`: preview, refusal and progress of a picture
 * - search.js: `#results` as one types
 * - live.js: one stream of events for all tabs
 * - news.js: what a page shows of events: `#news`, `data-unread`, `data-likes`, `data-comments`
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
    // A file that cannot be fetched leaves the page as it is.
    load().then(({ start }) => start(), () => {});
  }
}
