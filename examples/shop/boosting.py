"""boosting.py EVENTS PRODUCTS: scikit-learn's gradient boosting on counts of each household's trips, for the question of coupon.toml.

EVENTS is what prepare.py wrote. The validation part picks among the settings; the test part is read once. (pandas, pyarrow, scikit-learn)
"""

import sys

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from prepare import parts_of

SEED, TRIALS, DEPARTMENTS = 1, 12, 12
WINDOWS = (3, 10, 30)


def trips_of(events, products):
    """A row a trip, in the order of households and times: what it was, and whether the next one redeems a coupon."""
    events = events.merge(products[["product_id", "department"]], on="product_id", how="left")
    department = events.department.fillna("?")
    common = department.value_counts().index[:DEPARTMENTS]
    events["department"] = department.where(department.isin(common), "other")
    keys = ["household_id", "basket_id"]
    trips = events.groupby(keys, sort=False).agg(
        time=("transaction_timestamp", "min"), used=("coupon_used", lambda used: (used == "yes").sum()),
        spent=("sales_value", "sum"), products=("product_id", "size"), known=("known", "any"), coupon=("coupon", "first"),
    )
    counts = events.groupby([*keys, "department"]).size().unstack(fill_value=0).add_prefix("department ")
    return trips.join(counts).reset_index().sort_values(["household_id", "time", "basket_id"], kind="stable").reset_index(drop=True)


def known(events):
    """Purchases that foreclick keeps: of products with `min_count` of them, as in `coupon.toml`. Trips without one are no test."""
    purchases = events.product_id.value_counts()
    return events.product_id.isin(purchases.index[purchases >= 20])


def inputs_of(trips):
    """Counts of the trip and of the household's trips so far, this one included."""
    household = trips.household_id
    number = trips.groupby(household).cumcount() + 1
    redeemed = (trips.used > 0).astype(float)
    latest = trips.time.where(redeemed > 0).groupby(household).ffill()
    columns = {
        "products": trips["products"], "spent": np.log1p(trips.spent), "used": trips.used, "trips": number,
        "hour": trips.time.dt.hour, "weekday": trips.time.dt.day_of_week, "day": (trips.time - trips.time.min()).dt.days,
        "gap": trips.groupby(household).time.diff().dt.total_seconds(), "since": (trips.time - latest).dt.total_seconds(),
        "redeemed": redeemed.groupby(household).cumsum(), "share": redeemed.groupby(household).cumsum() / number,
        "mean spent": trips.groupby(household).spent.cumsum() / number,
    }
    for window in WINDOWS:
        columns[f"share of {window}"] = rolling(redeemed, household, window).mean().reset_index(level=0, drop=True)
        columns[f"spent in {window}"] = rolling(trips.spent, household, window).mean().reset_index(level=0, drop=True)
    for name in [name for name in trips if name.startswith("department ")]:
        columns[name] = trips[name]
        columns[f"{name} in 10"] = rolling(trips[name], household, 10).sum().reset_index(level=0, drop=True)
    return pd.DataFrame(columns).to_numpy(float)


def rolling(values, household, window):
    return values.groupby(household).rolling(window, min_periods=1)


def main(events, products):
    events = pd.read_parquet(events)
    events["known"] = known(events)
    trips = trips_of(events, pd.read_parquet(products))
    inputs = inputs_of(trips)
    part = parts_of(trips.time)
    told, redeems = (trips.coupon.notna() & trips.known).to_numpy(), trips.coupon.fillna(0).to_numpy()
    learned, picking, test = (told & (part == number) for number in range(3))
    draw = np.random.default_rng(SEED)
    settings = [{}]
    while len(settings) < TRIALS:
        settings.append({
            "learning_rate": 10 ** draw.uniform(-2, -0.5), "max_iter": int(draw.integers(50, 400)),
            "max_leaf_nodes": int(draw.integers(4, 48)), "min_samples_leaf": int(draw.integers(10, 200)),
            "l2_regularization": 10 ** draw.uniform(-3, 1.5),
        })
    answers = []
    for chosen in settings:
        model = HistGradientBoostingClassifier(early_stopping=False, random_state=SEED, **chosen).fit(inputs[learned], redeems[learned])
        answers.append(model.predict_proba(inputs)[:, 1])
    best = min(range(TRIALS), key=lambda place: log_loss(redeems[picking], answers[place][picking]))
    print(f"{test.sum()} test trips, {redeems[test].mean():.1%} of the next ones redeem a coupon")
    for name, place in [("HistGradientBoosting, its defaults", 0), (f"best of {TRIALS} by the validation part", best)]:
        truth, shares = redeems[test], answers[place][test]
        print(f"{name:36} AUROC {roc_auc_score(truth, shares):.3f}  AUPR {average_precision_score(truth, shares):.3f}  "
              f"log loss {log_loss(truth, shares):.4f}")


main(sys.argv[1], sys.argv[2])
