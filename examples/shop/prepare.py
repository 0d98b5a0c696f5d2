"""prepare.py TRANSACTIONS OUT: the Complete Journey's purchases with what is asked of them, as Parquet (pandas, pyarrow).

At each product of a trip: whether the household's next trip redeems a coupon, and the logarithm of one and what it spends.
Blank where the next trip falls into another part of the split (`shop.toml`): it would tell what is to be predicted.
"""

import sys

import numpy as np
import pandas as pd

# As [split] of shop.toml has them.
STARTS = [pd.Timestamp("2017-11-22"), pd.Timestamp("2017-12-01")]
COLUMNS = ["household_id", "transaction_timestamp", "basket_id", "product_id", "sales_value", "coupon_used"]


def parts_of(times):
    """0 for times that are learned from, 1 for validation, 2 for the test."""
    return np.searchsorted(np.array(STARTS, dtype="datetime64[ns]"), times.to_numpy(), side="right")


def prepare(transactions):
    """Adds `coupon_used` to each purchase, and the labels `coupon` and `spend` of its trip."""
    events = transactions.sort_values(["household_id", "transaction_timestamp", "basket_id"], kind="stable").reset_index(drop=True)
    events["coupon_used"] = np.where((events.coupon_disc > 0) | (events.coupon_match_disc > 0), "yes", "no")
    trips = events.groupby(["household_id", "basket_id"], sort=False).agg(
        time=("transaction_timestamp", "min"),
        coupon=("coupon_used", lambda used: (used == "yes").any()),
        spend=("sales_value", "sum"),
    )
    trips = trips.reset_index().sort_values(["household_id", "time", "basket_id"], kind="stable")
    part = parts_of(trips.time)
    after = trips.groupby("household_id")
    # Nothing is equal to what a household's last trip has after it.
    same_part = trips.assign(part=part).groupby("household_id")["part"].shift(-1) == part
    labels = pd.DataFrame({
        "household_id": trips.household_id,
        "basket_id": trips.basket_id,
        "coupon": after["coupon"].shift(-1).where(same_part).map({True: 1.0, False: 0.0}),
        "spend": np.log1p(after["spend"].shift(-1).where(same_part)),
    })
    events = events.merge(labels, on=["household_id", "basket_id"], how="left")
    return events[[*COLUMNS, "coupon", "spend"]]


if __name__ == "__main__":
    source, out = sys.argv[1], sys.argv[2]
    events = prepare(pd.read_parquet(source))
    events.to_parquet(out, index=False)
    told = events.drop_duplicates(["household_id", "basket_id"]).coupon.dropna()
    print(f"{len(events)} purchases, {len(told)} trips with a next one in their part, {told.mean():.1%} of those redeem a coupon")
