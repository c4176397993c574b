"""Pro rata in whole lots: what venues can execute of a fraction of every account."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from adl_jax.allocation._cut import cut
from adl_jax.projection._edge import (
    FloatVector,
    Scalar,
    Vector,
    floating,
    require_nonnegative,
    require_positive,
    shaped,
)
from adl_jax.projection._keys import ordered_key
from adl_jax.projection._multiplier import ratio
from adl_jax.projection._sums import Everyone


def whole_lots(amount: Array, lot_value: Array) -> Array:
    """The largest number of lots whose value is at most `amount`, elementwise."""
    lots = jnp.floor(amount / lot_value)
    # The quotient is rounded: it may be one too high, or one too low. Above 2^24 lots in
    # float32 (2^53 in float64) one is not to be seen, and the next number below is less.
    fewer = jnp.minimum(lots - 1, jnp.nextafter(lots, jnp.zeros_like(lots)))
    lots = jnp.where(lots * lot_value > amount, fewer, lots)
    return jnp.where((lots + 1) * lot_value <= amount, lots + 1, lots)


def integer_pro_rata(
    capacity: Vector, budget: Scalar, lot_value: Vector | Scalar
) -> FloatVector:
    """Pro rata rounded down to whole lots, then lots added by largest remainder.

    The method of largest remainders on what each account can give in whole lots:
    v_i = floor(u_i/l_i)*l_i, the pro-rata x = (B/V)*v rounded down, and then one more
    lot each in descending order of the share of a lot that was cut off, as long as the
    next one fits into the budget.

    **Arguments:**

    - `capacity`: shape `(n,)`, USD, >= 0.
    - `budget`: shape `()`, USD, >= 0.
    - `lot_value`: shape `(n,)` or `()`, USD a lot, > 0.

    **Returns:** haircuts, shape `(n,)`, USD, whole multiples of `lot_value`.

    **Raises:** `InputError` for values that are negative or not finite, or a lot value
    that is not positive, when not traced.

    **Invariants:** 0 <= x <= capacity; sum x <= budget, and > budget - the largest lot
    wherever lots allow; every account is within one lot of its pro-rata of v.

    **Differentiability:** none (piecewise constant): derivatives are 0, except those of
    the lot value times the number of lots.

    **Cost:** about sixteen passes over the accounts in float32.

    ```python
    >>> import numpy as np
    >>> from adl_jax.allocation import integer_pro_rata
    >>> print(integer_pro_rata(np.array([10.0, 5.0, 1.0]), 8.0, 1.0))
    [5. 3. 0.]

    ```
    """
    require_nonnegative(capacity=capacity, budget=budget)
    require_positive(lot_value=lot_value)
    capacity = floating(capacity)
    lot_value = shaped(lot_value, capacity)
    return _integer_pro_rata(capacity, floating(budget, capacity), lot_value)


@jax.jit
def _integer_pro_rata(capacity, budget, lot_value):
    lot = jax.lax.stop_gradient(lot_value)
    capacity, budget = jax.lax.stop_gradient((capacity, budget))
    most = whole_lots(capacity, lot)
    held = total_value(most, lot)
    fraction = jnp.clip(ratio(budget, held), 0, 1)
    exact = fraction * most
    lots = jnp.where(fraction < 1, jnp.floor(exact), most)
    rest = budget - total_value(lots, lot)
    # One more lot each, the largest remainder first, while the next one fits. Rounding
    # in the sum may have left less than nothing; then nothing is added.
    value = jnp.where(lots < most, lot, jnp.zeros_like(lot))
    added = cut((ordered_key(exact - lots),), value, jnp.maximum(rest, 0))
    lots = lots + jnp.where((value > 0) & (added >= value), 1, 0)
    return lots * lot_value


def total_value(lots: Array, lot_value: Array) -> Array:
    """USD of all lots."""
    value = lambda t, lots, lot_value: t * (lots * lot_value)
    one = jnp.ones((1,), lot_value.dtype)
    return Everyone().sums(value, one, (lots, lot_value))[0]
