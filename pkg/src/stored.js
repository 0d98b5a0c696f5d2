// What foreclick keeps on this device beside a state, as far as a page can see.

export const CACHE = "foreclick";
export const WEB_STORAGE_PREFIX = "foreclick.";
const NAMES = { "foreclick.prefetch": "Prefetch counts" };

export async function listStored() {
  return [...listWebStorages(), ...(await listCache())];
}

/** The storages of this page that can be read, with their keys. */
export function webStorages() {
  return ["sessionStorage", "localStorage"].flatMap((where) => {
    // Missing in workers; where cookies are blocked even the name throws.
    try {
      const storage = globalThis[where];
      return [{ where, storage, keys: Object.keys(storage) }];
    } catch {
      return [];
    }
  });
}

function listWebStorages() {
  return webStorages().flatMap(({ where, storage, keys }) => {
    const ours = keys.filter((key) => key.startsWith(WEB_STORAGE_PREFIX));
    return ours.map((key) => ({ name: NAMES[key] ?? key, where, count: 1, bytes: storage.getItem(key).length }));
  });
}

/** What of it can be read as JSON. */
export async function exportOthers() {
  const storages = webStorages().map(({ where, storage, keys }) => {
    const ours = keys.filter((key) => key.startsWith(WEB_STORAGE_PREFIX));
    return [where, Object.fromEntries(ours.map((key) => [key, storage.getItem(key)]))];
  });
  return { ...Object.fromEntries(storages), cache: (await cachedFiles()).map(({ url }) => url) };
}

// Opened only where it is there, since opening makes it.
async function cachedFiles() {
  try {
    if (!(await caches.has(CACHE))) return [];
    const cache = await caches.open(CACHE);
    const requests = await cache.keys();
    return Promise.all(requests.map(async (request) => ({ url: request.url, bytes: (await (await cache.match(request)).blob()).size })));
  } catch {
    return [];
  }
}

async function listCache() {
  const files = await cachedFiles();
  if (files.length === 0) return [];
  return [{ name: "Model files", where: "Cache", count: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }];
}
