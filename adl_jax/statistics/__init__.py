"""What a Monte Carlo experiment says, and how well it knows it. NumPy, on the host."""

from adl_jax.statistics.basic import (
    mean as mean,
    paired_difference as paired_difference,
    probability as probability,
    quantile as quantile,
)
from adl_jax.statistics.control import (
    ControlVariate as ControlVariate,
    control_variate as control_variate,
)
from adl_jax.statistics.convergence import (
    convergence as convergence,
    enough as enough,
    scenarios_needed as scenarios_needed,
)
from adl_jax.statistics.estimate import Estimate as Estimate, stack as stack
from adl_jax.statistics.importance import (
    effective_sample_size as effective_sample_size,
    importance_weights as importance_weights,
    weighted_expected_shortfall as weighted_expected_shortfall,
    weighted_mean as weighted_mean,
    weighted_probability as weighted_probability,
    weighted_quantile as weighted_quantile,
)
from adl_jax.statistics.nested import (
    VarianceParts as VarianceParts,
    variance_parts as variance_parts,
)
from adl_jax.statistics.sobol import sobol_normals as sobol_normals
from adl_jax.statistics.tails import (
    LEVELS as LEVELS,
    SurvivalCurve as SurvivalCurve,
    TailExponent as TailExponent,
    expected_shortfall as expected_shortfall,
    survival_curve as survival_curve,
    tail_exponent as tail_exponent,
    value_at_risk as value_at_risk,
)
