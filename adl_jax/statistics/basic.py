"""Means, differences, probabilities and quantiles of independent scenarios.

`values` has shape `(scenarios,)`, or `(policies, scenarios)` for one estimate a policy, in
any one unit, which is that of the result. Scenarios must be independent: for several
paths on one book use `variance_parts`, for low-discrepancy draws use replications.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from scipy import special, stats

from adl_jax.result import InputError
from adl_jax.statistics import bootstrap
from adl_jax.statistics._edge import (
    Column,
    Hits,
    Rows,
    by_row,
    check_level,
    checked,
    constant,
    same_length,
)
from adl_jax.statistics.estimate import CONFIDENCE, NORMAL, Estimate, exact


_TAIL = (1 - CONFIDENCE) / 2


def mean(values: Rows) -> Estimate:
    """The sample mean with Student's t interval.

    Not to be trusted alone where tails are heavy: see `tail_exponent`.

    **Example:**

    ```python
    >>> import numpy as np
    >>> from adl_jax import statistics
    >>> statistics.mean(np.array([1.0, 2.0, 3.0]))
    Estimate(2 [-0.484138, 4.48414], standard error 0.5774, 3 scenarios)

    ```
    """
    return by_row(_mean, checked("values", values))


def paired_difference(first: Rows, second: Rows, *, seed: int = 0) -> Estimate:
    """Mean of `first` less `second` on the same scenarios, with a BCa interval.

    On common random numbers most of the noise of either mean cancels. The standard
    error is the normal one, of the differences.

    **Arguments:** either may have rows for policies; `second` of shape `(scenarios,)` is
    a baseline for every row of `first`.
    """
    same_length(first=first, second=second)
    difference = checked("first", first) - checked("second", second)
    return by_row(lambda row: bootstrapped_mean(row, seed), difference)


def bootstrapped_mean(row: Column, seed: int) -> Estimate:
    """The mean of checked samples, shape `(scenarios,)`, with a BCa interval."""
    low, high = bootstrap.interval(lambda value: value, row, seed=seed)
    return dataclasses.replace(_mean(row), low=low, high=high)


def probability(hits: Hits) -> Estimate:
    """Share of scenarios in which something happened, with Wilson's interval.

    The interval (Wilson, 1927) keeps its coverage near 0 and 1: where nothing was hit in
    n scenarios its upper end is some 3.8 / n, not 0.
    """
    if 0 in hits.shape:
        raise InputError("hits is empty: at least 1 scenario is needed; simulate more")
    return wilson(hits.sum(axis=-1), hits.shape[-1])


def wilson(hit: int | Int[np.ndarray, "..."] | np.integer, count: int) -> Estimate:
    """Wilson's interval of `hit` out of `count`; `hit` of shape `()` or `(estimates,)`."""
    share = np.asarray(hit) / count
    shrink = 1 + NORMAL**2 / count
    centre = (share + NORMAL**2 / (2 * count)) / shrink
    error = np.sqrt(share * (1 - share) / count)
    half = NORMAL * np.sqrt(error**2 + (NORMAL / (2 * count)) ** 2) / shrink
    # Rounding must not push an end past the share that was seen.
    low, high = np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)
    if np.ndim(share) == 0:
        return Estimate(float(share), float(low), float(high), float(error), count)
    return Estimate(share, low, high, error, np.full(len(share), count))


def quantile(values: Rows, level: float) -> Estimate:
    """The value that a share `level` of scenarios does not exceed.

    The least value whose empirical distribution reaches the level, and the interval
    between the order statistics that cover the truth with at least 95 % probability
    whatever the distribution (David and Nagaraja, 2003, 7.1). An end is infinite where
    there are too few scenarios beyond the level for any order statistic to bound it.

    The standard error is that of Maritz and Jarrett (1978).
    """
    check_level(level)

    def one(row: Column) -> Estimate:
        if constant(row):
            return _mean(row)
        ordered = np.sort(row)
        rank = quantile_rank(level, len(row))
        low, high = stats.binom.ppf([_TAIL, 1 - _TAIL], len(row), level).astype(int)
        return Estimate(
            float(ordered[rank - 1]),
            float(ordered[low - 1]) if low > 0 else -np.inf,
            float(ordered[high]) if high < len(row) else np.inf,
            rank_error(ordered, rank),
            len(row),
        )

    return by_row(one, checked("values", values))


def quantile_rank(level: float, count: int) -> int:
    """The order statistic, counted from 1, that is the quantile of `count` values.

    Levels are decimal numbers: 0.95 of 100 values is the 95th, whatever the product
    rounds to.
    """
    return max(1, int(np.ceil(round(level * count, 6))))


def rank_error(ordered: Float[np.ndarray, " scenarios"], rank: int) -> float:
    r"""Standard deviation of an order statistic over resamples of sorted values.

    A resample's order statistic `rank` is the j-th value with probability
    $I_{j/n}(r, n-r+1) - I_{(j-1)/n}(r, n-r+1)$, so nothing has to be drawn.
    """
    count = len(ordered)
    shape = rank, count - rank + 1
    # All but 1e-12 of the probability, so that a million values cost little.
    near = special.betaincinv(*shape, [1e-12, 1 - 1e-12]) * count
    first, last = int(near[0]), int(np.ceil(near[1]))
    below = special.betainc(*shape, np.arange(first, last + 1) / count)
    weight, window = np.diff(below), ordered[first:last]
    centre = weight @ window
    return float(np.sqrt(weight @ (window - centre) ** 2))


def _mean(row: Column) -> Estimate:
    count = len(row)
    if constant(row):
        return exact(float(row[0]), count)
    value = float(row.mean())
    error = float(row.std(ddof=1)) / np.sqrt(count)
    half = float(special.stdtrit(count - 1, 1 - _TAIL) * error)
    return Estimate(value, value - half, value + half, float(error), count)
