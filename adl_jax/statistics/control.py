"""Less noise from something whose expectation is known."""

from typing import NamedTuple

import numpy as np
from scipy import special

from adl_jax.result import InputError
from adl_jax.statistics._edge import Samples, constant, one_row, same_length
from adl_jax.statistics.basic import mean
from adl_jax.statistics.estimate import CONFIDENCE, Estimate


class ControlVariate(NamedTuple):
    """A mean with the part of its noise removed that a control explains."""

    mean: Estimate
    coefficient: Estimate
    """The slope of the values on the control."""
    r_squared: float
    """Share of variance removed: the mean costs `1 - r_squared` as many scenarios."""


def control_variate(
    values: Samples, control: Samples, control_mean: float
) -> ControlVariate:
    r"""The mean of `values`, corrected by a control whose mean is known.

    $\bar x-\hat\beta(\bar c-\mu_c)$ with the least-squares slope, that is the regression
    line at $\mu_c$; its bias is of order 1/n, and it is unbiased where the regression is
    linear (Owen, 2013, 8.9). Errors and Student's t intervals are those of the
    regression. A control whose mean was estimated on other scenarios adds an error that
    is not counted here.

    **Arguments:**

    - `values`, `control`: shape `(scenarios,)`, of the same scenarios, at least 3.
    - `control_mean`: the expectation of `control`, exactly known.
    """
    same_length(values=values, control=control)
    values, control = one_row("values", values, 3), one_row("control", control, 3)
    if not np.isfinite(control_mean):
        raise InputError(f"control_mean is {control_mean}: it must be finite")
    if constant(control):
        raise InputError(
            f"control is {control[0]} in every scenario: it explains nothing; take the "
            "plain `mean`, or another control"
        )
    count = len(values)
    if constant(values):
        return ControlVariate(mean(values), Estimate(0.0, 0.0, 0.0, 0.0, count), 0.0)
    away = control - control.mean()
    moved = values - values.mean()
    spread = float(away @ away)
    slope = float(away @ moved) / spread
    residual = moved - slope * away
    unexplained = float(residual @ residual)
    noise = np.sqrt(unexplained / (count - 2))
    off = float(control.mean()) - control_mean
    around = float(special.stdtrit(count - 2, (1 + CONFIDENCE) / 2))

    def estimate(value: float, error: float) -> Estimate:
        return Estimate(
            value, value - around * error, value + around * error, error, count
        )

    return ControlVariate(
        estimate(
            float(values.mean()) - slope * off,
            float(noise * np.sqrt(1 / count + off**2 / spread)),
        ),
        estimate(slope, float(noise / np.sqrt(spread))),
        1 - unexplained / float(moved @ moved),
    )
