"""What enters a kernel: dtypes follow the inputs, bad values are refused by name."""

from typing import TypeAlias

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Real

from adl_jax.result import InputError


Vector: TypeAlias = Real[Array, " n"] | Real[np.ndarray, " n"]
Mask: TypeAlias = Bool[Array, " n"] | Bool[np.ndarray, " n"]
Ids: TypeAlias = Int[Array, " n"] | Int[np.ndarray, " n"]
Matrix: TypeAlias = Real[Array, "n m"] | Real[np.ndarray, "n m"]
GroupVector: TypeAlias = Real[Array, " g"] | Real[np.ndarray, " g"]
Scalar: TypeAlias = Real[ArrayLike, ""]
FloatVector: TypeAlias = Float[Array, " n"]
FloatScalar: TypeAlias = Float[Array, ""]


def floating(value: ArrayLike, like: Array | None = None) -> Array:
    """`value` as a float array: the dtype of `like`, else its own, at least 32 bits."""
    array = jnp.asarray(value)
    if like is not None:
        return array.astype(like.dtype)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(jnp.result_type(float))
    if jnp.finfo(array.dtype).bits < 32:
        return array.astype(jnp.float32)
    return array


def shaped(value: ArrayLike, like: Array) -> Array:
    """`value` in the dtype of `like`, a scalar spread to its shape."""
    return jnp.broadcast_to(floating(value, like), like.shape)


def require_finite(**arguments: ArrayLike | None) -> None:
    """Refuses NaN and infinities in arguments that are not traced."""
    _refuse(
        arguments,
        lambda array: ~np.isfinite(array),
        "is not finite; give a finite number (an account that must not pay is one of "
        "capacity 0)",
    )


def require_nonnegative(**arguments: ArrayLike | None) -> None:
    """Refuses numbers that are negative or not finite, in arguments not traced."""
    require_finite(**arguments)
    _refuse(
        arguments,
        lambda array: array < 0,
        "is negative; give a number >= 0 (0 for an account or a round without any)",
    )


def require_positive(**arguments: ArrayLike | None) -> None:
    """Refuses numbers that are not above zero, in arguments that are not traced."""
    require_finite(**arguments)
    _refuse(arguments, lambda array: array <= 0, "is not above 0; give a positive one")


def _refuse(arguments, is_bad, complaint):
    for name, value in arguments.items():
        if value is None or isinstance(value, Tracer):
            continue
        array = np.asarray(value)
        bad = is_bad(array)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            place = f"{name}[{', '.join(map(str, first))}]" if first else name
            raise InputError(f"{place} = {array[first]} {complaint}")
