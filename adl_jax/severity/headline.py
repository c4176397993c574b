"""The learner that speaks for each information set, in one fixed configuration."""

import itertools
from typing import Literal

import jax

from adl_jax._types import as_float
from adl_jax.severity.ada_hedge import AdaHedge
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.constant import Fixed
from adl_jax.severity.coordinate import Rate, Share
from adl_jax.severity.experts import Experts
from adl_jax.severity.mirror_descent import entropic_severity
from adl_jax.severity.shrunken_rate import ShrunkenRate
from adl_jax.severity.weighted_median import WeightedMedian


COLD_START_RATES = (0.001, 0.003, 0.01, 0.03)
"""Rates before anything is known, half a decade apart."""
COLD_START_SHARE = 0.05
"""The share of the deficit before anything is known."""
TIER_EXPONENTS = (0.0, 0.5, 1.0, 1.5)
"""From no tiers to steeper than the maintenance margin."""
DISCOUNTS = (1.0, 0.7)
"""All of the past, and about the last three rounds."""


def _tiers(*grids: tuple[float, ...]) -> ShrunkenRate:
    """Shrunken rates on a grid of trust, tier exponent, cold start and discount."""
    return jax.vmap(
        lambda row: ShrunkenRate(
            row[2], tier=Rate(row[1]), trust=row[0], discount=row[3]
        )
    )(as_float(list(itertools.product(*grids))))


def tier_pool() -> Experts:
    """Rates by leverage tier and by market, from cold starts over two decades: 56."""
    starts = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
    return Experts((_tiers((0.0, 0.5), TIER_EXPONENTS, starts, (1.0,)),))


def rate_pool() -> Experts:
    """Means and medians of what a dollar closed out cost, by tier: 96 experts.

    Means, by tier and shrunken by market, are best where costs are even; weighted medians
    where a few rounds are most of the event; short memories where the level jumps.
    """
    medians = jax.vmap(
        lambda row: WeightedMedian(Rate(row[0]), row[1], discount=row[2])
    )(as_float(list(itertools.product(TIER_EXPONENTS, COLD_START_RATES, DISCOUNTS))))
    means = _tiers((0.0, 0.5), TIER_EXPONENTS, COLD_START_RATES, DISCOUNTS)
    return Experts((means, medians))


def share_pool() -> Experts:
    """What a deficit and the past can say about a budget: 10 experts.

    Constant shares; the leader for budgets in proportion to the deficit, to its root and
    to nothing (a venue whose deficits tell little needs much the same every time); and
    entropic descent at two steps. All start low: what is raised in vain has no limit,
    what is not raised is at most what was needed.
    """
    shares = as_float([0.0, 0.02, 0.05, 0.1, 0.2])
    powers = as_float([1.0, 0.5, 0.0])
    steps = as_float([0.5, 1.0])
    stacks: tuple[AbstractSeverity, ...] = (
        jax.vmap(Fixed)(shares),
        jax.vmap(lambda power: WeightedMedian(Share(power), COLD_START_SHARE))(powers),
        jax.vmap(lambda step: entropic_severity(step, initial=COLD_START_SHARE))(steps),
    )
    return Experts(stacks)


def deficit_learner(combine: Literal["mean", "median"] = "mean") -> AdaHedge:
    """AdaHedge over `share_pool`: the headline of the `deficit` set."""
    return AdaHedge(share_pool(), combine)


def notional_learner(
    combine: Literal["mean", "median"] = "median",
) -> AdaHedge:
    """AdaHedge over `rate_pool`: the headline of the `notional` set.

    The vote is the weighted median: rates that lie decades apart have no useful mean.
    """
    return AdaHedge(rate_pool(), combine)
