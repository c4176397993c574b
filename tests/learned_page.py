"""The tables of docs/learned.md, from what experiments/learned.py evaluated.

`python -m tests.learned_page` writes them; tests/test_learned_page.py holds it to them.
"""

import json
from pathlib import Path

import pandas as pd

from benchmarks.tables import with_parts


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "learned.md"
RESULTS = ROOT / "experiments" / "results"
RIVAL = "notional_learner"


def evaluated():
    return pd.read_csv(RESULTS / "learned.csv")


def frozen():
    return json.loads((RESULTS / "learned.json").read_text())


def number(value):
    return f"{value:.3f}"


def difference(row, form="+.3f"):
    """The paired difference with its interval, in bold where it excludes zero."""
    mean, low, high = (f"{row[name]:{form}}" for name in ("difference", "low", "high"))
    text = f"{mean} [{low}, {high}]"
    return f"**{text}**" if row["low"] > 0 or row["high"] < 0 else text


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


def validation():
    losses = frozen()["validation_loss"]
    ordered = sorted(losses.items(), key=lambda item: item[1])
    return table(
        ["severity", "loss on validation families"],
        [[f"`{name}`", number(loss)] for name, loss in ordered],
    )


def held_out():
    frame = evaluated()
    frame = frame[frame["figure"] == "over needed"]
    rows = []
    for _, row in frame[frame["part"] != "constant"].iterrows():
        paired = pd.notna(row["difference"])
        rows.append(
            [
                *(row["at"], f"`{row['policy']}`", number(row["mean"])),
                f"`{row['rival']}`" if paired else "",
                difference(row) if paired else "",
            ]
        )
    head = ["family", "severity", "loss", "less that of", "paired, 95 %"]
    return table(head, rows)


def real_rounds():
    frame = evaluated()
    frame = frame[frame["at"] == "October 10"]
    scores = frame[frame["figure"] == "% of bound"].set_index("policy")
    orders = frame[frame["figure"] != "% of bound"].set_index("policy")
    rows = []
    for policy, row in scores.iterrows():
        cells = [f"`{policy}`", f"{row['mean']:.2f} %", ""]
        if policy in orders.index:
            of = orders.loc[policy]
            cells[2] = f"{of['mean']:.2f} % [{of['low']:.2f}, {of['high']:.2f}]"
        rows.append(cells)
    learned = scores[scores["part"] == "learned"]["mean"].mean()
    rows.append(["mean of the three seeds", f"{learned:.2f} %", ""])
    head = ["severity", "tracking over the bound", "random orders, 5 to 95 %"]
    return table(head, rows)


def closed_loop():
    frame = evaluated()
    frame = frame[(frame["at"] == "closed loop") & (frame["figure"] == "missed")]
    rows = [
        [
            *(f"`{row['policy']}`", number(row["mean"])),
            difference(row) if pd.notna(row["difference"]) else "",
        ]
        for _, row in frame.iterrows()
    ]
    return table(["severity", "missed", f"less that of `{RIVAL}`"], rows)


def who_pays():
    frame = evaluated()
    frame = frame[frame["figure"].isin(["concentration", "next_deficit"])]
    rows = []
    for _, row in frame.iterrows():
        paired = pd.notna(row["difference"])
        rows.append(
            [
                *(row["at"], f"`{row['policy']}`", row["figure"].replace("_", " ")),
                # The closed loop's next-step deficit is in USD, all else are shares.
                f"{row['mean']:.2g}" if row["mean"] < 1 else f"{row['mean']:,.0f} USD",
                f"`{row['rival']}`" if paired else "",
                difference(row, "+.2g") if paired else "",
            ]
        )
    head = ["where", "allocation", "figure", "mean", "less that of", "paired, 95 %"]
    return table(head, rows)


TABLES = {
    "validation": validation,
    "held_out": held_out,
    "real_rounds": real_rounds,
    "closed_loop": closed_loop,
    "who_pays": who_pays,
}


def written(page):
    """The page with its tables replaced."""
    return with_parts(page, {name: make() for name, make in TABLES.items()})


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
