r"""Bootstrap intervals of functions of means, at a cost that does not grow.

Every statistic here that needs a bootstrap is a function of means of columns over
scenarios: a difference is one mean, a self-normalised weighted mean is a ratio of two, a
variance is a mean of squares less a squared mean. So scenarios are first summed in
groups, and groups are resampled instead of scenarios. Groups of independent scenarios
are independent, and a resample of them has the mean's variance and skewness, so that a
million scenarios cost what a thousand do.
"""

import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from scipy import stats

from adl_jax.statistics._edge import Column, constant
from adl_jax.statistics.estimate import CONFIDENCE


GROUPS = 1_000
"""Most groups of scenarios: what they add to the error of an interval's width is 2 %."""
RESAMPLES = 4_000
"""Resamples: an end of an interval moves by some 4 % of a standard error with the seed."""
_ENDS = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
_BATCH = 500
"""Resamples held in memory at a time, some 4 MB a column."""

Moment: TypeAlias = Float[np.ndarray, "..."] | np.floating
"""A mean of a column, or one a resample."""


def interval(
    function: Callable[..., Moment], *columns: Column, seed: int = 0
) -> tuple[float, float]:
    """The bias-corrected accelerated (BCa) 95 % interval of a function of means.

    Efron (1987), as implemented in SciPy. It corrects the percentile interval for bias
    and for skewness, which losses have; where they are not defined it is that interval.

    **Arguments:**

    - `function`: takes the means of the columns, arrays of any one shape, and returns
        the statistic in that shape.
    - `columns`: shape `(scenarios,)`, independent over scenarios.

    **Returns:** both ends; the same number twice where no column varies.
    """
    if all(constant(column) for column in columns):
        only = float(function(*(column[0] for column in columns)))
        return only, only
    count = len(columns[0])
    starts = np.linspace(0, count, min(count, GROUPS) + 1).astype(int)
    sums = [np.add.reduceat(column, starts[:-1]) for column in columns]
    sizes = np.diff(starts).astype(float)

    def statistic(*grouped: Float[np.ndarray, "..."], axis: int) -> Moment:
        *totals, size = (part.sum(axis) for part in grouped)
        return function(*(total / size for total in totals))

    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (*sums, sizes),
            statistic,
            paired=True,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=_BATCH,
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    ends = np.array(found.confidence_interval)
    if not np.isfinite(ends).all():
        # Where leaving out a group changes nothing, the skewness is not defined.
        ends = np.quantile(found.bootstrap_distribution, _ENDS)
    return float(ends[0]), float(ends[1])


def ratio(numerator: Moment, denominator: Moment) -> Moment:
    """The function of two means that is their ratio; 0 where no weight was drawn."""
    return numerator / np.where(denominator > 0, denominator, 1)
