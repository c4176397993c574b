"""The venue's rules in a configuration: a preset, and what differs from it."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from adl_jax import score
from adl_jax.config.problems import Fault, faults
from adl_jax.config.sections import Amount, Section, Share, key, one_of
from adl_jax.venue import (
    Bankruptcy,
    Full,
    Mark,
    MarkCapped,
    Oracle,
    PreviousMark,
    Slice,
    ToMargin,
    venues,
)


PAPER = "paper"
"""The paper's rules: the default, and no venue's."""
CLOSE_PRICES: dict[str, Any] = {
    "bankruptcy": Bankruptcy,
    "mark": Mark,
    "previous_mark": PreviousMark,
    "mark_capped": MarkCapped,
    "oracle": Oracle,
}
LIQUIDATIONS: dict[str, Any] = {"full": Full, "slice": Slice, "to_margin": ToMargin}
SCORES: dict[str, Any] = {
    one.__name__: one
    for one in (
        score.hyperliquid_side_adjusted,
        score.hyperliquid_literal,
        score.binance,
        score.aevo,
        score.bitmex,
        score.okx,
        score.kucoin,
        score.bitget,
        score.whitebit,
        score.return_only,
    )
}


class ResponseSection(Section):
    """How deleveraged accounts react before the next round."""

    trades: Share = key("probability that one trades at all", 0.067)
    undoes_nothing: Share = key("of those that trade: that it undoes nothing", 0.18)
    undoes_all: Share = key(
        "that it undoes all of what was closed; the rest undoes a uniform part", 0.40
    )
    closes: Share = key("probability that it closes all it has left", 0.0)
    withdraws: Share = key("probability that it takes equity out", 0.0)
    keeps: Annotated[float, Field(ge=1, le=1000)] = key(
        "maintenance margins of equity that one leaves when it takes some out", 2.0
    )

    @model_validator(mode="after")
    def _is_a_probability(self) -> "ResponseSection":
        total = self.undoes_nothing + self.undoes_all
        if total > 1:
            problem = (
                f"undoes_nothing and undoes_all sum to {total:g}, must be at most 1"
            )
            raise faults([Fault(("undoes_all",), problem, "lower one of them")])
        return self


class VenueSection(Section):
    """The rules: a preset, and what differs from it. A key not given is the preset's."""

    preset: one_of(venues, [PAPER]) = key(  # pyright: ignore
        "whose rules; `paper` takes winners' profit, under Hyperliquid's margins", PAPER
    )
    fund_usd_per_account: Amount = key(
        "USD in the layer before ADL, for each account of the book: the preset's "
        "insurance fund, or Hyperliquid's vault",
        10.0,
    )
    vault_usd_per_account: Amount = key(
        "USD in a backstop vault before the fund, for each account of the book", 0.0
    )
    vault_leverage: Amount | None = key(
        "notional over equity up to which the vault takes positions", None
    )
    fund_floor: Share | None = key(
        "share of its highest balance that the fund keeps", None
    )
    fund_most_usd_per_account: Amount | None = key(
        "USD that the fund pays in a round at most, for each account", None
    )
    settlement: Literal["pnl", "contracts"] | None = key(
        "`pnl`: winners lose profit; `contracts`: they close contracts", None
    )
    close_price: (
        Literal["bankruptcy", "mark", "previous_mark", "mark_capped", "oracle"] | None
    ) = key("the price of ADL in `contracts`", None)
    protect_collateral: bool | None = key(
        "in `contracts`: whether a winner pays from its profit alone", None
    )
    basis: Literal["profit", "equity", "collateral"] | None = key(
        "what a winner can lose", None
    )
    largest_haircut: Share | None = key("largest share of it that one loses", None)
    equity_floor_usd: Amount | None = key("equity that a winner keeps", None)
    score: Literal[tuple(SCORES)] | None = key(  # pyright: ignore
        "what a queue ranks winners by", None
    )
    liquidation: Literal["full", "slice", "to_margin"] | None = key(
        "how much of an account under margin is closed", None
    )
    closes_out: Literal["under_margin", "insolvent"] | None = key(
        "whose positions ADL closes where the order book does not", None
    )
    liquidation_fee: Share | None = key("USD a USD sold in liquidation", None)
    fee_to_fund: Share | None = key("share of that fee that the fund gets", None)
    margin_to_fund: Share | None = key(
        "share of what a liquidated account has left that the fund gets", None
    )
    surplus: Literal["fund", "refund"] | None = key(
        "where raised money goes that nobody needed", None
    )
    leaves: bool | None = key(
        "whether a winner whose profit was taken in full closes its positions", None
    )
    sees_execution: bool | None = key(
        "whether the venue knows a round's prices before it decides", None
    )
    response: ResponseSection | None = key(
        "how deleveraged accounts react; not at all if the table is not there", None
    )

    @property
    def settles_in(self) -> str:
        """The settlement that follows from preset and keys."""
        if self.settlement is not None:
            return self.settlement
        return "pnl" if self.preset == PAPER else venues[self.preset]().settlement

    @property
    def has_own_vault(self) -> bool:
        """Whether the preset's layer before ADL is a vault, without a fund."""
        return self.preset != PAPER and venues[self.preset]().vault is not None

    @model_validator(mode="after")
    def _rules_agree(self) -> "VenueSection":
        found = []
        if self.settles_in == "contracts" and self.basis == "collateral":
            problem = "value 'collateral', must go with settlement 'pnl'"
            found.append(Fault(("basis",), problem, 'write settlement = "pnl"'))
        if self.settles_in == "pnl":
            found += self._without_effect(
                ("close_price", "protect_collateral"),
                "profit is taken, no contracts are closed",
                'remove it, or write settlement = "contracts"',
            )
        if self.has_own_vault:
            found += self._without_effect(
                ("vault_usd_per_account", "fund_floor", "fund_most_usd_per_account"),
                f"{self.preset} has a vault, of fund_usd_per_account, and no fund",
                "remove it",
            )
        elif not self.vault_usd_per_account:
            found += self._without_effect(
                ("vault_leverage",),
                "there is no vault",
                "remove it, or give vault_usd_per_account",
            )
        if found:
            raise faults(found)
        return self

    def _without_effect(
        self, names: tuple[str, ...], why: str, fix: str
    ) -> list[Fault]:
        # What a file says and a run ignores is worse than an error.
        return [
            Fault((name,), f"has no effect: {why}", fix)
            for name in names
            if getattr(self, name) != type(self).model_fields[name].default
        ]
