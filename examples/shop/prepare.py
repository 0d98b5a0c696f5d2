"""prepare.py TRANSACTIONS OUT: the Complete Journey's purchases with what is asked of them, as Parquet (pandas, pyarrow).

At each product of a trip: whether the household's next trip redeems a coupon, and the logarithm of one and what it spends.
Blank where the next trip falls into another part of the split (`shop.toml`): it would tell what is to be predicted. And what a shop
knows of a household as a trip begins: an encoder looks back on a few trips, these counts on all.
"""

import sys

import numpy as np
import pandas as pd

# As [split] of shop.toml has them.
STARTS = [pd.Timestamp("2017-11-22"), pd.Timestamp("2017-12-01")]
COLUMNS = ["household_id", "transaction_timestamp", "basket_id", "product_id", "sales_value", "coupon_used"]


TRIPS_BACK = [3, 10, 30]
STANDING = ["trips", "redeemed", "redeemed_share", *(f"redeemed_of_{trips}" for trips in TRIPS_BACK), "days_since_coupon", "spent_of_10"]


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
        **standing(trips),
    })
    events = events.merge(labels, on=["household_id", "basket_id"], how="left")
    return events[[*COLUMNS, *STANDING, "coupon", "spend"]]


def standing(trips):
    """Of the trips before each: how many, how many of them redeemed a coupon, how long ago the latest did, and what they spent."""
    household = trips.household_id
    redeemed, spent = trips.coupon.astype(float), np.log1p(trips.spend)
    number = trips.groupby(household).cumcount()
    count = redeemed.groupby(household).cumsum() - redeemed
    latest = trips.time.where(trips.coupon).groupby(household).ffill().groupby(household).shift(1)
    columns = {"trips": number, "redeemed": count, "redeemed_share": count / number.clip(lower=1)}
    for back in TRIPS_BACK:
        columns[f"redeemed_of_{back}"] = mean_before(redeemed, household, back)
    columns["days_since_coupon"] = (trips.time - latest).dt.total_seconds() / 86400
    columns["spent_of_10"] = mean_before(spent, household, 10)
    return columns


def mean_before(values, household, trips):
    """Of so many trips before each; none before the first."""
    before = values.groupby(household).shift(1)
    return before.groupby(household).rolling(trips, min_periods=1).mean().reset_index(level=0, drop=True)


if __name__ == "__main__":
    source, out = sys.argv[1], sys.argv[2]
    events = prepare(pd.read_parquet(source))
    events.to_parquet(out, index=False)
    told = events.drop_duplicates(["household_id", "basket_id"]).coupon.dropna()
    print(f"{len(events)} purchases, {len(told)} trips with a next one in their part, {told.mean():.1%} of those redeem a coupon")
