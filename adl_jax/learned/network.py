"""A network of one hidden layer that starts as zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._sums import product
from adl_jax._types import Key
from adl_jax.result import InputError


class Network(eqx.Module):
    r"""$W_2\tanh(W_1z+b_1)+b_2$ for each row z, with W_2 = b_2 = 0 at first.

    **Arguments:** `inputs`, `width`, `outputs`: its sizes; `key`: for W_1, of variance
    1 / inputs.
    """

    first: Float[Array, "inputs width"]
    first_bias: Float[Array, " width"]
    last: Float[Array, "width outputs"]
    last_bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, width: int, outputs: int, *, key: Key):
        """Draws the first layer."""
        if width < 1:
            raise InputError(f"Network.width is {width}: give 1 or more")
        dtype = jnp.result_type(float)
        # Drawn in one precision, so that a network is the same in both.
        drawn = jax.random.normal(key, (inputs, width), jnp.float32)
        self.first = drawn.astype(dtype) / jnp.asarray(inputs, dtype) ** 0.5
        self.first_bias = jnp.zeros(width, dtype)
        self.last = jnp.zeros((width, outputs), dtype)
        self.last_bias = jnp.zeros(outputs, dtype)

    def __call__(self, z: Float[Array, "rows inputs"]) -> Float[Array, "rows outputs"]:
        """The outputs of each row."""
        hidden = jnp.tanh(product(z, self.first) + self.first_bias[None])
        return product(hidden, self.last) + self.last_bias[None]
