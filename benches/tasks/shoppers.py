"""shoppers.py FORECLICK: UCI's Online Shoppers, a row a session, beside scikit-learn's gradient boosting on the same rows.

Trains by shoppers.toml, asks the file for the test rows' answers, and measures both with scikit-learn. PageValues, which is made of
the purchases themselves, is in neither. Settings of both were picked by the validation part; the test part is read once. Writes
build/shoppers.json.
"""

import csv
import json
import os
import subprocess
import sys

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
LOG = os.path.join(ROOT, "../shared/data/online-shoppers/online_shoppers_intention.csv")
FOLDER = os.path.join(ROOT, "build/bench/tasks")
NUMBERS = [
    "Administrative", "Administrative_Duration", "Informational", "Informational_Duration", "ProductRelated",
    "ProductRelated_Duration", "BounceRates", "ExitRates", "SpecialDay",
]
CATEGORIES = ["Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend"]
# As [split] of shoppers.toml has them by default.
SEED, TEST, VALIDATION = 1, 0.2, 0.1
# As many settings of gradient boosting are tried as `foreclick tune` tried of ours; the first two are its defaults.
TRIALS = 24
RESAMPLES = 2000


def part(row):
    """The part of a row, counted from 1: FNV-1a over its key and the seed, mixed by SplitMix64, as `foreclick` draws."""
    mask, drawn = (1 << 64) - 1, 0xCBF29CE484222325
    for byte in str(row).encode() + SEED.to_bytes(8, "little"):
        drawn = ((drawn ^ byte) * 0x100000001B3) & mask
    drawn = ((drawn ^ (drawn >> 30)) * 0xBF58476D1CE4E5B9) & mask
    drawn = ((drawn ^ (drawn >> 27)) * 0x94D049BB133111EB) & mask
    share = ((drawn ^ (drawn >> 31)) >> 11) / 2**53
    return "test" if share < TEST else "validation" if share < TEST + VALIDATION else "train"


def ours(foreclick, rows):
    """The probabilities that the trained file answers for rows, and what training itself says of them."""
    os.makedirs(FOLDER, exist_ok=True)
    config = os.path.join(os.path.dirname(__file__), "shoppers.toml")
    # 1 is a gate that was missed, which is no matter here.
    code = subprocess.run([foreclick, "train", config, "--name", "bench-shoppers", "--replace"], cwd=ROOT).returncode
    if code not in (0, 1):
        sys.exit(f"foreclick train ended with {code}")
    sessions = os.path.join(FOLDER, "shoppers.jsonl")
    with open(sessions, "w") as file:
        for row in rows:
            fields = {name: float(row[name]) for name in NUMBERS} | {name: row[name] for name in CATEGORIES}
            file.write(json.dumps({"events": [{"fields": fields}]}) + "\n")
    model = os.path.join(ROOT, "runs/bench-shoppers/model.safetensors")
    told = subprocess.run([foreclick, "predict", model, sessions], check=True, capture_output=True, text=True).stdout
    with open(os.path.join(ROOT, "runs/bench-shoppers/tasks.json")) as file:
        [task] = json.load(file)["tasks"]
    answers = [json.loads(line)["tasks"]["buy"]["probability"] for line in told.splitlines()]
    return np.array(answers), dict(map(tuple, task["rows"]))["exported"]["AUROC"]


def boosting(inputs, bought, parts):
    """The probabilities of gradient boosting by its defaults, and of the settings that the validation part likes best."""
    draw = np.random.default_rng(SEED)
    # Categories are codes to it, or are told to be categories.
    told = list(range(len(NUMBERS), len(NUMBERS) + len(CATEGORIES)))
    settings = [{}, {"categorical_features": told}]
    while len(settings) < TRIALS:
        settings.append({
            "learning_rate": 10 ** draw.uniform(-2, -0.5), "max_iter": int(draw.integers(30, 300)),
            "max_leaf_nodes": int(draw.integers(4, 48)), "min_samples_leaf": int(draw.integers(10, 100)),
            "l2_regularization": 10 ** draw.uniform(-3, 1.5), "categorical_features": told if draw.random() < 0.5 else None,
        })
    learned, picking = parts == "train", parts == "validation"
    answers, losses = [], []
    for chosen in settings:
        model = HistGradientBoostingClassifier(early_stopping=False, random_state=SEED, **chosen)
        model.fit(inputs[learned], bought[learned])
        answers.append(model.predict_proba(inputs)[:, 1])
        losses.append(log_loss(bought[picking], answers[-1][picking]))
    best = int(np.argmin(losses))
    return answers[0], answers[1], answers[best], settings[best]


def main(foreclick):
    with open(LOG, newline="") as file:
        rows = list(csv.DictReader(file))
    parts = np.array([part(number) for number in range(1, len(rows) + 1)])
    bought = np.array([row["Revenue"] == "TRUE" for row in rows])
    codes = {name: {value: code for code, value in enumerate(sorted({row[name] for row in rows}))} for name in CATEGORIES}
    inputs = np.array([[float(row[name]) for name in NUMBERS] + [codes[name][row[name]] for name in CATEGORIES] for row in rows])
    test = parts == "test"
    answers, told = ours(foreclick, [row for row, is_test in zip(rows, test) if is_test])
    truth = bought[test]
    if abs(roc_auc_score(truth, answers) - told) > 1e-3:
        sys.exit(f"AUROC is {roc_auc_score(truth, answers)} here and {told} in tasks.json: the rows are not the same")
    defaults, told_categories, picked, chosen = boosting(inputs, bought, parts)
    base = np.full(len(truth), bought[parts == "train"].mean())
    table = {
        "foreclick": answers,
        "HistGradientBoosting, its defaults": defaults[test],
        "the same, told the categories": told_categories[test],
        f"HistGradientBoosting, best of {TRIALS}": picked[test],
        "base rate": base,
    }
    print(f"\n{len(truth)} test sessions, {truth.sum()} of them bought")
    report = {"labels": len(truth), "bought": int(truth.sum()), "settings": chosen, "rows": {}}
    draw = np.random.default_rng(SEED)
    resamples = [draw.integers(0, len(truth), len(truth)) for _ in range(RESAMPLES)]
    for name, shares in table.items():
        figures = {
            "AUROC": roc_auc_score(truth, shares), "AUPR": average_precision_score(truth, shares), "log loss": log_loss(truth, shares),
        }
        behind = [roc_auc_score(truth[at], shares[at]) - roc_auc_score(truth[at], answers[at]) for at in resamples]
        figures["AUROC above foreclick's, 95%"] = np.quantile(behind, [0.025, 0.975]).tolist()
        report["rows"][name] = figures
        low, high = figures["AUROC above foreclick's, 95%"]
        print(f"{name:36} AUROC {figures['AUROC']:.3f}  AUPR {figures['AUPR']:.3f}  log loss {figures['log loss']:.3f}"
              f"  AUROC above foreclick's, 95%: {low:+.3f} to {high:+.3f}")
    print(f"best of {TRIALS}: {chosen or 'the defaults'}")
    with open(os.path.join(ROOT, "build/shoppers.json"), "w") as file:
        json.dump(report, file, indent=1)


main(sys.argv[1])
