// What came of each strategy, in figures.

export const NAMES = {
  none: "none",
  hover: "hover, 65 ms",
  viewport: "viewport",
  foresight: "ForesightJS",
  foreclick: "foreclick",
  both: "foreclick and hover",
  eager: "foreclick from .1, and hover",
};
/** Milliseconds that a page may take where it was not loaded before. */
export const WAITS = [300, 1000, 3000];

/**
 * `views` of a watched replay. A hit is a page that was loaded, from the page before, when its link was clicked; waste is what
 * was loaded and not opened from that page, those after which the visitor left included. `waits` has for each of WAITS what of it
 * is left after the lead, in the mean of all navigations.
 */
export function summarise(visits, strategy, bytesOf) {
  const views = visits.flat();
  const leads = [];
  let [loads, wasted, navigations] = [0, 0, 0];
  for (const { target, noted, clickedAt } of views) {
    const own = noted.filter((one) => one.strategy === strategy && !(one.time > clickedAt));
    const hit = own.find(({ path }) => path === target);
    loads += own.length;
    if (target !== undefined) navigations++;
    if (hit) leads.push(clickedAt - hit.time);
    wasted += own.filter((one) => one !== hit).reduce((sum, { path }) => sum + bytesOf(path), 0);
  }
  const saved = (wait) => leads.reduce((sum, lead) => sum + Math.min(lead, wait), 0) / navigations;
  return {
    strategy,
    navigations,
    loads,
    hits: leads.length,
    hitRate: leads.length / navigations,
    waste: loads ? 1 - leads.length / loads : null,
    perView: loads / views.length,
    wastedBytesPerView: wasted / views.length,
    lead: leads.length ? { median: quantile(leads, 0.5), low: quantile(leads, 0.1) } : null,
    waits: WAITS.map((wait) => wait - saved(wait)),
  };
}

export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
