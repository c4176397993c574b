"""Groups: each as if alone, the rest returned and never moved."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from adl_jax.allocation import (
    by_group,
    equal_share,
    pro_rata,
    pro_rata_by_group,
    queue,
    queue_by_group,
)


def market(n=400, groups=7, dtype=np.float64):
    rng = np.random.default_rng(0)
    group = rng.integers(0, groups - 1, n)  # The last group is empty.
    score, capacity = rng.integers(0, 9, n), rng.integers(0, 50, n)
    held = np.bincount(group, capacity, groups)
    budget = np.round(held * rng.choice([0, 0.3, 0.9, 1.5], groups)) + (held == 0) * 5
    return score.astype(dtype), capacity.astype(dtype), budget.astype(dtype), group


@pytest.mark.parametrize("groups", [5, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_queue_is_the_queue_of_each_group(dtype, groups):
    score, capacity, budget, group = market(groups=groups, dtype=dtype)
    haircut, unpaid = queue_by_group(score, capacity, budget, group)
    for g in range(len(budget)):
        inside = group == g
        alone = queue(score[inside], capacity[inside], budget[g])
        np.testing.assert_array_equal(haircut[inside], alone)
    held = np.bincount(group, capacity, len(budget))
    np.testing.assert_allclose(unpaid, np.maximum(budget - held, 0))
    assert unpaid[-1] == budget[-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["plain", "cap", "weight"])
def test_pro_rata_is_that_of_each_group(kind, dtype):
    _, capacity, budget, group = market(dtype=dtype)
    rng = np.random.default_rng(1)
    weight = (rng.random(len(group)) + 0.1).astype(dtype) if kind == "weight" else None
    cap = rng.random(len(group)).astype(dtype) if kind != "plain" else None
    result = pro_rata_by_group(capacity, budget, group, weight=weight, cap=cap)
    inside = lambda array, g: None if array is None else array[group == g]
    for g in range(len(budget)):
        alone = pro_rata(
            inside(capacity, g), budget[g], weight=inside(weight, g), cap=inside(cap, g)
        )
        tolerance = {"rtol": 2e-5 if dtype == np.float32 else 1e-10}
        np.testing.assert_allclose(inside(result.haircut, g), alone, **tolerance)
    raised = np.bincount(group, np.asarray(result.haircut, np.float64), len(budget))
    unpaid = np.asarray(result.unpaid, np.float64)
    np.testing.assert_allclose(raised + unpaid, budget, rtol=4e-6)


def test_any_allocation_by_group():
    _, capacity, budget, group = market()
    result = by_group(equal_share, capacity, budget, group)
    for g in range(len(budget) - 1):
        alone = equal_share(capacity[group == g], budget[g])
        np.testing.assert_allclose(result.haircut[group == g], alone, rtol=1e-10)


def test_batched_and_differentiable():
    score, capacity, budget, group = market(n=40, groups=3)
    stack = lambda array: jnp.stack([jnp.asarray(array)] * 3)
    many = jax.jit(jax.vmap(queue_by_group))(
        *map(stack, (score, capacity, budget, group))
    )
    alone = queue_by_group(score, capacity, budget, group)
    np.testing.assert_array_equal(many.haircut[1], alone.haircut)
    rng = np.random.default_rng(2)
    capacity = rng.random(40) + 0.5
    budget = 0.37 * np.bincount(group, capacity, 3) + [0, 0, 1.0]
    weight = rng.random(40) + 0.5
    by_queue = lambda u, b: queue_by_group(score, u, b, group).haircut
    by_level = lambda u, b, w: pro_rata_by_group(u, b, group, weight=w).haircut
    check_grads(by_queue, (capacity, budget), order=1, modes=["fwd", "rev"])
    check_grads(by_level, (capacity, budget, weight), order=1, modes=["fwd", "rev"])


def test_a_group_without_a_budget_is_refused():
    with pytest.raises(
        ValueError, match=r"group\[1\] = 2 has no budget; give 0 <= group"
    ):
        pro_rata_by_group(np.ones(2), np.ones(2), np.array([0, 2]))
