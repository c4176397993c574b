"""A decision carried out: close-outs, haircuts or contracts, debts, and who reacts."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp

from adl_jax._sums import largest, sum_by, sum_of
from adl_jax._types import Key, PerAccount, PerMarket, PerPosition, PerSide, Scalar
from adl_jax.liquidate import at_side, price_after
from adl_jax.market import Market
from adl_jax.projection._multiplier import ratio
from adl_jax.resolve import (
    Offer,
    Round,
    fund_available,
    paid_by_fund,
    realised_price,
    unpaid_at,
)
from adl_jax.respond import leave, respond, touched
from adl_jax.settle import (
    Ledger,
    absorb_rounding,
    equity,
    keep_margin,
    keep_surplus,
    levels,
    pay_from_fund,
    seize,
    seize_collateral,
    sell_holdings,
    settle,
    trade,
    write_off,
)
from adl_jax.venue import Bankruptcy, Venue
from adl_jax.venue_record import VenueRecord


class Closed(NamedTuple):
    """After ADL and the outside have taken all close-outs."""

    ledger: Ledger
    by_adl: PerSide
    outside_price: PerSide
    exposure: PerAccount


def close_out(now: Round, venue: Venue, contracts: PerPosition | None) -> Closed:
    """Closes this round's close-outs: winners take theirs, the rest goes outside.

    **Arguments:** `contracts`: shape `(positions,)`, what winners close, >= 0; `None` in
    `pnl` settlement, where all of it goes outside.

    **Invariants:** `total_cash` and `open_contracts` are unchanged.
    """
    liquidation = now.liquidation
    ledger, book = liquidation.ledger, liquidation.ledger.book
    markets = ledger.mark.shape[0]
    by_adl = jnp.zeros_like(liquidation.quantity)
    exposure = jnp.zeros_like(book.collateral)
    left = liquidation.closeout
    if contracts is not None:
        assert now.offer is not None
        ledger, by_adl, exposure, left = _cross(now, now.offer, venue, contracts)
    price = price_after(ledger.mark, now.shock.impact, book.by_side(left, markets))
    ledger = trade(ledger, left, at_side(book, left, price))
    return Closed(ledger, by_adl, price, exposure)


def _cross(
    now: Round, offer: Offer, venue: Venue, contracts: PerPosition
) -> tuple[Ledger, PerSide, PerAccount, PerPosition]:
    """Winners' contracts against the losers', each side in equal shares."""
    liquidation = now.liquidation
    ledger, book = liquidation.ledger, liquidation.ledger.book
    met = sum_by(contracts, offer.group, offer.budget.shape[0])
    some = offer.budget > 0
    share = jnp.where(some, met / jnp.where(some, offer.budget, 1), 0)
    share = share.reshape(-1, 2)
    loser = liquidation.closeout * at_side(book, liquidation.closeout, share)
    won = jnp.sign(book.size) * contracts
    price = offer.price.reshape(-1)[offer.group]
    if isinstance(venue.close_price, Bankruptcy):
        # Each loser at its own price, so that each ends with nothing; the winners'
        # price is the mean of these.
        paid = liquidation.bankruptcy
    else:
        paid = at_side(book, liquidation.closeout, offer.price)
    ledger = trade(ledger, won + loser, jnp.where(contracts > 0, price, paid))
    exposure = -book.by_account(won * ledger.mark_of)
    # Subtracted from the size, what is closed in full leaves exactly nothing.
    whole = liquidation.closeout == book.size
    left = jnp.where(whole, ledger.book.size, liquidation.closeout - loser)
    left = jnp.where(liquidation.closeout == 0, 0, left)
    return ledger, met.reshape(-1, 2), exposure, left


def haircut_of(now: Round, contracts: PerPosition) -> PerAccount:
    """What closing contracts at the ADL price costs each winner at the mark. Signed USD."""
    assert now.offer is not None
    ledger = now.liquidation.ledger
    price = now.offer.price.reshape(-1)[now.offer.group]
    worth = jnp.sign(ledger.book.size) * contracts * (ledger.mark_of - price)
    return ledger.book.by_account(worth)


class Executed(NamedTuple):
    """A round's end: the ledger, and what the policy's record is made of. USD."""

    ledger: Ledger
    needed: Scalar
    carried: Scalar
    record: VenueRecord


def execute(
    now: Round,
    market: Market,
    venue: Venue,
    haircut: PerAccount,
    contracts: PerPosition | None,
    *,
    key: Key,
) -> Executed:
    """Carries a decision out and closes the round's accounts.

    Close-outs are traded; closed accounts without equity are written off; the fund pays,
    this round's debts first; executed money pays what is needed, then earlier debt, and
    the rest goes to the fund or back. Winners without profit leave, traders react.

    **Arguments:** `haircut`: shape `(accounts,)`, USD; `contracts`: see `close_out`.

    **Returns:** an `Executed`.

    **Invariants:** `total_cash` and `open_contracts` are unchanged.
    """
    liquidation = now.liquidation
    carried = liquidation.ledger.debt
    closed = close_out(now, venue, contracts)
    ledger, debt, paid = _settle_debts(closed.ledger, now, market, venue)

    # What the round needed, had all close-outs gone outside: (6), the same for every
    # policy. In `pnl` settlement they do, and this is the debt itself.
    needed, _ = unpaid_at(liquidation, venue, realised_price(liquidation, now.shock))
    ledger, spare = _fund_pays_carried(ledger, venue, carried, paid)
    split = settle(jnp.maximum(sum_of(haircut), 0), needed, carried - spare)
    refunded = surplus = jnp.zeros_like(carried)
    if contracts is None:
        take = seize_collateral if venue.basis == "collateral" else seize
        if venue.surplus == "refund":
            part = ratio(split.overshoot, sum_of(haircut))
            refunded, haircut = split.overshoot, haircut * (1 - part)
            ledger = take(ledger, haircut)
        else:
            surplus = split.overshoot
            ledger = keep_surplus(take(ledger, haircut), surplus)
    ledger = absorb_rounding(ledger, carried + debt)
    ledger, gone = leave(ledger, now, venue, haircut, contracts)
    if venue.response is not None:
        ledger = respond(
            ledger, now, market, venue, venue.response, haircut, contracts, key=key
        )
    quantity = liquidation.quantity
    squares = (quantity**2).sum(axis=1)
    dtype = carried.dtype
    count = lambda who: sum_of(who.astype(dtype))
    record = VenueRecord(
        **levels(ledger),
        liquidated=count(liquidation.liquidated),
        closed_out=count(ledger.book.by_account(jnp.abs(liquidation.closeout)) > 0),
        insolvent=count(liquidation.insolvent),
        book_sold=liquidation.book_sold,
        to_vault=liquidation.to_vault,
        fees=liquidation.fees,
        closeout_quantity=quantity,
        closed_by_adl=closed.by_adl,
        outside_price=closed.outside_price,
        impact=ratio((now.shock.impact * squares).sum(), squares.sum()),
        owed=sum_of(jnp.where(liquidation.insolvent, -liquidation.equity, 0)),
        debt=debt,
        paid_by_fund=paid.sum() + spare,
        refunded=refunded,
        surplus=surplus,
        solvency=sum_of(equity(ledger, market)),
        largest_haircut=largest(haircut),
        beyond_profit=sum_of(jnp.maximum(haircut - now.profit, 0)),
        unhedged=sum_of(jnp.abs(closed.exposure)),
        touched=count(touched(now, haircut, contracts)),
        left=gone,
        open_interest=sum_of(jnp.abs(ledger.book.size) * ledger.mark_of),
        exposure=closed.exposure,
    )
    return Executed(ledger, needed, carried - spare, record)


def _settle_debts(
    ledger: Ledger, now: Round, market: Market, venue: Venue
) -> tuple[Ledger, Scalar, Scalar | PerMarket]:
    """Writes closed accounts' debts off, and has the fund pay what it can of them."""
    book, liquidation = ledger.book, now.liquidation
    empty = book.by_account(jnp.abs(book.size)) == 0
    # Also those that the book closed: they may owe, and own other collateral.
    closed = liquidation.liquidated & empty
    short = closed & (book.collateral < 0)
    ledger = sell_holdings(
        ledger, market, jnp.where(short, 1.0, 0.0).astype(book.collateral.dtype)
    )
    owns = ledger.book.collateral
    debt = jnp.where(closed, jnp.maximum(-owns, 0), 0)
    paid = paid_by_fund(ledger, venue, debt, liquidation.share)
    ledger = pay_from_fund(write_off(ledger, debt), paid)
    kept = jnp.where(closed, venue.margin_to_fund * jnp.maximum(owns, 0), 0)
    return keep_margin(ledger, kept, liquidation.share), sum_of(debt), paid


def _fund_pays_carried(
    ledger: Ledger, venue: Venue, carried: Scalar, paid: Scalar | PerMarket
) -> tuple[Ledger, Scalar]:
    """What the venue's fund can still pay goes to earlier debts, which have no market."""
    if ledger.fund.ndim:
        return ledger, jnp.zeros_like(carried)
    # `ledger.fund` is after `paid`; the limit of a round counts both.
    before = dataclasses.replace(ledger, fund=ledger.fund + paid)
    spare = jnp.maximum(fund_available(before, venue) - paid, 0)
    spare = jnp.minimum(jnp.minimum(spare, carried), ledger.fund)
    return pay_from_fund(ledger, spare), spare
