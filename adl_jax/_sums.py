"""Sums over a book, by the operation that is fastest where they run.

Measured in the loop with 64 scenarios of 1,000 accounts side by side on one core, float32:
a sum takes 0.9 ns an account and a product with ones 0.1; the largest number 5 ns, and
0.4 when it is found among integers; eight markets' sums 0.3 ns by a scatter and 0.1 by a
product with a table of zeros and ones.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from adl_jax._types import Scalar


# Up to here a product adds up accurately enough, and a table of zeros and ones is small.
SHORT = 4096
FEW = 16


def product(a: Array, b: Array) -> Array:
    """The matrix product in full precision: a GPU's default rounds factors to ten bits."""
    return jnp.matmul(a, b, precision="highest")


def sum_of(values: Float[Array, " n"]) -> Scalar:
    """The sum. In a long array it is added up in pairs, which loses fewer bits."""
    if values.shape[0] > SHORT or jax.default_backend() != "cpu":
        return values.sum()
    return product(values, jnp.ones_like(values))


@jax.custom_jvp
def largest(values: Float[Array, " n"]) -> Scalar:
    """The largest of numbers that are 0 or more; 0 of none.

    Their bits, as integers, are in the same order. The derivative is shared by all that
    are as large.
    """
    whole = {4: jnp.int32, 8: jnp.int64}[values.dtype.itemsize]
    # Adding 0 makes -0 the smallest of all bits, 0.
    bits = jax.lax.bitcast_convert_type(values + 0, whole)
    return jax.lax.bitcast_convert_type(jnp.max(bits, initial=0), values.dtype)


@largest.defjvp
def _largest_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Scalar, Scalar]:
    (values,), (moved,) = primals, tangents
    most = largest(values)
    there = (values == most).astype(values.dtype)
    return most, sum_of(there * moved) / jnp.maximum(sum_of(there), 1)


def sum_by(
    values: Float[Array, " positions"], group: Int[Array, " positions"], count: int
) -> Float[Array, " count"]:
    """Sums of positions by group: market, or market and side."""
    if count > FEW:
        return jax.ops.segment_sum(values, group, count)
    if count == 1:
        return sum_of(values)[None]
    member = jax.nn.one_hot(group, count, dtype=values.dtype, axis=0)
    return product(member, values)


def spread(
    values: Float[Array, " groups"], group: Int[Array, " positions"]
) -> Float[Array, " positions"]:
    """Each position's group's number; a copy of it, to the bit."""
    few = values.shape[0] <= FEW and group.shape[0] <= SHORT
    if not few or jax.default_backend() != "cpu":
        return values[group]
    member = jax.nn.one_hot(group, values.shape[0], dtype=values.dtype, axis=0)
    return product(values, member)
