"""visitors.py TRANSACTIONS.parquet CHOSEN_ON.txt: the events of the households that benches/personal/personal.toml keeps out of
all, as JSON Lines, but for those on which the learner was chosen. Needs pyarrow."""

import hashlib
import json
import sys

import pyarrow.parquet as parquet

SEED, SHARE = 1, 0.4  # as in personal.toml
EVENTS = 130  # some are of items that are too rare for the model
COLUMNS = ["household_id", "basket_id", "product_id", "transaction_timestamp"]


def part(text):
    """Of the range of SHA-256, as [split] held_out_sequences has it."""
    return int.from_bytes(hashlib.sha256(SEED.to_bytes(8, "little") + text.encode()).digest()[:8], "big") / 2**64


transactions, chosen_on = sys.argv[1:]
with open(chosen_on) as file:
    seen = set(file.read().split())
households = {}
for row in zip(*(parquet.read_table(transactions, columns=COLUMNS).column(name).to_pylist() for name in COLUMNS)):
    households.setdefault(str(row[0]), []).append(row)
for household in sorted(households, key=int):
    if part(household) >= SHARE or household in seen:
        continue
    # All rows of a basket have one time: their order is drawn.
    rows = sorted(households[household], key=lambda row: (row[3], row[1], part(f"{row[1]} {row[2]}")))
    events = {(row[1], row[2]): {"item": str(row[2]), "group": str(row[1]), "time": int(row[3].timestamp() * 1000)} for row in rows}
    print(json.dumps(list(events.values())[:EVENTS]))
