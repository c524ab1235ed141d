/** Owns the only way by which a text becomes HTML: the policy `chatty`, for answers of this site. */
const policy = globalThis.trustedTypes?.createPolicy('chatty', { createHTML: (text) => text });

/**
 * Reads HTML as a document, whose scripts do not run.
 *
 * @param {string} text
 * @param {string} url where it comes from
 * @param {string | null} type its content type
 * @returns {Document | null} `null` if it is no HTML of this site
 */
export function parse(text, url, type) {
  const isOurs = type?.startsWith('text/html') && new URL(url, location).origin === location.origin;
  return isOurs ? new DOMParser().parseFromString(policy?.createHTML(text) ?? text, 'text/html') : null;
}

/** @param {Response} answer */
export async function readPage(answer) {
  return parse(await answer.text(), answer.url, answer.headers.get('content-type'));
}
