// All that foreclick keeps on the device, and its end.
import { failure } from "../shared.js";
import { CACHE, WEB_STORAGE_PREFIX, webStorages } from "../stored.js";
import { eraseDatabases } from "./database.js";

// Between the tabs of a site. Within a page prefetchers listen for the event.
export const CHANNEL = "foreclick";
const FORGET = "foreclick:forget";

/** Erases it. `store` has the rows of this name where they are not in IndexedDB, `also` what else can be cleared. */
export async function eraseEverything({ name, store, also }) {
  const cache = async () => {
    if (globalThis.caches) await caches.delete(CACHE);
  };
  // First, since it closes its own connection.
  const rows = Promise.resolve(store?.erase());
  const ended = await Promise.allSettled([rows, eraseDatabases(name), cache(), eraseOfPage(also)]);
  const refused = ended.find(({ status }) => status === "rejected");
  if (refused) {
    const advice = "close the site's other tabs and try again, or clear the site's data in the browser's settings";
    throw failure("storage", `not all could be erased (${refused.reason?.message ?? refused.reason}); ${advice}`, refused.reason);
  }
}

/** What each tab must erase itself: its sessionStorage, and what its scripts would write again. */
export async function eraseOfPage(also) {
  globalThis.dispatchEvent?.(new Event(FORGET));
  for (const { keys, storage } of webStorages()) {
    for (const key of keys) if (key.startsWith(WEB_STORAGE_PREFIX)) storage.removeItem(key);
  }
  await Promise.all(also.map((other) => other.clear()));
}

/** Tells the other tabs. */
export function tell(channel, name, what) {
  channel?.postMessage({ name, what });
}

// Missing in older browsers.
export function openChannel() {
  try {
    const channel = new BroadcastChannel(CHANNEL);
    // A server's process does not live on for it.
    channel.unref?.();
    return channel;
  } catch {
    return undefined;
  }
}
