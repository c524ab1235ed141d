/**
 * Owns the forms with a picture: its preview, the refusal of a wrong file before the upload, and the progress. A form
 * without a picture is the browser's.
 */
import { keepSent } from './drafts.js';
import { fields, follow, hold, sayRefused, showMain, target } from './forms.js';
import { say, sayFailed, word } from './tell.js';
import { parse } from './trusted.js';

const PICTURE = 'input[type=file][data-max-bytes]';

/** The upload that is under way. @type {XMLHttpRequest?} */
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
  // Before the mechanism of other forms, which leaves alone what is taken over here.
  document.addEventListener('submit', onSubmit, true);
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && upload) {
      event.preventDefault();
      upload.abort();
    }
  }, true);
  // Somebody may have chosen a picture before this module came.
  document.querySelectorAll(PICTURE).forEach((input) => input.files.length > 0 && choose(input));
}

/** Finds an element of a picture's form, or one that shows nothing. @param {HTMLInputElement} input @param {string} tag */
function part(input, tag) {
  const selector = { img: '[data-preview]', p: '[data-refusal]' }[tag] ?? tag;
  return input.form.querySelector(selector) ?? document.createElement(tag);
}

/** Shows a picture, or none. @param {HTMLInputElement} input @param {string} url */
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

/** Says why a file is refused, or nothing. @param {HTMLInputElement} input @param {string} sentence */
function refuse(input, sentence) {
  const place = part(input, 'p');
  place.textContent = sentence;
  place.hidden = !sentence;
  if (sentence) {
    clear(input);
    input.setAttribute('aria-invalid', 'true');
  } else {
    input.removeAttribute('aria-invalid');
  }
}

/** @param {HTMLInputElement} input */
function clear(input) {
  input.value = '';
  show(input, '');
}

/** Shows the picture that was chosen, or why it cannot be taken. @param {HTMLInputElement} input */
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
  const release = hold(form, { hurries: false });
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
 * Goes where a redirect has led, or shows the refusal in this page, with the picture: the form is not sent a second time
 * to be refused again.
 *
 * @param {string} url where the form was sent
 * @param {HTMLInputElement} input
 * @param {XMLHttpRequest} answer
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
