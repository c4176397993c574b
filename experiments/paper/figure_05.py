"""Figure 5: every round: what was raised, missed, taken from one account, and how severe.

Four panels: budgets, executed less needed, the largest haircut fraction (of equity), and
the share of the deficit that production raised and that was needed, both capped at 1.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from adl_jax.messages import severity_needed
from experiments.paper.agreement import with_column
from experiments.paper.exhibit import Exhibit, Given, run
from experiments.paper.policies import (
    COLUMN_OF,
    USD,
    concentrations,
    gaps,
    judged,
    lines,
)


FILE = "policy_per_wave_metrics.csv"


def make(given: Given) -> Exhibit:
    result = judged(given.event)
    rounds = given.event.rounds
    missed, worst = gaps(result), concentrations(result)
    budgets = missed.add(np.asarray(rounds.needed), axis=0)
    budgets = budgets.assign(needed=np.asarray(rounds.needed))
    production = result["production_queue"].trajectory.records.executed
    severities = pd.DataFrame(
        {
            "production_queue": np.asarray(severity_needed(production, rounds.deficit)),
            "needed": np.asarray(severity_needed(rounds.needed, rounds.deficit)),
        },
        index=missed.index,
    )

    def draw(figure: Figure) -> None:
        figure.set_size_inches(10.2, 8.8)
        first, second, third, fourth = figure.subplots(4, sharex=True)
        lines(first, budgets[["production_queue", "needed"]], "Raised, and needed")
        lines(second, missed, "Executed less needed", dashed="continuous_pro_rata")
        lines(third, worst, "Largest haircut fraction", dashed="continuous_pro_rata")
        lines(fourth, severities, "Share of the deficit, at most 1")
        for axes in (first, second):
            axes.yaxis.set_major_formatter(USD)
        for axes in (first, second, third, fourth):
            axes.label_outer()
        handles, labels = second.get_legend_handles_labels()
        handles, labels = [first.lines[1], *handles], ["needed", *labels]
        figure.legend(handles, labels, loc="outside right upper")

    panels = {
        "raised_usd": budgets,
        "executed_less_needed_usd": missed,
        "largest_haircut_fraction": worst,
        "severity": severities,
    }
    columns = {
        f"{prefix}_{column}": table[policy].to_numpy()
        for prefix, table in (("overshoot", missed), ("max_pct", worst))
        for policy, column in COLUMN_OF.items()
    }
    columns["theta_prod_capped"] = severities["production_queue"].to_numpy()
    columns["theta_needed_capped"] = severities["needed"].to_numpy()
    beside = [
        row
        for column, values in columns.items()
        for row in with_column(given.folder, FILE, column, values)
    ]
    rows = pd.concat(panels, names=["panel"]).reset_index()
    return Exhibit(rows, {"path variation": result.path_variation}, draw, tuple(beside))


if __name__ == "__main__":
    raise SystemExit(run(Path(__file__).stem, make, __doc__))
