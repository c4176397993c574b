"""Sums over accounts, for many thresholds at once, that cost one pass over memory."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


LANES = 128
SLICES = 16
Term: TypeAlias = Callable[..., PyTree[Array]]


class Everyone:
    """All accounts share one budget, so a threshold is one number.

    `term(threshold, *data)` maps thresholds that broadcast with slices of the data to
    arrays `[K, m]` and must be zero where all of the data is zero: the last slice is
    padded so. It may return several arrays.

    On a CPU the accounts go by in 16 slices of 128 whose terms are added in pairs, and
    the K x 128 running sums stay in cache. XLA's own reduction of a batched [K, n]
    product writes the product out first (measured on 256 x 10,000 accounts and 15
    thresholds, 2 cores: 2.1 ms against 52 ms), and adding in pairs keeps the rounding
    error of a float32 sum of 1e5 numbers near 3e-7.
    """

    bits = 4

    def sums(self, term: Term, thresholds: Array, data: Sequence[Array]):
        """Sums over accounts of `term(thresholds[K], *data)`, each of shape `(K,)`."""
        return _fold(partial(term, thresholds[:, None]), data, jnp.add, jnp.sum)

    def largest(self, term: Term, data: Sequence[Array]):
        """Largest over accounts of `term(*data)`, or 0 if that is larger; shape `()`."""
        # A comparison and a select: `maximum`, careful of NaN, is four instructions.
        larger = lambda a, b: jnp.where(a > b, a, b)
        across = partial(jnp.max, initial=0)
        return jax.tree.map(lambda x: x[0], _fold(term, data, larger, across))

    def spread(self, value: Array) -> Array:
        """What each account sees of a number of its group: the number."""
        return value


class Groups:
    """Each account belongs to one of several groups, with a threshold for each.

    `group` int `(n,)` and the number of groups. Sums are `segment_sum`s. One bit a pass
    costs least there: the scatter, unlike a slice, costs as much for each threshold.
    """

    bits = 1

    def __init__(self, group: Array, count: int):
        """Remembers who belongs where."""
        self._group = group
        self._count = count

    def sums(self, term: Term, thresholds: Array, data: Sequence[Array]):
        """Sums over each group of `term(thresholds[K, G], *data)`: `(K, G)` each."""
        values = term(self.spread(thresholds), *[array[None] for array in data])
        add = lambda x: jax.ops.segment_sum(x.T, self._group, self._count).T
        return jax.tree.map(add, values)

    def largest(self, term: Term, data: Sequence[Array]):
        """Largest over all accounts of `term(*data)`, the same for every group."""
        values = term(*[array[None] for array in data])
        across = lambda x: jnp.full(self._count, jnp.max(x, initial=0), x.dtype)
        return jax.tree.map(across, values)

    def spread(self, value: Array) -> Array:
        """The number of its own group for each account, along the last axis."""
        return value[..., self._group]


def members(group: Array | None, budget: Array) -> Everyone | Groups:
    """Groups where there are any, else everyone as one."""
    return Everyone() if group is None else Groups(group, budget.shape[0])


def _fold(term, data, combine, across):
    def at_once(*data):
        values = term(*[array[None] for array in data])
        return jax.tree.map(lambda value: across(value, axis=-1), values)

    in_slices = partial(_in_slices, term, combine, across)
    return jax.lax.platform_dependent(*data, cpu=in_slices, default=at_once)


def _in_slices(term, combine, across, *data):
    block = LANES * SLICES
    whole, rest = divmod(data[0].shape[0], block)
    slices = -(-rest // LANES)

    def fold_block(start, count, data):
        cut = lambda a, i: jax.lax.dynamic_slice(a, (start + i * LANES,), (LANES,))
        pieces = [term(*[cut(a, i)[None] for a in data]) for i in range(count)]
        return _in_pairs(combine, pieces)

    padded = [
        jnp.pad(array[whole * block :], (0, max(slices, 1) * LANES - rest))
        for array in data
    ]
    total = fold_block(0, max(slices, 1), padded)
    if whole:
        step = lambda i, total: jax.tree.map(
            combine, total, fold_block(i * block, SLICES, data)
        )
        total = jax.lax.fori_loop(0, whole, step, total)
    return jax.tree.map(lambda value: across(value, axis=-1), total)


def _in_pairs(combine, terms):
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        last = terms[-1:] if len(terms) % 2 else []
        terms = [jax.tree.map(combine, a, b) for a, b in pairs] + last
    return terms[0]
