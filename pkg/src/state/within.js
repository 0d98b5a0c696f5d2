// A store that never answers must not hold the page up.
const LIMIT = 5000;

/** The promise, or an error after five seconds. */
export function within(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the store gave no answer in ${LIMIT / 1000} s`)), LIMIT);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
