"""Ranking scores of venues: who is first in the queue, and the lights traders see.

Every score is a function of the same `Positions`, higher paying first. Which text a
formula comes from, of which date, and how sure we are of it is data:
`adl_jax/data/venue_scores.csv`, read by `score_facts`. Where a document can be read in
two ways both are here, under two names.
"""

import csv
from collections.abc import Callable, Mapping
from importlib import resources
from types import MappingProxyType

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from adl_jax.projection._edge import FloatVector, Ids, Mask, Vector, floating
from adl_jax.projection._multiplier import ratio


class Positions(eqx.Module):
    """Positions of one market as arrays of shape `(n,)`; a venue uses what it needs.

    - `size`: signed contracts; `entry_price`, `mark`: USD a contract, > 0 (`mark` may
      differ between positions of several markets).
    - `balance`: USD posted: the wallet in cross margin, the position's margin where it
      is isolated. `account_value`: USD, balance plus unrealised profit of everything it
      backs.
    - `maintenance`: USD of maintenance margin that goes with `account_value`.
    - `opening_leverage`: what the trader chose; only older rules look at it.

    A number divided by an equity or a margin that is not positive counts as 0: such an
    account is not a winner.
    """

    size: Float[Array, " n"]
    entry_price: Float[Array, " n"]
    mark: Float[Array, " n"]
    balance: Float[Array, " n"]
    account_value: Float[Array, " n"]
    maintenance: Float[Array, " n"]
    opening_leverage: Float[Array, " n"]

    def __init__(
        self,
        *,
        size: Vector,
        entry_price: Vector,
        mark: Vector,
        balance: Vector,
        account_value: Vector | None = None,
        maintenance: Vector | None = None,
        opening_leverage: Vector | None = None,
    ):
        """Fills in an isolated account's value, and zeros for what is not given."""
        self.size = floating(size)
        like = lambda value: jnp.broadcast_to(
            floating(value, self.size), self.size.shape
        )
        zero = jnp.zeros_like(self.size)
        self.entry_price = like(entry_price)
        self.mark = like(mark)
        self.balance = like(balance)
        value = self.balance + self.pnl if account_value is None else account_value
        self.account_value = like(value)
        self.maintenance = zero if maintenance is None else like(maintenance)
        leverage = zero if opening_leverage is None else opening_leverage
        self.opening_leverage = like(leverage)

    @property
    def pnl(self) -> FloatVector:
        """Unrealised profit, USD."""
        return self.size * (self.mark - self.entry_price)

    @property
    def notional(self) -> FloatVector:
        """Value at the mark, USD, >= 0."""
        return jnp.abs(self.size) * self.mark

    @property
    def entry_value(self) -> FloatVector:
        """Value at the entry price, USD, >= 0."""
        return jnp.abs(self.size) * self.entry_price

    @property
    def profit_fraction(self) -> FloatVector:
        """Profit over entry value."""
        return ratio(self.pnl, self.entry_value)

    @property
    def leverage(self) -> FloatVector:
        """Notional over account value."""
        return ratio(self.notional, self.account_value)

    @property
    def margin_ratio(self) -> FloatVector:
        """Maintenance margin over account value."""
        return ratio(self.maintenance, self.account_value)


def hyperliquid_literal(positions: Positions) -> FloatVector:
    """Index as printed: (mark/entry)*(notional/account value), blind to the side."""
    return ratio(positions.mark, positions.entry_price) * positions.leverage


def hyperliquid_side_adjusted(positions: Positions) -> FloatVector:
    """Index with entry/mark for shorts, so that it rises with the profit of both sides."""
    rise = ratio(positions.mark, positions.entry_price)
    fall = ratio(positions.entry_price, positions.mark)
    return jnp.where(positions.size < 0, fall, rise) * positions.leverage


def binance(positions: Positions) -> FloatVector:
    """Profit over wallet (at least 1 USD) times the margin ratio; losers score 0."""
    profit = jnp.maximum(positions.pnl, 0) / jnp.maximum(positions.balance, 1)
    value = positions.balance + positions.pnl
    return profit * ratio(positions.maintenance, value)


def aevo(positions: Positions) -> FloatVector:
    """As Binance, with the margin ratio instead of the profit set to 0 for losers."""
    profit = positions.pnl / jnp.maximum(positions.balance, 1)
    value = positions.balance + positions.pnl
    risk = ratio(positions.maintenance, value)
    return profit * jnp.where(profit > 0, risk, jnp.zeros_like(risk))


def bitmex(positions: Positions) -> FloatVector:
    """Profit fraction times effective leverage, divided by it for losers."""
    return _by_sign(positions.profit_fraction, positions.leverage)


def okx(positions: Positions) -> FloatVector:
    """Profit fraction times effective leverage (2025)."""
    return _by_sign(positions.profit_fraction, positions.leverage)


def okx_older(positions: Positions) -> FloatVector:
    """Profit on margin over the margin ratio, times it for losers (before 2025).

    The margin ratio of this venue is account value over maintenance margin.
    """
    on_margin = ratio(positions.pnl, positions.balance)
    return _by_sign(on_margin, positions.margin_ratio)


def kucoin(positions: Positions) -> FloatVector:
    """Profit fraction times value over margin plus profit, divided for losers."""
    return _by_sign(positions.profit_fraction, positions.leverage)


def kucoin_older_isolated(positions: Positions) -> FloatVector:
    """Profit fraction times the leverage chosen at opening (older pages)."""
    return _by_sign(positions.profit_fraction, positions.opening_leverage)


def bitget(positions: Positions) -> FloatVector:
    """Profit fraction times the maintenance margin ratio, divided for losers."""
    return _by_sign(positions.profit_fraction, positions.margin_ratio)


def whitebit(positions: Positions) -> FloatVector:
    """Profit over equity; only positive ratings are ever selected."""
    return ratio(positions.pnl, positions.account_value)


def return_only(positions: Positions) -> FloatVector:
    """Profit fraction alone."""
    return positions.profit_fraction


SCORES: Mapping[str, Callable[[Positions], FloatVector]] = MappingProxyType(
    {
        "hyperliquid_literal": hyperliquid_literal,
        "hyperliquid_side_adjusted": hyperliquid_side_adjusted,
        "binance": binance,
        "aster": binance,
        "bitmex": bitmex,
        "okx": okx,
        "okx_older": okx_older,
        "kucoin": kucoin,
        "kucoin_older_isolated": kucoin_older_isolated,
        "bitget": bitget,
        "whitebit": whitebit,
        "aevo": aevo,
        "return_only": return_only,
    }
)


def score_facts() -> dict[str, dict[str, str]]:
    """What is known of each score: formula, ambiguity, source, date and confidence."""
    table = resources.files("adl_jax").joinpath("data", "venue_scores.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {row.pop("name"): row for row in rows}


def quantile(
    score: Vector, eligible: Mask | None = None, *, group: Ids | None = None
) -> Int[Array, " n"]:
    """Fifths of the queue, 4 for those next in line: the lights of most venues.

    4 - floor(5*r/n) for the r-th of n from the front, r from 0; Binance's API quantile
    0 to 4. Five lights in steps of 20 % (BitMEX, KuCoin) are this plus one.

    **Arguments:** `score`: shape `(n,)`; `eligible`: bool `(n,)`, who can be selected
    at all, the others get 0; `group`: int `(n,)`, positions are ranked within it (a
    market and side).

    **Returns:** int, shape `(n,)`. Ties are ranked by index, as `queue` closes them.
    """
    place, count = _places(score, eligible, group)
    fifth = 4 - (5 * place) // jnp.maximum(count, 1)
    return jnp.where(place < count, fifth, 0)


def whitebit_grade(
    score: Vector, eligible: Mask | None = None, *, group: Ids | None = None
) -> Int[Array, " n"]:
    """WhiteBIT's grade by k = i/n, i-th of n in ascending order.

    0 below 0.5, 1 below 0.73, 2 below 0.87, 3 below 0.95, else 4. Arguments and the
    result are those of `quantile`.
    """
    place, count = _places(score, eligible, group)
    percent = 100 * (count - place)
    edges = jnp.array([50, 73, 87, 95], percent.dtype)
    grade = jnp.sum(percent[:, None] >= edges[None, :] * count[:, None], axis=1)
    return jnp.where(place < count, grade, 0)


def _by_sign(profit, risk):
    """Profit times risk, and for losers profit over risk, so that riskier loses less."""
    return jnp.where(profit > 0, profit * risk, ratio(profit, risk))


def _places(score, eligible, group):
    """Each position's place from the front of its group's queue, and how many queue.

    Those who are not eligible come after everyone who is.
    """
    score = floating(score)
    score = jnp.where(score == 0, jnp.zeros_like(score), score)
    index = jnp.arange(score.shape[0], dtype=jnp.int32)
    eligible = jnp.ones_like(index, bool) if eligible is None else jnp.asarray(eligible)
    group = jnp.zeros_like(index) if group is None else jnp.asarray(group)
    order = jnp.lexsort((index, -score, ~eligible, group))
    sorted_group = group[order]
    start = jnp.searchsorted(sorted_group, sorted_group, side="left")
    place = jnp.zeros_like(index).at[order].set(index - start)
    # Everyone eligible comes first in a group, so the count is a difference of ends.
    waiting = jnp.cumsum(eligible[order].astype(index.dtype), dtype=index.dtype)
    end = jnp.searchsorted(sorted_group, sorted_group, side="right") - 1
    before = waiting[start] - eligible[order][start].astype(index.dtype)
    count = jnp.zeros_like(index).at[order].set(waiting[end] - before)
    return place, count
