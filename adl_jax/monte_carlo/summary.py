"""A run in a few numbers, with intervals: what is printed when it is done."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from adl_jax.monte_carlo.results import Results
from adl_jax.result import InputError
from adl_jax.statistics import (
    LEVELS,
    Estimate,
    SurvivalCurve,
    effective_sample_size,
    expected_shortfall,
    mean,
    paired_difference,
    probability,
    quantile,
    stack,
    survival_curve,
    value_at_risk,
    weighted_expected_shortfall,
    weighted_mean,
    weighted_probability,
    weighted_quantile,
)


Column = Float[np.ndarray, " scenarios"]


class Statistic(NamedTuple):
    """An estimator of values, and the one for scenarios that count for weights."""

    plain: Callable[[np.ndarray], Estimate]
    weighted: Callable[[np.ndarray, Column], Estimate]

    def of(self, values: np.ndarray, weights: Column | None) -> Estimate:
        """The estimate; `weights` are `None` where all scenarios count the same."""
        return self.plain(values) if weights is None else self.weighted(values, weights)


MEAN = Statistic(mean, weighted_mean)
PROBABILITY = Statistic(probability, weighted_probability)


def at_risk(level: float) -> Statistic:
    """Value at risk."""
    return Statistic(
        partial(value_at_risk, level=level), partial(weighted_quantile, level=level)
    )


def shortfall(level: float) -> Statistic:
    """Expected shortfall."""
    return Statistic(
        partial(expected_shortfall, level=level),
        partial(weighted_expected_shortfall, level=level),
    )


MEDIAN = Statistic(partial(quantile, level=0.5), partial(weighted_quantile, level=0.5))


class Figure(NamedTuple):
    """A number of a policy: the columns it is made from, and how."""

    name: str
    columns: tuple[str, ...]
    values: Callable[..., Column | Bool[np.ndarray, " scenarios"]]
    statistic: Statistic

    def estimate(self, columns: Iterable[Column], weights: Column | None) -> Estimate:
        """The number, from its columns in order."""
        return self.statistic.of(self.values(*columns), weights)


def _as_is(values: Column) -> Column:
    return values


def _above_zero(values: Column) -> Bool[np.ndarray, " scenarios"]:
    return values > 0


def _fund_depleted(paid: Column, deficit: Column) -> Bool[np.ndarray, " scenarios"]:
    return (paid > 0) & (deficit > 0)


def _book_alone(liquidated: Column, *deeper: Column) -> Bool[np.ndarray, " scenarios"]:
    return (liquidated > 0) & np.logical_and.reduce([layer == 0 for layer in deeper])


def _tail(name: str) -> Iterator[Figure]:
    for level in LEVELS:
        percent = f"{100 * level:g}".replace(".", "_")
        yield Figure(f"{name}_var_{percent}_usd", (name,), _as_is, at_risk(level))
        yield Figure(f"{name}_es_{percent}_usd", (name,), _as_is, shortfall(level))


FIGURES = (
    Figure("probability_of_liquidation", ("liquidated",), _above_zero, PROBABILITY),
    Figure(
        "probability_of_order_book_only",
        ("liquidated", "to_vault", "paid_by_fund", "touched", "unpaid"),
        _book_alone,
        PROBABILITY,
    ),
    Figure("probability_of_vault", ("to_vault",), _above_zero, PROBABILITY),
    Figure("probability_of_fund", ("paid_by_fund",), _above_zero, PROBABILITY),
    Figure(
        "probability_of_fund_depletion",
        ("paid_by_fund", "deficit"),
        _fund_depleted,
        PROBABILITY,
    ),
    Figure("probability_of_adl", ("touched",), _above_zero, PROBABILITY),
    Figure("probability_of_unpaid_debt", ("unpaid",), _above_zero, PROBABILITY),
    Figure("unpaid_mean_usd", ("unpaid",), _as_is, MEAN),
    *_tail("unpaid"),
    Figure("needed_mean_usd", ("needed",), _as_is, MEAN),
    Figure("needed_median_usd", ("needed",), _as_is, MEDIAN),
    Figure("executed_mean_usd", ("executed",), _as_is, MEAN),
    Figure("executed_median_usd", ("executed",), _as_is, MEDIAN),
    *_tail("executed"),
    Figure("overshoot_mean_usd", ("overshoot",), _as_is, MEAN),
    Figure("undershoot_mean_usd", ("undershoot",), _as_is, MEAN),
    Figure("concentration_mean", ("concentration",), _as_is, MEAN),
    Figure("reported_failures", ("status",), _above_zero, PROBABILITY),
)
"""What `summarise` shows, those of the same columns one after another.

Layers of the waterfall: the order book alone took what was liquidated; the vault took a
position; the fund paid; it paid and a deficit was left (depletion); winners paid (ADL);
a debt stands that nobody paid.
"""
DIFFERENCES = ("unpaid", "executed", "overshoot", "concentration")
"""Columns whose paired differences to the first policy are shown."""


def figure(name: str) -> Figure:
    """A figure by its name.

    **Raises:** `InputError` naming those that there are.
    """
    for one in FIGURES:
        if one.name == name:
            return one
    raise InputError(
        f"{name!r} is no figure; there are: {', '.join(one.name for one in FIGURES)}"
    )


def summarise(results: Results) -> pd.DataFrame:
    """One row for each policy and figure: value, 95 % interval, scenarios.

    Figures named `COLUMN_difference` are means of a policy's value less the first
    policy's in the same scenario. Where scenarios are tilted (`scenario.Tilted`) every
    number is weighted, and `effective_sample_size` says what the weights are worth.

    **Raises:** `InputError` with fewer than two scenarios.

    **Cost:** a million scenarios of five policies take some 20 s and 1 GB.
    """
    weights, rows = results.weights(), []
    for names, figures in groupby(FIGURES, key=lambda figure: figure.columns):
        columns = [results.column(name, as_drawn=True) for name in names]
        for figure in figures:
            for policy in results.policies:
                values = (column[policy] for column in columns)
                estimate = figure.estimate(values, weights)
                rows.append(_row(policy, figure.name, estimate))
    for name in DIFFERENCES:
        columns = results.column(name, as_drawn=True)
        reference, *others = results.policies
        for policy in others:
            if weights is None:
                estimate = paired_difference(columns[policy], columns[reference])
            else:
                moved = columns[policy] - columns[reference]
                estimate = weighted_mean(moved, weights)
            rows.append(_row(policy, f"{name}_difference", estimate))
    if weights is not None:
        size, count = effective_sample_size(weights), len(weights)
        for policy in results.policies:
            known = Estimate(size, size, size, 0.0, count)
            rows.append(_row(policy, "effective_sample_size", known))
    return pd.DataFrame(rows)


def survival(
    results: Results, column: str = "unpaid", points: int = 100
) -> dict[str, SurvivalCurve]:
    """How often a column reaches thresholds, by policy.

    Tilted scenarios count for their weights.

    **Arguments:** `points`: most thresholds, spread evenly in logarithm.

    **Raises:** `InputError` where no value of a policy is positive.
    """
    weights = results.weights()
    return {
        policy: survival_of(values, weights, points)
        for policy, values in results.column(column, as_drawn=True).items()
    }


def survival_of(
    values: Column, weights: Column | None, points: int = 100
) -> SurvivalCurve:
    """How often values reach thresholds; `weights` as in `Statistic.of`.

    **Raises:** `InputError` where no value is positive.
    """
    curve = survival_curve(values, points)
    if weights is None:
        return curve
    reached = [
        weighted_probability(values >= threshold, weights)
        for threshold in curve.threshold
    ]
    return SurvivalCurve(curve.threshold, stack(reached))


def _row(policy: str, figure: str, estimate: Estimate) -> dict[str, object]:
    return {
        "policy": policy,
        "figure": figure,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "scenarios": estimate.count,
    }
