"""How much to raise in a round. A new severity is one new file and one line here."""

from adl_jax.registry import Registry
from adl_jax.severity.base import AbstractSeverity as AbstractSeverity
from adl_jax.severity.constant import ConstantRate as ConstantRate, Fixed as Fixed
from adl_jax.severity.last_value import LastValue as LastValue
from adl_jax.severity.projected_gradient import (
    ProjectedGradient as ProjectedGradient,
    proposition_1_step as proposition_1_step,
)
from adl_jax.severity.running_mean_rate import RunningMeanRate as RunningMeanRate


severities: Registry[AbstractSeverity] = Registry("severity")
severities.register("zero", lambda: Fixed(0))
severities.register("full", lambda: Fixed(1))
severities.register("fixed", Fixed)
severities.register("last_value", LastValue)
severities.register("constant_rate", ConstantRate)
severities.register("running_mean_rate", RunningMeanRate)
severities.register("projected_gradient", ProjectedGradient)
