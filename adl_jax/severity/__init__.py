"""How much to raise in a round. A new severity is one new file and one line here."""

from adl_jax.registry import Registry
from adl_jax.severity.ada_hedge import AdaHedge as AdaHedge
from adl_jax.severity.ader import ader as ader
from adl_jax.severity.base import AbstractSeverity as AbstractSeverity
from adl_jax.severity.coin_betting import CoinBetting as CoinBetting
from adl_jax.severity.constant import ConstantRate as ConstantRate, Fixed as Fixed
from adl_jax.severity.coordinate import (
    AbstractCoordinate as AbstractCoordinate,
    Rate as Rate,
    Share as Share,
)
from adl_jax.severity.experts import Experts as Experts, stack as stack
from adl_jax.severity.headline import (
    deficit_learner as deficit_learner,
    notional_learner as notional_learner,
    rate_pool as rate_pool,
    share_pool as share_pool,
    tier_pool as tier_pool,
)
from adl_jax.severity.hedge import Hedge as Hedge
from adl_jax.severity.last_value import LastValue as LastValue
from adl_jax.severity.linear_impact import LinearImpact as LinearImpact
from adl_jax.severity.mirror_descent import (
    MirrorDescentSeverity as MirrorDescentSeverity,
    entropic_severity as entropic_severity,
    multiplicative_rate as multiplicative_rate,
    scale_free_severity as scale_free_severity,
)
from adl_jax.severity.optimistic import Optimistic as Optimistic
from adl_jax.severity.pinball import Pinball as Pinball
from adl_jax.severity.projected_gradient import (
    ProjectedGradient as ProjectedGradient,
    proposition_1_step as proposition_1_step,
)
from adl_jax.severity.running_mean import RunningMean as RunningMean
from adl_jax.severity.shrunken_rate import ShrunkenRate as ShrunkenRate
from adl_jax.severity.strongly_adaptive import StronglyAdaptive as StronglyAdaptive
from adl_jax.severity.weighted_median import WeightedMedian as WeightedMedian


severities: Registry[AbstractSeverity] = Registry(
    "severity", AbstractSeverity, "adl_jax.severities"
)
severities.register("zero", lambda: Fixed(0))
severities.register("full", lambda: Fixed(1))
severities.register("fixed", Fixed)
severities.register("last_value", LastValue)
severities.register("constant_rate", ConstantRate)
severities.register("running_mean_rate", lambda: RunningMean(Rate()))
severities.register("projected_gradient", ProjectedGradient)
severities.register("mirror_descent", MirrorDescentSeverity)
severities.register("entropic", entropic_severity)
severities.register("multiplicative_rate", multiplicative_rate)
severities.register("scale_free", scale_free_severity)
severities.register("optimistic", Optimistic)
severities.register("optimistic_rate", lambda: Optimistic(multiplicative_rate()))
severities.register("coin_betting", CoinBetting)
severities.register("running_mean", RunningMean)
severities.register("weighted_median", WeightedMedian)
severities.register("weighted_median_rate", lambda: WeightedMedian(Rate(), 0.01))
severities.register("shrunken_rate", ShrunkenRate)
severities.register("pinball", lambda: MirrorDescentSeverity(pinball=Pinball(3, 1)))
severities.register("linear_impact", LinearImpact)
severities.register("ada_hedge_tiers", lambda: AdaHedge(tier_pool()))
severities.register("hedge", lambda: Hedge(share_pool()))
severities.register("ader", ader)
severities.register("strongly_adaptive", StronglyAdaptive)
severities.register("deficit_learner", deficit_learner)
severities.register("notional_learner", notional_learner)
