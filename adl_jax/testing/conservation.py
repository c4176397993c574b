"""A short crash on a small simulated venue: nothing appears and nothing is lost."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from adl_jax._types import Scalar
from adl_jax.book import Book
from adl_jax.loop import simulate
from adl_jax.market import Market, Shocks
from adl_jax.policy import AbstractPolicy
from adl_jax.scenario.named import october10
from adl_jax.settle import Ledger, open_ledger, total_cash
from adl_jax.testing.laws import require
from adl_jax.venue import Venue


def money_in(ledger: Ledger) -> Scalar:
    """The magnitudes of everything that is added up, at entry and at the mark: what
    roundings are relative to.
    """
    book = ledger.book
    amounts = (
        *(ledger.vault_cash, ledger.fund, ledger.revenue, ledger.outside_cash),
        *(ledger.debt, book.collateral, book.size * book.entry_price),
        *(book.size * ledger.mark_of, ledger.vault_size * ledger.mark),
        ledger.outside_size * ledger.mark,
    )
    return jnp.stack([jnp.abs(amount).sum() for amount in amounts]).sum()


@functools.cache
def _crash() -> tuple[Venue, Book, Market, Shocks]:
    scenario = october10(num_accounts=48)
    return scenario.venue, *eqx.filter_jit(scenario.sample)(jax.random.key(1))


def check_conservation(policy: AbstractPolicy, venue: Any = None) -> None:
    """Runs a policy through October 10's falls, in float64, and holds it to the laws.

    **Arguments:** `venue`: a function of `max_leverage` and `fund`, as presets are; the
    rules of the paper if not given.
    """
    usual, book, market, shocks = _crash()
    rules = usual if venue is None else venue(np.asarray(market.max_leverage), fund=1e3)
    key = jax.random.key(2)
    run = simulate(key, book, market, rules, policy, shocks)
    records = run.records
    require(records.deficit.max() > 0, "no round has a deficit: nothing was tried")
    for leaf in jax.tree.leaves((records, run.ledger)):
        require(jnp.isfinite(leaf), "a record is not finite")
    start = open_ledger(book, market, rules)
    cash = np.asarray(total_cash(start))
    scale = money_in(start) + money_in(run.ledger)
    np.testing.assert_allclose(
        records.venue.cash, cash, rtol=0, atol=1e-12 * float(scale),
        err_msg="money appeared or was lost",
    )  # fmt: skip
    if rules.settlement == "pnl":
        np.testing.assert_allclose(records.executed, records.budget, rtol=1e-12)
        require(np.asarray(records.haircut) >= 0, "a haircut is negative")
        largest = np.asarray(records.concentration)
        require(largest <= 1 + 1e-12, "more than a whole profit is taken")
