"""What a scan keeps for its reverse pass, and what it computes again."""

from collections.abc import Callable
from math import isqrt
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp


Remember: TypeAlias = Literal["auto", "all", "rounds", "blocks"]
"""What is kept for a derivative in reverse.

- `"auto"`: `"rounds"` for up to `SHORT` rounds, `"blocks"` for more: the fastest of the
    two at 16 and at 256 rounds, and memory that grows with the square root of the rounds.
- `"all"`: everything that rounds compute, so that memory grows with the rounds. Without a
    derivative it costs nothing; with one it was the slowest on a CPU for many rounds
    (benchmarks/gradient.py).
- `"rounds"`: the state before each round; what happens in it is computed again. One more
    forward pass.
- `"blocks"`: the state before each of some sqrt(rounds) blocks, and within the block that
    is being differentiated the state before each round. Two more forward passes, and
    memory grows with the square root of the rounds.
"""
SHORT = 64
"""Up to so many rounds, one more forward pass is cheaper than the memory it saves."""


def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    start: Any,
    inputs: Any,
    remember: Remember = "all",
) -> tuple[Any, Any]:
    """`jax.lax.scan`, which remembers less where that is asked for.

    The values are the same whatever is remembered, and so are derivatives to rounding.

    **Arguments:** `body`, `start`, `inputs` as in `jax.lax.scan`.
    """
    if remember == "all":
        return jax.lax.scan(body, start, inputs)
    rounds = jax.tree.leaves(inputs)[0].shape[0]
    if remember == "auto":
        remember = "rounds" if rounds <= SHORT else "blocks"
    # Inside of a scan nothing can merge the second computation with the first.
    again = jax.checkpoint(body, prevent_cse=False)
    if remember == "rounds":
        return jax.lax.scan(again, start, inputs)
    block = max(isqrt(rounds), 1)
    whole = rounds // block * block
    in_blocks = jax.tree.map(
        lambda leaf: leaf[:whole].reshape(-1, block, *leaf.shape[1:]), inputs
    )
    rest = jax.tree.map(lambda leaf: leaf[whole:], inputs)
    one_block = jax.checkpoint(
        lambda state, given: jax.lax.scan(again, state, given), prevent_cse=False
    )
    state, done = jax.lax.scan(one_block, start, in_blocks)
    done = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), done)
    if whole == rounds:
        return state, done
    state, last = jax.lax.scan(again, state, rest)
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), done, last)
