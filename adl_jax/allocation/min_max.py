"""Min-max in whole lots: the least worst haircut fraction that covers the budget."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax.allocation._cut import cut
from adl_jax.allocation.integer import total_value, whole_lots
from adl_jax.projection._edge import (
    FloatScalar,
    FloatVector,
    Matrix,
    Scalar,
    Vector,
    floating,
    require_nonnegative,
    require_positive,
    shaped,
)
from adl_jax.projection._keys import key_to_float, ordered_key
from adl_jax.projection._multiplier import ratio
from adl_jax.projection._search import narrow
from adl_jax.projection._sums import Everyone


# Lots of distinct size classes that are taken back one after another at the end.
TRIMS = 4


def min_max_integer(
    capacity: Vector, budget: Scalar, lot_value: Vector | Scalar
) -> FloatVector:
    """Takes whole lots so that the largest haircut fraction is the least possible.

    $$\\min_{x, z} z \\quad \\text{s.t.} \\quad \\textstyle\\sum_i x_i \\ge B,\\;
    0 \\le x_i \\le z u_i,\\; x_i \\in l_i \\mathbb{Z}$$

    Paper eq. (8) with the budget as a lower bound, since equality has no solution for
    general lots. For a given z every account gives floor(z*u_i/l_i) lots, which rises
    with z, so the least z is found by search and is the optimum of the integer program.
    Then lots that the budget does not need are taken back: first of the accounts at the
    largest fraction, then of any account, largest lots first.

    **Arguments:**

    - `capacity`: shape `(n,)`, USD, >= 0.
    - `budget`: shape `()`, USD, >= 0; above what whole lots allow, all of them.
    - `lot_value`: shape `(n,)` or `()`, USD a lot, > 0.

    **Returns:** haircuts, shape `(n,)`, USD, whole multiples of `lot_value`.

    **Raises:** `InputError` for values that are negative or not finite, or a lot value
    that is not positive, when not traced.

    **Invariants:** 0 <= x <= capacity; budget <= sum x < budget + the largest lot,
    wherever lots allow (in float32 to 2e-6 relative); the largest x_i/u_i is optimal.

    **Differentiability:** none (piecewise constant): derivatives are 0, except those of
    the lot value times the number of lots.

    **Cost:** about forty light passes over the accounts in float32.

    ```python
    >>> import numpy as np
    >>> from adl_jax.allocation import min_max_integer
    >>> print(min_max_integer(np.array([10.0, 5.0, 1.0]), 8.0, 1.0))
    [5. 3. 0.]

    ```
    """
    require_nonnegative(capacity=capacity, budget=budget)
    require_positive(lot_value=lot_value)
    capacity = floating(capacity)
    lot_value = shaped(lot_value, capacity)
    if not capacity.size:
        return capacity
    return _min_max(capacity, floating(budget, capacity), lot_value)


@jax.jit
def _min_max(capacity, budget, lot_value):
    lot = jax.lax.stop_gradient(lot_value)
    capacity, budget = jax.lax.stop_gradient((capacity, budget))
    who = Everyone()
    most = whole_lots(capacity, lot)
    # A little more than the exact number of lots, so that the lots at which z is
    # attained are counted in spite of rounding; far less than can be told apart. And
    # less than one lot more than there are, so that no z up to 1 counts one of those.
    per_unit = capacity / lot * (1 + 2 * jnp.finfo(lot.dtype).eps)
    per_unit = jnp.minimum(per_unit, jnp.nextafter(most + 1, most))
    # The lots at the end must be those that the search counted: without the barrier XLA
    # computes the quotient once more in another order and rounds it another way.
    per_unit, most = jax.lax.optimization_barrier((per_unit, most))
    lots_at = lambda z: jnp.floor(z * per_unit)
    value = lambda z, per_unit, lot: jnp.floor(z * per_unit) * lot

    zero, one = jnp.zeros_like(budget), jnp.ones_like(budget)
    data = (per_unit, lot)
    below, z = narrow(
        lambda key: who.sums(value, key_to_float(key), data) < budget,
        ordered_key(zero),
        ordered_key(one),
        30 if lot.dtype == jnp.float32 else 62,
        bits=who.bits,
    )
    # At a fraction of 1 rounding must not lose a lot.
    lots = jnp.where(z >= ordered_key(one), most, lots_at(key_to_float(z)))
    fewer = lots_at(key_to_float(below))
    lots = _take_back_at_the_top(lots, fewer, lot, budget)
    lots = _take_back_anywhere(lots, lot, budget)
    return jnp.where(budget > 0, lots, jnp.zeros_like(lots)) * lot_value


def _take_back_at_the_top(lots, fewer, lot, budget):
    """Takes back lots of the last step up, in order, while the budget stays covered."""
    excess = total_value(lots, lot) - budget
    back = cut((), (lots - fewer) * lot, jnp.maximum(excess, 0))
    return lots - jnp.minimum(whole_lots(back, lot), lots - fewer)


def _take_back_anywhere(lots, lot, budget):
    """Takes back lots that fit into what is raised too much, the largest lots first."""
    who = Everyone()
    # Places counted from the end, so that the largest is the first and 0 is nobody.
    place = jnp.arange(lot.shape[0], 0, -1).astype(lot.dtype)

    def trim(_, state):
        lots, excess = state
        fitting = lambda lots, lot: jnp.where((lots > 0) & (lot <= excess), lot, 0)
        size = who.largest(fitting, (lots, lot))

        def of_size(lots, lot, place):
            return jnp.where((lots > 0) & (lot == size) & (size > 0), place, 0)

        first = place == who.largest(of_size, (lots, lot, place))
        safe = jnp.where(size > 0, size, jnp.ones_like(size))
        there = jnp.sum(jnp.where(first, lots, 0))
        count = jnp.minimum(there, whole_lots(excess, safe))
        return lots - jnp.where(first, count, 0), excess - count * size

    excess = total_value(lots, lot) - budget
    return jax.lax.fori_loop(0, TRIMS, trim, (lots, excess))[0]


class PositionLots(NamedTuple):
    """Haircuts of several positions an account, and how far from optimal they can be.

    `haircut` `(n, m)` in USD; `fraction` the largest haircut fraction of an account;
    `gap` >= 0, how much lower a largest fraction could be at most.
    """

    haircut: Float[Array, "n m"]
    fraction: FloatScalar
    gap: FloatScalar


def min_max_integer_positions(
    capacity: Matrix, budget: Scalar, lot_value: Matrix
) -> PositionLots:
    """Near-optimal min-max in whole lots where accounts hold several positions.

    The fraction is of the account, (sum over positions of x)/(sum of capacities), and
    each position has lots of its own value. Filling an account exactly is a knapsack
    problem; here each account fills its positions from the largest lot to the
    smallest, and the result comes with a bound: no allocation has a largest fraction
    below `fraction - gap`.

    **Arguments:** `capacity`: shape `(n, m)`, USD, >= 0, 0 for no position;
    `budget`: shape `()`, USD, >= 0; `lot_value`: shape `(n, m)`, USD a lot, > 0.

    **Returns:** `PositionLots`; lots are not taken back, so the total may be above the
    budget by more than one lot.

    **Cost:** one sort of the m positions within each account, then m passes for each of
    30 (float64: 62) steps of a bisection; meant for few positions an account.
    """
    require_nonnegative(capacity=capacity, budget=budget)
    require_positive(lot_value=lot_value)
    capacity = floating(capacity)
    return _positions(
        capacity, floating(budget, capacity), floating(lot_value, capacity)
    )


@jax.jit
def _positions(capacity, budget, lot):
    capacity, budget, lot = jax.lax.stop_gradient((capacity, budget, lot))
    order = jnp.argsort(-lot, axis=1)
    placed = lambda array: jnp.take_along_axis(array, order, axis=1)
    sorted_lot = placed(lot)
    most = whole_lots(placed(capacity), sorted_lot)
    held = jnp.sum(capacity, axis=1)

    def fill(z):
        left = z * held * (1 + 4 * jnp.finfo(lot.dtype).eps)
        columns = []
        for lots, value in zip(most.T, sorted_lot.T, strict=True):
            count = jnp.minimum(lots, jnp.floor(left / value))
            columns.append(count * value)
            left = jnp.maximum(left - count * value, 0)
        return jnp.stack(columns, axis=1)

    one = ordered_key(jnp.ones_like(budget))
    size = 30 if lot.dtype == jnp.float32 else 62
    short = lambda keys: jax.vmap(lambda key: jnp.sum(fill(key_to_float(key))))(keys)
    _, key = narrow(
        lambda keys: short(keys) < budget,
        ordered_key(jnp.zeros_like(budget)),
        one,
        size,
        bits=1,
    )
    full = (key >= one) & (jnp.sum(fill(jnp.ones_like(budget))) < budget)
    amount = jnp.where(full, most * sorted_lot, fill(key_to_float(key)))
    amount = jnp.where(budget > 0, amount, jnp.zeros_like(amount))
    haircut = jnp.take_along_axis(amount, jnp.argsort(order, axis=1), axis=1)
    fraction = jnp.max(ratio(jnp.sum(amount, axis=1), held), initial=0)
    # Fractions alone, without lots, can do no better than this.
    bound = jnp.minimum(ratio(budget, jnp.sum(held)), 1)
    return PositionLots(haircut, fraction, jnp.maximum(fraction - bound, 0))
