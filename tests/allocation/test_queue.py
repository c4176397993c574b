"""The queue and its relatives: exact order, ties, vertices, instability."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from adl_jax import allocation
from adl_jax.allocation import lexicographic, queue, random_order, soft_queue
from tests import allocation_oracle as oracle


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 127, 128, 2049])
def test_is_the_greedy_queue(n, dtype):
    rng = np.random.default_rng(n)
    # Whole USD, so that sums are exact and so is the comparison.
    capacity = rng.integers(0, 9, n).astype(dtype)
    for score in (rng.integers(-3, 4, n), rng.normal(size=n), np.zeros(n)):
        score = (score * rng.choice([1, -1], n)).astype(dtype)
        for budget in np.round(np.array([0, 0.01, 0.5, 0.99, 1, 2]) * capacity.sum()):
            expected = oracle.queue(score, capacity, budget)
            np.testing.assert_array_equal(queue(score, capacity, budget), expected)


def test_negative_zero_ties_with_zero():
    capacity = np.ones(4)
    score = np.array([-0.0, 0.0, -0.0, 0.0])
    assert queue(score, capacity, 2.0).tolist() == [1, 1, 0, 0]
    in_jit = jax.jit(lambda s: queue(s * 1.0, capacity, 2.0))
    assert in_jit(score).tolist() == [1, 1, 0, 0]


def test_scores_of_every_magnitude_and_type():
    tiny, big = np.finfo(np.float64).tiny, np.finfo(np.float64).max
    score = np.array([-big, -1, -tiny, 0, tiny, 1, big])
    for k in range(1, 7):
        assert queue(score, np.ones(7), float(k)).tolist() == [0] * (7 - k) + [1] * k
    for dtype in (np.int32, np.int64, np.uint32):
        assert queue(np.array([3, 1, 2], dtype), np.ones(3), 2.0).tolist() == [1, 0, 1]


def test_one_account_at_most_is_partial():
    """Lemma 1 and Proposition 6: the queue is a vertex of the feasible set."""
    rng = np.random.default_rng(0)
    capacity = oracle.heavy(rng, 64, 500).astype(np.float32)
    score = rng.integers(0, 5, (64, 500)).astype(np.float32)
    budget = (capacity.sum(1) * rng.random(64)).astype(np.float32)
    haircut = jax.vmap(queue)(score, capacity, budget)
    assert (((haircut > 0) & (haircut < capacity)).sum(1) <= 1).all()


def test_is_the_linear_program():
    """Proposition 7: the queue maximises score.x over the feasible set."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        score, capacity = rng.permutation(12) * 1.0, rng.random(12) + 0.1
        budget = rng.random() * capacity.sum()
        best = linprog(
            -score,
            A_eq=np.ones((1, 12)),
            b_eq=budget,
            bounds=np.c_[np.zeros(12), capacity],
        )
        np.testing.assert_allclose(queue(score, capacity, budget), best.x, atol=1e-9)


def test_jumps_under_a_small_change_of_scores():
    """Proposition 8: two scores as near as you like, allocations 2B apart."""
    capacity, budget = np.full(5, 10.0), 7.0
    for delta in (1.0, 1e-6, 1e-300):
        score = np.array([delta, 0, -1, -1, -1])
        swapped = score[[1, 0, 2, 3, 4]]
        moved = jnp.abs(
            queue(score, capacity, budget) - queue(swapped, capacity, budget)
        )
        assert float(moved.sum()) == 2 * budget


def test_worst_fraction_above_pro_rata():
    """Proposition 9: any queue has a worse worst fraction, and makes inversions."""
    rng = np.random.default_rng(2)
    capacity = rng.random(20) + 0.1
    budget = 0.4 * capacity.sum()
    worst = (queue(rng.random(20), capacity, budget) / capacity).max()
    fair = allocation.pro_rata(capacity, budget) / capacity
    np.testing.assert_allclose(fair, 0.4, rtol=1e-12)
    assert worst > 0.4
    left = np.array([5.0, 3.0]) - queue(np.array([2.0, 1.0]), np.array([5.0, 3.0]), 5.0)
    assert left.tolist() == [0, 3]


def test_splitting_an_account_changes_a_queue():
    """Not Sybil resistant: a split account with two scores pays another amount."""
    whole = queue(np.array([2.0, 1.0]), np.array([10.0, 5.0]), 8.0)
    split = queue(np.array([2.0, 0.5, 1.0]), np.array([4.0, 6.0, 5.0]), 8.0)
    assert whole.tolist() == [8, 0]
    assert split.tolist() == [4, 0, 4]


def test_lexicographic_is_a_stable_sort_by_all_keys():
    rng = np.random.default_rng(3)
    keys = rng.integers(-1, 2, (3, 200)) * 1.0
    capacity = rng.integers(0, 5, 200) * 1.0
    rank = np.empty(200)
    rank[np.lexsort(-keys[::-1])] = np.arange(200)
    for budget in (1.0, 57.0, 233.0):
        expected = oracle.queue(-rank, capacity, budget)
        np.testing.assert_array_equal(
            lexicographic(list(keys), capacity, budget), expected
        )


def test_lots_are_fair():
    keys = jax.random.split(jax.random.key(0), 4000)
    first = jax.vmap(lambda key: random_order(key, jnp.ones(4), 1.0))(keys).mean(0)
    # Four standard errors of a share of 1/4 among 4000.
    np.testing.assert_allclose(first, 0.25, atol=4 * np.sqrt(0.25 * 0.75 / 4000))


def test_soft_queue_between_queue_and_pro_rata():
    rng = np.random.default_rng(4)
    score, capacity = rng.normal(size=30), rng.random(30)
    budget = 0.3 * capacity.sum()
    gap = [
        float(
            jnp.abs(
                soft_queue(score, capacity, budget, t) - queue(score, capacity, budget)
            ).max()
        )
        for t in (1.0, 0.1, 0.01, 1e-4)
    ]
    assert gap == sorted(gap, reverse=True)
    assert gap[-1] < 1e-9
    hot = soft_queue(score, capacity, budget, 1e9)
    np.testing.assert_allclose(hot, allocation.pro_rata(capacity, budget), rtol=1e-6)


def test_soft_queue_is_smooth_where_the_queue_jumps():
    capacity = np.full(2, 10.0)
    share = jax.vmap(lambda s: soft_queue(jnp.stack([s, -s]), capacity, 7.0, 0.1)[0])
    grid = jnp.linspace(-0.5, 0.5, 1001)
    assert float(jnp.abs(jnp.diff(share(grid))).max()) < 0.05
    slope = jax.jacfwd(lambda s: soft_queue(s, capacity, 7.0, 0.1))(jnp.zeros(2))
    np.testing.assert_allclose(slope.sum(0), 0, atol=1e-12)
    assert slope[0, 0] > 0
