"""The loss that severities learn from: convex in what they ask for."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_float


Amounts = Float[Array, "*batch"]


class Pinball(eqx.Module):
    r"""The tracking part of (9) as a function of the money asked for.

    $\lambda_{under}[y-b]_+ + \lambda_{over}[b-y]_+$ with $y=\min(needed, limit)$, the
    pinball loss of the quantile $\lambda_{under}/(\lambda_{under}+\lambda_{over})$
    (Koenker and Bassett, 1978). The loop cuts what is asked at the limit, so that where
    the limit is needed in full, asking for more costs nothing. That keeps the loss
    convex in b, never below the loss of what is executed less what no budget can pay,
    and equal to it wherever b is within the limit: a regret bound for this loss holds
    for tracking.

    **Arguments:** `under`, `over`: shape `()`, without unit, > 0; equal weights track.
    """

    under: Scalar = eqx.field(default=1.0, converter=as_float)
    over: Scalar = eqx.field(default=1.0, converter=as_float)

    def loss(self, asked: Amounts, needed: Scalar, limit: Scalar) -> Amounts:
        """The loss in USD.

        **Arguments:** `asked`: any shape, USD, >= 0; `needed`, `limit`: shape `()`, USD,
        where `limit` is min(D_t, U_t).
        """
        target = jnp.minimum(needed, limit)
        over = jnp.where(needed < limit, self.over, 0)
        short, long = jnp.maximum(target - asked, 0), jnp.maximum(asked - target, 0)
        return self.under * short + over * long

    def slope(self, asked: Amounts, needed: Scalar, limit: Scalar) -> Amounts:
        """A subgradient of the loss in `asked`; 0 at the kink. Without unit."""
        target = jnp.minimum(needed, limit)
        over = jnp.where(needed < limit, self.over, 0)
        return jnp.where(
            asked < target, -self.under, jnp.where(asked > target, over, 0)
        )

    @property
    def quantile(self) -> Scalar:
        """The quantile that the loss is least at."""
        return self.under / (self.under + self.over)
