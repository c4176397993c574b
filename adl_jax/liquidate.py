"""From a shock to this round's close-outs: margin, order book, vault."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from adl_jax._sums import sum_of
from adl_jax._types import PerAccount, PerMarket, PerPosition, PerSide, Scalar
from adl_jax.book import Book
from adl_jax.market import Market
from adl_jax.score import Positions
from adl_jax.settle import (
    Ledger,
    charge,
    equity,
    fee_income,
    move_to_vault,
    pay_funding,
    trade,
    vault_equity,
)
from adl_jax.venue import Venue, bankruptcy_price


class Shock(eqx.Module):
    """One round of a path, see `Shocks`; or all of them, with a leading axis."""

    log_return: Float[Array, "*rounds markets"]
    impact: Float[Array, "*rounds markets"]
    depth: Float[Array, "*rounds markets"]
    funding: Float[Array, "*rounds markets"] | None = None
    basis: Float[Array, "*rounds markets"] | None = None


class Margin(NamedTuple):
    """Where every account stands after the shock, and who is liquidated. USD."""

    notional: PerPosition
    equity: PerAccount
    maintenance: PerAccount
    liquidated: Bool[Array, " accounts"]


class Liquidation(NamedTuple):
    """This round after the order book and the vault, before ADL.

    **Fields:** USD and contracts; sides are those of the accounts closed out, longs
    first.

    - `ledger`, `equity`: as they are now, equity at the mark.
    - `closing`: shape `(accounts,)`, who is closed out: in full, or the wanted part.
    - `insolvent`: shape `(accounts,)`, those of them without equity at the mark.
    - `liquidated`: shape `(accounts,)`, who was under margin; never a winner.
    - `closeout`: shape `(positions,)`, signed contracts to be closed.
    - `quantity`: shape `(markets, 2)`, their sums.
    - `share`: shape `(positions,)`, a position's share of its account's notional.
    - `bankruptcy`: shape `(positions,)`, prices at which each equity is used up.
    - `maintenance`: shape `(accounts,)`, maintenance margin before the round.
    - `book_sold`, `to_vault`, `fees`: shape `()`, USD of notional sold on the order book
        and taken by the vault, and USD of fees.
    """

    ledger: Ledger
    equity: PerAccount
    closing: Bool[Array, " accounts"]
    insolvent: Bool[Array, " accounts"]
    liquidated: Bool[Array, " accounts"]
    closeout: PerPosition
    quantity: PerSide
    share: PerPosition
    bankruptcy: PerPosition
    maintenance: PerAccount
    book_sold: Scalar
    to_vault: Scalar
    fees: Scalar


def strike(ledger: Ledger, market: Market, venue: Venue, shock: Shock) -> Ledger:
    """Moves the marks and pays funding; the depth of the book comes back.

    mark <- mark * exp(return) - permanent * (contracts sold net in the last round). A
    mark falls to a millionth of what it was at most, since prices are positive.
    """
    moved = ledger.mark * jnp.exp(shock.log_return)
    if market.permanent is not None:
        moved = moved - market.permanent * ledger.sold
    mark = jnp.maximum(moved, ledger.mark * 1e-6)
    asset_price = ledger.asset_price
    if asset_price is not None:
        assert market.asset_market is not None
        follows = market.asset_market >= 0
        index = jnp.where(follows, market.asset_market, 0)
        ratio = (mark / ledger.mark)[index]
        asset_price = jnp.where(follows, asset_price * ratio, asset_price)
    ledger = dataclasses.replace(
        ledger,
        mark=mark,
        previous_mark=ledger.mark,
        taken=ledger.taken * (1 - market.recovery),
        sold=jnp.zeros_like(ledger.sold),
        squares=ledger.squares + shock.log_return**2,
        asset_price=asset_price,
    )
    ledger = fee_income(ledger, venue.fund.inflow)
    return ledger if shock.funding is None else pay_funding(ledger, shock.funding)


def margin(ledger: Ledger, market: Market, venue: Venue) -> Margin:
    """Equity and maintenance margin of every account; who has too little of it."""
    book = ledger.book
    notional = jnp.abs(book.size) * ledger.mark_of
    needed = venue.margin.maintenance(notional, book.market)
    value = equity(ledger, market)
    maintenance = book.by_account(needed)
    # Margin of nothing is 0: an account without positions is liquidated where it owes.
    return Margin(notional, value, maintenance, value < maintenance)


def position_scores(
    ledger: Ledger, venue: Venue, value: PerAccount, maintenance: PerAccount
) -> PerPosition:
    """The venue's rank of every position, from its account's equity and margin in USD."""
    book = ledger.book
    return venue.score(
        Positions(
            size=book.size,
            entry_price=book.entry_price,
            mark=ledger.mark_of,
            balance=book.of_account(book.collateral),
            account_value=book.of_account(value),
            maintenance=book.of_account(maintenance),
        )
    )


def at_side(book: Book, size: PerPosition, values: PerSide) -> PerPosition:
    """Each position's number of its own market and side."""
    long, short = book.of_market(values[:, 0]), book.of_market(values[:, 1])
    return jnp.where(size < 0, short, long)


def side_of(book: Book, size: PerPosition) -> Int[Array, " positions"]:
    """2 * market + side, with 0 for longs and 1 for shorts."""
    return 2 * book.market + (size < 0).astype(book.market.dtype)


def price_after(mark: PerMarket, impact: PerMarket, quantity: PerSide) -> PerSide:
    """Average price of selling what longs, and buying what shorts, have closed out.

    mark -/+ impact * quantity, eq. (48); never below 0.
    """
    moved = impact[:, None] * quantity
    down = jnp.maximum(mark - moved[:, 0], 0)
    return jnp.stack([down, mark + moved[:, 1]], axis=1)


def liquidate(
    ledger: Ledger, market: Market, venue: Venue, shock: Shock, before: Margin
) -> Liquidation:
    """Sells what accounts under margin must close, as far as book and vault take it.

    **Arguments:** `ledger` after `strike`; `before`: what `margin` says of it.

    **Returns:** a `Liquidation`; what nobody took is its close-outs.

    **Invariants:** `total_cash` and `open_contracts` of the ledger are unchanged.
    """
    book, num_markets = ledger.book, market.num_markets
    account_notional = book.by_account(before.notional)
    of_notional = book.of_account(account_notional)
    share = before.notional / jnp.where(of_notional > 0, of_notional, 1)

    solvent = before.liquidated & (before.equity >= 0)
    part = venue.liquidation(book, before.notional, before.equity, before.maintenance)
    part = jnp.where(book.of_account(solvent), part, 1)
    wanted = jnp.where(book.of_account(before.liquidated), part, 0) * book.size

    # The order book, in equal shares of each market's and side's orders.
    asked = book.by_side(wanted, num_markets)
    free = jnp.maximum(shock.depth[:, None] - ledger.taken, 0)
    some = asked > 0
    filled = jnp.where(some, jnp.minimum(free / jnp.where(some, asked, 1), 1), 0)
    sold = wanted * at_side(book, wanted, filled)
    quantity = asked * filled
    price = price_after(ledger.mark, shock.impact, quantity)
    ledger = trade(ledger, sold, at_side(book, sold, price))
    ledger = dataclasses.replace(
        ledger,
        taken=ledger.taken + quantity,
        sold=ledger.sold + quantity[:, 0] - quantity[:, 1],
    )
    book_notional = jnp.abs(sold) * ledger.mark_of

    ledger, fees = _fees(ledger, market, venue, account_notional, book_notional)
    ledger, taken, to_vault = _vault(ledger, market, venue, before, wanted - sold)
    value = equity(ledger, market)
    insolvent = before.liquidated & (value < 0)
    # Slippage and fees may have used up equity that a partial rule counted on.
    whole = ledger.book.of_account(insolvent) | (part == 1)
    left = (wanted - sold) * (1 - book.of_account(taken))
    # The size itself, so that what is closed in full leaves exactly nothing.
    left = jnp.where(whole, ledger.book.size, left)
    closing = insolvent if venue.closes_out == "insolvent" else before.liquidated
    closeout = jnp.where(ledger.book.of_account(closing), left, 0)
    remaining = jnp.abs(ledger.book.size) * ledger.mark_of
    bankruptcy = bankruptcy_price(
        ledger.book.size,
        ledger.mark_of,
        book.of_account(value),
        book.of_account(book.by_account(remaining)),
    )
    return Liquidation(
        ledger=ledger,
        equity=value,
        closing=closing,
        insolvent=insolvent,
        liquidated=before.liquidated,
        closeout=closeout,
        quantity=ledger.book.by_side(closeout, num_markets),
        share=share,
        bankruptcy=bankruptcy,
        maintenance=before.maintenance,
        book_sold=sum_of(book_notional),
        to_vault=to_vault,
        fees=fees,
    )


def _fees(
    ledger: Ledger,
    market: Market,
    venue: Venue,
    before: PerAccount,
    sold: PerPosition,
) -> tuple[Ledger, Scalar]:
    """Liquidation fees on notional `sold`; an account pays no more than it has."""
    book = ledger.book
    fee = venue.liquidation_fee * sold
    asked = book.by_account(fee)
    # Less a few bits of what it had (notional `before`): paying everything must not
    # leave an account insolvent by rounding.
    bits = 16 * jnp.finfo(asked.dtype).eps * (before + jnp.abs(book.collateral))
    paid = jnp.minimum(asked, jnp.maximum(equity(ledger, market) - bits, 0))
    fee = fee * book.of_account(paid / jnp.where(asked > 0, asked, 1))
    return charge(ledger, fee, venue.fee_to_fund), sum_of(fee)


def _vault(
    ledger: Ledger,
    market: Market,
    venue: Venue,
    before: Margin,
    left: PerPosition,
) -> tuple[Ledger, PerAccount, Scalar]:
    """Hands accounts to the vault in equal shares, as far as it has room."""
    vault, book = venue.vault, ledger.book
    if vault is None:
        return ledger, jnp.zeros_like(book.collateral), jnp.zeros_like(ledger.debt)
    value = equity(ledger, market)
    waiting = book.by_account(jnp.abs(left)) > 0
    takes = waiting & (value >= 0) & (value < vault.below * before.maintenance)
    notional = jnp.abs(book.size) * ledger.mark_of
    offered = sum_of(jnp.where(takes, book.by_account(notional), 0))
    held = (jnp.abs(ledger.vault_size) * ledger.mark).sum()
    room = jnp.maximum(vault.leverage * vault_equity(ledger) - held, 0)
    share = jnp.minimum(room / jnp.where(offered > 0, offered, 1), 1)
    taken = jnp.where(takes, share, 0)
    ledger = move_to_vault(ledger, market, taken)
    return ledger, taken, share * offered
