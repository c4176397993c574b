"""What a scan keeps for its reverse pass, and what it computes again."""

from collections.abc import Callable
from math import isqrt
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp


Remember: TypeAlias = Literal["all", "rounds", "blocks"]
"""What is kept for a derivative in reverse.

- `"all"`: everything that rounds compute, so that memory grows with the rounds. It was
    the slowest on a CPU for many rounds (benchmarks/gradient.py).
- `"rounds"`: the state before each round; what happens in it is computed again. One more
    forward pass.
- `"blocks"`: the state before each block of some sqrt(rounds) / 4 rounds, and all of the
    block that is being differentiated. One more forward pass too, and memory grows with
    the square root of the rounds.
"""


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
    block = 1 if remember == "rounds" else min(max(isqrt(rounds) // 4, 2), rounds)
    # Inside of a scan nothing can merge the second computation with the first.
    if block == 1:
        return jax.lax.scan(jax.checkpoint(body, prevent_cse=False), start, inputs)
    whole = rounds // block * block
    in_blocks = jax.tree.map(
        lambda leaf: leaf[:whole].reshape(-1, block, *leaf.shape[1:]), inputs
    )
    rest = jax.tree.map(lambda leaf: leaf[whole:], inputs)
    one_block = jax.checkpoint(
        lambda state, given: jax.lax.scan(body, state, given), prevent_cse=False
    )
    state, done = jax.lax.scan(one_block, start, in_blocks)
    done = jax.tree.map(lambda leaf: leaf.reshape(whole, *leaf.shape[2:]), done)
    if whole == rounds:
        return state, done
    state, last = one_block(state, rest)
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), done, last)
