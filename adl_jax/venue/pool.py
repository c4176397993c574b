"""Traders against a pool: profit is closed when it outgrows what backs it (GMX v2).

No account has to be insolvent. A market's and side's ADL is on while its traders'
profit is more than `most` of the pool, and an order may not take it below `least`.
Source: gmx-io/gmx-synthetics, contracts/adl/AdlUtils.sol and exchange/AdlHandler.sol;
single-token pools 0.95 and 0.90, synthetic 0.55 and 0.50 (config/markets.ts, 00172c0).
"""

import equinox as eqx
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.result import InputError


Amounts = Float[Array, "..."]


class PoolLimit(eqx.Module):
    """When a side's profit is closed, and down to what.

    **Arguments:** shape `()`, profit over the pool's value, in [0, 1).

    - `most`: above it, profit closes. GMX: 0.95 for single-token pools, 0.55 for
        synthetic markets.
    - `target`: what it comes down to, at most `most`. GMX lets no order take it below
        0.90 and 0.50.
    """

    most: Scalar = eqx.field(default=0.55, converter=as_float)
    target: Scalar = eqx.field(default=0.50, converter=as_float)

    def __check_init__(self):
        """Refuses a target above the limit."""
        for name in ("most", "target"):
            check_range(f"PoolLimit.{name}", getattr(self, name), 0, 0.999)
        known = not isinstance(self.most, Tracer) and not isinstance(
            self.target, Tracer
        )
        if known and self.target > self.most:
            raise InputError(
                f"PoolLimit.target is {self.target}, above most = {self.most}: give at "
                "most that"
            )


def profit_factor(profit: Amounts, pool: Amounts) -> Amounts:
    """A side's profit over the pool that pays it; infinite for an empty pool.

    **Arguments:** USD, of one shape: `profit`, the side's unrealised profit, negative
    for a loss; `pool`, the pool's value without what it owes traders, >= 0.
    """
    some = pool > 0
    factor = profit / jnp.where(some, pool, 1)
    return jnp.where(some, factor, jnp.where(profit > 0, jnp.inf, 0))


def profit_to_close(
    profit: Amounts, pool: Amounts, factor: Scalar | float | Amounts
) -> Amounts:
    r"""Profit whose closing brings the side down to a factor of the pool.

    $$\frac{P-x}{V-x}=f\quad\Rightarrow\quad x=\Big(\frac{P-fV}{1-f}\Big)_+$$

    Closed profit is paid by the pool, so both fall by it. At the factor that switches
    ADL on it is the least that switches it off again; at the least factor allowed after
    ADL it is the most that the venue's orders can close.

    **Arguments:** `profit` and `pool` as in `profit_factor`; `factor`: f, in [0, 1).

    **Returns:** USD, in [0, profit] while the profit is at most the pool: above that
    the factor rises with every dollar closed, so that there is no amount that mends it
    and everything is closed.
    """
    wanted = jnp.maximum(profit - factor * pool, 0) / (1 - factor)
    return jnp.minimum(wanted, jnp.maximum(profit, 0))


def order_rejected(
    profit: Amounts,
    pool: Amounts,
    closed: Amounts,
    most: Scalar | float | Amounts,
    least: Scalar | float | Amounts,
) -> Bool[Array, "..."]:
    """Whether the venue refuses an ADL order that closes a profit of `closed`.

    It does where ADL is not on (the factor is not above `most`), where the order does
    not lower the factor, and where the factor would fall below `least`.

    **Arguments:** USD: `profit`, `pool`, `closed`; `most` and `least`: factors.
    """
    before = profit_factor(profit, pool)
    after = profit_factor(profit - closed, pool - closed)
    return (before <= most) | (after >= before) | (after < least)


def capped_profit(
    pnl: Amounts, profit: Amounts, pool: Amounts, cap: Scalar | float | Amounts
) -> Amounts:
    """What a trader is paid: everybody's profit is scaled to fit the side's cap.

    **Arguments:** `pnl`: USD, a trader's own; `profit` and `pool`: USD, of its side;
    `cap`: the largest share of the pool that the side is paid.

    **Returns:** USD; losses are as they are.
    """
    some = profit > 0
    share = jnp.minimum(cap * pool / jnp.where(some, profit, 1), 1)
    return jnp.where(some & (pnl > 0), pnl * share, pnl)
