// The trip after the open basket: whether it redeems a coupon and what it spends, and what such answers are worth.
import { byId } from "./dom.js";
import { percent } from "./ranking.js";

export class Trip {
  /** `predictor` answers the tasks of www/trips.toml; `figures` are what its run was measured to. */
  constructor(predictor, figures) {
    this.predictor = predictor;
    byId("trip-worth").textContent = worth(figures);
  }

  /** Shows what is told after the last event. */
  async show() {
    const { tasks } = await this.predictor.predict();
    byId("trip-coupon").textContent = percent(tasks.coupon.probability);
    byId("trip-spend").textContent = `$${tasks.spend.value.toFixed(0)}`;
  }
}

function worth({ tasks }) {
  const [coupon, spend] = ["coupon", "spend"].map((name) => {
    const { labels, rows } = tasks.find(({ task }) => task === name);
    return { labels, ...Object.fromEntries(rows) };
  });
  const count = coupon.labels.toLocaleString("en");
  const dollars = (row) => `$${row.MAE.toFixed(2)}`;
  return (
    `Of ${count} real trips it was not trained on, a trip with a coupon comes before one without in ` +
    `${percent(coupon.exported.AUROC)} of all pairs (guessing: 50%); spending is off by ${dollars(spend.exported)} on average, ` +
    `the mean by ${dollars(spend.mean)}.`
  );
}
