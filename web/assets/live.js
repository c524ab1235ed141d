/**
 * Owns the stream of events `/live`: one for all tabs, because a browser has six connections to a host.
 *
 * The tab that holds a lock leads: it opens the stream for the posts of all tabs, and tells the others what comes. A
 * tab that begins, or has slept, says which event it has seen last; the leader asks for what came since, and each tab
 * ignores what it knows. So nothing is lost or repeated. Without locks each tab has its own stream.
 */
import * as news from './news.js';
import { read, write } from './storage.js';
import { say, word } from './tell.js';

/** The name of lock, channel and storage of this person. */
const NAME = `chatty:live:${document.body.dataset.me ?? ''}`;
/** The most posts whose counters a stream tells. */
const MOST_POSTS = 100;
/** The milliseconds for which tabs that come together are collected. */
const GATHER = 300;
/** The milliseconds after which a hidden tab needs no events, and the longest pause before another try. */
const [HIDDEN, PATIENT] = [300_000, 60_000];
/** The milliseconds between two looks at the clock; after the longer ones the machine must have slept. */
const [TICK, SLEPT] = [20_000, 150_000];

/** The name of this tab. */
const own = Math.random().toString(36);
/** The number of the last event that this tab has seen, if any. */
let seen = null;
let channel = null;
/** Ends the wait for the lock, or the lead. */
let stop = null;
let leader = null;
let isOver = false;
let hiding = 0;

export function start() {
  news.startNews();
  seen = findStart();
  addEventListener('pagehide', leave);
  addEventListener('pageshow', (event) => event.persisted && join());
  addEventListener('online', () => leader?.retry(0));
  document.addEventListener('chatty:replaced', hello);
  document.addEventListener('resume', wake);
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(leave, HIDDEN);
    } else {
      wake();
    }
  });
  join();
  // The page has just come, so no tab knows better; only a page about a failure has not asked.
  if (!document.querySelector('.error-status')) {
    channel?.postMessage({ unread: news.shownUnread() });
  }
}

function join() {
  if (stop || isOver) {
    return;
  }
  const { signal } = (stop = new AbortController());
  if (!navigator.locks) {
    leader = new Leader();
    return;
  }
  channel = new BroadcastChannel(NAME);
  channel.onmessage = ({ data }) => hear(data);
  const lead = () => new Promise((end) => {
    signal.onabort = end;
    leader = new Leader();
  });
  // Whoever leaves before their turn is refused the lock.
  navigator.locks.request(NAME, { signal }, lead).catch(() => {});
  hello();
}

/** A page that the browser keeps for later holds neither lock nor connection. */
function leave() {
  leader?.close();
  channel?.postMessage({ bye: own });
  channel?.close();
  stop?.abort();
  leader = channel = stop = null;
}

function wake() {
  join();
  hello();
  leader?.wake();
}

function hello() {
  const message = { tab: own, posts: news.shownPosts(), seen };
  channel?.postMessage(message);
  leader?.note(message);
}

/** @param {object} message of another tab */
function hear(message) {
  if (message.who) {
    hello();
  } else if (message.tab) {
    leader?.note(message);
  } else if (message.bye) {
    leader?.tabs.delete(message.bye);
  } else if (message.event) {
    take(message);
  } else if (typeof message.unread === 'number') {
    news.showUnread(message.unread);
  }
}

/** @param {{ event: string, id: number, data: object }} told */
function take({ event, id, data }) {
  if (event === 'counts') {
    news.showCounts(data);
  } else if (event === 'end') {
    isOver = true;
    leave();
    say(word('expired'), true);
  } else if (event === 'ready') {
    if (!data.resumed && seen !== null) {
      // What came meanwhile is not told any more.
      news.lookForPosts();
    }
    seen = data.resumed && seen !== null ? seen : id;
  } else if (seen === null || id > seen) {
    seen = id;
    (event === 'post' ? news.countPost : news.countNotification)(data);
  }
}

class Leader {
  /** What each tab shows and has seen. */
  tabs = new Map();
  source = null;
  /** The posts that the stream tells of. */
  posts = [];
  /** The number after which the stream goes on. */
  last = null;
  failures = 0;
  timer = 0;
  asking = 0;
  looked = Date.now();
  ticker = setInterval(() => this.look(), TICK);

  constructor() {
    this.note({ tab: own, posts: news.shownPosts(), seen });
    channel?.postMessage({ who: own });
  }

  /** @param {{ tab: string, posts: string[], seen: number? }} message */
  note(message) {
    // The last tab counts most when there are too many posts.
    this.tabs.delete(message.tab);
    this.tabs.set(message.tab, message);
    this.later(GATHER);
  }

  /** @param {number} pause */
  later(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.update(), pause);
  }

  /** Opens the stream, if there is none that serves all tabs. */
  update() {
    const tabs = [...this.tabs.values()].reverse();
    const posts = [...new Set(tabs.flatMap((tab) => tab.posts))].slice(0, MOST_POSTS);
    const from = Math.min(...tabs.map((tab) => tab.seen ?? Infinity));
    const isBehind = from < (this.last ?? Infinity);
    // From here on the stream tells everybody what they lack.
    this.tabs.forEach((tab) => (tab.seen = null));
    if (!this.source || isBehind || posts.some((post) => !this.posts.includes(post))) {
      this.posts = posts;
      this.last = isBehind ? from : this.last;
      this.open();
    }
  }

  /** Opens the stream after the last event. */
  open() {
    this.drop();
    this.source = new EventSource(`/live?posts=${this.posts}${this.last === null ? '' : `&last=${this.last}`}`);
    for (const name of ['ready', 'post', 'notification', 'counts', 'end']) {
      this.source.addEventListener(name, (event) => this.receive(name, event));
    }
    // The browser itself would try again at an even pace, and for the old posts.
    this.source.onerror = () => this.retry(Math.min(1_000 * 2 ** this.failures++, PATIENT));
  }

  drop() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  /** Tries again, not all browsers at once. @param {number} pause */
  retry(pause) {
    this.drop();
    this.later(pause * (0.5 + Math.random()));
  }

  /** @param {string} event @param {MessageEvent<string>} received */
  receive(event, received) {
    const [id, data] = [Number(received.lastEventId), JSON.parse(received.data)];
    if (event === 'end' && ['token_expired', 'stopping'].includes(data.reason)) {
      this.retry(data.reason === 'stopping' ? 3_000 : 200);
      return;
    }
    if (event === 'ready') {
      this.failures = 0;
    }
    if (event === 'notification' || (data.resumed === false && this.last !== null)) {
      this.askUnread();
    }
    if (event !== 'counts' && event !== 'end') {
      this.last = id;
      store(id);
    }
    channel?.postMessage({ event, id, data });
    take({ event, id, data });
  }

  /** Asks once for several notifications that come together. */
  askUnread() {
    clearTimeout(this.asking);
    this.asking = setTimeout(async () => {
      const unread = await news.askUnread();
      channel?.postMessage({ unread });
      hear({ unread });
    }, 300);
  }

  /** After the machine has slept, a connection may seem open and be dead. */
  look() {
    const slept = Date.now() - this.looked > SLEPT;
    this.looked = Date.now();
    store(null);
    if (slept) {
      this.retry(0);
    }
  }

  wake() {
    if (this.source) {
      this.look();
    } else {
      this.update();
    }
  }

  close() {
    this.drop();
    clearTimeout(this.asking);
    clearInterval(this.ticker);
    store(null);
  }
}

/** Stores that the stream is open, and when an event came. @param {number?} id */
function store(id) {
  const numbers = read(NAME)?.numbers ?? [];
  const isNew = id !== null && id !== numbers.at(-1)?.[0];
  write(NAME, { at: Date.now(), numbers: isNew ? [...numbers, [id, Date.now()]].slice(-10) : numbers });
}

/**
 * Returns the number of the last event before the server made this page: what came since is not on it. `null` if no
 * stream was open then.
 */
function findStart() {
  const began = performance.timeOrigin + (performance.getEntriesByType('navigation')[0]?.requestStart ?? 0);
  const { at = 0, numbers = [] } = read(NAME) ?? {};
  const before = numbers.filter(([, time]) => time < began);
  return at > began - 3 * TICK ? before.at(-1)?.[0] ?? null : null;
}
