"""What a round owes: seen at the mark, expected, and as it turned out; who can pay."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from adl_jax._sums import sum_by, sum_of
from adl_jax._types import PerAccount, PerMarket, PerPosition, PerSide, Scalar
from adl_jax.allocation import haircut_cap
from adl_jax.book import Book
from adl_jax.liquidate import (
    Liquidation,
    Shock,
    at_side,
    position_scores,
    price_after,
    side_of,
)
from adl_jax.market import Market
from adl_jax.messages import Observation
from adl_jax.projection._multiplier import ratio
from adl_jax.settle import Ledger, by_market
from adl_jax.venue import Quotes, Venue, fund_capacity


class Signals(eqx.Module):
    """What else a venue sees when a round starts.

    **Fields:** `fund`: shape `()`, USD that the fund may still pay; `volatility`: shape
    `(markets,)`, root mean square of the log returns so far; `depth`, `impact_estimate`:
    shape `(markets,)`, contracts that the order book still takes on its thinner side, and
    the venue's slope; `basis`: shape `(markets,)`, log of mark over oracle.
    """

    fund: Scalar
    volatility: PerMarket
    depth: PerMarket
    impact_estimate: PerMarket
    basis: PerMarket | None


class Offer(NamedTuple):
    """What winners can close in `contracts` settlement; arrays over positions.

    - `capacity`: contracts, >= 0; `group`: int, 2 * market + side of the losers met.
    - `score`, `leverage`: as in an `Observation`; `lot`: contracts in a lot, or `None`.
    - `budget`: shape `(2 * markets,)`, contracts closed out on each side.
    - `gross`: shape `()`, USD that insolvent accounts owe at the mark.
    - `price`: shape `(markets, 2)`, the venue's ADL price, by side of the losers.
    """

    capacity: PerPosition
    group: Int[Array, " positions"]
    score: PerPosition
    leverage: PerPosition
    lot: PerPosition | None
    budget: Array
    gross: Scalar
    price: PerSide


class Round(NamedTuple):
    """Everything about a round before the decision.

    - `shock`, `liquidation`.
    - `profit`: shape `(accounts,)`, USD, what each winner has, caps not applied.
    - `offer`: in `contracts` settlement.
    """

    shock: Shock
    liquidation: Liquidation
    profit: PerAccount
    offer: Offer | None


def fund_available(ledger: Ledger, venue: Venue) -> Scalar | PerMarket:
    """What the fund may pay now, USD, of the fund's shape."""
    return fund_capacity(venue.fund, ledger.fund, ledger.fund_peak)


def paid_by_fund(
    ledger: Ledger, venue: Venue, debt: PerAccount, share: PerPosition
) -> Scalar | PerMarket:
    """What the fund pays of accounts' debts, USD, of the fund's shape.

    A market's fund pays the part of a debt that its position has in the account's
    notional.
    """
    available = fund_available(ledger, venue)
    if not ledger.fund.ndim:
        return jnp.minimum(available, sum_of(debt))
    return jnp.minimum(available, _owed_by_market(ledger, debt, share))


def _owed_by_market(ledger: Ledger, debt: PerAccount, share: PerPosition) -> PerMarket:
    parts = ledger.book.of_account(debt) * share
    return by_market(ledger.book, parts, ledger.mark.shape[0])


def not_paid(
    ledger: Ledger, debt: PerAccount, share: PerPosition, paid: Scalar | PerMarket
) -> Scalar:
    """What `paid_by_fund` leaves of accounts' debts. USD.

    Market by market, so that what funds pay in full leaves exactly nothing: a few bits
    would be a deficit that policies learn from.
    """
    if not ledger.fund.ndim:
        return jnp.maximum(sum_of(debt) - paid, 0)
    rest = (_owed_by_market(ledger, debt, share) - paid).sum()
    has_market = ledger.book.by_account(share) > 0
    return rest + sum_of(jnp.where(has_market, 0, debt))


def debts_at(liquidation: Liquidation, price: PerSide) -> PerAccount:
    """(-equity)+ of the accounts that end without positions, closed out at a price. USD.

    The account form of (6): what the close-outs fetch below their bankruptcy prices.
    """
    ledger, book = liquidation.ledger, liquidation.ledger.book
    fetched = at_side(book, liquidation.closeout, price) - ledger.mark_of
    after = liquidation.equity + book.by_account(liquidation.closeout * fetched)
    left = book.by_account(jnp.abs(book.size - liquidation.closeout))
    return jnp.where(liquidation.closing & (left == 0), jnp.maximum(-after, 0), 0)


def unpaid_at(
    liquidation: Liquidation, venue: Venue, price: PerSide
) -> tuple[Scalar, Scalar | PerMarket]:
    """What close-outs at a price leave owed after the fund, and what the fund pays."""
    debt = debts_at(liquidation, price)
    paid = paid_by_fund(liquidation.ledger, venue, debt, liquidation.share)
    return not_paid(liquidation.ledger, debt, liquidation.share, paid), paid


def realised_price(liquidation: Liquidation, shock: Shock) -> PerSide:
    """What close-outs fetch outside if all of them go there, (48)."""
    mark = liquidation.ledger.mark
    return price_after(mark, shock.impact, liquidation.quantity)


def capacities(liquidation: Liquidation, venue: Venue) -> tuple[PerAccount, PerAccount]:
    """What each account has to lose, and what the venue's caps leave of it. USD.

    Profit basis: u_i = (PNL_i)+ of accounts that are not liquidated. Equity basis: also
    at most their equity. Collateral basis: their equity.
    """
    ledger, book = liquidation.ledger, liquidation.ledger.book
    value = jnp.maximum(liquidation.equity, 0)
    profit = jnp.maximum(book.by_account(ledger.pnl), 0)
    has = {
        "profit": jnp.where(value > 0, profit, 0),
        "equity": jnp.minimum(profit, value),
        "collateral": value,
    }[venue.basis]
    has = jnp.where(liquidation.liquidated, 0, has)
    equity = None if venue.equity_floor is None else liquidation.equity
    floor = 0.0 if venue.equity_floor is None else venue.equity_floor
    cap = haircut_cap(has, equity=equity, floor=floor, largest=venue.largest_haircut)
    return has, has * cap


def observe(
    shock: Shock,
    liquidation: Liquidation,
    market: Market,
    venue: Venue,
    index: Int[Array, ""],
) -> tuple[Round, Observation]:
    """Builds everything there is to see of a round; the loop hides what a policy may not.

    The deficit is what earlier rounds left unpaid and what insolvent accounts owe at the
    mark, less what the fund will pay.
    """
    ledger, book = liquidation.ledger, liquidation.ledger.book
    profit, capacity = capacities(liquidation, venue)
    owed = jnp.where(liquidation.insolvent, -liquidation.equity, 0)
    paid = paid_by_fund(ledger, venue, owed, liquidation.share)
    spare = fund_available(ledger, venue) - paid
    # A market's own fund pays its own debts alone, which carried ones no longer are.
    spare = jnp.zeros_like(ledger.debt) if ledger.fund.ndim else spare
    carried = jnp.maximum(ledger.debt - spare, 0)
    deficit = not_paid(ledger, owed, liquidation.share, paid) + carried

    estimate = (
        market.impact if market.impact_estimate is None else market.impact_estimate
    )
    slope = shock.impact if venue.sees_execution else estimate
    expected, _ = unpaid_at(
        liquidation, venue, price_after(ledger.mark, slope, liquidation.quantity)
    )
    needed, _ = unpaid_at(liquidation, venue, realised_price(liquidation, shock))
    quantity = liquidation.quantity.sum(axis=1)
    notional = book.by_account(jnp.abs(book.size) * ledger.mark_of)
    value = liquidation.equity
    leverage = jnp.where(value > 0, notional / jnp.where(value > 0, value, 1), 0)
    scores = position_scores(ledger, venue, value, liquidation.maintenance)
    free = jnp.maximum(shock.depth[:, None] - ledger.taken, 0).min(axis=1)
    seen = (index + 1).astype(ledger.mark.dtype)
    observation = Observation(
        round=index,
        deficit=deficit,
        capacity_total=sum_of(capacity),
        capacity=capacity,
        score=_foremost(book, scores, ledger.pnl),
        leverage=leverage,
        lot_value=_lot_value(ledger, market),
        market=jnp.arange(market.num_markets),
        max_leverage=market.max_leverage,
        closeout_quantity=quantity,
        closeout_notional=quantity * ledger.mark,
        expected_needed=expected,
        needed=needed,
        signals=Signals(
            fund=fund_available(ledger, venue).sum(),
            volatility=_root(ledger.squares / seen),
            depth=free,
            impact_estimate=slope,
            basis=shock.basis,
        ),
    )
    offer = None
    if venue.settlement == "contracts":
        offer = _offer(
            *(liquidation, market, venue, shock, scores, leverage, capacity),
            gross=sum_of(owed),
        )
    return Round(shock, liquidation, profit, offer), observation


def _lot_value(ledger: Ledger, market: Market) -> PerAccount | None:
    """USD of profit in a lot of each account's profitable positions, on average.

    1 where there is none, since a lot is worth something.
    """
    if market.lot is None:
        return None
    book = ledger.book
    wins = ledger.pnl > 0
    profit = book.by_account(jnp.where(wins, ledger.pnl, 0))
    lots = book.by_account(
        jnp.where(wins, jnp.abs(book.size) / market.lot[book.market], 0)
    )
    return jnp.where(lots > 0, ratio(profit, lots), 1)


def _root(values: PerMarket) -> PerMarket:
    """The square root, with a derivative of 0 at 0."""
    some = values > 0
    return jnp.where(some, jnp.sqrt(jnp.where(some, values, 1)), 0)


def _foremost(book: Book, score: PerPosition, pnl: PerPosition) -> PerAccount:
    """An account stands where its foremost profitable position stands."""
    if book.one_position_each:
        return jnp.where(pnl > 0, score, 0)
    ranked = jnp.where(pnl > 0, score, -jnp.inf)
    best = jax.ops.segment_max(
        ranked, book.account, book.num_accounts, indices_are_sorted=True
    )
    return jnp.where(jnp.isfinite(best), best, 0)


def _offer(
    liquidation: Liquidation,
    market: Market,
    venue: Venue,
    shock: Shock,
    score: PerPosition,
    leverage: PerAccount,
    allowed: PerAccount,
    *,
    gross: Scalar,
) -> Offer:
    ledger, book = liquidation.ledger, liquidation.ledger.book
    price = venue.close_price(quotes(liquidation, shock))
    # A short winner meets long losers, side 0; a long winner short ones, side 1.
    group = side_of(book, -book.size)
    loss = jnp.sign(book.size) * (ledger.mark_of - price.reshape(-1)[group])
    wins = book.of_account(~liquidation.liquidated & (liquidation.equity > 0))
    wins &= ledger.pnl > 0
    most = jnp.where(wins, jnp.abs(book.size), 0)
    if venue.protect_collateral:
        costs = wins & (loss > 0)
        affordable = ledger.pnl / jnp.where(costs, loss, 1)
        most = jnp.where(costs, jnp.minimum(most, affordable), most)
        # Nor more in all of its positions than the account's own profit.
        cost = book.by_account(jnp.where(costs, loss * most, 0))
        part = jnp.where(cost > allowed, allowed / jnp.where(cost > 0, cost, 1), 1)
        most = jnp.where(costs, most * book.of_account(part), most)
    return Offer(
        capacity=most,
        group=group,
        score=score,
        leverage=book.of_account(leverage),
        lot=None if market.lot is None else market.lot[book.market],
        budget=liquidation.quantity.reshape(-1),
        gross=gross,
        price=price,
    )


def quotes(liquidation: Liquidation, shock: Shock) -> Quotes:
    """The prices that a close price can be made of."""
    ledger, book = liquidation.ledger, liquidation.ledger.book
    count = ledger.mark.shape[0]
    side = side_of(book, liquidation.closeout)
    value = jnp.abs(liquidation.closeout) * liquidation.bankruptcy
    sums = sum_by(value, side, 2 * count).reshape(count, 2)
    some = liquidation.quantity > 0
    mean = sums / jnp.where(some, liquidation.quantity, 1)
    oracle = ledger.mark
    if shock.basis is not None:
        oracle = oracle * jnp.exp(-shock.basis)
    return Quotes(
        mark=ledger.mark,
        previous_mark=ledger.previous_mark,
        oracle=oracle,
        bankruptcy=jnp.where(some, mean, ledger.mark[:, None]),
    )


def with_offer(observation: Observation, offer: Offer) -> Observation:
    """The same round as a problem over positions, for an allocation of contracts."""
    return dataclasses.replace(
        observation,
        capacity=offer.capacity,
        score=offer.score,
        leverage=offer.leverage,
        lot_value=offer.lot,
        group=offer.group,
    )
