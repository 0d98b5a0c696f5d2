"""prepare.py ARCHIVE FOLDER: the tweets and Amazon review snippets of vaderSentiment 0.5 (Hutto and Gilbert 2014) as logs.

ARCHIVE is the package's sdist, as `tools/social.sh` fetches it. Writes tweets.csv, reviews.csv (of the rows that are learned from only
the first LEARNED, as if few had been rated) and all-reviews.csv: a post a row, with its id, text, mean rating of 20 people from -4 to 4,
and mood. Writes posts.json too, the held-out tweets that the demo's page replays. Only the standard library is needed.
"""

import csv
import io
import json
import os
import sys
import tarfile
import zipfile
from collections import Counter

INNER = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
FILES = {"tweets": "tweets_GroundTruth.txt", "reviews": "amazonReviewSnippets_GroundTruth.txt"}
# A mean rating nearer to 0 than this is neutral.
NEUTRAL = 0.5
# As [split] of tweets.toml and reviews.toml has them by default.
SEED, TEST, VALIDATION = 1, 0.2, 0.1
# Rated reviews to learn from, where there are few.
LEARNED = 300
# Of the page's stream: posts before the mood turns, while it is turned, and how many of those are negative. As many as before come after.
CALM, TURNED, NEGATIVE = 80, 80, 64


def mood(rating):
    return "negative" if rating <= -NEUTRAL else "positive" if rating >= NEUTRAL else "neutral"


def draw(key, seed):
    """A number from 0 to below 1: FNV-1a over a key and the seed, mixed by SplitMix64, as `foreclick` draws sequences."""
    mask, drawn = (1 << 64) - 1, 0xCBF29CE484222325
    for byte in key.encode() + seed.to_bytes(8, "little"):
        drawn = ((drawn ^ byte) * 0x100000001B3) & mask
    drawn = ((drawn ^ (drawn >> 30)) * 0xBF58476D1CE4E5B9) & mask
    drawn = ((drawn ^ (drawn >> 27)) * 0x94D049BB133111EB) & mask
    return ((drawn ^ (drawn >> 31)) >> 11) / 2**53


def part(row):
    share = draw(row["id"], SEED)
    return "test" if share < TEST else "validation" if share < TEST + VALIDATION else "train"


def few(rows, seed):
    """All rows but those to learn from, of which so many stay as few have, drawn by id and seed."""
    learned = sorted((row for row in rows if part(row) == "train"), key=lambda row: draw(row["id"], seed))
    kept = {row["id"] for row in learned[:LEARNED]}
    return [row for row in rows if part(row) != "train" or row["id"] in kept]


def read(archive):
    """The rows of both files."""
    with zipfile.ZipFile(archive) as outer, tarfile.open(fileobj=io.BytesIO(outer.read(INNER))) as inner:
        texts = {name: inner.extractfile(f"hutto_ICWSM_2014/{file}").read() for name, file in FILES.items()}
    read = {}
    for name, text in texts.items():
        # A few bytes are no valid UTF-8.
        lines = [line.split("\t", 2) for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
        read[name] = [{"id": key, "rating": rating, "mood": mood(float(rating)), "text": post} for key, rating, post in lines]
    return read


def stream(rows):
    """Tweets of the test part in an order that turns: as they come, then mostly negative ones, then as they come again."""
    drawn = sorted((row for row in rows if part(row) == "test"), key=lambda row: draw(row["id"], SEED + 1))
    calm, rest = drawn[: 2 * CALM], drawn[2 * CALM :]
    negative = [row for row in rest if row["mood"] == "negative"][:NEGATIVE]
    others = [row for row in rest if row["mood"] != "negative"][: TURNED - NEGATIVE]
    turned = [row for row in rest if row in negative or row in others]
    posts = [{"text": row["text"], "rating": float(row["rating"])} for row in calm[:CALM] + turned + calm[CALM:]]
    usual = [row["text"] for row in rows if part(row) == "validation"]
    return {"usual": usual, "posts": posts, "turns": [CALM, CALM + TURNED]}


def write(path, rows):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, ["id", "rating", "mood", "text"])
        table.writeheader()
        table.writerows(rows)


def main(archive, folder):
    rows = read(archive)
    os.makedirs(folder, exist_ok=True)
    logs = {"tweets": rows["tweets"], "all-reviews": rows["reviews"], "reviews": few(rows["reviews"], SEED)}
    for name, log in logs.items():
        write(os.path.join(folder, f"{name}.csv"), log)
        tell = lambda values: ", ".join(f"{count} {value}" for value, count in sorted(Counter(values).items()))
        print(f"{name}.csv: {len(log)} rows; {tell(map(part, log))}; {tell(row['mood'] for row in log)}")
    with open(os.path.join(folder, "posts.json"), "w") as file:
        json.dump(stream(rows["tweets"]), file, ensure_ascii=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
