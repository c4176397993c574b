"""The distribution over orders of the rounds is that of so many plain replays."""

import dataclasses

import numpy as np

import adl_jax
from adl_jax import Policy, ProRata, Queue, backtest, october10
from adl_jax.backtesting import (
    Entry,
    Role,
    order_distribution,
    random_orders,
    tracking_by_order,
)
from adl_jax.severity import Fixed, ShrunkenRate, WeightedMedian, notional_learner
from tests.conftest import make_rounds


PER_ROUND = (
    *("deficit", "needed", "capacity_total", "capacity", "score", "leverage"),
    *("closeout_quantity", "closeout_price", "closeout_gap"),
)


def test_every_order_is_a_replay_of_the_rounds_in_that_order():
    rounds = make_rounds(5, rounds=7)
    orders = random_orders(7, count=3)
    for policy in (
        Policy(WeightedMedian(), Queue()),
        Policy(ShrunkenRate(), ProRata()),
        Policy(notional_learner(), ProRata()),
    ):
        got = tracking_by_order(rounds, policy, orders)
        for value, order in zip(got, orders, strict=True):
            shuffled = dataclasses.replace(
                rounds,
                **{
                    name: np.asarray(getattr(rounds, name))[order] for name in PER_ROUND
                },
            )
            records = adl_jax.replay(shuffled, policy).records
            expected = np.abs(records.executed - records.needed).sum()
            np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_what_does_not_learn_does_not_care_about_the_order():
    rounds = october10().rounds
    found = order_distribution(rounds, Policy(Fixed(0.1), ProRata()))
    np.testing.assert_allclose(found.low, found.mean, rtol=1e-12)
    np.testing.assert_allclose(found.high, found.mean, rtol=1e-12)


def test_orders_are_permutations_and_always_the_same():
    orders = random_orders(16)
    assert orders.shape == (200, 16)
    assert (np.sort(orders, axis=1) == np.arange(16)).all()
    np.testing.assert_array_equal(orders, random_orders(16))
    assert len(np.unique(orders, axis=0)) == 200


def test_learners_alone_have_orders_in_both_units():
    event = october10()
    severity = WeightedMedian()
    policy = Policy(severity, ProRata())
    rows = backtest(
        event,
        [
            Entry("learner", policy, Role.learner, policy.information),
            Entry("constant", policy, Role.constant, policy.information),
        ],
    ).to_dict()["policies"]
    learner, constant = rows
    found = order_distribution(event.rounds, policy)
    assert learner["orders_mean_usd"] == found.mean
    assert found.low <= found.mean <= found.high
    np.testing.assert_allclose(
        learner["orders_high_percent_of_needed"],
        100 * found.high / float(event.rounds.needed.sum()),
    )
    assert (
        learner["orders_low_percent_of_bound"] < learner["orders_mean_percent_of_bound"]
    )
    assert constant["orders_mean_usd"] is None
    assert len(learner["configuration"]) == 12
