"""What every allocation promises, over a registry of all of them."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads

from adl_jax import allocation
from adl_jax.result import RESULTS
from tests.allocation_oracle import books


# name: function of (score, capacity, budget), all of the same budget semantics.
EXACT = {
    "queue": allocation.queue,
    "pro_rata": lambda s, u, b: allocation.pro_rata(u, b),
    "capped": lambda s, u, b: allocation.pro_rata(u, b, cap=jnp.ones_like(u)),
    "weighted": lambda s, u, b: allocation.pro_rata(u, b, weight=jnp.abs(s) + 1),
    "equal_share": lambda s, u, b: allocation.equal_share(u, b),
    "soft_queue": lambda s, u, b: allocation.soft_queue(s, u, b, 0.5),
    "random": lambda s, u, b: allocation.random_order(jax.random.key(3), u, b),
    "lexicographic": lambda s, u, b: allocation.lexicographic([s, u], u, b),
    "mirror": lambda s, u, b: (
        u
        * allocation.mirror_step(
            jnp.where(u > 0, 0.5, 0.0).astype(u.dtype), s / (1 + jnp.abs(s)), u, b, 0.1
        )
    ),
    "mirror_entropic": lambda s, u, b: (
        u
        * allocation.mirror_step(
            jnp.full_like(u, 0.5), s / (1 + jnp.abs(s)), u, b, 0.1, geometry="entropic"
        )
    ),
}
LOTS = {
    "integer_pro_rata": lambda s, u, b: allocation.integer_pro_rata(u, b, 1.0),
    "min_max_integer": lambda s, u, b: allocation.min_max_integer(u, b, 1.0),
}
EVERY = EXACT | LOTS
# By lot or by index: who pays depends on the place in the array.
POSITIONAL = {"random"}
RELATIVE = {np.float32: 2e-6, np.float64: 1e-12}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def arguments(book, fraction, dtype):
    score, capacity = (jnp.asarray(array, dtype) for array in book)
    total = np.asarray(capacity, np.float64).sum()
    return score, capacity, jnp.asarray(fraction * total, dtype)


@dtypes
@pytest.mark.parametrize("name", EXACT)
def test_feasible_and_exact(name, dtype):
    n = 1025
    allocate = jax.jit(EXACT[name])
    for kind, book in books(np.random.default_rng(n), n).items():
        for fraction in (0.0, 1e-4, 0.5, 0.999, 1.0, 2.0):
            score, capacity, budget = arguments(book, fraction, dtype)
            haircut = allocate(score, capacity, budget)
            assert haircut.dtype == dtype
            x, u = np.asarray(haircut, np.float64), np.asarray(capacity, np.float64)
            assert (x >= 0).all(), kind
            assert (x <= u).all(), kind
            due = min(float(budget), u.sum())
            assert abs(x.sum() - due) <= RELATIVE[dtype] * due, (kind, fraction)


@pytest.mark.parametrize("name", EVERY)
def test_degenerate(name):
    one, zero = jnp.ones(3), jnp.zeros(3)
    assert (EVERY[name](one, one, 0.0) == 0).all()
    assert (EVERY[name](one, zero, 5.0) == 0).all()
    assert (EVERY[name](one, one, 99.0) == 1).all()
    assert EVERY[name](one[:1], one[:1], 1.0).shape == (1,)
    assert EVERY[name](one[:0], one[:0], 1.0).shape == (0,)
    grads = jax.grad(lambda *a: jnp.sum(EVERY[name](*a) ** 2), argnums=(0, 1, 2))
    for capacity in (one, zero):
        for budget in (0.0, 1.0, 3.0, 9.0):
            assert all(jnp.isfinite(g).all() for g in grads(one, capacity, budget))


@pytest.mark.parametrize("name", sorted(set(EVERY) - POSITIONAL))
def test_permutation_and_padding(name):
    rng = np.random.default_rng(5)
    n = 33
    score, capacity = rng.permutation(n) * 1.0, rng.permutation(n) + 1.5
    budget = 0.4 * capacity.sum()
    haircut = EVERY[name](jnp.asarray(score), jnp.asarray(capacity), budget)
    order = rng.permutation(n)
    permuted = EVERY[name](
        jnp.asarray(score[order]), jnp.asarray(capacity[order]), budget
    )
    np.testing.assert_allclose(permuted, haircut[order], rtol=1e-12)
    pad = lambda array: jnp.pad(jnp.asarray(array), (0, 95))
    padded = EVERY[name](pad(score), pad(capacity), budget)
    np.testing.assert_allclose(padded[:n], haircut, rtol=1e-12)
    assert (padded[n:] == 0).all()


@pytest.mark.parametrize("name", EXACT)
def test_scale_in_money(name):
    rng = np.random.default_rng(6)
    score, capacity = rng.normal(size=40), rng.random(40) + 0.1
    if name == "lexicographic":
        score = np.round(score)
    base = EXACT[name](jnp.asarray(score), jnp.asarray(capacity), 8.0)
    scaled = EXACT[name](jnp.asarray(score), jnp.asarray(capacity) * 1024, 8.0 * 1024)
    tolerance = 1e-9 if name.startswith("mirror") else 1e-12
    np.testing.assert_allclose(scaled, base * 1024, rtol=tolerance, atol=1e-9)


@pytest.mark.parametrize("name", EXACT)
def test_monotone_in_budget(name):
    score, capacity = books(np.random.default_rng(7), 65)["signed"]
    budgets = jnp.linspace(0, 1.1 * capacity.sum(), 41)
    args = jnp.asarray(score), jnp.asarray(capacity)
    haircuts = jax.vmap(lambda budget: EXACT[name](*args, budget))(budgets)
    slack = 1e-12 * capacity.sum()
    assert (jnp.diff(haircuts, axis=0) >= -slack).all()


@pytest.mark.parametrize("name", EVERY)
def test_eager_jit_and_vmap_agree(name):
    n = 2**11 + 1
    rng = np.random.default_rng(n)
    score, capacity = (
        jnp.asarray(rng.normal(size=(3, n))),
        jnp.asarray(rng.random((3, n)) * 9),
    )
    budget = jnp.sum(capacity, axis=1) * 0.3
    batched = jax.jit(jax.vmap(EVERY[name]))(score, capacity, budget)
    alone = jax.jit(EVERY[name])
    for i in range(3):
        row = alone(score[i], capacity[i], budget[i])
        np.testing.assert_allclose(batched[i], row, rtol=1e-12, atol=1e-12)
    eager = EVERY[name](score[0], capacity[0], budget[0])
    np.testing.assert_allclose(eager, batched[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_one_trace_for_all_numbers(name):
    chex.clear_trace_counter()
    allocate = jax.jit(chex.assert_max_traces(EVERY[name], n=1))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        allocate(rng.normal(size=9), rng.random(9), float(seed))


@pytest.mark.parametrize("name", EXACT)
def test_gradients(name):
    rng = np.random.default_rng(8)
    score, capacity = rng.normal(size=9), rng.random(9) + 0.5
    budget = 0.37 * capacity.sum()
    by_money = lambda u, b: EXACT[name](jnp.asarray(score), u, b)
    if name != "lexicographic":
        check_grads(by_money, (capacity, budget), order=1, modes=["fwd", "rev"])
    if name in ("weighted", "soft_queue", "mirror", "mirror_entropic"):
        by_score = lambda s: EXACT[name](s, jnp.asarray(capacity), budget)
        check_grads(by_score, (score,), order=1, modes=["fwd", "rev"])


@pytest.mark.parametrize("name", EXACT)
def test_forward_is_reverse_at_kinks(name):
    args = jnp.array([1.0, 1, 0, 2]), jnp.array([2.0, 2, 0, 1])
    for budget in (0.0, 1.0, 3.0, 5.0, 6.0):
        f = lambda u, budget: EXACT[name](args[0], u, budget)
        forward = jax.jacfwd(f, argnums=(0, 1))(args[1], budget)
        reverse = jax.jacrev(f, argnums=(0, 1))(args[1], budget)
        for a, b in zip(forward, reverse, strict=True):
            assert jnp.isfinite(a).all()
            np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_bad_input_is_refused_by_name(name):
    good = jnp.ones(3)
    with pytest.raises(ValueError, match=r"(capacity|y|upper|weight|scores\[1\])\[1\]"):
        EVERY[name](good, jnp.array([1.0, np.inf, 1.0]), 1.0)
    with pytest.raises(ValueError, match="budget"):
        EVERY[name](good, good, np.nan)


def test_numpy_integers_and_python_numbers():
    capacity = np.array([10, 5, 1])
    assert allocation.queue(np.array([1, 3, 2]), capacity, 7).tolist() == [1, 5, 1]
    assert allocation.pro_rata(capacity, 8).dtype == jnp.float64
    assert allocation.pro_rata(capacity.astype(np.float32), 8).dtype == jnp.float32


def test_status_in_one_lane_only():
    capacity = jnp.array([[1.0, 2.0], [1.0, 2.0]])
    budget = jnp.array([2.0, 4.0])
    haircut = jax.vmap(allocation.pro_rata)(capacity, budget)
    status = jax.jit(jax.vmap(allocation.status))(haircut, budget)
    short = status == RESULTS.budget_above_capacity
    assert short.tolist() == [False, True]
    assert jax.vmap(allocation.unpaid)(haircut, budget).tolist() == [0, 1]
    nan = allocation.status(jnp.array([jnp.nan]), 1.0)
    assert bool(nan == RESULTS.nonfinite)


# Numbers that a float32 sum can tell apart; XLA flushes denormals to zero.
money = st.just(0.0) | st.floats(1e-3, 1e6)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(-3, 3), money), min_size=8, max_size=8),
    st.just(0.0) | st.floats(1e-6, 1.5),
)
@pytest.mark.parametrize("name", EXACT)
def test_any_book_is_met_exactly(name, rows, fraction):
    score, capacity = (
        np.array(column, np.float64) for column in zip(*rows, strict=True)
    )
    budget = fraction * capacity.sum()
    x = np.asarray(jax.jit(EXACT[name])(score, capacity, budget))
    assert (x >= 0).all()
    assert (x <= capacity).all()
    due = min(budget, capacity.sum())
    assert abs(x.sum() - due) <= 1e-12 * due
