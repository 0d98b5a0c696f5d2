// What the page's thread and a worker's share: a model file's bytes, plain copies, errors.

// Fetches or takes a model file; resolves to its bytes and where they came from. `room` may say where they are to lie.
export async function obtain(source, { cache, integrity, onProgress, signal }, room) {
  if (cache) {
    if (typeof cache.read !== "function") throw failure("argument", "cache must be a ModelCache, of foreclick/cache");
    return cache.read(source, { integrity, onProgress, signal });
  }
  const bytes = await read(source, onProgress, signal, room);
  if (integrity !== undefined) await verify(bytes, integrity);
  const given = source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  return { bytes, from: given ? "memory" : "network" };
}

// The bytes of a file that holds only what differs from the model file, if there is one.
export async function obtainDelta(delta, integrity, signal) {
  if (!delta && integrity !== undefined) throw failure("argument", "deltaIntegrity is of a delta, and there is none");
  return delta && (await obtain(delta, { integrity, signal })).bytes;
}

// As in subresource integrity, but for SHA-256 alone.
export async function verify(bytes, integrity) {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) throw failure("integrity", "integrity can't be checked here; browsers do it on pages of https alone");
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  const got = `sha256-${btoa(String.fromCharCode(...digest))}`;
  if (got !== integrity) throw failure("integrity", `model file: its hash is ${got}, expected ${integrity}; is it another version?`);
}

export async function read(source, onProgress, signal, room) {
  try {
    if (source instanceof ArrayBuffer) return new Uint8Array(source);
    if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  } catch (error) {
    throw failure("argument", `the bytes can't be read: ${error.message}`, error);
  }
  if (typeof source === "string" || source instanceof URL) source = await get(source, "model file", signal);
  if (!(source instanceof Response)) throw failure("argument", "load() takes a URL, a Response or bytes");
  const response = checked(source, "model file");
  const { body, headers } = response;
  // Of a packed transfer the header gives the packed length, but we see unpacked bytes. From another site a page is told the length
  // but not that it is packed: see `unknow`.
  let total = (!headers.get("content-encoding") && Math.max(Number(headers.get("content-length")), 0)) || undefined;
  // Asked for each chunk anew: WebAssembly's memory may have grown.
  let place = body && total && (await room?.(total));
  let thrown;
  const tell = (progress) => {
    try {
      onProgress?.(progress);
    } catch (error) {
      thrown = { error };
      throw error;
    }
  };
  try {
    if (!place && !(body && (onProgress || signal))) return new Uint8Array(await response.arrayBuffer());
    const chunks = [];
    let loaded = 0;
    const unknow = () => {
      if (place) chunks.push(place().slice(0, loaded));
      total = place = undefined;
    };
    const write = (chunk) => {
      if (loaded + chunk.length > total) unknow();
      place ? place().set(chunk, loaded) : chunks.push(chunk);
      loaded += chunk.length;
      tell({ loaded, total });
    };
    await body.pipeTo(new WritableStream({ write }), { signal });
    if (loaded < total) {
      if (response.type !== "cors") throw new Error(`${loaded} bytes came, expected ${total}`);
      unknow();
    }
    return place ? place() : new Uint8Array(await new Blob(chunks).arrayBuffer());
  } catch (error) {
    if (thrown) throw thrown.error;
    throw signal?.aborted ? signal.reason : failure("fetch", `model file: the transfer broke off: ${error.message}`, error);
  }
}

export async function get(url, what, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : failure("fetch", `${what}: ${url} can't be fetched: ${error.message}`, error);
  }
  return checked(response, what);
}

// Servers answer a wrong address with an error, or with a page of their own and "200 OK".
export function checked(response, what) {
  if (!(response instanceof Response)) return response;
  const { ok, status, url, headers } = response;
  if (!ok) throw failure("fetch", `${what}: ${url} answered ${status}, expected 200; check the address`);
  if (headers.get("content-type")?.startsWith("text/html")) {
    throw failure("fetch", `${what}: ${url} is a web page, expected a file of foreclick's; check the address`);
  }
  return response;
}

// A page's getters run here: one that throws inside a call into WebAssembly would leave its stack where it was.
export function copy(value, depth = 2) {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value);
  if (depth === 0 || value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member, depth - 1)]));
}

export function checkSessions(sessions) {
  if (!Array.isArray(sessions)) throw failure("argument", "the sessions must be an array of arrays of events");
  const wrong = sessions.findIndex((session) => !Array.isArray(session));
  if (wrong >= 0) throw failure("argument", `session ${wrong}: expected an array of events`);
}

export function checkKnowledge(knowledge) {
  if (knowledge && !knowledge.apply) throw failure("argument", "knowledge must be a Knowledge, of foreclick/knowledge");
}

export function failure(code, message, cause) {
  return Object.assign(new Error(message, { cause }), { code });
}

// The promise's value, or undefined after so many milliseconds.
export function within(limit, promise) {
  let timer;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, limit);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
