"""A venue's rules, as data and small functions."""

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import equinox as eqx

from adl_jax._types import PerPosition, Scalar, as_float, check_range
from adl_jax.brief import brief, count, settings, usd
from adl_jax.result import InputError
from adl_jax.score import Positions, hyperliquid_side_adjusted
from adl_jax.venue.close_price import AbstractClosePrice, Bankruptcy
from adl_jax.venue.fund import Fund, Vault
from adl_jax.venue.liquidation import AbstractLiquidation, Full
from adl_jax.venue.margin import MarginTiers
from adl_jax.venue.pool import PoolLimit
from adl_jax.venue.response import Response


Settlement: TypeAlias = Literal["pnl", "contracts"]


class Venue(eqx.Module):
    """The rules of a venue. Numbers are array leaves; choices are static.

    **Arguments:**

    - `margin`: `MarginTiers`.
    - `liquidation`: how much of an account under margin is closed, `Full()`, `Slice()` or
        `ToMargin()`.
    - `closes_out`: `"under_margin"`: what the order book does not take of any liquidated
        account is this round's close-outs; `"insolvent"`: of accounts without equity
        alone, the others wait for the book.
    - `liquidation_fee`: shape `()`, USD a USD of notional sold in liquidation;
        `fee_to_fund`: shape `()`, the share of it that goes to the fund, the rest is
        revenue. An account never pays more than the equity it has.
    - `margin_to_fund`: shape `()`, share of what a fully liquidated account has left that
        the fund keeps.
    - `fund`, `vault`: the layers before ADL; no vault if not given.
    - `pool`: a limit on what a side's profit may be of the fund, `PoolLimit`; none if not
        given.
    - `settlement`: `"pnl"`: winners lose profit and keep their positions; `"contracts"`:
        winners close contracts at `close_price`.
    - `close_price`: in `contracts`, an `AbstractClosePrice`.
    - `protect_collateral`: in `contracts`, whether a winner closes no more than its
        profit can pay for.
    - `basis`: what a winner can lose: `"profit"`, or `"equity"`, its profit but no more
        than its equity. `"collateral"` takes equity itself, from everybody who has any:
        a social loss, which only venues without ADL do.
    - `largest_haircut`: shape `()`, largest haircut fraction, in [0, 1].
    - `equity_floor`: shape `()`, USD of equity that a winner keeps.
    - `score`: ranks positions, a function of `Positions`.
    - `surplus`: where money goes that nobody needed: `"fund"` or `"refund"`.
    - `leaves`: whether a winner whose profit was taken in full closes its positions
        (Definition 3).
    - `sees_execution`: whether the venue sees its own executions before it decides; then
        its estimate is exact and there is nothing to predict.
    - `requires_balance`: whether longs and shorts of the accounts must sum to zero.
    - `response`: how traders react to being deleveraged; not at all if not given.
    """

    margin: MarginTiers
    liquidation: AbstractLiquidation = Full()
    liquidation_fee: Scalar = eqx.field(default=0.0, converter=as_float)
    fee_to_fund: Scalar = eqx.field(default=1.0, converter=as_float)
    margin_to_fund: Scalar = eqx.field(default=0.0, converter=as_float)
    # Made when a venue is: a constant here would be an array of whatever dtype was the
    # default on import.
    fund: Fund = eqx.field(default_factory=Fund)
    vault: Vault | None = None
    pool: PoolLimit | None = None
    close_price: AbstractClosePrice = Bankruptcy()
    largest_haircut: Scalar = eqx.field(default=1.0, converter=as_float)
    equity_floor: Scalar | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )
    response: Response | None = None
    score: Callable[[Positions], PerPosition] = eqx.field(
        default=hyperliquid_side_adjusted, static=True
    )
    settlement: Settlement = eqx.field(default="pnl", static=True)
    closes_out: Literal["under_margin", "insolvent"] = eqx.field(
        default="under_margin", static=True
    )
    basis: Literal["profit", "equity", "collateral"] = eqx.field(
        default="profit", static=True
    )
    surplus: Literal["fund", "refund"] = eqx.field(default="fund", static=True)
    protect_collateral: bool = eqx.field(default=True, static=True)
    leaves: bool = eqx.field(default=True, static=True)
    sees_execution: bool = eqx.field(default=False, static=True)
    requires_balance: bool = eqx.field(default=False, static=True)

    def __repr__(self) -> str:
        """What decides who pays what: layers before ADL, price, score and settlement."""
        return brief(self, self.margin.rate, 2, self._said)

    def _said(self) -> Iterator[str]:
        yield count(self.margin.rate.shape[0], "market")
        yield f"settles in {self.settlement}"
        if self.settlement == "contracts":
            yield f"at {settings(self.close_price)}"
        yield f"up to {self.largest_haircut:.4g} of {self.basis}"
        yield f"ranked by {settings(self.score)}"
        yield f"fund {usd(self.fund.balance)}"
        yield "no vault" if self.vault is None else f"vault {usd(self.vault.cash)}"
        yield settings(self.liquidation)
        yield str(self.margin.rate.dtype)

    def __check_init__(self):
        """Refuses rules that contradict each other or do not exist."""
        for name, allowed in {
            "settlement": ("pnl", "contracts"),
            "closes_out": ("under_margin", "insolvent"),
            "basis": ("profit", "equity", "collateral"),
            "surplus": ("fund", "refund"),
        }.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Venue.{name} is {getattr(self, name)!r}: choose one of {allowed}"
                )
        if self.settlement == "contracts" and self.basis == "collateral":
            raise InputError("Venue.basis 'collateral' needs settlement 'pnl'")
        for name in ("liquidation_fee", "fee_to_fund", "margin_to_fund"):
            check_range(f"Venue.{name}", getattr(self, name), 0, 1)
        check_range("Venue.largest_haircut", self.largest_haircut, 0, 1)
        check_range("Venue.equity_floor", self.equity_floor, 0)
