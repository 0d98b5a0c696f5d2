// Which addresses a browser may load before the visitor asks for them.
import { failure } from "../shared.js";

// A GET that changes something. As words of the path or the query: "remove" but not "remover".
const ACTION =
  /(?<![a-z])(log[-_]?(out|off)|sign[-_]?(out|off)|delete|remove|destroy|cancel|unsubscribe|add[-_]?to[-_]?(cart|basket|bag|wishlist))(?![a-z])/;
// Sites mark links that only people should follow as nofollow.
const SKIPPED_LINKS = "[download], [rel~=nofollow], [data-fc-skip]";

// The address without what never reaches the server.
export function readAddress(given, what) {
  try {
    const url = new URL(given, document.baseURI);
    url.hash = "";
    return url;
  } catch (cause) {
    throw failure("argument", `${what} is "${given}", expected an address`, cause);
  }
}

export class Safety {
  #origins;
  #skip;
  #allow;

  constructor({ origins, skip, allow }) {
    this.#origins = origins;
    this.#skip = skip ? `${SKIPPED_LINKS}, ${skip}` : SKIPPED_LINKS;
    this.#allow = allow;
    checkSelector(skip);
  }

  isSafe(url) {
    if (!/^https?:$/.test(url.protocol)) return false;
    if (url.origin !== location.origin && !this.#origins.includes(url.origin)) return false;
    if (url.href === readAddress(location.href).href) return false;
    if (ACTION.test(words(url))) return false;
    return !this.#isSkipped(url.href) && this.#allow(url) !== false;
  }

  // Of all links only the skipped ones are read: an address costs some microseconds, and pages have thousands.
  #isSkipped(address) {
    const links = document.querySelectorAll(`:is(a, area)[href]:is(${this.#skip})`);
    return [...links].some(({ href }) => href.startsWith(address) && readAddress(href).href === address);
  }
}

function checkSelector(selector) {
  try {
    if (selector) document.createElement("a").matches(selector);
  } catch (cause) {
    throw failure("argument", `skip is "${selector}", expected a CSS selector`, cause);
  }
}

// "signOut" is two words.
function words({ pathname, search }) {
  return (pathname + search).replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
}
