"""Equal amounts, and the weights of risk-aware sharing."""

from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp

from adl_jax.projection._edge import (
    FloatVector,
    Scalar,
    Vector,
    floating,
    require_finite,
    require_nonnegative,
)
from adl_jax.projection._water import water_fill


Risk: TypeAlias = Literal["linear", "power", "cvar"]


def equal_share(capacity: Vector, budget: Scalar) -> FloatVector:
    """Takes the same amount from every winner, or all of a capacity below that.

    $$x_i = \\min(u_i, s), \\qquad s \\text{ such that } \\textstyle\\sum_i x_i = B$$

    The constrained equal awards rule. Not Sybil resistant: an owner with two accounts
    pays twice, so merging pays.

    **Arguments:** `capacity`: shape `(n,)`, USD, >= 0; `budget`: shape `()`, USD, >= 0.

    **Returns:** haircuts, shape `(n,)`, USD. Errors, invariants, derivatives and cost
    are those of a capped `pro_rata`.

    ```python
    >>> import numpy as np
    >>> from adl_jax.allocation import equal_share
    >>> print(equal_share(np.array([10.0, 5.0, 1.0]), 7.0))
    [3. 3. 1.]

    ```
    """
    require_nonnegative(capacity=capacity, budget=budget)
    capacity = floating(capacity)
    return _equal_share(capacity, floating(budget, capacity))


@jax.jit
def _equal_share(capacity, budget):
    one = jnp.ones_like(capacity)
    return water_fill(one, one, capacity, jnp.maximum(budget, jnp.zeros_like(budget)))


def risk_weight(
    leverage: Vector, risk: Risk = "linear", *, parameter: Scalar = 1.0
) -> FloatVector:
    """Weights lambda*g(lambda) that make `pro_rata` charge risk.

    C-(32) to C-(34), with g one of:

    - `"linear"`: g = lambda;
    - `"power"`: g = lambda**parameter;
    - `"cvar"`: g = (lambda - parameter)+, which charges only leverage above a threshold.

    **Arguments:** `leverage`: shape `(n,)`, notional over equity, >= 0; `parameter`:
    shape `()`, the exponent or the threshold.

    **Returns:** weights, shape `(n,)`, for `pro_rata(..., weight=...)`.

    **Raises:** `InputError` for a negative or infinite leverage, when not traced;
    `ValueError` for an unknown risk.

    **Differentiability:** in both, at the threshold from above.
    """
    require_nonnegative(leverage=leverage)
    require_finite(parameter=parameter)
    leverage = floating(leverage)
    parameter = floating(parameter, leverage)
    zero = jnp.zeros_like(leverage)
    if risk == "linear":
        return leverage * leverage
    if risk == "power":
        # The power of 0 has no derivative in the exponent.
        positive = leverage > 0
        safe = jnp.where(positive, leverage, jnp.ones_like(leverage))
        return jnp.where(positive, safe * safe**parameter, zero)
    if risk == "cvar":
        over = leverage - parameter
        return leverage * jnp.where(over >= 0, over, zero)
    raise ValueError(f'risk = {risk!r}; choose "linear", "power" or "cvar"')
