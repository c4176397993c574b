"""A live decision against sums by hand, the loop, and itself."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax.io import book_from_tables, example
from adl_jax.live import decide_now, policy_named
from adl_jax.result import InputError
from adl_jax.venue import venues
from tests.io.books import HOSTILE, large


def test_pro_rata_by_hand():
    decision = decide_now(example(), policy_named("pro_rata"))
    profit = {"whale": 28_000, "blue-fund": 26_400, "market-maker": 5_900}
    given = {line.account: line.haircut_usd for line in decision.lines}
    assert given == pytest.approx(
        {name: 9_000 * one / 60_300 for name, one in profit.items()}
    )
    assert decision.totals == pytest.approx(
        {
            "owed": 15_000,
            "fund_pays": 6_000,
            "deficit": 9_000,
            "capacity": 60_300,
            "budget": 9_000,
            "raised": 9_000,
            "unpaid": 0,
            "winners": 3,
            "touched": 3,
        }
    )
    assert [tuple(one) for one in decision.insolvent] == [
        ("anna", pytest.approx(10_000)),
        ("trader-17", pytest.approx(5_000)),
    ]
    assert decision.lines[0].reason == (
        "pro rata, the same part from everybody: 14.93% of what it can give"
    )
    assert decision.status == "successful"


def test_the_queue_ends_where_the_deficit_does():
    decision = decide_now(example(), policy_named("queue"), deficit=30_000.0)
    first, second = decision.lines
    assert first.share == pytest.approx(1)
    assert first.reason.startswith("number 1 of 3 in the queue")
    assert first.reason.endswith("all of it")
    assert second.reason.startswith("number 2 of 3 in the queue")
    assert second.reason.endswith("where the queue ends")
    assert decision.totals["raised"] == pytest.approx(30_000)


def test_what_winners_do_not_have_stays_unpaid():
    decision = decide_now(example(), policy_named("pro_rata"), deficit=100_000.0)
    assert decision.totals["raised"] == pytest.approx(60_300)
    assert decision.totals["unpaid"] == pytest.approx(39_700)
    assert decision.totals["fund_pays"] == 0


@pytest.mark.parametrize(
    ("name", "venue"), [("queue", None), ("leverage_weighted", "binance")]
)
def test_the_loop_does_the_same(name, venue):
    """In the first round of a path in which nothing moves and nothing can be sold."""
    snapshot = book_from_tables(large(accounts=200, markets=3))
    snapshot = dataclasses.replace(
        snapshot, fund=np.array(1.0), collateral=snapshot.collateral * 1e-3
    )
    rules = None if venue is None else venues[venue]()
    ours = decide_now(snapshot, policy_named(name), venue=rules)
    assert ours.totals["deficit"] > 0
    market = dataclasses.replace(snapshot.market(), depth=jnp.zeros(3))
    rules = dataclasses.replace(snapshot.venue(rules), closes_out="insolvent")
    run = adl_jax.simulate(
        jax.random.key(0),
        snapshot.book(),
        market,
        dataclasses.replace(rules, vault=None),
        policy_named(name),
        adl_jax.Shocks(log_return=jnp.zeros((1, 3))),
    )
    assert ours.totals["deficit"] == pytest.approx(float(run.records.deficit[0]))
    assert ours.totals["budget"] == pytest.approx(float(run.records.budget[0]))
    given = np.zeros(len(snapshot.accounts))
    for line in ours.lines:
        given[snapshot.accounts.index(line.account)] += line.haircut_usd
    np.testing.assert_allclose(given, run.records.haircut[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["queue", "pro_rata"])
def test_contracts_are_whole_lots_and_no_more_than_the_losers(name):
    snapshot = example()
    decision = decide_now(snapshot, policy_named(name), venue=venues["binance"]())
    lot = dict(zip(snapshot.markets, snapshot.lot, strict=True))
    closed = {"BTC": 0.0, "ETH": 0.0}
    for line in decision.lines:
        assert line.lots == round(line.close / lot[line.market])
        assert line.close == pytest.approx(line.lots * lot[line.market], rel=1e-12)
        assert 0 < line.close <= abs(line.position) + 1e-12
        # At the bankruptcy price a long loser's contract costs a short winner this.
        assert line.haircut_usd == pytest.approx(
            line.close * {"BTC": 2_500, "ETH": 100}[line.market]
        )
        closed[line.market] += line.close
    # The deficit is 9,000 of 15,000 owed: so much of 2 BTC and 100 ETH.
    for market, contracts in {"BTC": 1.2, "ETH": 60}.items():
        assert contracts - lot[market] < closed[market] <= contracts + 1e-9
    assert decision.totals["unpaid"] < 0.001 * 2_500 + 0.01 * 100


def test_nothing_is_asked_where_nothing_is_missing():
    rich = dataclasses.replace(example(), fund=np.array(1e6))
    for venue in (None, venues["binance"]()):
        decision = decide_now(rich, policy_named("queue"), venue=venue)
        assert decision.lines == ()
        assert decision.totals["deficit"] == decision.totals["unpaid"] == 0
        assert decision.totals["fund_pays"] == pytest.approx(15_000)


def test_the_same_answer_and_hash_every_time_and_another_for_other_inputs():
    first = decide_now(example(), policy_named("pro_rata"))
    assert decide_now(example(), policy_named("pro_rata")) == first
    more = dataclasses.replace(example(), fund=np.array(6_000.0 + 1e-9))
    others = [
        decide_now(example(), policy_named("queue")),
        decide_now(example(), policy_named("pro_rata"), deficit=9_000.0),
        decide_now(example(), policy_named("pro_rata"), venue=venues["bybit"]()),
        decide_now(more, policy_named("pro_rata")),
    ]
    hashes = {one.audit["sha256"] for one in (first, *others)}
    assert len(hashes) == 5
    assert all(len(one) == 64 for one in hashes)


@pytest.mark.parametrize(
    "name", ["equal_share", "random_order", "deficit_learner/queue", "vector_entropic"]
)
def test_every_kind_of_policy_can_be_named(name):
    decision = decide_now(example(), policy_named(name))
    assert 0 <= decision.totals["raised"] <= 9_000 + 1e-6


def test_what_cannot_be_decided_is_explained():
    with pytest.raises(
        InputError, match="no policy is called 'quee'; fix: did you mean"
    ):
        policy_named("quee")
    with pytest.raises(InputError, match="no severity is called 'fll'"):
        policy_named("fll/queue")
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="give USD, 0 or more"):
            decide_now(example(), policy_named("queue"), deficit=bad)
    solvent = dataclasses.replace(example(), collateral=np.full(6, 1e6))
    with pytest.raises(InputError, match="nobody is without equity"):
        decide_now(
            solvent, policy_named("queue"), venue=venues["binance"](), deficit=1.0
        )
    with pytest.raises(InputError, match="allocates money"):
        decide_now(example(), policy_named("equal_share"), venue=venues["binance"]())


def test_names_do_not_reach_the_numbers():
    named = dataclasses.replace(example(), accounts=HOSTILE[:6], markets=HOSTILE[6:8])
    ours, theirs = (
        decide_now(one, policy_named("pro_rata")) for one in (named, example())
    )
    assert sorted(line.haircut_usd for line in ours.lines) == sorted(
        line.haircut_usd for line in theirs.lines
    )
