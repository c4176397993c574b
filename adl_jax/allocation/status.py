"""How an allocation ended, for those who ask."""

import jax.numpy as jnp

from adl_jax.projection._edge import FloatScalar, FloatVector, Scalar, floating
from adl_jax.projection._sums import Everyone
from adl_jax.result import RESULTS


def unpaid(haircut: FloatVector, budget: Scalar) -> FloatScalar:
    """The part of the budget that was not raised, USD, >= 0; rounding is not counted.

    **Arguments:** `haircut`: shape `(n,)`, USD; `budget`: shape `()`, USD.
    """
    budget = floating(budget, haircut)
    add = lambda t, haircut: t * haircut
    raised = Everyone().sums(add, jnp.ones_like(budget)[None], (haircut,))[0]
    rest = budget - raised
    # The bound that every kernel keeps for the sum it promises.
    rounding = budget * (2e-6 if haircut.dtype == jnp.float32 else 1e-12)
    return jnp.where(rest > rounding, rest, jnp.zeros_like(rest))


def status(haircut: FloatVector, budget: Scalar, *, slack: Scalar = 0.0) -> RESULTS:
    """Whether an allocation raised its budget, as a status that lives inside jit.

    **Arguments:** `haircut`: shape `(n,)`, USD, of any allocation here; `budget`: shape
    `()`, USD; `slack`: USD that may be missing, the largest lot for
    `integer_pro_rata`.

    **Returns:** `RESULTS.successful`, `RESULTS.budget_above_capacity` where less was
    raised than asked for, or `RESULTS.nonfinite`.
    """
    rest = unpaid(haircut, budget)
    short = RESULTS.where(
        rest > floating(slack, rest), RESULTS.budget_above_capacity, RESULTS.successful
    )
    return RESULTS.where(jnp.isfinite(jnp.sum(haircut)), short, RESULTS.nonfinite)
