"""Section 4's laws on random books, venues and paths: nothing appears, nothing is lost.

Tolerances. Each amount of a ledger (collateral of n accounts, size * entry of p
positions, six amounts of the venue) is rounded at most ten times a round, each time by
at most eps/2 of a number no larger than S, the sum of the magnitudes of all of them;
adding them up rounds n + p + 6 times more. So cash moves by at most
(10 * rounds + n + p + 6) * eps * S: 1.7e-14 of S in float64, below the 1e-12 that is
asked for, and 9.3e-6 of S in float32.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from adl_jax import settle
from adl_jax._types import as_dtype
from adl_jax.allocation import pro_rata, pro_rata_by_group
from adl_jax.execute import execute, haircut_of
from adl_jax.liquidate import liquidate, margin, strike
from adl_jax.resolve import observe
from adl_jax.testing.conservation import money_in
from adl_jax.venue import Response
from adl_jax.world import Reacting
from tests.simulation.cases import (
    ACCOUNTS,
    MARKETS,
    POSITIONS,
    ROUNDS,
    Variant,
    make,
    simulate_all,
    stack,
)
from tests.simulation.test_oracle import VARIANTS


ROUNDINGS = 10 * ROUNDS + ACCOUNTS + POSITIONS + 6


def marked(ledger, market):
    """Equity + vault + fund + revenue + outside, at the mark, less debt."""
    # What other collateral is worth moves with its price: only cash is held to a law.
    bare = dataclasses.replace(ledger.book, holdings=None)
    own = settle.equity(dataclasses.replace(ledger, book=bare), market).sum()
    others = (ledger.vault_size + ledger.outside_size) @ ledger.mark
    cash = ledger.vault_cash + ledger.fund.sum() + ledger.revenue + ledger.outside_cash
    return own + others + cash - ledger.debt


def steps(parts):
    """One path, round by round; what is conserved, after every step of every round."""
    _, market, venue, _ = parts

    def measure(ledger):
        return (
            settle.total_cash(ledger),
            settle.open_contracts(ledger),
            marked(ledger, market),
            money_in(ledger),
        )

    def one_round(ledger, now):
        index, shock = now
        struck = strike(ledger, market, venue, shock)
        stands = margin(struck, market, venue)
        done = liquidate(struck, market, venue, shock, stands)
        pending, seen = observe(shock, done, market, venue, index)
        budget = jnp.minimum(seen.deficit, seen.capacity_total)
        contracts, haircut = None, pro_rata(seen.capacity, budget)
        if pending.offer is not None:
            offer = pending.offer
            contracts = pro_rata_by_group(
                offer.capacity, 0.7 * offer.budget, offer.group
            ).haircut
            haircut = haircut_of(pending, contracts)
        key = jax.random.fold_in(jax.random.key(1), index)
        after = execute(pending, market, venue, haircut, contracts, key=key).ledger
        return after, stack([measure(x) for x in (struck, done.ledger, after)])

    world = Reacting(*parts)
    start = world.start()
    _, measures = jax.lax.scan(one_round, start, (jnp.arange(ROUNDS), world.inputs()))
    return measure(start), measures


RESPONSE = Response(trades=0.8, closes=0.2, withdraws=0.3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "variant",
    [
        Variant(
            liquidation="slice", closes_out="insolvent", vault=True, per_market=True,
            holdings=True,
        ),
        Variant(
            settlement="contracts", liquidation="to_margin", vault=True, protect=False
        ),
    ],
    ids=["pnl", "contracts"],
)  # fmt: skip
def test_no_step_makes_or_loses_money_or_contracts(variant, dtype):
    parts = []
    for seed in range(50):
        case = make(variant, seed)
        venue = dataclasses.replace(case.venue, response=RESPONSE)
        parts.append(as_dtype((case.book, case.market, venue, case.shocks), dtype))
    first, later = jax.jit(jax.vmap(steps))(stack(parts))
    cash, contracts, worth, size = map(np.asarray, later)
    assert cash.dtype == dtype
    eps = np.finfo(dtype).eps
    scale = size.max(axis=(1, 2), keepdims=True)
    slack = min(ROUNDINGS * eps, 1e-12 if dtype == np.float64 else 1)
    start = [np.asarray(x, float).reshape(50, 1, 1, -1)[..., 0] for x in first]
    assert (np.abs(cash - start[0]) <= slack * scale).all()
    assert (np.abs(worth - start[2]) <= 2 * slack * scale).all()
    # Contracts: the same count of roundings of at most all contracts of a market.
    held = np.stack([
        np.bincount(p[0].market, np.abs(p[0].size), MARKETS) for p in parts
    ])  # fmt: skip
    assert (np.abs(contracts) <= 2 * ROUNDINGS * eps * held[:, None, None, :]).all()
    # Something happened: every fifth step, at least, moved more than rounding could.
    assert (np.abs(np.diff(size, axis=2)) > 1e-6 * scale).mean() > 0.2


@pytest.mark.parametrize("name", ["plain", "bankruptcy_slices"])
def test_every_round_of_a_simulation_records_the_same_cash(name):
    cases = [make(VARIANTS[name], 50_000 + seed) for seed in range(20)]
    records, ledgers, _ = simulate_all(VARIANTS[name], cases)
    for k, case in enumerate(cases):
        book = case.book
        start = settle.total_cash(settle.open_ledger(book, case.market, case.venue))
        final = jax.tree.map(lambda leaf, k=k: jnp.asarray(leaf[k]), ledgers)
        scale = float(money_in(final))
        scale += float(np.abs(book.size * book.entry_price).sum() * 2)
        error = np.abs(records.venue.cash[k] - float(start))
        assert error.max() <= 1e-12 * scale
        np.testing.assert_allclose(
            records.venue.cash[k, -1], settle.total_cash(final), rtol=1e-14
        )


@pytest.mark.parametrize("name", ["plain", "slices_into_a_vault"])
def test_haircuts_are_of_profit_and_sum_to_the_budget(name):
    cases = [make(VARIANTS[name], 60_000 + seed) for seed in range(20)]
    records, _, _ = simulate_all(VARIANTS[name], cases)
    assert (records.haircut >= 0).all()
    np.testing.assert_allclose(records.executed, records.budget, rtol=1e-12)
    np.testing.assert_allclose(records.haircut.sum(axis=-1), records.executed)
    assert (records.concentration <= 1 + 1e-15).all()
    assert (records.budget <= records.deficit).all()
    assert (records.executed > 0).sum() > 10
    # What rounding leaves of a debt that was paid is no deficit: none is a few bits.
    for deficit, case in zip(records.deficit, cases, strict=True):
        usd = float(np.abs(case.book.size * case.book.entry_price).sum())
        assert ((deficit == 0) | (deficit > 1e-12 * usd)).all()
    # What is taken over all rounds is at most the profit there was, at first entries.
    for k, case in enumerate(cases):
        book, taken = case.book, np.zeros(ACCOUNTS)
        for t in range(ROUNDS):
            now = records.haircut[k, t]
            taken += now
            pnl = np.asarray(book.pnl(jnp.asarray(records.venue.mark[k, t])))
            assert (taken <= pnl + 1e-9 * np.abs(pnl))[now > 0].all()


def test_a_calm_path_leaves_a_book_bit_equal():
    cases = []
    for seed in range(20):
        case = make(VARIANTS["plain"], 70_000 + seed)
        rich = dataclasses.replace(
            case.book, collateral=case.book.collateral * 50 + 1e6
        )
        calm = dataclasses.replace(
            case.shocks,
            log_return=case.shocks.log_return * 0.05,
            funding=jnp.zeros((ROUNDS, MARKETS)),
        )
        cases.append(case._replace(book=rich, shocks=calm))
    records, ledgers, statuses = simulate_all(VARIANTS["plain"], cases)
    assert not statuses.any()
    assert not records.executed.any()
    assert not records.deficit.any()
    for k, case in enumerate(cases):
        for field in ("size", "entry_price", "collateral"):
            np.testing.assert_array_equal(
                getattr(ledgers.book, field)[k], getattr(case.book, field)
            )
        assert ledgers.debt[k] == 0
        assert not ledgers.outside_cash[k].any()
        # Quiet rounds still say where the venue stands.
        np.testing.assert_array_equal(records.venue.mark[k, -1], ledgers.mark[k])
        np.testing.assert_allclose(records.venue.fund[k, -1], ledgers.fund[k])


seized = jax.jit(settle.seize)
UNIT = st.floats(0, 1)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.lists(UNIT, min_size=ACCOUNTS, max_size=ACCOUNTS).map(np.array),
)
def test_seizing_takes_profit_and_never_collateral(seed, share):
    case = make(Variant(), seed)
    ledger = settle.open_ledger(case.book, case.market, case.venue)
    profit = np.maximum(case.book.by_account(ledger.pnl), 0)
    haircut = profit * share
    after = seized(ledger, jnp.asarray(haircut))
    np.testing.assert_array_equal(after.book.collateral, ledger.book.collateral)
    np.testing.assert_array_equal(after.book.size, ledger.book.size)
    # Roundings of each position's pnl, and of entries.
    scale = np.abs(case.book.size * case.book.entry_price).sum()
    before, now = case.book.by_account(ledger.pnl), case.book.by_account(after.pnl)
    np.testing.assert_allclose(before - now, haircut, atol=1e-14 * scale)
    # No profitable position is turned into a loss, no losing one is touched.
    assert (np.asarray(after.pnl)[np.asarray(ledger.pnl) > 0] >= -1e-14 * scale).all()
    lost = np.asarray(ledger.pnl) <= 0
    np.testing.assert_array_equal(
        np.asarray(after.book.entry_price)[lost],
        np.asarray(case.book.entry_price)[lost],
    )
    assert (after.book.entry_price > 0).all()
    np.testing.assert_allclose(after.debt, -haircut.sum(), rtol=1e-14)
    np.testing.assert_allclose(
        settle.total_cash(after), settle.total_cash(ledger), atol=1e-14 * scale
    )
