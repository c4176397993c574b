"""The only bookkeeping: every dollar and contract that moves, moves here.

`total_cash` and `open_contracts` are the conserved quantities: no function below
changes them, and none outside moves money. A shock to the marks moves nothing.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._sums import product, sum_by, sum_of
from adl_jax._types import PerAccount, PerMarket, PerPosition, PerSide, Scalar
from adl_jax.book import Book
from adl_jax.market import Market
from adl_jax.venue import Venue


class Ledger(eqx.Module):
    """Who holds what between two rounds. USD and contracts.

    **Fields:**

    - `book`: accounts, collateral and positions as they are now.
    - `mark`, `previous_mark`: shape `(markets,)`.
    - `fund`, `fund_peak`: shape `()` or `(markets,)`, the insurance fund, and the most it
        ever held.
    - `vault_cash`, `vault_size`: shapes `()`, `(markets,)`, the backstop vault.
    - `outside_cash`, `outside_size`: everybody else who traded with the accounts.
    - `revenue`: shape `()`, what the venue has earned.
    - `debt`: shape `()`, what closed accounts owe and nobody has paid, >= 0.
    - `sold`: shape `(markets,)`, contracts sold net in the last round, for permanent
        impact.
    - `taken`: shape `(markets, 2)`, depth that has not come back yet, by side.
    - `profit_closed`: shape `()`, profit that a pool's limit has closed so far.
    - `squares`: shape `(markets,)`, sum of squared log returns so far.
    - `asset_price`: shape `(assets,)`, of other collateral; `None` without any.
    """

    book: Book
    mark: PerMarket
    previous_mark: PerMarket
    fund: Scalar | PerMarket
    fund_peak: Scalar | PerMarket
    vault_cash: Scalar
    vault_size: PerMarket
    outside_cash: Scalar
    outside_size: PerMarket
    revenue: Scalar
    debt: Scalar
    sold: PerMarket
    taken: PerSide
    profit_closed: Scalar
    squares: PerMarket
    asset_price: Float[Array, " assets"] | None

    @property
    def mark_of(self) -> PerPosition:
        """Each position's mark."""
        return self.book.of_market(self.mark)

    @property
    def pnl(self) -> PerPosition:
        """Unrealised profit of each position, USD."""
        return self.book.size * (self.mark_of - self.book.entry_price)


def open_ledger(book: Book, market: Market, venue: Venue) -> Ledger:
    """The ledger before the first round. Whoever holds the other side is outside."""
    dtype = book.collateral.dtype
    zero, zeros = jnp.zeros((), dtype), jnp.zeros_like(market.mark)
    fund = venue.fund.balance
    vault = zero if venue.vault is None else venue.vault.cash
    return Ledger(
        book=book,
        mark=market.mark,
        previous_mark=market.mark,
        fund=fund,
        fund_peak=fund,
        vault_cash=vault,
        vault_size=zeros,
        outside_cash=zero,
        outside_size=-by_market(book, book.size, market.num_markets),
        revenue=zero,
        debt=zero,
        sold=zeros,
        taken=jnp.zeros((market.num_markets, 2), dtype),
        profit_closed=zero,
        squares=zeros,
        asset_price=market.asset_price,
    )


def by_market(book: Book, values: PerPosition, num_markets: int) -> PerMarket:
    """Sums over each market's positions."""
    return sum_by(values, book.market, num_markets)


def account_cash(book: Book) -> PerAccount:
    """Collateral - sum of size * entry, so that equity = cash + sum of size * mark."""
    return book.collateral - book.by_account(book.size * book.entry_price)


def total_cash(ledger: Ledger) -> Scalar:
    """What never changes: all cash there is, less what is owed. USD."""
    book = ledger.book
    return (
        (sum_of(book.collateral) - sum_of(book.size * book.entry_price))
        + ledger.vault_cash
        + ledger.fund.sum()
        + ledger.revenue
        + ledger.outside_cash
        - ledger.debt
    )


def open_contracts(ledger: Ledger) -> PerMarket:
    """What is 0 at all times: contracts of accounts, vault and everybody else."""
    book = ledger.book
    held = by_market(book, book.size, ledger.mark.shape[0])
    return held + ledger.vault_size + ledger.outside_size


def vault_equity(ledger: Ledger) -> Scalar:
    """The vault's cash and what its positions are worth at the mark. USD."""
    return ledger.vault_cash + product(ledger.vault_size, ledger.mark)


def levels(ledger: Ledger) -> dict[str, Array]:
    """What every round's `VenueRecord` holds of the ledger itself, quiet rounds too."""
    return {
        "mark": ledger.mark,
        "fund": ledger.fund.sum(),
        "vault_equity": vault_equity(ledger),
        "revenue": ledger.revenue,
        "unpaid": ledger.debt,
        "profit_closed": ledger.profit_closed,
        "cash": total_cash(ledger),
    }


def holdings_value(ledger: Ledger, market: Market) -> PerAccount | None:
    """What other collateral counts for, after its haircut. USD; `None` without any."""
    holdings = ledger.book.holdings
    if holdings is None:
        return None
    assert ledger.asset_price is not None
    assert market.asset_haircut is not None
    return product(holdings, ledger.asset_price * (1 - market.asset_haircut))


def equity(ledger: Ledger, market: Market) -> PerAccount:
    """e_i = collateral + PNL_i, and other collateral after its haircut. USD."""
    held = holdings_value(ledger, market)
    own = ledger.book.collateral + ledger.book.by_account(ledger.pnl)
    return own if held is None else own + held


def _with_book(ledger: Ledger, **changes: Any) -> Ledger:
    # Not `dataclasses.replace`, which would check the book: within a round an account
    # may owe more than it posted.
    names = [name for name, value in changes.items() if value is not None]
    book = eqx.tree_at(
        lambda book: [getattr(book, name) for name in names],
        ledger.book,
        [changes[name] for name in names],
    )
    return dataclasses.replace(ledger, book=book)


def at_places(ledger: Ledger, book: Book) -> Ledger:
    """The ledger with a book's own places: who has which position, and where."""
    return _with_book(
        ledger, account=book.account, market=book.market, owner=book.owner
    )


def pay_funding(ledger: Ledger, rate: PerMarket) -> Ledger:
    """Longs pay shorts `rate` of notional, whoever they are."""
    book, owed = ledger.book, rate * ledger.mark
    paid = book.by_account(book.of_market(owed) * book.size)
    ledger = _with_book(ledger, collateral=book.collateral - paid)
    return dataclasses.replace(
        ledger,
        vault_cash=ledger.vault_cash - product(owed, ledger.vault_size),
        outside_cash=ledger.outside_cash - product(owed, ledger.outside_size),
    )


def trade(ledger: Ledger, sold: PerPosition, price: PerPosition) -> Ledger:
    """Reduces positions by trades with whoever is outside.

    ADL closes both ends of a trade here: what winners and losers trade cancels outside.

    **Arguments:** shape `(positions,)`: `sold`, contracts, of the position's own sign and
    at most its size; `price`, USD a contract.
    """
    book = ledger.book
    gained = book.by_account(sold * (price - book.entry_price))
    ledger = _with_book(
        ledger, size=book.size - sold, collateral=book.collateral + gained
    )
    return dataclasses.replace(
        ledger,
        outside_cash=ledger.outside_cash - sum_of(sold * price),
        outside_size=ledger.outside_size + by_market(book, sold, ledger.mark.shape[0]),
    )


def charge(ledger: Ledger, fee: PerPosition, to_fund: Scalar) -> Ledger:
    """Takes a fee from accounts; a share goes to the fund and the rest is revenue."""
    book = ledger.book
    ledger = _with_book(ledger, collateral=book.collateral - book.by_account(fee))
    part = to_fund * fee
    return dataclasses.replace(
        _add_to_fund(ledger, part),
        revenue=ledger.revenue + sum_of(fee - part),
    )


def _feed(ledger: Ledger, amount: Scalar | PerMarket) -> Ledger:
    """The fund grows, and so may its highest balance."""
    fund = ledger.fund + amount
    peak = jnp.where(fund > ledger.fund_peak, fund, ledger.fund_peak)
    return dataclasses.replace(ledger, fund=fund, fund_peak=peak)


def _add_to_fund(ledger: Ledger, amount: PerPosition) -> Ledger:
    if ledger.fund.ndim:
        return _feed(ledger, by_market(ledger.book, amount, ledger.mark.shape[0]))
    return _feed(ledger, sum_of(amount))


def fee_income(ledger: Ledger, amount: Scalar) -> Ledger:
    """Trading fees that flow to the fund, paid by the venue's revenue."""
    ledger = _feed(ledger, amount / max(ledger.fund.size, 1))
    return dataclasses.replace(ledger, revenue=ledger.revenue - amount)


def sell_holdings(ledger: Ledger, market: Market, share: PerAccount) -> Ledger:
    """Sells a share of accounts' other collateral at its value after the haircut."""
    value = holdings_value(ledger, market)
    if value is None:
        return ledger
    holdings = ledger.book.holdings
    assert holdings is not None
    ledger = _with_book(
        ledger,
        collateral=ledger.book.collateral + share * value,
        holdings=holdings * (1 - share)[:, None],
    )
    outside = ledger.outside_cash - sum_of(share * value)
    return dataclasses.replace(ledger, outside_cash=outside)


def move_to_vault(ledger: Ledger, market: Market, share: PerAccount) -> Ledger:
    """Moves a share of accounts, positions and money alike, to the vault.

    Other collateral is sold on the way, at its value after the haircut.
    """
    book, keep = ledger.book, 1 - share
    moved = book.of_account(share) * book.size
    own = account_cash(book)
    value, holdings = holdings_value(ledger, market), book.holdings
    outside = ledger.outside_cash
    if value is not None and holdings is not None:
        own, holdings = own + value, holdings * keep[:, None]
        outside = outside - sum_of(share * value)
    cash = ledger.vault_cash + sum_of(share * own)
    vault_size = ledger.vault_size + by_market(book, moved, ledger.mark.shape[0])
    ledger = _with_book(
        ledger,
        size=book.size - moved,
        collateral=keep * book.collateral,
        holdings=holdings,
    )
    return dataclasses.replace(
        ledger, vault_cash=cash, vault_size=vault_size, outside_cash=outside
    )


def keep_margin(ledger: Ledger, amount: PerAccount, share: PerPosition) -> Ledger:
    """Moves money that closed accounts have left to the fund.

    **Arguments:** `amount`: shape `(accounts,)`, USD, at most the collateral; `share`:
    shape `(positions,)`, how much of it each position's market gets.
    """
    book = ledger.book
    ledger = _with_book(ledger, collateral=book.collateral - amount)
    if ledger.fund.ndim:
        return _add_to_fund(ledger, book.of_account(amount) * share)
    return _feed(ledger, sum_of(amount))


def write_off(ledger: Ledger, debt: PerAccount) -> Ledger:
    """Closed accounts without equity start from nothing; the venue is owed the rest."""
    book = ledger.book
    ledger = _with_book(ledger, collateral=book.collateral + debt)
    return dataclasses.replace(ledger, debt=ledger.debt + sum_of(debt))


def pay_from_fund(ledger: Ledger, amount: Scalar | PerMarket) -> Ledger:
    """The fund pays debt. `amount` has the fund's shape."""
    return dataclasses.replace(
        ledger, fund=ledger.fund - amount, debt=ledger.debt - amount.sum()
    )


def pool_pays(ledger: Ledger, amount: Scalar | PerMarket, profit: Scalar) -> Ledger:
    """The pool pays profit that whoever is outside has paid out.

    **Arguments:** `amount`: USD, of the fund's shape, at most the fund; `profit`: shape
    `()`, USD of profit that was closed.
    """
    return dataclasses.replace(
        ledger,
        fund=ledger.fund - amount,
        outside_cash=ledger.outside_cash + amount.sum(),
        profit_closed=ledger.profit_closed + profit,
    )


def seize(ledger: Ledger, haircut: PerAccount) -> Ledger:
    """Takes unrealised profit, never collateral, and holds it as negative debt.

    Entry prices of an account's profitable positions move towards the mark, each in
    proportion to its profit, so that the account's pnl falls by exactly the haircut.

    **Arguments:** `haircut`: shape `(accounts,)`, USD, at most the account's pnl.
    """
    book = ledger.book
    profit = jnp.maximum(ledger.pnl, 0)
    total = book.by_account(profit)
    some = total > 0
    taken = jnp.where(some, haircut, 0)
    pace = book.of_account(taken / jnp.where(some, total, 1)) * profit
    moved = pace / jnp.where(book.size == 0, 1, book.size)
    ledger = _with_book(ledger, entry_price=book.entry_price + moved)
    return dataclasses.replace(ledger, debt=ledger.debt - sum_of(taken))


def seize_collateral(ledger: Ledger, haircut: PerAccount) -> Ledger:
    """Takes equity itself: a social loss, not ADL."""
    book = ledger.book
    ledger = _with_book(ledger, collateral=book.collateral - haircut)
    return dataclasses.replace(ledger, debt=ledger.debt - sum_of(haircut))


def keep_surplus(ledger: Ledger, surplus: Scalar) -> Ledger:
    """What was raised and not needed goes to the fund."""
    ledger = _feed(ledger, surplus / max(ledger.fund.size, 1))
    return dataclasses.replace(ledger, debt=ledger.debt + surplus)


def buy(ledger: Ledger, bought: PerPosition) -> Ledger:
    """Adds to positions at the mark, at a mean entry price, from whoever is outside."""
    book = ledger.book
    size = book.size + bought
    value = book.size * book.entry_price + bought * ledger.mark_of
    entry = jnp.where(
        size == 0, book.entry_price, value / jnp.where(size == 0, 1, size)
    )
    ledger = _with_book(ledger, size=size, entry_price=entry)
    return dataclasses.replace(
        ledger,
        outside_cash=ledger.outside_cash + sum_of(bought * ledger.mark_of),
        outside_size=ledger.outside_size
        - by_market(book, bought, ledger.mark.shape[0]),
    )


def absorb_rounding(ledger: Ledger, owed: Scalar) -> Ledger:
    """Moves what rounding left of a debt that was paid, or paid too much, to revenue.

    A debt of a few bits would make the next round one in which something is owed.

    **Arguments:** `owed`: shape `()`, USD, the debt before it was paid.
    """
    # What haircuts may miss their budget by, see `adl_round.decide`.
    slack = jnp.finfo(owed.dtype).eps ** 0.75 * owed
    rest = jnp.where(ledger.debt <= slack, ledger.debt, 0)
    return dataclasses.replace(
        ledger, debt=ledger.debt - rest, revenue=ledger.revenue - rest
    )


def withdraw(ledger: Ledger, amount: PerAccount) -> Ledger:
    """Accounts take money out."""
    book = ledger.book
    ledger = _with_book(ledger, collateral=book.collateral - amount)
    outside = ledger.outside_cash + sum_of(amount)
    return dataclasses.replace(ledger, outside_cash=outside)


class Settlement(NamedTuple):
    """Where a round's executed money went. Shape `()`, USD, all >= 0.

    `executed` = `paid_needed` + `paid_carried` + `overshoot`, and
    `needed` = `paid_needed` + `undershoot`.
    """

    paid_needed: Scalar
    paid_carried: Scalar
    undershoot: Scalar
    overshoot: Scalar


def settle(executed: Scalar, needed: Scalar, carried: Scalar) -> Settlement:
    """Pays what this round needed, then earlier unpaid debt; the rest is surplus.

    **Arguments:**

    - `executed`: shape `()`, USD raised from winners, H_t.
    - `needed`: shape `()`, USD, the ex post benchmark (6).
    - `carried`: shape `()`, USD of debt unpaid in earlier rounds; 0 on given rounds,
        whose deficits already hold it.

    **Returns:** a `Settlement`.

    **Invariants:** no dollar appears or is lost, see `Settlement`.

    **Differentiability:** almost everywhere; kinks where a debt is met exactly.
    """
    paid_needed = jnp.minimum(executed, needed)
    paid_carried = jnp.minimum(executed - paid_needed, carried)
    return Settlement(
        paid_needed=paid_needed,
        paid_carried=paid_carried,
        undershoot=needed - paid_needed,
        overshoot=executed - paid_needed - paid_carried,
    )
