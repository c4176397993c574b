"""A run in a few numbers, with intervals: what is printed when it is done."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from adl_jax.monte_carlo.results import Results
from adl_jax.statistics import (
    Estimate,
    expected_shortfall,
    mean,
    paired_difference,
    probability,
    value_at_risk,
)


class Figure(NamedTuple):
    """A number of a policy: its name, the column it is made from, and how."""

    name: str
    column: str
    estimate: Callable[[np.ndarray], Estimate]


def _above_zero(values: np.ndarray) -> Estimate:
    return probability(values > 0)


FIGURES = (
    Figure("probability_of_adl", "touched", _above_zero),
    Figure("probability_of_unpaid_debt", "unpaid", _above_zero),
    Figure("needed_mean_usd", "needed", mean),
    Figure("executed_mean_usd", "executed", mean),
    Figure("overshoot_mean_usd", "overshoot", mean),
    Figure("undershoot_mean_usd", "undershoot", mean),
    Figure("unpaid_mean_usd", "unpaid", mean),
    Figure("unpaid_var_99_usd", "unpaid", partial(value_at_risk, level=0.99)),
    Figure("unpaid_es_99_usd", "unpaid", partial(expected_shortfall, level=0.99)),
    Figure("concentration_mean", "concentration", mean),
)
DIFFERENCES = ("unpaid", "overshoot", "concentration")
"""Columns whose paired differences to the first policy are shown."""


def summarise(results: Results) -> pd.DataFrame:
    """One row for each policy and figure: value, 95 % interval, scenarios.

    Figures named `COLUMN_difference` are means of a policy's value less the first
    policy's in the same scenario.

    **Raises:** `InputError` with fewer than two scenarios.
    """
    rows = []
    for column in dict.fromkeys(
        [*(figure.column for figure in FIGURES), *DIFFERENCES, "status"]
    ):
        values = results.column(column)
        for figure in FIGURES:
            if figure.column == column:
                for policy, sample in values.items():
                    rows.append(_row(policy, figure.name, figure.estimate(sample)))
        if column in DIFFERENCES:
            reference, *others = values
            for policy in others:
                difference = paired_difference(values[policy], values[reference])
                rows.append(_row(policy, f"{column}_difference", difference))
        if column == "status":
            for policy, sample in values.items():
                rows.append(_row(policy, "reported_failures", probability(sample > 0)))
    return pd.DataFrame(rows)


def _row(policy: str, figure: str, estimate: Estimate) -> dict[str, object]:
    return {
        "policy": policy,
        "figure": figure,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "scenarios": estimate.count,
    }
