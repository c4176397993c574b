"""What every estimator asks of its samples, and how rows of policies are taken."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Real

from adl_jax.result import InputError
from adl_jax.statistics.estimate import Estimate, stack


# Underscores: lengths are compared by `same_length`, whose message says the fix.
Samples: TypeAlias = Real[np.ndarray, " _scenarios"]
Rows: TypeAlias = Real[np.ndarray, "*_policies _scenarios"]
Hits: TypeAlias = Bool[np.ndarray, "*_policies _scenarios"]
Column: TypeAlias = Float[np.ndarray, " scenarios"]


def checked(name: str, values: Rows, least: int = 2) -> Float[np.ndarray, "..."]:
    """The samples in float64, all finite and enough of them.

    float64 because a sum of a million float32 values loses the digits that an interval
    is about.

    **Raises:** `InputError` naming the array, the place, the value and the fix.
    """
    values = np.asarray(values, np.float64)
    if values.ndim not in (1, 2):
        raise InputError(
            f"{name} has shape {values.shape}: it must be (scenarios,) or (policies, "
            "scenarios); flatten or choose a row"
        )
    if 0 in values.shape or values.shape[-1] < least:
        raise InputError(
            f"{name} has {values.shape[-1]} scenarios in {values.size} values: at least "
            f"{least} are needed; simulate more"
        )
    bad = ~np.isfinite(values)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{name}{list(place)} is {values[place]} and {bad.sum() - 1} more are not "
            "finite: find out why these scenarios failed; dropping them would bias the "
            "estimate"
        )
    return values


def one_row(name: str, values: Rows, least: int = 2) -> Column:
    """Checked samples of a statistic that is of one policy, shape `(scenarios,)`."""
    values = checked(name, values, least)
    if values.ndim != 1:
        raise InputError(
            f"{name} has shape {values.shape}: this is of one policy; choose a row"
        )
    return values


def same_length(**arrays: Rows) -> None:
    """Refuses samples that do not belong to the same scenarios."""
    lengths = {name: values.shape[-1] for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise InputError(
            f"different numbers of scenarios ({told}): pass values of the same "
            "scenarios in the same order"
        )


def check_level(level: float) -> None:
    """Refuses levels that are not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(
            f"level is {level}: it must be between 0 and 1, such as 0.99 for the worst "
            "1 % of scenarios"
        )


def constant(values: Float[np.ndarray, "..."]) -> bool:
    """Whether all values are the same, so that an interval has no width."""
    return bool((values == values.flat[0]).all())


def by_row(
    estimator: Callable[..., Estimate], *arrays: Float[np.ndarray, "..."]
) -> Estimate:
    """One estimate for `(scenarios,)`, or one a row of `(policies, scenarios)`."""
    arrays = tuple(np.broadcast_arrays(*arrays))
    if arrays[0].ndim == 1:
        return estimator(*arrays)
    return stack([estimator(*rows) for rows in zip(*arrays, strict=True)])
