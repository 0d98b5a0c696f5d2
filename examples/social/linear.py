"""linear.py FORECLICK FOLDER: moods of tweets and reviews by foreclick, beside scikit-learn's linear models on the same split.

FOLDER is what prepare.py wrote. Everything is picked by the validation part, and the test part is read once: of linear models the inputs,
C and the weights of classes; of foreclick how far moods that are rare in training are raised, p / share^a. (numpy, scikit-learn)
"""

import csv
import json
import os
import subprocess
import sys

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from prepare import few, part, write

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "../.."))
MOODS = ["negative", "neutral", "positive"]
SEEDS = range(1, 6)
# Models that another one learns from, of other seeds than any other's.
TEACHERS = 5
RAISED = [0, 0.25, 0.5, 0.75, 1]


def words():
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[\w']+|[^\w\s]+")


def characters():
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)


INPUTS = {"words": words, "characters": characters, "both": lambda: make_union(words(), characters())}
MODELS = {
    "logistic regression": lambda c, weight: LogisticRegression(C=3 * c, class_weight=weight, max_iter=200),
    "linear SVM": lambda c, weight: LinearSVC(C=c / 3, class_weight=weight),
}


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def moods(rows):
    return np.array([row["mood"] for row in rows])


def score(rows, told):
    """Macro-F1 in percent."""
    return 100 * f1_score(moods(rows), told, average="macro")


def of(rows, name):
    return [row for row in rows if part(row) == name]


def linear(rows):
    """For each model its macro-F1 on the validation and test part, by what validation picks, and what that is."""
    learned, picking, test = (of(rows, name) for name in ("train", "validation", "test"))
    best = {}
    for inputs, make in INPUTS.items():
        vectors = make().fit([row["text"] for row in learned])
        x, x_picking, x_test = (vectors.transform([row["text"] for row in some]) for some in (learned, picking, test))
        for name, model in MODELS.items():
            for c in (0.3, 1, 3):
                for weight in (None, "balanced"):
                    fitted = model(c, weight).fit(x, moods(learned))
                    reached = score(picking, fitted.predict(x_picking))
                    if name not in best or reached > best[name][0]:
                        best[name] = (reached, score(test, fitted.predict(x_test)), f"{inputs}, C {fitted.C:g}, {weight or 'even'}")
    return best


class Foreclick:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], cwd=ROOT, capture_output=True, text=True)
        # 1 is a gate that was missed, which is no matter here.
        if done.returncode not in (0, 1):
            sys.exit(f"foreclick {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def train(self, config, name, seed, *options):
        self.run("train", os.path.join(HERE, config), "--name", name, "--replace", "--seed", str(seed), "--threads", "1", *options)
        return name

    def distilled(self, name, seed):
        """Trains a model of what several others answer, and those before it; also tells the first one's name."""
        teachers = [self.train("tweets.toml", f"{name}-teacher-{n}", seed * 100 + n) for n in range(1, TEACHERS + 1)]
        named = ",".join(f"runs/{teacher}" for teacher in teachers)
        return self.train("distilled.toml", name, seed, "--teachers", named), teachers[0]

    def probabilities(self, name, rows):
        """`[rows, moods]`"""
        sessions = os.path.join(self.folder, "sessions.jsonl")
        with open(sessions, "w") as file:
            file.writelines(json.dumps({"events": [{"fields": {"text": row["text"]}}]}) + "\n" for row in rows)
        told = self.run("predict", f"runs/{name}/model.safetensors", sessions)
        classes = [json.loads(line)["tasks"]["mood"]["classes"] for line in told.splitlines()]
        return np.array([[next(c["probability"] for c in row if c["class"] == mood) for mood in MOODS] for row in classes])

    def scores(self, runs):
        """Macro-F1 of each run on the validation and test part, and how far rare moods are raised. `runs`: names with their rows."""
        told = []
        for name, rows in runs:
            shares = np.array([(moods(of(rows, "train")) == mood).mean() for mood in MOODS])
            parts = [of(rows, "validation"), of(rows, "test")]
            told.append((parts, [self.probabilities(name, some) for some in parts], shares))
        reached = lambda a, which: [
            score(parts[which], np.array(MOODS)[(answers[which] / shares**a).argmax(1)]) for parts, answers, shares in told
        ]
        raised = max(RAISED, key=lambda a: np.mean(reached(a, 0)))
        return reached(raised, 0), reached(raised, 1), f"raised by {raised}"


def tell(name, validation, test, chosen):
    spread = lambda values: f"{np.mean(values):5.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if np.size(values) > 1 else "      ")
    print(f"{name:44} validation {spread(validation)}   test {spread(test)}   {chosen}", flush=True)


def main(program, folder):
    foreclick = Foreclick(program, folder)
    tweets, reviews = (read(os.path.join(folder, f"{name}.csv")) for name in ("tweets", "all-reviews"))
    counts = lambda rows: ", ".join(f"{len(of(rows, name))} {name}" for name in ("train", "validation", "test"))
    print(f"tweets: {counts(tweets)}; macro-F1 of three moods, %; foreclick: mean and deviation of {len(SEEDS)} seeds")
    for name, reached in linear(tweets).items():
        tell(name, *reached)
    taught = [foreclick.distilled(f"bench-tweets-{seed}", seed) for seed in SEEDS]
    tell(f"foreclick, learned from {TEACHERS}", *foreclick.scores([(one, tweets) for one, _ in taught]))
    tell("foreclick, one of these", *foreclick.scores([(one, tweets) for _, one in taught]))

    print(f"reviews: 300 to learn from, another 300 for each seed; {counts(reviews)} there are")
    logs = {seed: few(reviews, seed) for seed in SEEDS}
    fitted = [linear(logs[seed]) for seed in SEEDS]
    for name in MODELS:
        tell(f"{name}, of the 300", [one[name][0] for one in fitted], [one[name][1] for one in fitted], "picked for each")
    begun, gone_on, as_is = [], [], []
    for seed, log in logs.items():
        path = os.path.join(folder, f"reviews-{seed}.csv")
        write(path, log)
        base = f"bench-tweets-{seed}"
        begun.append((foreclick.train("reviews-alone.toml", f"bench-alone-{seed}", seed, "--log", path), log))
        gone_on.append((foreclick.train("reviews.toml", f"bench-reviews-{seed}", seed, "--log", path, "--from", f"runs/{base}"), log))
        as_is.append((base, log))
    tell("foreclick, of the 300", *foreclick.scores(begun))
    tell("foreclick, of tweets alone", *foreclick.scores(as_is))
    tell("foreclick, of tweets, then of the 300", *foreclick.scores(gone_on))


main(sys.argv[1], sys.argv[2])
