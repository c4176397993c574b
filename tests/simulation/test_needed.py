"""What a round needs, owes and takes: by hand, from the documents, and in the paper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import Book, Market, Shocks
from adl_jax.evaluate.regret import dynamic_regret
from adl_jax.liquidate import Shock, liquidate, margin, price_after, strike
from adl_jax.resolve import debts_at, observe
from adl_jax.settle import open_ledger, withdraw
from adl_jax.venue import Fund, Response, Venue, flat_margin
from adl_jax.world import Reacting
from tests.simulation.cases import stack


# One shape for every example: 18 accounts with a position each, 3 markets, 6 rounds.
ACCOUNTS, MARKETS, ROUNDS = 18, 3, 6
PNL = {"leaves": True}
STAYS = {"leaves": False}
CONTRACTS = {
    "settlement": "contracts", "closes_out": "insolvent", "protect_collateral": False,
}  # fmt: skip


def run(
    rows, marks, *, rules=PNL, theta=1.0, who="queue", impact=(0.0, 0.0, 0.0), fund=None
):
    """Simulates accounts `(market, size, entry, collateral)` along given marks.

    `marks`: a list of triples from the start on; the last one stays.
    """
    rows = [*rows, *[(0, 0.0, 100.0, 0.0)] * (ACCOUNTS - len(rows))]
    market, size, entry, collateral = map(np.array, zip(*rows, strict=True))
    book = Book(
        np.arange(ACCOUNTS), market, size, entry, collateral, one_position_each=True
    )
    marks = np.array([*marks, *[marks[-1]] * (ROUNDS + 1 - len(marks))], float)
    venue = Venue(
        margin=flat_margin(jnp.full(MARKETS, 0.05)),
        fund=Fund(0.0, floor=0.0) if fund is None else fund,
        **rules,
    )
    zeros = np.zeros(MARKETS)
    policy = adl_jax.Policy(
        adl_jax.severity.Fixed(theta),
        adl_jax.Queue() if who == "queue" else adl_jax.ProRata(),
    )
    trajectory = adl_jax.simulate(
        jax.random.key(0), book, Market(marks[0], np.array(impact), zeros), venue,
        policy, Shocks(np.diff(np.log(marks), axis=0)),
    )  # fmt: skip
    return jax.tree.map(np.asarray, trajectory)


def equities(trajectory):
    """Final equities at the last mark."""
    book, mark = trajectory.ledger.book, trajectory.ledger.mark
    return book.collateral + book.size * (mark[book.market] - book.entry_price)


CALM = (100.0, 100.0, 100.0)
FALL = (90.0, 100.0, 100.0)


def winners(profits, entries=(100.0,) * 3):
    """Shorts whose profit at 90 is all the equity they have."""
    return [
        (0, -e / (entry - 90), entry, 0.0)
        for e, entry in zip(profits, entries, strict=True)
    ]


# Longs of 1 and 2 contracts that owe 3 and 12 at 90.
LOSERS = [(0, 1.0, 100.0, 7.0), (0, 2.0, 100.0, 8.0)]


def test_companion_item_6_a_queue_on_equities():
    # e = (10, 5, 1, -3, -12), order 2, 1, 3, theta 0.5.
    rows = winners((10.0, 5.0, 1.0), (100.0, 95.0, 110.0)) + LOSERS
    out = run(rows, [CALM, FALL], theta=0.5)
    records = out.records
    np.testing.assert_allclose(records.deficit[0], 15)
    np.testing.assert_allclose(records.budget[0], 7.5)
    np.testing.assert_allclose(records.haircut[0, :5], [2.5, 5, 0, 0, 0], atol=1e-12)
    # The second leaves with nothing and owes nothing; the others pay what is left.
    assert records.venue.left[0] == 1
    assert out.ledger.book.size[1] == 0
    assert out.ledger.book.collateral[1] == 0


def test_companion_items_7_and_18_pro_rata_and_the_queue_s_damage():
    rows = winners((10.0, 5.0, 1.0)) + LOSERS
    even = run(rows, [CALM, FALL], theta=0.5, who="pro_rata").records
    np.testing.assert_allclose(
        [10, 5, 1] - even.haircut[0, :3], [5.3125, 2.65625, 0.53125], rtol=1e-12
    )
    # The largest pays first.
    ranked = winners((10.0, 5.0, 1.0), (95.0, 100.0, 110.0)) + LOSERS
    queued = run(ranked, [CALM, FALL], theta=0.5).records
    np.testing.assert_allclose(10 - queued.haircut[0, 0], 2.5, rtol=1e-12)
    gap = queued.haircut[0, 0] - even.haircut[0, 0]
    np.testing.assert_allclose(gap, 7.5 * (1 - 10 / 16), rtol=1e-12)
    # Profit space: capacities (8, 4, 0.5).
    rows = winners((8.0, 4.0, 0.5)) + LOSERS
    profit = run(rows, [CALM, FALL], theta=0.5, who="pro_rata").records
    np.testing.assert_allclose(profit.haircut[0, :3], [4.8, 2.4, 0.3], rtol=1e-12)
    np.testing.assert_allclose(profit.concentration[0], 0.6, rtol=1e-12)


def test_companion_item_3_bad_debt_of_a_solvent_account():
    # A long of 0.4 with p_bk 0.8747 is sold at 0.78: mark 0.9, slope 0.3.
    collateral = (0.9 - 0.8747) * 0.4 + 0.1 * 0.4
    rows = [(0, 0.4, 1.0, collateral), (0, -0.4, 1.0, 1.0)]
    marks = [(1.0, 100.0, 100.0), (0.9, 100.0, 100.0)]
    out = run(rows, marks, impact=(0.3, 0, 0))
    records = out.records
    assert records.deficit[0] == 0
    np.testing.assert_allclose(records.needed[0], (0.8747 - 0.78) * 0.4, rtol=1e-12)
    np.testing.assert_allclose(records.undershoot[0], 0.03788, rtol=1e-12)
    # Nobody foresaw it; it is the next round's deficit, and paid there.
    np.testing.assert_allclose(records.deficit[1], 0.03788, rtol=1e-12)
    np.testing.assert_allclose(records.executed[1], 0.03788, rtol=1e-12)
    assert out.ledger.debt == 0


def test_companion_item_4_fund_and_residual():
    # IF 5 and D 8 leave 3; flows of 3 come in with the next round.
    rows = [(0, 1.0, 100.0, 2.0), (0, -1.0, 100.0, 0.0)]
    fund = Fund(2.0, floor=0.0, inflow=3.0)
    records = run(rows, [CALM, FALL], fund=fund).records
    np.testing.assert_allclose(records.venue.owed[0], 8)
    np.testing.assert_allclose(records.deficit[0], 3)
    np.testing.assert_allclose(records.executed[0], 3)
    np.testing.assert_allclose(records.venue.fund[:3], [0, 3, 6], atol=1e-12)


def test_what_is_not_paid_is_carried_over():
    rows = winners((100.0, 50.0, 10.0)) + LOSERS
    # The deficits of 15 halve round by round; two further losers owe 20 in the third.
    late = [(1, 1.0, 100.0, 30.0), (1, 1.0, 100.0, 30.0)]
    marks = [CALM, FALL, FALL, (90.0, 60.0, 100.0)]
    out = run(rows + late, marks, theta=0.5, who="pro_rata")
    expected, owed = [], 0.0
    for new in (15, 0, 20, 0, 0, 0):
        expected.append(owed + new)
        owed = (owed + new) / 2
    np.testing.assert_allclose(out.records.deficit, expected, rtol=1e-12)
    np.testing.assert_allclose(out.records.needed, [15, 0, 20, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(out.ledger.debt, owed, rtol=1e-12)
    # Money beyond this round's need pays what is carried: no surplus.
    assert not out.records.overshoot.any()
    nothing = run(rows + late, marks, theta=0.0, who="pro_rata")
    np.testing.assert_allclose(nothing.records.deficit, [15, 15, 35, 35, 35, 35])
    np.testing.assert_allclose(nothing.ledger.debt, 35)


@pytest.mark.parametrize("rules", [PNL, CONTRACTS], ids=["pnl", "contracts"])
def test_what_is_needed_does_not_depend_on_the_policy(rules):
    rows = winners((100.0, 50.0, 10.0)) + LOSERS
    needed = {
        float(
            run(rows, [CALM, FALL], rules=rules, theta=t, impact=(0.7, 0, 0))
            .records.needed[0]
        )
        for t in (0.0, 0.3, 1.0)
    }  # fmt: skip
    assert len(needed) == 1
    # 3 contracts move the price by 2.1 on average.
    np.testing.assert_allclose(needed.pop(), 15 + 3 * 2.1)


def test_dydx_example():
    # B deposits 100 and is short 500 from 1; at 2 it owes 400 and A, long, gets 100.
    rows = [(0, 500.0, 1.0, 50.0), (0, -500.0, 1.0, 100.0)]
    marks = [(1.0, 100.0, 100.0), (2.0, 100.0, 100.0)]
    out = run(rows, marks, rules=CONTRACTS)
    np.testing.assert_allclose(out.records.deficit[0], 400)
    np.testing.assert_allclose(out.records.haircut[0, :2], [400, 0], atol=1e-10)
    np.testing.assert_allclose(equities(out)[:2], [50 + 100, 0], atol=1e-10)
    assert not out.ledger.book.size.any()
    np.testing.assert_allclose(out.records.venue.closed_by_adl[0, 0], [0, 500])
    np.testing.assert_allclose(out.ledger.debt, 0)
    # Without ADL the price of 2 is what B's debt is measured at.
    alone = run(rows, marks, rules=CONTRACTS, theta=0.0)
    np.testing.assert_allclose(alone.ledger.debt, 400)


def test_whoever_was_closed_in_full_can_buy_everything_back():
    rows = [(0, 500.0, 1.0, 50.0), (0, -500.0, 1.0, 100.0)]
    marks = [(1.0, 100.0, 100.0), (2.0, 100.0, 100.0)]
    back = Response(trades=1.0, undoes_nothing=0.0, undoes_all=1.0)
    out = run(rows, marks, rules=CONTRACTS | {"response": back})
    np.testing.assert_allclose(out.ledger.book.size[:2], [500, 0])
    np.testing.assert_allclose(out.ledger.book.entry_price[0], 2)
    np.testing.assert_allclose(equities(out)[:2], [150, 0], atol=1e-10)
    np.testing.assert_allclose(out.ledger.outside_size[0], -500)
    away = Response(trades=0.0, undoes_nothing=0.0, undoes_all=1.0, withdraws=1.0)
    out = run(rows, marks, rules=CONTRACTS | {"response": away})
    np.testing.assert_allclose(out.ledger.book.collateral[:2], [0, 0], atol=1e-10)
    np.testing.assert_allclose(out.records.venue.solvency[0], 0, atol=1e-10)


def test_an_account_that_owes_and_holds_nothing_is_a_debt():
    market = Market(jnp.ones(1), jnp.ones(1), jnp.ones(1))
    venue = Venue(flat_margin(jnp.full(1, 0.05)))
    book = Book([0, 1, 2], [0, 0, 0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [5.0, 0.0, 9.0])
    ledger = withdraw(open_ledger(book, market, venue), jnp.array([7.0, 0.0, 0.0]))
    stands = margin(ledger, market, venue)
    np.testing.assert_array_equal(stands.liquidated, [True, False, False])
    shock = Shock(jnp.zeros(1), jnp.ones(1), jnp.ones(1))
    done = liquidate(ledger, market, venue, shock, stands)
    _, seen = observe(shock, done, market, venue, jnp.zeros((), jnp.int64))
    assert seen.deficit == 2
    assert seen.needed == 2


def test_bitmex_example():
    # Six longs; a short of 20 is liquidated; scores rise with leverage.
    sizes, scores = (10, 10, 20, 30, 20, 10), (3, 6, 1, 4, 5, 2)
    rows = [
        (0, float(q), 100.0, 1100 * q / s - 10 * q)
        for q, s in zip(sizes, scores, strict=True)
    ]
    rows.append((0, -20.0, 100.0, 100.0))
    out = run(rows, [CALM, (110.0, 100.0, 100.0)], rules=CONTRACTS)
    closed = np.array(sizes) - out.ledger.book.size[:6]
    np.testing.assert_allclose(closed, [0, 10, 0, 0, 10, 0], atol=1e-12)
    # The short's bankruptcy price is 105: it ends with nothing.
    np.testing.assert_allclose(out.records.haircut[0, :6], 5 * closed, atol=1e-12)
    np.testing.assert_allclose(equities(out)[6], 0, atol=1e-10)
    np.testing.assert_allclose(out.records.venue.unhedged[0], 20 * 110)


@pytest.mark.parametrize(
    ("pool", "loss", "adl"), [(1e6, 350e3, 50e3), (2e6, 600e3, 0.0)]
)
def test_bybit_drawdown_adl_covers_only_the_excess(pool, loss, adl):
    rows = [(0, 100_000.0, 100.0, 1e6), (0, -100_000.0, 100.0, 1e6 - loss)]
    out = run(
        rows, [CALM, (110.0, 100.0, 100.0)], rules=CONTRACTS, fund=Fund(pool, floor=0.7)
    )
    np.testing.assert_allclose(out.records.deficit[0], adl, atol=1e-6)
    np.testing.assert_allclose(out.records.executed[0], adl, atol=1e-6)
    np.testing.assert_allclose(out.records.venue.paid_by_fund[0], loss - adl)
    np.testing.assert_allclose(out.ledger.fund, 0.7 * pool, rtol=1e-12)
    np.testing.assert_allclose(out.ledger.debt, 0, atol=1e-6)


def pressing(count):
    """A long of 1 in market 2 that owes exactly 1 when the mark falls for the nth time."""
    return [(2, 1.0, 100.0, 10.0 * (t + 1) - 1) for t in range(count)]


def test_a_fixed_queue_has_the_linear_regret_of_18():
    # Capacities (1, L), (L, 1), ...; the queue always asks the first account.
    large = 4.0
    marks, own = [CALM], np.zeros(2)
    for t in range(ROUNDS):
        wanted = np.array([1, large] if t % 2 == 0 else [large, 1])
        # One short contract: the mark falls by what the profit must rise.
        moved = np.array(marks[-1][:2]) - (wanted - own)
        marks.append((*moved, 100.0 - 10 * (t + 1)))
        own = wanted - [1, 0]
    rows = [(0, -1.0, 100.0, 1e2), (1, -1.0, 100.0, 1e6), *pressing(ROUNDS)]
    records = run(rows, marks, rules=STAYS).records
    np.testing.assert_allclose(records.deficit, np.ones(ROUNDS), rtol=1e-11)
    np.testing.assert_allclose(records.capacity_total, np.full(ROUNDS, 1 + large))
    np.testing.assert_allclose(records.haircut[:, 0], np.ones(ROUNDS), rtol=1e-11)
    fair = 7.0
    best = fair / large * jnp.ones(ROUNDS)
    regret = dynamic_regret(fair * jnp.asarray(records.concentration), best)
    expected = ROUNDS / 2 * fair * (1 - 1 / large)
    np.testing.assert_allclose(regret, expected, rtol=1e-11)


def test_proposition_11_a_queue_makes_the_effective_slope_alternate():
    # 2T winners with profit 1, by turns in a deep and in a thin market; whoever pays in
    # full leaves. Budget 1 a round.
    low, high = 0.25, 4.0
    marks = [CALM] + [(90.0, 90.0, 100.0 - 10 * (t + 1)) for t in range(ROUNDS)]
    shorts = [(i % 2, -0.1, 100.0, 10.0 + i) for i in range(2 * ROUNDS)]
    rows = shorts + pressing(ROUNDS)
    slope = np.where(np.arange(ACCOUNTS) % 2 == 0, low, high)

    def effective(records):
        squares = records.haircut**2
        return (slope * squares).sum(axis=1) / squares.sum(axis=1)

    queued = run(rows, marks, impact=(low, high, 0)).records
    np.testing.assert_allclose(queued.haircut.sum(axis=1), np.ones(ROUNDS), rtol=1e-11)
    np.testing.assert_array_equal(queued.venue.left, np.ones(ROUNDS))
    path = np.abs(np.diff(effective(queued))).sum()
    np.testing.assert_allclose(path, (ROUNDS - 1) * (high - low), rtol=1e-10)
    evenly = run(rows, marks, impact=(low, high, 0), who="pro_rata").records
    np.testing.assert_array_equal(evenly.venue.left, np.zeros(ROUNDS))
    np.testing.assert_allclose(effective(evenly), (low + high) / 2, rtol=1e-10)


def test_the_two_forms_of_6_agree_in_one_to_five_markets():
    """Gaps of close-outs below their bankruptcy prices add up to accounts' debts."""
    count, each = 5, 40
    parts = []
    for seed in range(each):
        draw = np.random.default_rng(seed)
        used = 1 + seed % count
        mark = draw.uniform(1, 100, count)
        account = np.repeat(np.arange(12), used)
        market = np.tile(np.arange(used), 12)
        pad = 12 * (count - used)
        size = draw.normal(size=account.size) * 100 / mark[market]
        full = lambda x, pad=pad: np.concatenate([x, np.full(pad, x[-1])])
        # Rows that are not used are empty.
        size = np.concatenate([size, np.zeros(pad)])
        account, market = full(account), full(market)
        entry = mark[market] * draw.uniform(0.8, 1.2, size.size)
        worth = np.bincount(account, np.abs(size) * mark[market], 12)
        parts.append(
            (account, market, size, entry, worth / draw.uniform(2, 30, 12), mark)
        )

    def forms(account, market, size, entry, collateral, mark):
        book = Book(account, market, size, entry, collateral)
        slope, depth = 0.003 * mark, jnp.zeros(count)
        where = Market(mark, slope, depth)
        venue = Venue(flat_margin(jnp.full(count, 0.04)))
        world = Reacting(book, where, venue, Shocks(jnp.zeros((1, count))))
        shock = jax.tree.map(lambda leaf: leaf[0], world.inputs())
        ledger = strike(world.start(), where, venue, shock)
        done = liquidate(ledger, where, venue, shock, margin(ledger, where, venue))
        _, seen = observe(shock, done, where, venue, jnp.zeros((), jnp.int64))
        price = price_after(mark, slope, done.quantity)
        by_account = debts_at(done, price)
        side = (done.closeout < 0).astype(jnp.int64)
        gaps = done.closeout * (done.bankruptcy - price[market, side])
        per_closeout = jnp.where(done.closing, book.by_account(gaps), 0)
        implied = book.by_account((mark[market] - done.bankruptcy) * size)
        holds = book.by_account(jnp.abs(size)) > 0
        return by_account, per_closeout, seen.needed, implied, done.equity, holds

    stacked = stack([tuple(map(jnp.asarray, p)) for p in parts])
    by_account, per_closeout, needed, implied, equity, holds = map(
        np.asarray, jax.jit(jax.vmap(forms))(*stacked)
    )
    assert (by_account > 0).any(axis=1).sum() > each / 2
    scale = np.abs(equity).max()
    np.testing.assert_allclose(
        by_account, np.maximum(per_closeout, 0), atol=1e-12 * scale
    )
    np.testing.assert_allclose(needed, by_account.sum(axis=1), rtol=1e-12)
    # p_bk: closing everything at bankruptcy prices uses up exactly the equity.
    np.testing.assert_allclose(
        implied[holds], equity[holds], rtol=1e-12, atol=1e-12 * scale
    )
