"""The table of docs/precision.md, from what benchmarks/precision.py measured.

`python -m tests.precision_page` writes it; tests/test_precision_page.py holds it to it.
"""

import json
from pathlib import Path

from adl_jax.monte_carlo import COLUMNS
from benchmarks.tables import with_parts


ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "precision.md"
MEASURED = ROOT / "benchmarks" / "results" / "precision_cpu.json"


def measured():
    return json.loads(MEASURED.read_text())


def number(value):
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-")


def generated():
    """Flips by configuration and policy, then errors by column."""
    record = measured()
    results, count = record["results"], record["scenarios"]
    every = [
        (name, policy, found)
        for name, policies in results.items()
        for policy, found in policies.items()
    ]
    policies = list(dict.fromkeys(policy for _, policy, _ in every))
    rows = [
        f"{count:,} scenarios of {record['accounts']:,} accounts each, jax "
        f"{record['jax']} on {record['device']}, {record['machine'].split(',')[0]}.",
        "",
        "Scenarios in which any number of accounts or rounds differs:",
        "",
        "| | " + " | ".join(policies) + " |",
        "| --- |" + " --- |" * len(policies),
    ]
    for name, of in results.items():
        shares = [
            f"{of[policy]['flips'] / count:.1%}" if policy in of else ""
            for policy in policies
        ]
        rows.append(f"| {name} | " + " | ".join(shares) + " |")
    rows += [
        "",
        "Errors, each the largest over configurations and policies:",
        "",
        "| column | median | 99 % | worst without flips | worst | where | of the mean |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    columns = every[0][2]["columns"]
    for column in (name for name in COLUMNS if name in columns):
        largest = lambda key, column=column: max(
            found["columns"][column][key] for _, _, found in every
        )
        worst, where = max(
            (found["columns"][column]["worst"], f"{name}, {policy}")
            for name, policy, found in every
        )
        cells = [
            number(value)
            for value in (
                *(largest("median"), largest("p99"), largest("worst_without_flips")),
                worst,
            )
        ]
        cells += [where if worst else "", number(largest("mean_shift"))]
        rows.append(f"| `{column}` | " + " | ".join(cells) + " |")
    rows += [
        "",
        "Every figure of a run's summary. Of probabilities and concentrations the "
        "difference, of USD the error relative to the value, or to 1e-5 of the mean open "
        "interest:",
        "",
        "| figure | worst | where |",
        "| --- | --- | --- |",
    ]
    for figure in every[0][2]["figures"]:
        worst, where = max(
            (found["figures"][figure], f"{name}, {policy}")
            for name, policy, found in every
        )
        rows.append(f"| `{figure}` | {number(worst)} | {where if worst else ''} |")
    cash = {
        dtype: max(found["largest_cash_error"][dtype] for _, _, found in every)
        for dtype in ("float32", "float64")
    }
    rows += [
        "",
        "Largest drift of total cash over the open interest: "
        f"{number(cash['float32'])} in float32, {number(cash['float64'])} in float64.",
    ]
    return "\n".join(rows)


def written(page):
    """The page with its table replaced."""
    return with_parts(page, {"errors": generated()})


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
