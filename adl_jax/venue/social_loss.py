"""Loss sharing without closing: everybody who has equity keeps the same share of it."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar


def socialized_loss_factor(
    bankruptcy: Scalar | float,
    fund: Scalar | float,
    total: Scalar | float,
    *,
    denominator: Literal["total_and_excess", "total"] = "total_and_excess",
) -> Float[Array, ""]:
    r"""Share of a withdrawal that Paradex keeps while its fund is bankrupt.

    $$\mathrm{EB}=(\textstyle\sum\text{bankruptcies}-\mathrm{IF})_+,\qquad
    \mathrm{SLF}=\frac{\mathrm{EB}}{\mathrm{Total}+\mathrm{EB}}$$

    The printed formula is `"total_and_excess"`. Equities sum to the money there is, so
    positive ones sum to total + excess, and scaling them by 1 - SLF pays out exactly the
    total: it is `pro_rata` on equity. The page's example divides by `"total"` instead,
    which keeps more than is missing. Source: docs.paradex.trade/risk/socialized-losses
    (excerpt) and a near-identical page of another venue.

    **Arguments:** shape `()`, USD, >= 0: `bankruptcy`, the sum of negative equity;
    `fund`, what the insurance fund has; `total`, the venue's money. Whether the total
    counts the fund is not said; with the fund left out, both texts can be read as one.

    **Returns:** in [0, 1]; 0 where nothing is missing.
    """
    excess = jnp.maximum(jnp.asarray(bankruptcy) - jnp.asarray(fund), 0)
    base = total + excess if denominator == "total_and_excess" else jnp.asarray(total)
    share = jnp.where(base > 0, excess / jnp.where(base > 0, base, 1), 1)
    return jnp.where(excess > 0, jnp.minimum(share, 1), 0)
