"""k-ary search for a threshold on unsigned integer keys, in a fixed number of passes.

Four bits a pass, fifteen thresholds at once, when a pass over memory costs as much as
some ten thresholds tested in it (measured on 2 cores: 3, 7 and 15 thresholds within
20 % of each other in total; on a GPU each pass is also a kernel launch, which favours
more); one bit a pass when every threshold costs a scatter of its own.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array


def last_key(
    above: Callable[[Array], Array], size: int, like: Array, *, bits: int
) -> Array:
    """The largest key at which `above` holds, 0 where it holds nowhere.

    **Arguments:**

    - `above`: keys of shape `(K, ...)` to booleans; true up to some key, false after.
    - `size`: keys are below 2**size.
    - `like`: its shape and unsigned dtype are those of the answer.
    - `bits`: bits decided in a pass.
    """
    count = -(-size // bits)
    digits = _digits(like, bits)

    def digit(i, key):
        shift = jnp.asarray((count - 1 - i) * bits, key.dtype)
        passed = jnp.sum(above(key[None] + (digits << shift)), axis=0, dtype=key.dtype)
        return key + (passed << shift)

    return jax.lax.fori_loop(0, count, digit, jnp.zeros_like(like))


def narrow(
    below: Callable[[Array], Array], low: Array, high: Array, size: int, *, bits: int
) -> tuple[Array, Array]:
    """Shrinks `low`, `high` by 2**size around where `below` stops holding.

    **Arguments:** `below`: keys of shape `(K, ...)` to booleans, true up to some key;
    `low`, `high`: keys, `low <= high`; at `high` it is taken not to hold.

    **Returns:** the new `low` and `high`, one apart at best.
    """
    digits = _digits(low, bits)

    def split(_, bracket):
        low, high = bracket
        width = high - low
        at = lambda digit: low[None] + _share(width[None], digit, bits)
        passed = jnp.sum(below(at(digits)), axis=0, dtype=low.dtype)[None]
        return at(passed)[0], at(passed + 1)[0]

    return jax.lax.fori_loop(0, -(-size // bits), split, (low, high))


def _share(width, digit, bits):
    """width * digit / 2**bits, in two parts so that it cannot overflow."""
    whole, rest = width >> bits, width & ((1 << bits) - 1)
    return whole * digit + ((rest * digit) >> bits)


def _digits(like, bits):
    digits = jnp.arange(1, 1 << bits, dtype=like.dtype)
    return digits.reshape((-1,) + (1,) * like.ndim)
