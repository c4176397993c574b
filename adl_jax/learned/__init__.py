"""Policies whose shape is free and whose numbers are learned (`adl_jax.train`).

Importing this registers them with the other severities and allocations.
"""

from adl_jax.allocator import allocations
from adl_jax.learned.contextual import (
    LogLinear as LogLinear,
    NetworkRate as NetworkRate,
)
from adl_jax.learned.features import NAMES as NAMES, features as features
from adl_jax.learned.shares import (
    LeverageCurve as LeverageCurve,
    SetNetwork as SetNetwork,
)
from adl_jax.severity import severities


severities.register("log_linear", LogLinear)
severities.register("network_rate", NetworkRate)
allocations.register("leverage_curve", LeverageCurve)
allocations.register("set_network", SetNetwork)
