"""`simulate` as a function: transformations, symmetries, leaks, gradients, errors."""

import dataclasses

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import RESULTS, Book, Hindsight, Market, Policy, ProRata, Queue, Shocks
from adl_jax._types import as_dtype
from adl_jax.allocator import RandomOrder
from adl_jax.result import InputError
from adl_jax.severity import Fixed
from adl_jax.venue import Fund, Mark, Vault, Venue, flat_margin, venues
from tests.policies import ALL
from tests.simulation.cases import (
    ACCOUNTS,
    MARKETS,
    ROUNDS,
    Variant,
    make,
    policy_of,
    stack,
)


KEY = jax.random.key(0)
PLAIN = Variant(vault=True, theta=0.8)
CONTRACTS = Variant(settlement="contracts", who="pro_rata", vault=True)


@eqx.filter_jit
def simulated(book, market, venue, shocks, policy):
    return adl_jax.simulate(KEY, book, market, venue, policy, shocks)


def parts_of(seed, variant=PLAIN):
    case = make(variant, seed)
    policy = policy_of(variant, 0.8)
    return case.book, case.market, case.venue, case.shocks, policy


def close(ours, theirs, rtol=1e-11, atol=1e-7):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def test_eager_jit_vmap_and_map_agree():
    events = [parts_of(seed) for seed in range(3)]
    single = [simulated(*parts) for parts in events]
    with jax.disable_jit():
        eager = adl_jax.simulate(KEY, *events[0][:3], events[0][4], events[0][3])
    close(eager.records, single[0].records)
    stacked = stack(events)
    records = stack([run.records for run in single])
    ledgers = stack([run.ledger for run in single])
    one = lambda parts: (lambda run: (run.records, run.ledger))(simulated(*parts))
    close(jax.jit(jax.vmap(one))(stacked), (records, ledgers))
    close(jax.lax.map(one, stacked), (records, ledgers))


def padded(book, market, shocks, venue):
    """The same venue with two more accounts, five more rows and one more market."""
    end = book.num_accounts
    wider = Book(
        np.append(book.account, [end, end, end, end + 1, end + 1]),
        np.append(book.market, [0, 1, 3, 2, 3]),
        np.append(book.size, np.zeros(5)),
        np.append(book.entry_price, np.ones(5)),
        np.append(book.collateral, np.zeros(2)),
    )
    more = lambda values, last: np.append(values, last)
    column = lambda values: np.pad(values, ((0, 0), (0, 1)))
    markets = Market(
        more(market.mark, 1.0), more(market.impact, 0.0), more(market.depth, 0.0),
        impact_estimate=more(market.impact_estimate, 0.0),
        permanent=more(market.permanent, 0.0), recovery=market.recovery,
    )  # fmt: skip
    path = Shocks(*(
        column(getattr(shocks, name))
        for name in ("log_return", "impact", "depth", "funding")
    ))  # fmt: skip
    margin = dataclasses.replace(
        venue.margin,
        rate=np.pad(venue.margin.rate, ((0, 1), (0, 0))),
        floor=np.pad(venue.margin.floor, ((0, 1), (0, 0))),
    )
    return wider, markets, dataclasses.replace(venue, margin=margin), path


def test_accounts_rows_and_markets_of_nothing_change_nothing():
    book, market, venue, shocks, policy = parts_of(3)
    base = simulated(book, market, venue, shocks, policy)
    wider = simulated(*padded(book, market, shocks, venue), policy)
    assert (base.records.executed > 0).any()
    for name in ("deficit", "needed", "executed", "budget", "concentration"):
        close(getattr(wider.records, name), getattr(base.records, name))
    close(wider.records.haircut[:, :ACCOUNTS], base.records.haircut)
    assert not wider.records.haircut[:, ACCOUNTS:].any()
    close(wider.ledger.book.collateral[:ACCOUNTS], base.ledger.book.collateral)
    assert not wider.ledger.book.collateral[ACCOUNTS:].any()
    for name in ("cash", "solvency", "fund", "liquidated", "insolvent", "unpaid"):
        close(getattr(wider.records.venue, name), getattr(base.records.venue, name))


def test_the_order_of_accounts_does_not_matter():
    book, market, venue, shocks, policy = parts_of(3)
    base = simulated(book, market, venue, shocks, policy)
    new = np.random.default_rng(0).permutation(ACCOUNTS)
    # Account i becomes account new[i].
    account = new[book.account]
    rows = np.lexsort((np.asarray(book.market), account))
    collateral = np.zeros(ACCOUNTS)
    collateral[new] = book.collateral
    moved = Book(
        account[rows], *(np.asarray(x)[rows] for x in
        (book.market, book.size, book.entry_price)), collateral,
    )  # fmt: skip
    other = simulated(moved, market, venue, shocks, policy)
    close(other.records.haircut[:, new], base.records.haircut)
    close(other.ledger.book.collateral[new], base.ledger.book.collateral)
    close(other.records.venue, base.records.venue)


def test_money_in_other_units_scales_every_result():
    book, market, venue, shocks, policy = parts_of(3)
    base = simulated(book, market, venue, shocks, policy)
    k = 1000.0
    cents = (
        dataclasses.replace(
            book, entry_price=book.entry_price * k, collateral=book.collateral * k
        ),
        dataclasses.replace(
            market, mark=market.mark * k, impact=market.impact * k,
            impact_estimate=market.impact_estimate * k, permanent=market.permanent * k,
        ),
        dataclasses.replace(
            venue,
            margin=dataclasses.replace(venue.margin, floor=venue.margin.floor * k),
            fund=dataclasses.replace(
                venue.fund, balance=venue.fund.balance * k, inflow=venue.fund.inflow * k
            ),
            vault=dataclasses.replace(venue.vault, cash=venue.vault.cash * k),
        ),
        dataclasses.replace(shocks, impact=shocks.impact * k),
    )  # fmt: skip
    scaled = simulated(*cents, policy)
    assert (base.records.executed > 0).any()
    close(scaled.records.haircut / k, base.records.haircut)
    close(scaled.records.concentration, base.records.concentration)
    close(scaled.ledger.book.collateral / k, base.ledger.book.collateral)
    close(scaled.ledger.book.size, base.ledger.book.size)
    close(scaled.records.venue.liquidated, base.records.venue.liquidated)
    close(scaled.records.venue.cash / k, base.records.venue.cash)


def test_one_trace_serves_all_numbers():
    chex.clear_trace_counter()
    book, market, venue, shocks, _ = parts_of(5)

    @eqx.filter_jit
    @chex.assert_max_traces(n=1)
    def executed(venue, policy, shocks):
        run = adl_jax.simulate(KEY, book, market, venue, policy, shocks)
        return run.records.executed

    for theta, fee in (
        (0.1, 0.0),
        (np.float64(0.2), 0.01),
        (1, 0),
        (jnp.asarray(0.3), 0.02),
    ):
        changed = dataclasses.replace(venue, liquidation_fee=fee)
        executed(changed, Policy(Fixed(theta), Queue()), shocks)


def test_one_position_each_is_the_general_path():
    draw = np.random.default_rng(4)
    count = 20
    mark = np.array([100.0, 10.0, 1.0])
    market = draw.integers(0, MARKETS, count)
    side = np.where(draw.random(count) < 0.5, 1, -1)
    size = side * draw.pareto(1.0, count) * 1e3 / mark[market]
    entry = mark[market] * draw.uniform(0.9, 1.1, count)
    collateral = np.abs(size) * entry / draw.uniform(3, 25, count)
    books = [
        Book(np.arange(count), market, size, entry, collateral, one_position_each=each)
        for each in (False, True)
    ]
    _, where, venue, shocks, _ = parts_of(5, CONTRACTS)
    for settlement in ("contracts", "pnl"):
        rules = dataclasses.replace(venue, settlement=settlement)
        # Pays by score, winners and losers alike: what the fast path might mix up.
        policy = Policy(Fixed(0.7), Queue())
        general, fast = (
            simulated(book, where, rules, shocks, policy) for book in books
        )
        assert (general.records.deficit > 0).any()
        close(fast.records, general.records)
        close(fast.ledger.book.collateral, general.ledger.book.collateral)


def test_a_replay_of_what_a_venue_saw_decides_the_same():
    book, market, venue, shocks, _ = parts_of(3)
    policy = Policy(adl_jax.severity.LastValue(), ProRata())
    run = simulated(book, market, venue, shocks, policy).records
    seen = np.asarray(run.deficit) > 0
    assert seen.sum() >= 2
    rounds = adl_jax.Rounds(
        deficit=run.deficit[seen], needed=run.needed[seen],
        capacity_total=run.capacity_total[seen],
        start_ms=np.arange(seen.sum()), end_ms=np.arange(seen.sum()),
    )  # fmt: skip
    again = adl_jax.replay(rounds, policy).records
    close(again.budget, run.budget[seen])
    close(again.undershoot, run.undershoot[seen])


HANDFUL = [
    *("fixed/queue", "last_value/pro_rata", "projected_gradient/queue"),
    *("running_mean_rate/pro_rata", "linear_impact/pro_rata"),
]


def without_book(seed):
    """Nothing is sold on the order book, where realised slopes are seen at once."""
    book, market, venue, shocks, _ = parts_of(seed)
    shocks = dataclasses.replace(shocks, depth=jnp.zeros((ROUNDS, MARKETS)))
    market = dataclasses.replace(market, impact_estimate=market.impact_estimate + 0.0)
    return book, market, venue, shocks


@pytest.mark.parametrize("name", HANDFUL)
def test_what_is_not_seen_yet_changes_no_decision(name):
    policy = ALL[name]()
    book, market, venue, shocks = without_book(3)
    decide = lambda path: simulated(book, market, venue, path, policy).records
    before = decide(shocks)
    draw = np.random.default_rng(0)
    for t in range(ROUNDS):
        noise = draw.uniform(0.2, 3, (ROUNDS, MARKETS))
        later = (np.arange(ROUNDS) > t)[:, None]
        now = (np.arange(ROUNDS) >= t)[:, None]
        changed = {
            "impact": np.where(now, shocks.impact * noise, shocks.impact),
            "log_return": np.where(
                later, -shocks.log_return * noise, shocks.log_return
            ),
            "funding": np.where(later, shocks.funding * noise, shocks.funding),
        }
        after = decide(dataclasses.replace(shocks, **changed))
        chex.assert_trees_all_equal(
            jax.tree.map(
                lambda x, t=t: x[: t + 1], (before.commitment, before.haircut)
            ),
            jax.tree.map(lambda x, t=t: x[: t + 1], (after.commitment, after.haircut)),
        )
        if t == 0 and before.deficit[0] > 0:
            assert (before.needed[0] != after.needed[0]).any()


def test_a_venue_that_sees_its_executions_has_nothing_to_predict():
    # Hindsight's budget is what is needed; a policy that raises its estimate does too.
    variant = Variant(theta=None, sees_execution=True, who="pro_rata")
    book, market, venue, shocks, policy = parts_of(3, variant)
    run = simulated(book, market, venue, shocks, policy).records
    some = np.asarray(run.needed) > 0
    assert some.any()
    limit = np.minimum(run.needed, np.minimum(run.deficit, run.capacity_total))
    close(run.budget, limit)
    best = simulated(book, market, venue, shocks, Hindsight(policy)).records
    first = int(np.flatnonzero(some)[0])
    close(best.budget[first], min(best.needed[first], best.capacity_total[first]))


def smooth(parameters):
    """A total objective on a venue where no account is near a threshold."""
    margin, fund, depth, severity, fee = parameters
    book = Book(
        jnp.array([0, 1, 2, 3, 3]), jnp.array([0, 0, 0, 0, 1]),
        jnp.array([10.0, 6.0, -9.0, -7.0, 3.0]), jnp.array([100.0, 103, 101, 99, 50]),
        jnp.array([70.0, 95.0, 400.0, 350.0]),
    )  # fmt: skip
    market = Market(
        jnp.array([100.0, 50.0]), jnp.array([0.11, 0.07]), jnp.stack([depth, depth])
    )
    venue = Venue(
        flat_margin(jnp.stack([margin, margin])),
        liquidation=adl_jax.venue.ToMargin(1.3),
        fund=Fund(fund), liquidation_fee=fee, fee_to_fund=0.5, margin_to_fund=0.3,
    )  # fmt: skip
    shocks = Shocks(jnp.array([[-0.05, -0.01], [-0.08, 0.02], [-0.03, 0.01]]))
    policy = Policy(Fixed(severity), ProRata())
    run = adl_jax.simulate(KEY, book, market, venue, policy, shocks)
    records = run.records
    money = ((records.executed - records.needed) ** 2).sum() / 100
    return money + records.concentration.sum() + 0.01 * run.ledger.debt


def test_gradients_in_the_rules_equal_central_differences():
    point = tuple(jnp.asarray(x) for x in (0.06, 2.0, 2.0, 0.6, 0.004))
    loss = jax.jit(smooth)
    reverse = jax.jit(jax.grad(smooth))(point)
    forward = jax.jit(jax.jacfwd(smooth))(point)
    chex.assert_trees_all_close(reverse, forward, rtol=1e-10)
    # Batched and then differentiated, the other way round: traced alone.
    batch = jax.tree.map(lambda x: x[None], point)
    total = lambda points: jax.vmap(smooth)(points).sum()
    jax.eval_shape(jax.grad(total), batch)
    for i, value in enumerate(point):
        step = 1e-5 * float(value)
        move = lambda by, i=i, value=value: loss(
            (*point[:i], value + by, *point[i + 1 :])
        )
        slope = (move(step) - move(-step)) / (2 * step)
        assert abs(slope) > 1e-6
        np.testing.assert_allclose(reverse[i], slope, rtol=1e-4)


def test_gradients_are_finite_where_a_book_is_degenerate():
    book, market, venue, shocks, _ = parts_of(3)

    def total(given, shocks):
        (fund, theta, fee), book, market = given
        rules = dataclasses.replace(
            venue, fund=dataclasses.replace(venue.fund, balance=fund),
            liquidation_fee=fee,
        )  # fmt: skip
        run = adl_jax.simulate(
            KEY, book, market, rules, Policy(Fixed(theta), ProRata()), shocks
        )
        r = run.records
        total = (r.executed + r.needed + r.concentration + r.venue.solvency).sum()
        return total + run.ledger.debt

    fall = dataclasses.replace(shocks, log_return=jnp.full((ROUNDS, MARKETS), -0.2))
    still = dataclasses.replace(shocks, log_return=jnp.zeros((ROUNDS, MARKETS)))
    longs = jnp.abs(book.size)
    mark = market.mark[book.market]
    replace = dataclasses.replace
    cases = {
        "no winners": (replace(book, size=longs, entry_price=mark * 1.01), fall),
        "no positions": (replace(book, size=jnp.zeros_like(book.size)), fall),
        "zero deficit": (replace(book, collateral=book.collateral + 1e9), fall),
        "all insolvent": (
            replace(book, size=longs, collateral=jnp.zeros(ACCOUNTS)), fall,
        ),
        "still": (replace(book, entry_price=mark), still),
        "nothing at all": (
            replace(book, size=longs * 0, collateral=jnp.zeros(ACCOUNTS)), still,
        ),
    }  # fmt: skip
    # Quiet rounds too: under `vmap` both branches of every round are differentiated.
    slopes = eqx.filter_jit(eqx.filter_vmap(eqx.filter_grad(total)))(
        stack([
            (tuple(jnp.asarray(x) for x in (balance, 0.5, 0.01)), changed, market)
            for changed, _ in cases.values()
            for balance in (0.0, 100.0)
        ]),
        stack([path for _, path in cases.values() for _ in range(2)]),
    )  # fmt: skip
    for leaf in jax.tree.leaves(slopes):
        for row, value in enumerate(leaf):
            assert np.isfinite(value).all(), list(cases)[row // 2]


def test_float32_follows_float64():
    """Money is a sum of n + p terms of size S, rounded some 10 times a round: see
    test_conservation. A thousandth of a per cent of the money at stake is allowed.
    """
    worst = []
    for seed in range(6):
        wide = parts_of(seed)
        narrow = as_dtype(wide, np.float32)
        one, other = (simulated(*parts) for parts in (wide, narrow))
        for leaf in jax.tree.leaves(other.records):
            assert leaf.dtype == np.float32
        # An account at a threshold may fall on either side of it: compare the others.
        if not np.array_equal(
            one.records.venue.liquidated, other.records.venue.liquidated
        ):
            continue
        stake = np.abs(wide[0].size * wide[0].entry_price).sum()
        for field in ("deficit", "needed", "executed", "budget"):
            two = (getattr(run.records, field) for run in (one, other))
            first, second = (np.asarray(x, float) for x in two)
            off = np.abs(second - first)
            worst.append(float(off.max() / stake))
    assert len(worst) >= 16
    assert max(worst) < 1e-5


@pytest.mark.parametrize("name", ["hyperliquid", "bybit", "paradex"])
def test_a_venue_in_default_numbers_follows_the_precision_of_the_book(name):
    # Traced, not run: strict promotion refuses any float64 that is left.
    book, market, _, shocks, policy = as_dtype(parts_of(3), np.float32)
    venue = venues[name](np.full(MARKETS, 20.0), fund=10.0)
    assert venue.liquidation_fee.dtype == np.float64
    shapes = eqx.filter_eval_shape(
        lambda *parts: (lambda run: (run.records, run.ledger))(
            adl_jax.simulate(KEY, *parts)
        ),
        *(book, market, venue, policy, shocks),
    )
    for leaf in jax.tree.leaves(shapes):
        assert leaf.dtype in (np.float32, np.int64)


def test_lots_are_drawn_from_the_key_one_path_or_many():
    book, market, venue, shocks, _ = parts_of(3)
    policy = Policy(Fixed(0.4), RandomOrder())

    def haircut(key):
        run = adl_jax.simulate(key, book, market, venue, policy, shocks)
        return run.records.haircut

    keys = jax.random.split(jax.random.key(3), 4)
    first, again = (jax.jit(jax.vmap(haircut))(keys) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_allclose(eqx.filter_jit(haircut)(keys[1]), first[1], rtol=1e-11)


class _Greedy(ProRata):
    """Allocates twice what it should, or half of it."""

    times: float = 2.0

    def __call__(self, observation, budget, *, key):
        return self.times * super().__call__(observation, budget, key=key)


@pytest.mark.parametrize("times", [2.0, 0.5])
def test_contracts_that_do_not_meet_the_budget_are_reported(times):
    book, market, venue, shocks, _ = parts_of(3, CONTRACTS)
    fine = simulated(book, market, venue, shocks, Policy(Fixed(0.5), ProRata()))
    assert fine.status == RESULTS.successful
    assert fine.records.venue.closed_by_adl.any()
    bad = simulated(
        book, market, venue, shocks, Policy(Fixed(0.5), _Greedy(times=times))
    )
    assert bad.status == RESULTS.infeasible_allocation


class _Money(ProRata):
    by_group = False


def wrong(seed=3, **changes):
    """The parts of a venue, some of them changed."""
    book, market, venue, shocks, policy = parts_of(seed, PLAIN)
    given = {
        "book": book, "market": market, "venue": venue, "policy": policy,
        "shocks": shocks,
    }  # fmt: skip
    return given | {k: make(given) for k, make in changes.items()}


replace = dataclasses.replace
REFUSED = {
    "rounds of other markets": (
        {"shocks": lambda g: Shocks(np.zeros((2, 5)))},
        "Shocks has 5 markets, Market has 3",
    ),
    "margins of other markets": (
        {"venue": lambda g: replace(g["venue"], margin=flat_margin(jnp.full(2, 0.05)))},
        "Venue.margin has 2 markets, Market has 3",
    ),
    "funds of other markets": (
        {"venue": lambda g: replace(g["venue"], fund=Fund(np.ones(4)))},
        "Venue.fund has 4 balances for 3 markets",
    ),
    "two precisions": (
        {"shocks": lambda g: as_dtype(g["shocks"], np.float32)},
        r"Shocks\.log_return is float32, Book is float64",
    ),
    "a market in another precision": (
        {"market": lambda g: as_dtype(g["market"], np.float32)},
        r"Market\.mark is float32, Book is float64",
    ),
    "holdings without prices": (
        {"book": lambda g: replace(g["book"], holdings=np.ones((ACCOUNTS, 1)))},
        "holdings and Market.asset_price come together",
    ),
    "an unknown market": (
        {"book": lambda g: replace(g["book"], market=g["book"].market + 3)},
        r"Book.market\[0\] is \d, but there are 3 markets",
    ),
    "open interest that does not balance": (
        {
            "book": lambda g: replace(g["book"], size=jnp.abs(g["book"].size)),
            "venue": lambda g: replace(g["venue"], requires_balance=True),
        },
        "market 0: longs hold .* contracts and shorts 0",
    ),
    "a recorded row": (
        {"policy": lambda g: adl_jax.Recorded(np.ones(ROUNDS))},
        "a recorded row cannot act on a simulated venue",
    ),
    "money where contracts are settled": (
        {
            "venue": lambda g: replace(g["venue"], settlement="contracts"),
            "policy": lambda g: Policy(Fixed(0.5), _Money()),
        },
        "Policy allocates money, and this venue settles in contracts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_parts_that_do_not_fit_are_refused(name):
    changes, message = REFUSED[name]
    given = wrong(**changes)
    with pytest.raises(InputError, match=message):
        adl_jax.simulate(KEY, **given)


def test_books_of_nothing_run():
    none = np.zeros(0)
    index = np.zeros(0, int)
    for accounts in (0, 3):
        book = Book(index, index, none, none, np.ones(accounts))
        market = Market(np.ones(1), np.ones(1), np.ones(1))
        venue = Venue(
            flat_margin(jnp.ones(1) * 0.05), vault=Vault(1.0), close_price=Mark()
        )
        run = adl_jax.simulate(
            KEY, book, market, venue, Policy(Fixed(1.0), Queue()),
            Shocks(np.full((2, 1), -0.5)),
        )  # fmt: skip
        assert not run.records.deficit.any()
        assert run.records.haircut.shape == (2, accounts)
