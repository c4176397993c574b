"""One mirror descent step on haircut fractions."""

from typing import Literal, TypeAlias

import jax.numpy as jnp

from adl_jax.projection import entropic, euclidean
from adl_jax.projection._edge import (
    FloatVector,
    Scalar,
    Vector,
    floating,
    require_finite,
    require_nonnegative,
    shaped,
)
from adl_jax.projection._multiplier import ratio


Geometry: TypeAlias = Literal["euclidean", "entropic"]


def mirror_step(
    fraction: Vector,
    gradient: Vector,
    capacity: Vector,
    budget: Scalar,
    step_size: Scalar,
    *,
    geometry: Geometry = "euclidean",
    cap: Vector | Scalar = 1.0,
) -> FloatVector:
    """Moves haircut fractions against a gradient, onto this round's budget.

    $$h' = \\arg\\min_{0 \\le h \\le c,\\; u \\cdot h = B} \\; \\eta\\, g \\cdot h +
    \\mathcal{D}(h, h_{\\mathrm{prev}})$$

    - `"euclidean"`: D is half the squared distance; h' = clip(h - eta*g - tau*u, 0, c),
      the step of the companion's section 4.
    - `"entropic"`: D is the relative entropy of the haircuts in USD; h' =
      min(c, s*h*exp(-eta*g)). An account at 0 stays at 0.

    **Arguments:** `fraction`, `gradient`, `capacity`: shape `(n,)`; the gradient is of
    the loss in the fraction for `"euclidean"`, in the haircut for `"entropic"`;
    `budget`: shape `()`, USD; `step_size`: shape `()`; `cap`: shape `(n,)` or `()`.

    **Returns:** fractions in [0, cap], shape `(n,)`, with capacity.h' = budget; 0 where
    the capacity is 0.

    **Raises:** `InputError` for values that are not finite, or negative where that has
    no meaning, when not traced; `ValueError` for an unknown geometry.

    **Differentiability and cost:** those of the projections.
    """
    require_finite(gradient=gradient, step_size=step_size)
    require_nonnegative(fraction=fraction, capacity=capacity, budget=budget, cap=cap)
    capacity = floating(capacity)
    fraction = floating(fraction, capacity)
    move = floating(step_size, capacity) * floating(gradient, capacity)
    cap = jnp.clip(shaped(cap, capacity), 0, 1)
    if geometry == "euclidean":
        after = euclidean(fraction - move, cap, budget, weight=capacity)
        return jnp.where(capacity > 0, after, jnp.zeros_like(after))
    if geometry == "entropic":
        # Only ratios of the multipliers matter; the least exponent as 0 keeps them
        # from overflowing.
        growth = jnp.exp(jnp.min(move, initial=jnp.inf) - move)
        amount = entropic(capacity * fraction * growth, cap * capacity, budget)
        return jnp.minimum(ratio(amount, capacity), cap)
    raise ValueError(f'geometry = {geometry!r}; choose "euclidean" or "entropic"')
