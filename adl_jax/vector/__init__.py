"""Joint policies that learn who pays. A new one is one new file and one line here."""

from adl_jax.policy import AbstractPolicy
from adl_jax.registry import Registry
from adl_jax.severity import AbstractSeverity, ProjectedGradient, Rate, RunningMean
from adl_jax.vector.descent import FractionDescent as FractionDescent
from adl_jax.vector.geometry import (
    AbstractGeometry as AbstractGeometry,
    Entropic as Entropic,
    Euclidean as Euclidean,
)
from adl_jax.vector.gradient import fraction_gradient as fraction_gradient
from adl_jax.vector.learner import FractionLearner as FractionLearner
from adl_jax.vector.min_max import MinMaxLots as MinMaxLots
from adl_jax.vector.per_market import (
    MarketMeanRate as MarketMeanRate,
    PerMarketDescent as PerMarketDescent,
)
from adl_jax.vector.primal_dual import PrimalDual as PrimalDual


def _descent(severity: AbstractSeverity, geometry: AbstractGeometry) -> FractionDescent:
    return FractionDescent(severity, FractionLearner(geometry))


vector_policies: Registry[AbstractPolicy] = Registry(
    "vector policy", AbstractPolicy, "adl_jax.policies"
)
vector_policies.register(
    "vector_euclidean", lambda: _descent(ProjectedGradient(), Euclidean())
)
vector_policies.register(
    "vector_entropic", lambda: _descent(ProjectedGradient(), Entropic())
)
vector_policies.register(
    "vector_entropic_rate", lambda: _descent(RunningMean(Rate()), Entropic())
)
vector_policies.register(
    "vector_primal_dual",
    lambda: PrimalDual(ProjectedGradient(), FractionLearner(Euclidean(), fair=0)),
)
