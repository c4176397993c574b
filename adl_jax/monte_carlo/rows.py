"""What is kept of a scenario: one row for each policy."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from adl_jax._types import Key
from adl_jax.book import Book
from adl_jax.loop import simulate
from adl_jax.market import Market, Shocks
from adl_jax.messages import Trajectory
from adl_jax.policy import AbstractPolicy
from adl_jax.projection._multiplier import ratio
from adl_jax.venue import Venue


COLUMNS = {
    "fall": "log return of the book over the crash, each market by its open interest",
    "open_interest_start": "USD, both sides, before the crash",
    "open_interest_end": "USD, both sides, after it",
    "deficit": "USD, sum over rounds of D_t",
    "needed": "USD, sum of the ex post benchmark (6)",
    "executed": "USD, sum of what winners paid, H_t",
    "undershoot": "USD, sum of (needed - executed)+, V_T (21)",
    "overshoot": "USD, sum of (executed - needed - carried)+",
    "unpaid": "USD owed at the end that nobody paid",
    "owed": "USD, sum of what insolvent accounts owed at the mark",
    "paid_by_fund": "USD",
    "fund_end": "USD in the fund at the end",
    "vault_end": "USD, the vault's equity at the end",
    "to_vault": "USD of notional that the vault took",
    "fees": "USD of liquidation fees",
    "book_sold": "USD of notional that the order book took",
    "closed_out": "accounts closed out beyond the book and the vault, summed over rounds",
    "liquidated": "accounts under margin, summed over rounds",
    "insolvent": "accounts without equity, summed over rounds",
    "touched": "accounts that paid, summed over rounds",
    "left": "winners that closed everything after a full haircut",
    "concentration": "largest haircut fraction of any account and round",
    "worst_haircut": "USD, largest haircut of any account and round",
    "beyond_profit": "USD of haircuts above profits",
    "unhedged": "USD, change of accounts' net notional by ADL, absolute, summed",
    "refunded": "USD raised in vain and given back",
    "surplus": "USD raised in vain and kept by the fund",
    "rounds_active": "rounds in which anybody was liquidated or a debt stood",
    "rounds_with_deficit": "rounds with a deficit",
    "cash_error": "largest change of total cash, over the start's open interest",
    "log_weight": "ln of true density over the one drawn from; 0 where not tilted",
    "status": "0 where nothing went wrong, else the first failure's number",
}
"""Columns of a row beside `scenario` and `policy`, and what they mean."""


def scenario_row(
    key: Key,
    book: Book,
    market: Market,
    venue: Venue,
    policy: AbstractPolicy,
    shocks: Shocks,
) -> dict[str, Array]:
    """Runs a policy on one scenario and reduces it to a row.

    **Returns:** a scalar for each of `COLUMNS`, in the book's dtype; `status` is an int.
    """
    run = simulate(key, book, market, venue, policy, shocks, keep_haircuts=False)
    return row_of(run, book, market, shocks)


def row_of(
    run: Trajectory, book: Book, market: Market, shocks: Shocks
) -> dict[str, Array]:
    """The row of a scenario that has been run, from its book before the crash."""
    records, done = run.records, run.records.venue
    interest = (jnp.abs(book.size) * market.mark[book.market]).sum()
    fall = jnp.log(done.mark[-1] / market.mark)[book.market]
    weight = jnp.abs(book.size) * market.mark[book.market]
    dtype = interest.dtype
    assert records.concentration is not None
    error = jnp.abs(done.cash - done.cash[0]).max()
    return {
        "fall": ratio((weight * fall).sum(), interest),
        "open_interest_start": interest,
        "open_interest_end": done.open_interest[-1],
        "deficit": records.deficit.sum(),
        "needed": records.needed.sum(),
        "executed": records.executed.sum(),
        "undershoot": records.undershoot.sum(),
        "overshoot": records.overshoot.sum(),
        "unpaid": done.unpaid[-1],
        "owed": done.owed.sum(),
        "paid_by_fund": done.paid_by_fund.sum(),
        "fund_end": done.fund[-1],
        "vault_end": done.vault_equity[-1],
        "to_vault": done.to_vault.sum(),
        "fees": done.fees.sum(),
        "book_sold": done.book_sold.sum(),
        "closed_out": done.closed_out.sum(),
        "liquidated": done.liquidated.sum(),
        "insolvent": done.insolvent.sum(),
        "touched": done.touched.sum(),
        "left": done.left.sum(),
        "concentration": records.concentration.max(),
        "worst_haircut": done.largest_haircut.max(),
        "beyond_profit": done.beyond_profit.sum(),
        "unhedged": done.unhedged.sum(),
        "refunded": done.refunded.sum(),
        "surplus": done.surplus.sum(),
        "rounds_active": ((done.liquidated > 0) | (records.deficit > 0))
        .sum()
        .astype(dtype),
        "rounds_with_deficit": (records.deficit > 0).sum().astype(dtype),
        "cash_error": ratio(error, interest),
        "log_weight": (
            jnp.zeros((), dtype) if shocks.log_weight is None else shocks.log_weight
        ),
        "status": jax.lax.convert_element_type(run.status._value, jnp.int32),
    }
