// What foreclick keeps on this device, as far as a page can see.

const PREFETCH = "foreclick.prefetch";
const CACHE = "foreclick";

export async function listStored() {
  return [...prefetchCounts(), ...(await cachedFiles())];
}

// Storage may be missing or forbidden: then nothing is kept.
function prefetchCounts() {
  try {
    const text = sessionStorage.getItem(PREFETCH);
    return text === null ? [] : [{ name: "Prefetch counts", bytes: text.length }];
  } catch {
    return [];
  }
}

async function cachedFiles() {
  try {
    // Opened only where it is there, since opening makes it.
    if (!(await caches.has(CACHE))) return [];
    const cache = await caches.open(CACHE);
    const requests = await cache.keys();
    const sizes = await Promise.all(requests.map(async (request) => (await (await cache.match(request)).blob()).size));
    return [{ name: "Model files", bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) }];
  } catch {
    return [];
  }
}
