"""One experiment many times over, with fixed seeds."""

from typing import NamedTuple

import numpy as np


class Repeated(NamedTuple):
    """What an estimator did over repeated experiments."""

    coverage: float
    bias: float
    """In standard errors of the mean over experiments."""
    error_ratio: float
    """Mean standard error over the standard deviation there was."""
    spread: float


def repeat(experiment, truth, times=400):
    """Runs `experiment(generator) -> Estimate` with generators of their own."""
    found = [experiment(np.random.default_rng([20251010, i])) for i in range(times)]
    value, low, high, error = (
        np.array([getattr(each, name) for each in found])
        for name in ("value", "low", "high", "standard_error")
    )
    spread = value.std(ddof=1)
    return Repeated(
        ((low <= truth) & (truth <= high)).mean(),
        (value.mean() - truth) / (spread / np.sqrt(times)),
        error.mean() / spread,
        spread,
    )


def assert_covers(experiment, truth, times=400, low=0.92, high=0.98):
    """95 % intervals cover 92-98 %, and standard errors are within a tenth.

    Over 400 experiments the coverage seen has a standard deviation of 1.1 %.
    """
    done = repeat(experiment, truth, times)
    assert low <= done.coverage <= high, done
    assert abs(done.error_ratio - 1) < 0.1, done
    return done
