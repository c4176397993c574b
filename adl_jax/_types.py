"""Shapes that recur in signatures, and how numbers become array leaves."""

from typing import Any, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PRNGKeyArray


Scalar: TypeAlias = Float[Array, ""]
Index: TypeAlias = Int[Array, ""]
PerRound: TypeAlias = Float[Array, " rounds"]
PerRoundLike: TypeAlias = PerRound | Float[np.ndarray, " rounds"]
PerAccount: TypeAlias = Float[Array, " accounts"]
PerMarket: TypeAlias = Float[Array, " markets"]
PerPosition: TypeAlias = Float[Array, " positions"]
PerGroup: TypeAlias = Float[Array, " groups"]
PerSide: TypeAlias = Float[Array, "markets 2"]
Key: TypeAlias = PRNGKeyArray
_Tree = TypeVar("_Tree")


def as_float(value: Any) -> Array:
    """Makes a float array leaf, so that a new value never traces a program again.

    A Python number takes the default float dtype and is not weakly typed; an array
    keeps its dtype when that is a float.
    """
    array = jnp.asarray(value)
    floating = jnp.issubdtype(array.dtype, jnp.floating)
    return jnp.asarray(array, array.dtype if floating else jnp.result_type(float))


def check_range(
    name: str, values: Any, low: float | int | None, high: float | int | None = None
) -> None:
    """Refuses numbers that are not finite or not between the limits.

    Traced values are not known yet and pass.

    **Raises:** `ValueError` naming the first bad value, its place and the limits.
    """
    if values is None or isinstance(values, Tracer):
        return
    host = np.asarray(values)
    bad = ~np.isfinite(host)
    if low is not None:
        bad |= host < low
    if high is not None:
        bad |= host > high
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"{name}{list(index)}" if index else name
        limits = {
            (True, True): "finite",
            (False, True): f"finite and at least {low}",
            (False, False): f"between {low} and {high}",
        }[(low is None, high is None)]
        raise ValueError(f"{place} is {host[index]}: it must be {limits}")


def as_dtype(tree: _Tree, dtype: Any) -> _Tree:
    """Casts the float arrays of a module, so that it computes in its data's dtype.

    A float64 parameter meets float32 rounds without promoting them.
    """
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, tree
    )
