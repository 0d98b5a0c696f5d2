// A mean logarithm is no mean: what each way to forecast is off by, measured on a year that it was not fitted to.

/**
 * By the same rule for each, so that none is judged by a known bias. `rows`: `[{ vol, forecast: { name: value } }]`, logarithms of
 * volatility. Returns by name `shifts`, to add to a logarithm (its mean error), and `factors`, to multiply a variance by.
 */
export function corrections(rows) {
  const names = Object.keys(rows[0].forecast);
  const mean = (figure) => rows.reduce((total, row) => total + figure(row), 0) / rows.length;
  const each = (figure) => Object.fromEntries(names.map((name) => [name, mean(({ vol, forecast }) => figure(vol - forecast[name]))]));
  return { shifts: each((error) => error), factors: each((error) => Math.exp(2 * error)) };
}
