"""Where a queue stops: the account at which the running total passes the budget."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from adl_jax.projection._search import last_key
from adl_jax.projection._sums import members


def cut(
    keys: tuple[Array, ...],
    capacity: Array,
    budget: Array,
    group: Array | None = None,
) -> Array:
    """Haircuts of a queue in descending order of `keys`, the first key deciding first.

    **Arguments:** `keys`: unsigned integers of shape `(n,)`, ties in all of them going
    to the earlier account; `capacity`: shape `(n,)`, USD; `budget`: shape `()`, or one
    for each group, USD; `group`: ids of shape `(n,)`.

    Finds the first account at which the running total passes the budget, digit by digit
    of its keys: nothing is moved, so nothing is sorted. Derivatives in capacity and
    budget are those of the accounts closed in full and in part; where an account ends
    exactly at the budget, those of a budget a little higher.
    """
    return _cut(keys, capacity, jnp.maximum(budget, jnp.zeros_like(budget)), group)


@jax.custom_jvp
def _cut(keys, capacity, budget, group):
    return _solve(keys, capacity, budget, group)[0]


@_cut.defjvp
def _cut_jvp(primals, tangents):
    _, _, budget, group = primals
    _, capacity_dot, budget_dot, _ = tangents
    haircut, full, part = _solve(*primals)
    who = members(group, budget)
    paid = jnp.where(full, capacity_dot, jnp.zeros_like(capacity_dot))
    add = lambda t, paid: t * paid
    rest = budget_dot - who.sums(add, jnp.ones_like(budget)[None], (paid,))[0]
    return haircut, paid + jnp.where(part, who.spread(rest), jnp.zeros_like(paid))


def _solve(keys, capacity, budget, group):
    who = members(group, budget)
    n = capacity.shape[0]
    keys = (*keys, jnp.arange(n, 0, -1, dtype=jnp.uint32))
    sizes = [8 * key.dtype.itemsize for key in keys[:-1]] + [n.bit_length()]
    found = ()
    for key, size in zip(keys, sizes, strict=True):
        above = _passes_budget(who, keys[: len(found) + 1], found, capacity, budget)
        like = jnp.zeros(budget.shape, key.dtype)
        found = (*found, last_key(above, size, like, bits=who.bits))
    ahead, at = _order(keys, [who.spread(key) for key in found])
    paid = _only(ahead, capacity)
    add = lambda t, paid: t * paid
    before = who.sums(add, jnp.ones_like(budget)[None], (paid,))[0]
    rest = who.spread(budget - before)
    part = at & (rest < capacity)
    haircut = paid + _only(at, jnp.clip(rest, 0, capacity))
    return haircut, ahead | (at & ~part), part


def _passes_budget(who, keys, found, capacity, budget):
    """Whether the accounts from a threshold on, in the last of `keys`, hold more."""
    ahead, tied = _order(keys[:-1], [who.spread(key) for key in found])
    last = keys[-1]
    # Who is ahead or tied is settled before the search for the last key begins; the
    # largest key stands for ahead and the smallest for behind.
    first = jnp.array(jnp.iinfo(last.dtype).max, last.dtype)
    last = jnp.where(ahead, first, jnp.where(tied, last, jnp.zeros_like(last)))
    held = lambda t, key, capacity: _only(key >= t, capacity)
    return lambda t: who.sums(held, t, (last, capacity)) > budget[None]


def _order(keys, found):
    """Which accounts come before the keys `found`, and which have exactly them."""
    ahead, tied = jnp.array(False), jnp.array(True)
    for key, threshold in zip(keys, found, strict=True):
        ahead = ahead | (tied & (key > threshold))
        tied = tied & (key == threshold)
    return ahead, tied


def _only(chosen, amount):
    return jnp.where(chosen, amount, jnp.zeros_like(amount))
