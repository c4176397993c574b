"""Markets: what they cost to trade in, and what a crash does to them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from adl_jax._types import PerMarket, Scalar, as_float, check_range
from adl_jax.result import InputError


def _optional(value: Any) -> Any:
    return None if value is None else as_float(value)


class Market(eqx.Module):
    """Markets before the crash. Arrays of shape `(markets,)` unless said otherwise.

    **Arguments:**

    - `mark`: USD a contract, > 0.
    - `impact`: alpha, the slope of linear price impact (48): q contracts sold trade at
        mark - alpha*q on average. USD a contract squared, >= 0.
    - `depth`: contracts that the order book takes on each side in a round, >= 0.
    - `impact_estimate`: the venue's estimate of the slope; `impact` if not given.
    - `permanent`: USD a contract by which the next round's mark moves for each contract
        sold net, >= 0; 0 if not given.
    - `recovery`: shape `()`, share of the depth taken in a round that is back in the
        next, in [0, 1].
    - `lot`: contracts in a lot, > 0; any quantity trades if not given.
    - `max_leverage`: the venue's published leverage limits.
    - `asset_price`, `asset_haircut`: shape `(assets,)`, USD a unit of other collateral,
        and the share of it that does not count. `asset_market`: int `(assets,)`, the
        market whose mark its price follows; -1 for none.
    - `names`: the markets' names, in order.

    **Raises:** `InputError` naming the field, the market, the value and the fix.
    """

    mark: PerMarket = eqx.field(converter=as_float)
    impact: PerMarket = eqx.field(converter=as_float)
    depth: PerMarket = eqx.field(converter=as_float)
    impact_estimate: PerMarket | None = eqx.field(default=None, converter=_optional)
    permanent: PerMarket | None = eqx.field(default=None, converter=_optional)
    recovery: Scalar = eqx.field(default=1.0, converter=as_float)
    lot: PerMarket | None = eqx.field(default=None, converter=_optional)
    max_leverage: PerMarket | None = eqx.field(default=None, converter=_optional)
    asset_price: Float[Array, " assets"] | None = eqx.field(
        default=None, converter=_optional
    )
    asset_haircut: Float[Array, " assets"] | None = eqx.field(
        default=None, converter=_optional
    )
    asset_market: Int[Array, " assets"] | None = eqx.field(
        default=None,
        converter=lambda value: None if value is None else jnp.asarray(value),
    )
    names: tuple[str, ...] = eqx.field(default=(), static=True)

    def __check_init__(self):
        """Refuses markets that cannot be traded in."""
        shape = self.mark.shape
        if len(shape) != 1:
            raise InputError(f"Market.mark has shape {shape}: give (markets,)")
        for name in (
            *("impact", "depth", "impact_estimate", "permanent"),
            *("lot", "max_leverage"),
        ):
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise InputError(
                    f"Market.{name} has shape {value.shape}, but mark has {shape}: give "
                    "one number a market"
                )
        for name in ("mark", "lot", "max_leverage"):
            check_range(f"Market.{name}", getattr(self, name), 0)
            require_positive(f"Market.{name}", getattr(self, name), self.names)
        for name in ("impact", "depth", "impact_estimate", "permanent", "asset_price"):
            check_range(f"Market.{name}", getattr(self, name), 0)
        check_range("Market.recovery", self.recovery, 0, 1)
        check_range("Market.asset_haircut", self.asset_haircut, 0, 1)
        if self.names and len(self.names) != shape[0]:
            raise InputError(
                f"Market.names has {len(self.names)} for {shape[0]} markets"
            )
        given = [self.asset_price, self.asset_haircut, self.asset_market]
        if any(x is None for x in given) and any(x is not None for x in given):
            raise InputError(
                "Market: asset_price, asset_haircut and asset_market come together"
            )
        _check_assets(self)

    @property
    def num_markets(self) -> int:
        """How many markets there are."""
        return self.mark.shape[0]


def _check_assets(market: Market) -> None:
    price, follows = market.asset_price, market.asset_market
    if price is None or follows is None:
        return
    for name in ("asset_haircut", "asset_market"):
        value = getattr(market, name)
        if value.shape != price.shape:
            raise InputError(
                f"Market.{name} has shape {value.shape}, but asset_price has "
                f"{price.shape}: give one number an asset"
            )
    if isinstance(follows, Tracer):
        return
    last = market.num_markets - 1
    unknown = np.flatnonzero((np.asarray(follows) < -1) | (np.asarray(follows) > last))
    if unknown.size:
        raise InputError(
            f"Market.asset_market[{unknown[0]}] is {follows[unknown[0]]}: markets are "
            f"numbered 0 to {last}, and -1 is none"
        )


class Shocks(eqx.Module):
    """One scenario's path, round by round. Arrays of shape `(rounds, markets)`.

    **Arguments:**

    - `log_return`: of the mark, at the start of the round.
    - `impact`, `depth`: the slope and the depth in each round, in the units of `Market`;
        those of `Market` where not given.
    - `funding`: optional: what longs pay shorts, USD a USD of notional a round, signed.
    - `basis`: optional: log of mark over oracle price.
    - `log_weight`: optional, shape `()`: log of the path's true density over the one it
        was drawn from (`scenario.Tilted`). Nothing in a venue depends on it.
    """

    log_return: Float[Array, "rounds markets"] = eqx.field(converter=as_float)
    impact: Float[Array, "rounds markets"] | None = eqx.field(
        default=None, converter=_optional
    )
    depth: Float[Array, "rounds markets"] | None = eqx.field(
        default=None, converter=_optional
    )
    funding: Float[Array, "rounds markets"] | None = eqx.field(
        default=None, converter=_optional
    )
    basis: Float[Array, "rounds markets"] | None = eqx.field(
        default=None, converter=_optional
    )
    log_weight: Scalar | None = eqx.field(default=None, converter=_optional)

    def __check_init__(self):
        """Refuses a path that cannot be followed."""
        if self.log_return.ndim != 2 or self.log_return.shape[0] == 0:
            raise InputError(
                f"Shocks.log_return has shape {self.log_return.shape}: it must be "
                "(rounds, markets), with at least one round"
            )
        for name in ("impact", "depth", "funding", "basis"):
            value = getattr(self, name)
            if value is not None and value.shape != self.log_return.shape:
                raise InputError(
                    f"Shocks.{name} has shape {value.shape}, but log_return has "
                    f"{self.log_return.shape}"
                )
        for name in ("log_return", "funding", "basis", "log_weight"):
            check_range(f"Shocks.{name}", getattr(self, name), None)
        if self.log_weight is not None and self.log_weight.shape != ():
            raise InputError(
                f"Shocks.log_weight has shape {self.log_weight.shape}: give one number"
            )
        for name in ("impact", "depth"):
            check_range(f"Shocks.{name}", getattr(self, name), 0)

    @property
    def num_rounds(self) -> int:
        """How many rounds the path has."""
        return self.log_return.shape[0]


def require_positive(name: str, values: Any, names: tuple[str, ...] = ()) -> None:
    """Refuses a 0 where only a number above it has a meaning.

    **Raises:** `InputError` naming the place and, where known, the market.
    """
    if values is None or isinstance(values, Tracer | jax.ShapeDtypeStruct):
        return
    zero = np.argwhere(np.asarray(values) <= 0)
    if zero.size:
        index = [int(i) for i in zero[0]]
        called = f" ({names[index[0]]})" if names else ""
        raise InputError(f"{name}{index}{called} is 0: give a number above 0")
