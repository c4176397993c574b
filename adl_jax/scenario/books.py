"""Synthetic books: heavy-tailed winners, levered losers, makers for the rest."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax._types import (
    Key,
    PerMarket,
    Scalar,
    as_dtype,
    as_float,
    check_range,
)
from adl_jax.book import Book
from adl_jax.result import InputError
from adl_jax.scenario.base import AbstractBooks
from adl_jax.scenario.calibration import value
from adl_jax.scenario.losers import Losers
from adl_jax.scenario.makers import joined, with_makers
from adl_jax.scenario.structure import Structure, draw_structure
from adl_jax.scenario.winners import Winners
from adl_jax.venue import MarginTiers


class SyntheticBook(AbstractBooks):
    """Books with the sizes of the accounts deleveraged on October 10, 2025.

    *Winners* are shorts with the equity, notional and profit that `Winners` draws. An
    account's notional is split over its positions at random; its entry prices carry its
    profit. *Losers* are longs: notional from the winners' law, margins from `Losers`,
    scaled so that they hold `loser_share` of the winners' contracts in each market.
    *Makers*, one a market, hold the rest without leverage.

    **Arguments:**

    - `margin`: the venue's `MarginTiers`.
    - `market_weight`: shape `(markets,)`, > 0, expected shares of the open interest.
    - `num_accounts`: makers included; `winner_share` of the others are winners.
    - `winners`, `losers`: what they are drawn from.
    - `loser_share`: shape `()`, in [0, 1]; the calibrated one if not given.
    - `maker_leverage`: shape `()`, in (0, 1]; makers have one or less.
    - `buffer`: shape `()`, > 1, least equity over maintenance margin at the start.
    - `one_position_each`: whether each account has one position. Account sums are then
        free in every round.
    - `zeta`: otherwise P(k positions) falls as k^-zeta; the calibrated one if not given.
    - `seed`: of the position table, which is drawn once: how many positions each
        account has, and in which markets. Amounts are drawn for every scenario.

    **Invariants:** net open interest is zero to rounding in every market; every account
    has at least `buffer` times its maintenance margin at the marks.

    **Cost:** three normals a winner, one a loser, two uniforms a losing position, and
    one exponential a position unless accounts have one each.
    """

    margin: MarginTiers
    market_weight: PerMarket
    winners: Winners
    losers: Losers
    loser_share: Scalar
    maker_leverage: Scalar
    buffer: Scalar
    winning: Structure
    losing: Structure

    def __init__(
        self,
        margin: MarginTiers,
        market_weight: Any,
        *,
        num_accounts: int = 1000,
        winner_share: float = 0.6,
        winners: Winners | None = None,
        losers: Losers | None = None,
        loser_share: Any = None,
        maker_leverage: Any = 1.0,
        buffer: Any = 1.1,
        one_position_each: bool = False,
        zeta: float | None = None,
        seed: int = 0,
    ):
        """Draws the position table."""
        weight = np.asarray(market_weight, float)
        check_range("SyntheticBook.market_weight", weight, 1e-12)
        traders = num_accounts - weight.size
        num_winners = round(winner_share * traders)
        if not 0 < num_winners < traders:
            raise InputError(
                f"SyntheticBook: {num_accounts} accounts with {weight.size} makers and "
                f"winner_share {winner_share} leave no winners or no losers"
            )
        if loser_share is None:
            loser_share = value("loser.open_interest")
        exponent = value("positions.zeta") if zeta is None else zeta
        exponent = None if one_position_each else exponent
        draw = np.random.default_rng(seed)
        self.margin = margin
        self.market_weight = as_float(market_weight)
        self.winners = Winners() if winners is None else winners
        self.losers = Losers() if losers is None else losers
        self.loser_share = as_float(loser_share)
        self.maker_leverage = as_float(maker_leverage)
        self.buffer = as_float(buffer)
        self.winning = draw_structure(draw, num_winners, weight, exponent)
        self.losing = draw_structure(draw, traders - num_winners, weight, exponent)

    def __check_init__(self):
        """Refuses parameters that leave no book."""
        check_range("SyntheticBook.loser_share", self.loser_share, 0, 1)
        check_range("SyntheticBook.maker_leverage", self.maker_leverage, 1e-6, 1)
        check_range("SyntheticBook.buffer", self.buffer, 1 + 1e-6)
        markets = self.margin.rate.shape[0]
        if markets != self.market_weight.size:
            raise InputError(
                f"SyntheticBook.margin has {markets} markets, market_weight "
                f"{self.market_weight.size}: give one entry a market"
            )

    def sample(self, key: Key, mark: PerMarket) -> Book:
        """One book at the given marks, in their dtype."""
        parts = as_dtype(self, mark.dtype)
        for_winners, for_losers = jax.random.split(key)
        shorts = parts._shorts(for_winners, mark)
        sold = shorts.open_interest(mark.shape[0])[:, 1]
        longs = parts._longs(for_losers, mark, parts.loser_share * sold * mark)
        others = joined(shorts, longs)
        return with_makers(others, mark, parts.maker_leverage)

    def _shorts(self, key: Key, mark: PerMarket) -> Book:
        table = self.winning
        for_accounts, for_split = jax.random.split(key)
        equity, notional, profit = self.winners.sample(for_accounts, table.score)
        amount = table.split(for_split, notional, self.market_weight)
        maintenance = table.by_account(self.margin.maintenance(amount, table.market))
        gain = table.of_account(profit / notional)
        return Book(
            account=table.account,
            market=table.market,
            size=-amount / mark[table.market],
            entry_price=mark[table.market] * (1 + gain),
            collateral=jnp.maximum(equity, self.buffer * maintenance - profit),
            one_position_each=table.one_position_each,
        )

    def _longs(self, key: Key, mark: PerMarket, bought: PerMarket) -> Book:
        """Losers with `bought` USD of notional in each market."""
        table = self.losing
        for_accounts, for_split, for_margin = jax.random.split(key, 3)
        score = jax.random.normal(for_accounts, table.score.shape, mark.dtype)
        notional = self.winners.notional.of_score(score)
        amount = table.split(for_split, notional, self.market_weight)
        total = table.by_market(amount, mark.shape[0])
        amount = amount * (bought / jnp.where(total > 0, total, 1))[table.market]
        maintenance = self.margin.maintenance(amount, table.market)
        margin = self.losers.sample(for_margin, maintenance, self.buffer)
        relative = margin.loss / jnp.where(amount > 0, amount, 1)
        return Book(
            account=table.account,
            market=table.market,
            size=amount / mark[table.market],
            entry_price=mark[table.market] * (1 + relative),
            collateral=table.by_account(margin.equity + margin.loss),
            one_position_each=table.one_position_each,
        )
