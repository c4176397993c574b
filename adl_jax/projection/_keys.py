"""Integers that sort like the numbers they come from."""

import jax
import jax.numpy as jnp
from jaxtyping import Array


def ordered_key(number: Array) -> Array:
    """An unsigned integer of the same width, with a < b exactly where key(a) < key(b).

    Both zeros get one key; a NaN sorts above every number, or below if its sign is set.
    """
    unsigned = jnp.dtype(f"uint{8 * number.dtype.itemsize}")
    sign = jnp.array(1 << (8 * number.dtype.itemsize - 1), unsigned)
    if jnp.issubdtype(number.dtype, jnp.unsignedinteger):
        return number
    if jnp.issubdtype(number.dtype, jnp.signedinteger):
        return jax.lax.bitcast_convert_type(number, unsigned) ^ sign
    # `number + 0.0` would turn -0.0 into 0.0 as well, but XLA simplifies it away.
    number = jnp.where(number == 0, jnp.zeros_like(number), number)
    bits = jax.lax.bitcast_convert_type(number, unsigned)
    return jnp.where(bits >= sign, ~bits, bits | sign)


def key_to_float(key: Array) -> Array:
    """The float whose `ordered_key` is `key`."""
    bits = 8 * key.dtype.itemsize
    sign = jnp.array(1 << (bits - 1), key.dtype)
    return jax.lax.bitcast_convert_type(
        jnp.where(key >= sign, key ^ sign, ~key), jnp.dtype(f"float{bits}")
    )
