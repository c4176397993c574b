"""Normals that fill space more evenly than random ones."""

import numpy as np
from jaxtyping import Float
from scipy import special
from scipy.stats import qmc

from adl_jax.result import InputError


_BITS = 30
"""Of a point's coordinates: normals reach 6.2 standard deviations."""


def sobol_normals(
    dimension: int, count: int, seed: int
) -> Float[np.ndarray, "count dimension"]:
    """Standard normals from a scrambled Sobol sequence (Owen, 1998).

    Each is a standard normal, but they are not independent over `count`: a mean over
    them is unbiased, its error often falls nearly as 1 / count, and the intervals of
    `mean` do not hold. Estimate the error from replications: `mean` over the means of some
    16 seeds. It helps for smooth results of few leading factors, least for rare events.

    **Arguments:**

    - `dimension`: numbers a scenario, at most 21,201.
    - `count`: scenarios, a power of two: other counts lose the balance.
    - `seed`: of the scrambling; different seeds are independent.
    """
    if not 1 <= dimension <= qmc.Sobol.MAXDIM:
        raise InputError(
            f"dimension is {dimension}: it must be between 1 and {qmc.Sobol.MAXDIM}; "
            "draw the leading factors here and the rest at random"
        )
    if count < 1 or count & (count - 1):
        near = 1 << max(count - 1, 0).bit_length()
        raise InputError(
            f"count is {count}: it must be a power of two for the points to be balanced; "
            f"take {near}"
        )
    engine = qmc.Sobol(
        dimension, scramble=True, bits=_BITS, rng=np.random.default_rng(seed)
    )
    # Points lie on a grid that includes 0, the normal at -inf: take the cells' middles.
    return special.ndtri(engine.random(count) + 0.5 ** (_BITS + 1))
