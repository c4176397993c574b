"""What accounts do after ADL: leave, trade again, or take their money out."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from adl_jax._sums import sum_of
from adl_jax._types import Key, PerAccount, PerPosition, Scalar
from adl_jax.market import Market
from adl_jax.resolve import Round
from adl_jax.settle import Ledger, buy, equity, trade, withdraw
from adl_jax.venue import Response, Venue


def touched(
    now: Round, haircut: PerAccount, contracts: PerPosition | None
) -> Bool[Array, " accounts"]:
    """Who paid, or closed anything."""
    if contracts is None:
        return haircut > 0
    return now.liquidation.ledger.book.by_account(contracts) > 0


def leave(
    ledger: Ledger,
    now: Round,
    venue: Venue,
    haircut: PerAccount,
    contracts: PerPosition | None,
) -> tuple[Ledger, Scalar]:
    """Winners left with no profit close at the mark, outside (Definition 3)."""
    if contracts is not None or not venue.leaves or venue.basis == "collateral":
        return ledger, jnp.zeros_like(ledger.debt)
    slack = 64 * jnp.finfo(haircut.dtype).eps
    gone = (haircut > 0) & (haircut >= now.profit * (1 - slack))
    sold = jnp.where(ledger.book.of_account(gone), ledger.book.size, 0)
    # Without profit an account's entries are worth its marks; at the entries, rounding
    # does not leave it with a debt.
    at_entry = venue.basis == "profit"
    price = ledger.book.entry_price if at_entry else ledger.mark_of
    return trade(ledger, sold, price), sum_of(gone.astype(haircut.dtype))


def respond(
    ledger: Ledger,
    now: Round,
    market: Market,
    venue: Venue,
    response: Response,
    haircut: PerAccount,
    contracts: PerPosition | None,
    *,
    key: Key,
) -> Ledger:
    """Accounts that ADL touched trade again, close, or take money out, at the mark."""
    book = ledger.book
    shape, dtype = haircut.shape, haircut.dtype
    draws: Float[Array, "draws accounts"] = jax.random.uniform(key, (5, *shape), dtype)
    hit = touched(now, haircut, contracts)
    if contracts is not None:
        trades = hit & (draws[0] < response.trades)
        some = response.undoes_nothing + response.undoes_all
        part = jnp.where(draws[1] < some, 1, draws[2])
        part = jnp.where(draws[1] < response.undoes_nothing, 0, part)
        # The side it was on: nothing may be left of it.
        side = jnp.sign(now.liquidation.ledger.book.size)
        undone = book.of_account(jnp.where(trades, part, 0)) * contracts * side
        ledger = buy(ledger, undone)
        book = ledger.book
    closes = book.of_account(hit & (draws[3] < response.closes))
    ledger = trade(ledger, jnp.where(closes, book.size, 0), ledger.mark_of)
    leaves = hit & (draws[4] < response.withdraws)
    notional = jnp.abs(ledger.book.size) * ledger.mark_of
    needs = book.by_account(venue.margin.maintenance(notional, book.market))
    spare = equity(ledger, market) - response.keeps * needs
    amount = jnp.minimum(jnp.maximum(spare, 0), jnp.maximum(ledger.book.collateral, 0))
    return withdraw(ledger, jnp.where(leaves, amount, 0))
