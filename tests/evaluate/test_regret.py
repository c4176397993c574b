import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog, minimize_scalar

from adl_jax.evaluate import regret


# XLA flushes subnormal numbers to zero, and a cent is far above them.
USD = st.just(0.0) | st.floats(0.01, 1e3)
SIX = st.lists(USD, min_size=6, max_size=6).map(np.array)


def severity_loss(theta, deficit, needed, capacity, fair):
    executed = np.minimum(theta * deficit, capacity)
    share = np.divide(executed, capacity, out=np.zeros(6), where=capacity > 0)
    return (np.abs(executed - needed) + fair * share).sum()


def fraction_loss(fraction, needed, capacity, fair):
    return (
        np.abs(fraction * capacity - needed) + fair * fraction * (capacity > 0)
    ).sum()


@settings(deadline=None, derandomize=True, max_examples=60)
@given(SIX, SIX, SIX, st.sampled_from([0.0, 1.0, 50.0]))
def test_best_fixed_choices_beat_a_fine_grid(deficit, needed, capacity, fair):
    money = tuple(jnp.asarray(x) for x in (deficit, needed, capacity))
    best = regret.best_fixed_severity(*money, fair=fair)
    at_best = severity_loss(float(best.value), deficit, needed, capacity, fair)
    np.testing.assert_allclose(at_best, best.loss, rtol=1e-9, atol=1e-9)
    fraction = regret.best_fixed_haircut_fraction(*money[1:], fair=fair)
    at_best = fraction_loss(float(fraction.value), needed, capacity, fair)
    np.testing.assert_allclose(at_best, fraction.loss, rtol=1e-9, atol=1e-9)
    for x in np.linspace(0, 1, 201):
        grid = severity_loss(x, deficit, needed, capacity, fair)
        assert best.loss <= grid + 1e-9 * (1 + grid)
        grid = fraction_loss(x, needed, capacity, fair)
        assert fraction.loss <= grid + 1e-9 * (1 + grid)


def test_best_fixed_fraction_equals_scipy():
    draw = np.random.default_rng(0)
    for _ in range(20):
        needed, capacity = draw.uniform(0, 10, 6), draw.uniform(5, 50, 6)
        ours = regret.best_fixed_haircut_fraction(
            jnp.asarray(needed), jnp.asarray(capacity), fair=2.0
        )
        # min sum(e) + 2 T h with e >= |h u - needed|: a linear program over (h, e).
        eye = np.eye(6)
        program = linprog(
            np.r_[12.0, np.ones(6)],
            A_ub=np.block([[capacity[:, None], -eye], [-capacity[:, None], -eye]]),
            b_ub=np.r_[needed, -needed],
            bounds=[(0, 1)] + [(0, None)] * 6,
        )
        np.testing.assert_allclose(ours.loss, program.fun, rtol=1e-9)


@pytest.mark.parametrize("fair", [0.0, 5.0, 500.0])
def test_best_round_losses_equal_a_scalar_search(fair):
    draw = np.random.default_rng(1)
    needed, capacity = draw.uniform(0, 100, 6), draw.uniform(0, 80, 6)
    capacity[2] = 0
    ours = regret.best_round_losses(
        jnp.asarray(needed), jnp.asarray(capacity), fair=fair
    )
    for t in range(6):

        def loss(money, t=t):
            share = money / capacity[t] if capacity[t] > 0 else 0.0
            return abs(money - needed[t]) + fair * share

        searched = min(
            loss(0.0),
            loss(capacity[t]),
            loss(min(needed[t], capacity[t])),
            minimize_scalar(loss, bounds=(0, capacity[t]), method="bounded").fun,
        )
        np.testing.assert_allclose(ours[t], searched, rtol=1e-12)


def test_regrets_by_hand():
    losses = jnp.asarray([3.0, 1.0, 2.0])
    library = jnp.asarray([[1.0, 1.0, 1.0], [0.0, 4.0, 0.0], [3.0, 1.0, 2.0]])
    assert regret.policy_class_regret(losses, library) == 3
    assert regret.policy_class_regret(library[0], library) == 0
    assert regret.dynamic_regret(losses, jnp.asarray([1.0, 1.0, 0.0])) == 4
    comparator = regret.StaticComparator(jnp.asarray(0.5), jnp.asarray(2.5))
    assert regret.static_regret(losses, comparator) == 3.5
    executed, needed = jnp.asarray([1.0, 5.0]), jnp.asarray([3.0, 4.0])
    assert regret.cumulative_undershoot(executed, needed) == 2


def test_a_fixed_queue_has_the_linear_regret_of_the_paper():
    # Section 4.1, eq. (18): capacities alternate, the queue always asks account 0 first.
    rounds, large, fair = 10, 4.0, 7.0
    capacity = jnp.asarray([[1.0, large], [large, 1.0]] * (rounds // 2))
    from adl_jax.allocation import queue

    score = jnp.asarray([2.0, 1.0])
    haircut = jnp.stack([queue(score, row, 1.0) for row in capacity])
    worst = (haircut / capacity).max(axis=1)
    best = fair / large * jnp.ones(rounds)
    got = regret.dynamic_regret(fair * worst, best)
    np.testing.assert_allclose(got, rounds / 2 * fair * (1 - 1 / large))
