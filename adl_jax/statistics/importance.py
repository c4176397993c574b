r"""Rare events from scenarios that were drawn to be less rare.

Scenarios are drawn from a tilted density q instead of the true p, and each counts with
weight $w = p/q$. There are two estimators of $E_p[f]$. The plain one, $\frac1n\sum w f$,
is unbiased, and good for rare events, where f is 0 for most scenarios. The
self-normalised one, $\sum w f/\sum w$, is biased by order 1/n, exact for constants, and
the one to take where p is known only up to a factor (Owen, 2013, chapter 9).

A weighted estimate is as good as its effective sample size. Weights of a tilt that moves
away from where f is large are worse than none.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool
from scipy.stats import chi2

from adl_jax.result import InputError
from adl_jax.statistics import bootstrap
from adl_jax.statistics._edge import (
    Column,
    Samples,
    check_level,
    constant,
    one_row,
    same_length,
)
from adl_jax.statistics.basic import bootstrapped_mean
from adl_jax.statistics.estimate import NORMAL, Estimate, exact


def importance_weights(log_density: Samples, log_density_tilted: Samples) -> Column:
    r"""What each scenario counts for, $p(x)/q(x)$; expected to average 1.

    **Arguments:**

    - `log_density`: natural logarithm of p, -inf where p is 0.
    - `log_density_tilted`: of q, from which the scenarios were drawn.
    """
    same_length(log_density=log_density, log_density_tilted=log_density_tilted)
    tilted = one_row("log_density_tilted", log_density_tilted)
    never = np.isneginf(log_density)
    true = one_row("log_density", np.where(never, 0, log_density))
    logarithm = np.where(never, -np.inf, true - tilted)
    if logarithm.max() > np.log(np.finfo(float).max):
        raise InputError(
            f"a weight is e^{logarithm.max():.0f}, more than a float holds: the tilted "
            "density misses where the true one lies; tilt less"
        )
    return np.exp(logarithm)


def effective_sample_size(weights: Samples) -> float:
    r"""How many unweighted scenarios are worth as much, $(\sum w)^2/\sum w^2$ (Kong, 1992).

    For a mean of something unrelated to the weights. A rare event that the tilt is made
    for is estimated far better than that; a small number still says that few scenarios
    carry the weight.
    """
    weights = _weights(weights)
    scaled = weights / weights.max()
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def weighted_mean(
    values: Samples, weights: Samples, *, self_normalised: bool = False, seed: int = 0
) -> Estimate:
    """Mean under the true density, with a BCa interval.

    The standard error of the self-normalised mean is that of its linearisation.

    **Arguments:** `values`: shape `(scenarios,)`; `weights`: from `importance_weights`.
    """
    same_length(values=values, weights=weights)
    values, weights = one_row("values", values), _weights(weights)
    if not self_normalised:
        return bootstrapped_mean(values * weights, seed)
    if constant(values):
        return exact(float(values[0]), len(values))
    value, error = _ratio(values, weights)
    ends = bootstrap.interval(bootstrap.ratio, values * weights, weights, seed=seed)
    return Estimate(value, *ends, error, len(values))


def weighted_probability(
    hits: Bool[np.ndarray, " _scenarios"],
    weights: Samples,
    *,
    self_normalised: bool = False,
    seed: int = 0,
) -> Estimate:
    """Probability under the true density, held to [0, 1].

    Where nothing was hit the upper end is what Poisson's law allows in as many scenarios
    (3.7 hits), each of the largest weight.
    """
    found = weighted_mean(
        hits.astype(float), weights, self_normalised=self_normalised, seed=seed
    )
    high = float(found.high)
    if not np.any(hits):
        high = float(chi2.ppf(0.975, 2) / 2 * np.max(weights) / len(hits))
    held = lambda value: min(max(float(value), 0.0), 1.0)
    return dataclasses.replace(
        found, value=held(found.value), low=held(found.low), high=held(high)
    )


def weighted_quantile(
    values: Samples, weights: Samples, level: float, *, self_normalised: bool = False
) -> Estimate:
    r"""Quantile under the true density, with Woodruff's interval (1952).

    The least value that is exceeded with probability $1-p$ at most, as estimated by
    $\frac1n\sum_{x_i>x}w_i$, divided by the mean weight where self-normalised. The
    interval is where that probability, with its standard error, would be $1-p$; the
    standard error is a fourth of its length, roughly.
    """
    at, error = _tail_quantile(values, weights, level, self_normalised)
    value = at(1 - level)
    # A smaller probability to exceed is a larger value.
    low, high = at(1 - level + NORMAL * error), at(1 - level - NORMAL * error)
    return Estimate(value, low, high, (high - low) / (2 * NORMAL), len(values))


def weighted_expected_shortfall(
    values: Samples,
    weights: Samples,
    level: float,
    *,
    self_normalised: bool = False,
    seed: int = 0,
) -> Estimate:
    """Expected shortfall under the true density, by the formula of the unweighted one."""
    at, _ = _tail_quantile(values, weights, level, self_normalised)
    at_risk = at(1 - level)
    excess = np.maximum(values - at_risk, 0) / (1 - level)
    return weighted_mean(
        excess, weights, self_normalised=self_normalised, seed=seed
    ).shifted(at_risk)


def _tail_quantile(
    values: Samples, weights: Samples, level: float, self_normalised: bool
) -> tuple[Callable[[float], float], float]:
    """The value exceeded with a given probability; the standard error of the latter."""
    check_level(level)
    same_length(values=values, weights=weights)
    values, weights = one_row("values", values), _weights(weights)
    order = np.argsort(values)[::-1]
    descending = values[order]
    scale = weights.sum() if self_normalised else len(values)
    # The probability to be among the values before each, largest first.
    before = np.concatenate([[0], np.cumsum(weights[order])[:-1]]) / scale

    def at(probability: float) -> float:
        place = np.searchsorted(before, probability * (1 + 1e-12), side="right") - 1
        return float(descending[max(place, 0)])

    beyond = values > at(1 - level)
    if self_normalised:
        return at, _ratio(beyond, weights)[1]
    return at, float((beyond * weights).std(ddof=1)) / np.sqrt(len(values))


def _ratio(
    values: Column | Bool[np.ndarray, " _scenarios"], weights: Column
) -> tuple[float, float]:
    """The self-normalised mean, and its standard error by linearisation."""
    total = weights.sum()
    value = weights @ values / total
    error = np.sqrt((weights**2) @ (values - value) ** 2) / total
    return float(value), float(error)


def _weights(weights: Samples) -> Column:
    weights = one_row("weights", weights)
    if (weights < 0).any() or not weights.any():
        place = int(weights.argmin())
        raise InputError(
            f"weights[{place}] is {weights[place]}: weights must not be negative, and one "
            "must be positive; take them from `importance_weights`"
        )
    return weights
