"""Queues whose order is not one score: by lot, and by several criteria in turn."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from adl_jax.allocation._cut import cut
from adl_jax.projection._edge import (
    FloatVector,
    Scalar,
    Vector,
    floating,
    require_finite,
    require_nonnegative,
)
from adl_jax.projection._keys import ordered_key


def random_order(key: PRNGKeyArray, capacity: Vector, budget: Scalar) -> FloatVector:
    """Closes winners in an order drawn by lot until the budget is met.

    Every order is equally likely, up to ties in 32 random bits that go to the earlier
    account. The rule of venues without a score (dYdX: a pseudo-random start).

    **Arguments:** `key`: a typed random key; `capacity`: shape `(n,)`, USD, >= 0;
    `budget`: shape `()`, USD, >= 0.

    **Returns:** haircuts, shape `(n,)`, USD. Errors, invariants, derivatives and cost
    are those of `queue`.
    """
    require_nonnegative(capacity=capacity, budget=budget)
    capacity = floating(capacity)
    bits = jax.random.bits(key, capacity.shape, jnp.uint32)
    return _in_order((bits,), capacity, floating(budget, capacity))


def lexicographic(
    scores: Sequence[Vector], capacity: Vector, budget: Scalar
) -> FloatVector:
    """Closes winners in descending order of the first score, ties by the next, and so on.

    **Arguments:** `scores`: one or more arrays of shape `(n,)`, most important first;
    negate one for ascending order. `capacity`: shape `(n,)`, USD, >= 0; `budget`:
    shape `()`, USD, >= 0.

    **Returns:** haircuts, shape `(n,)`, USD. Errors, invariants and derivatives are
    those of `queue`; each score costs eight passes in 32 bits, sixteen in 64.

    ```python
    >>> import numpy as np
    >>> from adl_jax.allocation import lexicographic
    >>> leverage, age = np.array([5.0, 9.0, 9.0]), np.array([1.0, 2.0, 3.0])
    >>> print(lexicographic([leverage, age], np.array([4.0, 4.0, 4.0]), 6.0))
    [0. 2. 4.]

    ```
    """
    require_finite(**{f"scores[{i}]": score for i, score in enumerate(scores)})
    require_nonnegative(capacity=capacity, budget=budget)
    capacity = floating(capacity)
    keys = tuple(ordered_key(jnp.asarray(score)) for score in scores)
    return _in_order(keys, capacity, floating(budget, capacity))


_in_order = jax.jit(cut)
