"""Ader: gradient descent with every step size that could be right, and Hedge on top."""

import math

import jax
import jax.numpy as jnp

from adl_jax._types import as_float
from adl_jax.severity.coordinate import AbstractCoordinate, Share
from adl_jax.severity.experts import Experts
from adl_jax.severity.hedge import Hedge
from adl_jax.severity.mirror_descent import MirrorDescentSeverity


def ader_steps(horizon: int) -> list[float]:
    """Ader's step sizes for slopes and a domain of 1: 2^i sqrt(7 / (2 T)).

    **Returns:** ceil(log2(1 + 4 T / 7) / 2) + 1 of them.
    """
    count = math.ceil(math.log2(1 + 4 * horizon / 7) / 2) + 1
    return [2**i * math.sqrt(7 / (2 * horizon)) for i in range(count)]


def ader(
    horizon: int = 16,
    *,
    coordinate: AbstractCoordinate | None = None,
    largest_slope: float | None = None,
    initial: float = 0.1,
) -> Hedge:
    r"""Ader (Zhang, Lu and Zhou, 2018): dynamic regret of order sqrt(T (1 + P_T)).

    The experts are one severity under `jax.vmap`: projected gradient descent with steps
    a factor of two apart, which bracket the best step for any path variation P_T. The
    prior is that of the paper, in proportion to 1 / (i (i + 1)).

    **Arguments:**

    - `horizon`: T, rounds to come.
    - `coordinate`: what x in [0, 1] is; a share of the deficit if not given.
    - `largest_slope`: USD, the largest deficit (or close-out) to come; `None` takes the
        largest so far, without the guarantee.
    - `initial`: where all experts start.

    **Guarantee:** with `largest_slope` given, dynamic regret at most
    `adl_jax.evaluate.online_bounds.ader_bound`.
    """
    steps = as_float(ader_steps(horizon))
    where = Share() if coordinate is None else coordinate

    def expert(step: jax.Array) -> MirrorDescentSeverity:
        return MirrorDescentSeverity(
            coordinate=where,
            step_size=step,
            initial=initial,
            decay=0.0,
            largest_slope=largest_slope,
        )

    rank = jnp.arange(1, steps.shape[0] + 1).astype(steps.dtype)
    return Hedge(
        Experts((jax.vmap(expert)(steps),)),
        learning_rate=math.sqrt(8 / horizon),
        prior=1 / (rank * (rank + 1)),
        largest_loss=largest_slope,
    )
