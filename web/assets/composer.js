/**
 * Owns the forms with a picture: preview, refusal of a wrong file before the upload, progress. A form without a picture
 * is the browser's.
 */
import { keepSent } from './drafts.js';
import { fields, follow, hold, sayRefused, showMain, target } from './forms.js';
import { say, sayFailed, word } from './tell.js';
import { parse } from './trusted.js';

const PICTURE = 'input[type=file][data-max-bytes]';

/** The upload under way. @type {XMLHttpRequest?} */
let upload = null;

export function start() {
  document.addEventListener('change', ({ target: input }) => input.matches?.(PICTURE) && choose(input));
  document.addEventListener('click', (event) => {
    const input = event.target.closest?.('[data-remove]')?.closest('form')?.querySelector(PICTURE);
    if (input) {
      clear(input);
      input.focus();
    }
  });
  // Before forms.js, which leaves alone what is taken over here.
  document.addEventListener('submit', onSubmit, true);
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && upload?.abort());
  // One may have chosen before this module came.
  document.querySelectorAll(PICTURE).forEach(choose);
}

/** Finds a part of the form, or one that nobody sees. @param {HTMLInputElement} input @param {string} tag */
function part(input, tag) {
  const selector = { img: '[data-preview]', p: '[data-refusal]' }[tag] ?? tag;
  return input.form.querySelector(selector) ?? document.createElement(tag);
}

/** @param {HTMLInputElement} input @param {string} url empty for no picture */
function show(input, url) {
  const image = part(input, 'img');
  URL.revokeObjectURL(image.src);
  image.hidden = !url;
  if (url) {
    image.src = url;
  } else {
    image.removeAttribute('src');
  }
  input.form.querySelectorAll('[data-remove]').forEach((button) => (button.hidden = !url));
  return image;
}

/** @param {HTMLInputElement} input @param {string} sentence empty if nothing is refused */
function refuse(input, sentence) {
  const place = part(input, 'p');
  if (sentence) {
    clear(input);
    input.ariaInvalid = 'true';
  } else if (!place.hidden) {
    input.ariaInvalid = null;
  }
  place.textContent = sentence;
  place.hidden = !sentence;
}

/** @param {HTMLInputElement} input */
function clear(input) {
  input.value = '';
  show(input, '');
}

/** @param {HTMLInputElement} input */
async function choose(input) {
  const [file] = input.files;
  const { maxBytes, types = '', rule = word('failed') } = input.dataset;
  refuse(input, '');
  if (!file) {
    show(input, '');
  } else if (file.size > Number(maxBytes) || !types.split(/[\s,]+/).includes(file.type)) {
    refuse(input, rule);
  } else {
    const image = show(input, URL.createObjectURL(file));
    await image.decode().catch(() => {
      // Whatever its name says, it is no picture. Another one may have been chosen meanwhile.
      if (input.files[0] === file) {
        refuse(input, rule);
      }
    });
  }
}

/** @param {SubmitEvent} event */
function onSubmit(event) {
  const input = event.target.querySelector(PICTURE);
  if (input?.files.length > 0) {
    event.preventDefault();
    if (!upload) {
      send(event.target, input, event.submitter);
    }
  }
}

/** @param {HTMLFormElement} form @param {HTMLInputElement} input @param {HTMLElement?} submitter */
function send(form, input, submitter) {
  const [url, data] = [target(form, submitter), fields(form, submitter)];
  const release = hold(form, true, false);
  const bar = part(input, 'progress');
  bar.hidden = false;
  bar.max = 1;
  const own = (upload = new XMLHttpRequest());
  own.upload.onprogress = ({ loaded, total }) => {
    if (loaded < total) {
      bar.value = loaded / total;
    } else {
      // All is sent: now the server works, and nobody knows for how long.
      bar.removeAttribute('value');
    }
  };
  own.onload = () => finish(url, input, own);
  own.onabort = () => say(word('stopped'), true);
  own.onerror = sayFailed;
  own.onloadend = () => {
    upload = null;
    bar.hidden = true;
    release();
    if (own.status === 0 || own.status >= 400) {
      keepSent();
    }
  };
  own.open('POST', url);
  own.setRequestHeader('Accept', 'text/html');
  own.send(data);
}

/**
 * Goes where a redirect has led, or shows the refusal here, with the picture: nothing is sent a second time.
 *
 * @param {string} url @param {HTMLInputElement} input @param {XMLHttpRequest} answer
 */
function finish(url, { files }, answer) {
  const { responseText, responseURL, status } = answer;
  if (status < 400 && responseURL !== url) {
    follow(responseURL);
    return;
  }
  const page = parse(responseText, responseURL, answer.getResponseHeader('content-type'));
  const next = page?.querySelector(PICTURE);
  if (next && showMain(page)) {
    next.files = files;
    choose(next);
  } else {
    // A page about a failure would take the form away.
    sayRefused(page);
  }
}
