"""How many scenarios are enough."""

from collections.abc import Callable

import numpy as np

from adl_jax.result import InputError
from adl_jax.statistics._edge import Samples, constant, one_row
from adl_jax.statistics.basic import mean
from adl_jax.statistics.estimate import Estimate, stack


FEWEST = 1_000
"""Scenarios before which no rule may stop: the variance itself is unknown until then."""


def convergence(
    values: Samples,
    estimator: Callable[[Samples], Estimate] = mean,
    *,
    fewest: int = 100,
    points: int = 20,
) -> Estimate:
    """Estimates from the first scenarios only, at counts spread evenly in logarithm.

    `half_width` against `count` falls as one over the root where the estimate converges
    as it should; a flat or rising line is the sign of a tail too heavy for it.

    **Arguments:**

    - `values`: shape `(scenarios,)`, in the order in which they were drawn.
    - `estimator`: of shape `(scenarios,)`, such as `mean`, or a `functools.partial` of
        `value_at_risk` with its level.
    - `fewest`: scenarios of the first estimate. `points`: most estimates.

    **Returns:** estimates with arrays for fields; the last is of all scenarios.
    """
    values = one_row("values", values)
    if not 2 <= fewest <= len(values):
        raise InputError(
            f"fewest is {fewest}: it must be between 2 and the {len(values)} scenarios "
            "there are"
        )
    counts = np.unique(np.geomspace(fewest, len(values), points).round().astype(int))
    return stack([estimator(values[:count]) for count in counts])


def enough(
    values: Samples,
    half_width: float,
    *,
    relative: bool = False,
    estimator: Callable[[Samples], Estimate] = mean,
) -> bool:
    """Whether the 95 % interval is as narrow as was asked.

    Never before 1,000 scenarios, and never while all values are the same: a rare event
    that has not happened yet looks exactly known. Set a limit on scenarios beside it.

    **Arguments:** `half_width`: in the unit of the values, or a share of the estimate's
    absolute value where `relative`.
    """
    if not half_width > 0:
        raise InputError(f"half_width is {half_width}: it must be above 0")
    values = one_row("values", values)
    if len(values) < FEWEST or constant(values):
        return False
    return scenarios_needed(estimator(values), half_width, relative) <= len(values)


def scenarios_needed(
    estimate: Estimate, half_width: float, relative: bool = False
) -> float:
    """How many scenarios would give an interval that narrow, all told.

    From the half width falling as one over the root of the count, so only where
    `convergence` shows that it does. Infinite for a share of an estimate of 0.
    """
    target = half_width * abs(estimate.value) if relative else half_width
    if target == 0:
        return np.inf
    return float(np.ceil(estimate.count * (estimate.half_width / target) ** 2))
