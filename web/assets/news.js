/** Owns what a page shows of events: the pill `#news`, the badges `[data-unread]`, the counters of posts. */
import { focusArticle } from './keys.js';
import { TAB, read, write } from './storage.js';
import { say, word } from './tell.js';
import { readPage } from './trusted.js';

/** The wish to see the first new post. */
const FIRST = 'chatty:first';
/** The numbers in the sentences `data-news-one`, `-few` and `-many` of the template, by their plural forms. */
const SAMPLES = { one: 1, few: 2, many: 5 };

/** The ids of the posts that the pill counts. */
const posts = new Set();
/** What the badge counts. */
const groups = new Set();

export function startNews() {
  document.addEventListener('click', ({ target }) => target.closest?.('#news') && write(FIRST, true, TAB));
  const first = read(FIRST, TAB) && document.querySelector('[data-feed] article');
  write(FIRST, null, TAB);
  if (first) {
    focusArticle(first);
  }
}

/** The ids of the posts whose counters the page shows. */
export function shownPosts() {
  return [...new Set(Array.from(document.querySelectorAll('[data-likes]'), ({ dataset }) => dataset.likes))];
}

/** Counts a post that others have written. @param {{ id: number, author?: { id: number } }} post */
export function countPost(post) {
  const feed = document.querySelector('[data-feed]');
  const pill = document.getElementById('news');
  const isMine = String(post.author?.id) === document.body.dataset.me;
  if (!feed || !pill || isMine || !(post.id > Number(feed.dataset.feed))) {
    return;
  }
  posts.add(post.id);
  pill.textContent = sentence(posts.size);
  if (pill.hidden) {
    pill.hidden = false;
    // Once: a number that grows would disturb whoever listens.
    say(pill.textContent);
  }
}

/** @param {number} count */
function sentence(count) {
  const form = new Intl.PluralRules(document.documentElement.lang || 'en').select(count);
  // Languages with two forms call the second one `other`.
  const known = form in SAMPLES ? form : 'many';
  const sample = document.getElementById('words')?.getAttribute(`data-news-${known}`) ?? String(SAMPLES[known]);
  return sample.replace(SAMPLES[known], count);
}

/** Looks for new posts in the feed itself, after events were missed. */
export async function lookForPosts() {
  // A later page of the feed does not know what is new.
  if (document.querySelector('[data-feed]') && !location.search) {
    const page = await fetch('/').then(readPage).catch(() => null);
    page?.querySelectorAll('[data-feed] [data-likes]').forEach((one) => countPost({ id: Number(one.dataset.likes) }));
  }
}

/** The number of unread notifications that the page shows, if it does. */
export function shownUnread() {
  const badge = document.querySelector('[data-unread]');
  return badge && (Number.parseInt(badge.textContent, 10) || 0);
}

/** @param {number} count */
export function showUnread(count) {
  document.querySelectorAll('[data-unread]').forEach((badge) => {
    badge.textContent = count > 99 ? '99+' : count;
    badge.hidden = count === 0;
  });
}

/** Counts a notification, unless the server is asked for the number. @param {object} told as in `GET /notifications` */
export function countNotification({ kind, post, comment, report, created_at: at }) {
  // Likes of one post on one day, and followers, are one that is told again.
  const group = [kind, post?.id, comment?.id, report?.id, at?.slice(0, 10)].join();
  const unread = shownUnread();
  if (unread !== null && !groups.has(group) && !unreadPath()) {
    groups.add(group);
    showUnread(unread + 1);
  }
  say(word('notified'));
}

function unreadPath() {
  return document.querySelector('[data-unread]')?.dataset.unread;
}

/** Asks the address that the badge names for its number; `null` if there is none. */
export async function askUnread() {
  const answer = unreadPath() ? await fetch(unreadPath()).catch(() => null) : null;
  const count = answer?.ok && !answer.redirected ? Number.parseInt(await answer.text(), 10) : NaN;
  return Number.isNaN(count) ? null : count;
}

/** @param {{ post_id: number, like_count: number, comment_count: number }} counts */
export function showCounts(counts) {
  const id = Number(counts.post_id);
  const set = (selector, count) => document.querySelectorAll(selector).forEach((one) => (one.textContent = count));
  set(`[data-likes="${id}"]`, counts.like_count);
  set(`[data-comments="${id}"]`, counts.comment_count);
}
