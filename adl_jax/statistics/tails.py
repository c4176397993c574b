"""How bad the worst scenarios are: value at risk, expected shortfall, survival curve.

Larger values are worse: pass losses, deficits or haircuts, not gains.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special, stats

from adl_jax.result import InputError
from adl_jax.statistics._edge import (
    Column,
    Rows,
    Samples,
    by_row,
    check_level,
    checked,
    constant,
    one_row,
)
from adl_jax.statistics.basic import (
    bootstrapped_mean,
    quantile_rank,
    rank_error,
    wilson,
)
from adl_jax.statistics.estimate import CONFIDENCE, Estimate, exact


LEVELS = (0.95, 0.99, 0.999)
"""The levels that reports show."""
_ENDS = np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])


def value_at_risk(values: Rows, level: float) -> Estimate:
    """The value that all but `1 - level` of the scenarios stay within.

    The same number as `quantile`, with the percentile-bootstrap interval. The bootstrap
    distribution of an order statistic is known exactly (Hutson and Ernst, 2000), so
    nothing is drawn. Unlike that of `quantile` the interval always has finite ends, and
    is too short where few scenarios lie beyond the level.

    **Arguments:** `level`: in (0, 1), such as 0.99.
    """
    check_level(level)

    def one(row: Column) -> Estimate:
        if constant(row):
            return exact(float(row[0]), len(row))
        ordered, count = np.sort(row), len(row)
        rank = quantile_rank(level, count)
        share = special.betaincinv(rank, count - rank + 1, _ENDS)
        low, high = ordered[np.ceil(share * count).astype(int) - 1]
        return Estimate(
            float(ordered[rank - 1]),
            float(low),
            float(high),
            rank_error(ordered, rank),
            count,
        )

    return by_row(one, checked("values", values))


def expected_shortfall(values: Rows, level: float, *, seed: int = 0) -> Estimate:
    r"""The mean of the worst `1 - level` of the scenarios, with a BCa interval.

    $\min_c\, c + E[(X-c)_+]/(1-p)$ (Rockafellar and Uryasev, 2000), which is exact where
    $(1-p)n$ is not whole. To first order the minimiser, the value at risk, does not
    matter, so the standard error and the interval are those of the mean of
    $c + (x-c)_+/(1-p)$. Count on some 50 scenarios beyond the level: with 10 the
    interval covers the truth less than 95 % of the time.

    **Arguments:** `level`: in (0, 1), such as 0.99.
    """
    check_level(level)

    def one(row: Column) -> Estimate:
        # A partition would be slower: most losses are 0, and ties cost it its speed.
        at_risk = np.sort(row)[quantile_rank(level, len(row)) - 1]
        excess = np.maximum(row - at_risk, 0) / (1 - level)
        return bootstrapped_mean(excess, seed).shifted(float(at_risk))

    return by_row(one, checked("values", values))


class SurvivalCurve(NamedTuple):
    """How often values reach thresholds."""

    threshold: Float[np.ndarray, " thresholds"]
    """Increasing, values that occurred, in their unit."""
    probability: Estimate
    """Of reaching the threshold or more; Wilson intervals, each for itself."""


def survival_curve(values: Samples, points: int = 100) -> SurvivalCurve:
    """How often values reach thresholds spread evenly in logarithm.

    Thresholds are positive values that occurred, so the curve is the empirical one there
    and the last point is the largest value. Scenarios without a loss count in the
    probabilities.

    **Arguments:** `points`: most thresholds; fewer where values coincide.

    **Raises:** `InputError` where no value is positive.
    """
    ordered = np.sort(one_row("values", values))
    positive = ordered[np.searchsorted(ordered, 0, side="right") :]
    if not len(positive):
        raise InputError(
            "no value is positive: there is no curve to draw on a logarithmic axis; "
            "report `probability` instead"
        )
    grid = np.geomspace(positive[0], positive[-1], points)
    # Rounding can put the last of the grid past the largest value.
    place = np.searchsorted(positive, grid).clip(max=len(positive) - 1)
    threshold = np.unique(positive[place])
    reached = len(ordered) - np.searchsorted(ordered, threshold)
    return SurvivalCurve(threshold, wilson(reached, len(ordered)))


class TailExponent(NamedTuple):
    """How heavy an upper tail is, and what may be trusted."""

    exponent: Estimate
    """alpha in P(X > x) ~ x^-alpha; infinite for values without a tail."""
    threshold: float
    """Where the tail was taken to begin, in the unit of the values."""

    @property
    def mean_is_trusted(self) -> bool:
        """Whether the exponent is surely above 1, so that there is a mean to estimate.

        Otherwise sample means grow with the number of scenarios, and quantiles or
        probabilities are what to report.
        """
        return bool(self.exponent.low > 1)

    @property
    def standard_error_is_trusted(self) -> bool:
        """Whether the exponent is surely above 2, so that there is a variance."""
        return bool(self.exponent.low > 2)


def tail_exponent(values: Samples, tail: int | None = None) -> TailExponent:
    r"""Hill's estimate of the exponent of the upper tail (Hill, 1975).

    $k/\sum_{i\le k}\ln(x_{(i)}/x_{(k+1)})$ over the k largest values, with standard error
    $\hat\alpha/\sqrt k$ and the interval that is exact for a Pareto tail, where
    $2k\alpha/\hat\alpha$ has 2k degrees of freedom. It is no test of whether the tail is a
    power law: a lognormal of large variance reads as one, and its mean is as hard to get.

    **Arguments:** `tail`: k; the square root of the number of scenarios unless told, and
    at most one less than the number of positive values.

    **Raises:** `InputError` where exactly one value is positive, or k is below 1.
    """
    ordered = np.sort(one_row("values", values))
    positive = int((ordered > 0).sum())
    if positive == 0:
        return TailExponent(exact(np.inf, len(ordered)), float(ordered[-1]))
    if positive == 1:
        raise InputError(
            "only one value is positive: a tail needs two or more; simulate more "
            "scenarios or sample the rare ones by importance"
        )
    if tail is not None and tail < 1:
        raise InputError(f"tail is {tail}: at least 1 value must lie in the tail")
    k = min(tail or round(np.sqrt(len(ordered))), positive - 1)
    threshold = float(ordered[-k - 1])
    total = float(np.log(ordered[-k:] / threshold).sum())
    if total == 0:
        return TailExponent(exact(np.inf, len(ordered)), threshold)
    value = k / total
    low, high = (stats.chi2.ppf(_ENDS, 2 * k) / (2 * k) * value).tolist()
    error = float(value / np.sqrt(k))
    return TailExponent(Estimate(value, low, high, error, len(ordered)), threshold)
