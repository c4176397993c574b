"""Projections: feasibility, optimality, derivatives, degenerate input, hard data."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads

from adl_jax.projection import entropic, euclidean
from tests import allocation_oracle as oracle


PROJECTIONS = {"euclidean": euclidean, "entropic": entropic}
RELATIVE = {np.float32: 2e-6, np.float64: 1e-12}
both = pytest.mark.parametrize("name", PROJECTIONS)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def raised(x, weight):
    return np.asarray(x, np.float64) @ np.asarray(weight, np.float64)


@both
@dtypes
@pytest.mark.parametrize("n", [1, 2**11 + 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_feasible_and_exact(name, n, dtype, weighted):
    rng = np.random.default_rng(n)
    weight = (rng.random(n) * 3 + 0.1 if weighted else np.ones(n)).astype(dtype)
    for kind, (y, upper) in oracle.books(rng, n).items():
        y = (np.abs(y) if name == "entropic" else y).astype(dtype)
        upper = upper.astype(dtype)
        reach = raised(np.where((y > 0) | (name == "euclidean"), upper, 0), weight)
        for fraction in (0.0, 1e-4, 0.5, 0.999, 1.0, 2.0):
            total = dtype(fraction * reach)
            x = PROJECTIONS[name](y, upper, total, weight=weight if weighted else None)
            assert x.dtype == dtype
            assert (x >= 0).all()
            assert (x <= upper).all()
            due = min(float(total), reach)
            assert abs(raised(x, weight) - due) <= RELATIVE[dtype] * due, (
                kind,
                fraction,
            )


@pytest.mark.parametrize("weighted", [False, True])
def test_euclidean_is_the_nearest_point(weighted):
    rng = np.random.default_rng(0)
    for n in (3, 50, 700):
        weight = rng.random(n) * 3 + 0.1 if weighted else np.ones(n)
        for y, upper in oracle.books(rng, n).values():
            total = 0.4 * weight @ upper
            x = euclidean(y, upper, total, weight=weight)
            expected = oracle.euclidean(y, upper, total, weight)
            scale = max(np.abs(y).max(), upper.max())
            np.testing.assert_allclose(x, expected, atol=1e-13 * scale)


def test_euclidean_variational_inequality():
    """<y - p, x - p> <= 0 for every feasible x: optimality without an oracle."""
    rng = np.random.default_rng(1)
    y, upper = rng.normal(size=200) * 3, rng.random(200)
    weight = rng.random(200) + 0.5
    total = 0.3 * weight @ upper
    p = euclidean(y, upper, total, weight=weight)
    for _ in range(100):
        x = euclidean(rng.normal(size=200) * 2, upper, total, weight=weight)
        assert float((y - p) @ (x - p)) <= 1e-10


def test_entropic_kkt():
    """log(x/y) is one multiple of the weight inside, and above or below it at a bound."""
    rng = np.random.default_rng(2)
    y, upper, weight = rng.random(300) * 3, rng.random(300), rng.random(300) + 0.2
    total = 0.5 * weight @ upper
    for w in (None, weight):
        x = entropic(y, upper, total, weight=w)
        price = jnp.log(x / y) / (1.0 if w is None else w)
        inside = x < upper
        level = price[inside].mean()
        np.testing.assert_allclose(price[inside], level, rtol=1e-10)
        assert (price[~inside] <= level + 1e-10).all()


def test_entropic_zero_stays_zero_and_limits_the_total():
    y, upper = np.array([0.0, 1.0, 2.0]), np.array([5.0, 5.0, 1.0])
    np.testing.assert_allclose(entropic(y, upper, 3.0), [0, 2, 1])
    np.testing.assert_allclose(entropic(y, upper, 50.0), [0, 5, 1])
    assert entropic(np.zeros(3), upper, 3.0).tolist() == [0, 0, 0]


def test_idempotent_and_scale():
    rng = np.random.default_rng(3)
    y, upper = rng.normal(size=60), rng.random(60)
    p = euclidean(y, upper, 7.0)
    np.testing.assert_allclose(euclidean(p, upper, 7.0), p, atol=1e-14)
    big = euclidean(y * 1e12, upper * 1e12, 7e12)
    np.testing.assert_allclose(big, p * 1e12, rtol=1e-9, atol=1e-1)
    q = entropic(jnp.abs(y), upper, 7.0)
    np.testing.assert_allclose(entropic(q, upper, 7.0), q, atol=1e-14)
    np.testing.assert_allclose(entropic(jnp.abs(y) * 1e12, upper, 7.0), q, rtol=1e-12)


@both
def test_permutation_and_padding(name):
    rng = np.random.default_rng(4)
    y, upper, weight = rng.random(33), rng.random(33), rng.random(33) + 0.1
    x = PROJECTIONS[name](y, upper, 5.0, weight=weight)
    order = rng.permutation(33)
    moved = PROJECTIONS[name](y[order], upper[order], 5.0, weight=weight[order])
    np.testing.assert_allclose(moved, x[order], rtol=1e-12, atol=1e-14)
    pad = lambda a: np.pad(a, (0, 200))
    padded = PROJECTIONS[name](pad(y), pad(upper), 5.0, weight=pad(weight))
    np.testing.assert_allclose(padded[:33], x, rtol=1e-12, atol=1e-14)
    assert (padded[33:] == 0).all()


def test_total_below_the_resolution_of_y():
    """A point of 1e9 and a total of 1000 in float32, whose spacing there is 64."""
    y = np.array([1e9, 1e9, 3.0], np.float32)
    x = euclidean(y, np.full(3, 1e9, np.float32), np.float32(1000))
    np.testing.assert_allclose(x, [500, 500, 0], rtol=2e-6)


@both
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients(name, weighted):
    rng = np.random.default_rng(5)
    y, upper, weight = rng.random(7) + 0.2, rng.random(7), rng.random(7) + 0.3
    f = PROJECTIONS[name]
    if weighted:
        total = 0.5 * weight @ upper
        g = lambda y, u, t, w: f(y, u, t, weight=w)
        check_grads(g, (y, upper, total, weight), order=1, modes=["fwd", "rev"])
    else:
        check_grads(f, (y, upper, 0.5 * upper.sum()), order=1, modes=["fwd", "rev"])


@both
def test_finite_at_kinks_and_forward_is_reverse(name):
    cases = [
        (np.array([1.0, 1, 1]), np.array([1.0, 1, 1]), 1.5),
        (np.array([1.0, 1, 2]), np.array([1.0, 0.5, 2]), 2.0),
        (np.zeros(3), np.zeros(3), 1.0),
        (np.array([0.0, 1, 2]), np.ones(3), 0.0),
        (np.ones(3), np.ones(3), 3.0),
        (np.ones(3), np.ones(3), 9.0),
        (np.zeros(3), np.ones(3), 1.0),
    ]
    for y, upper, total in cases:
        for weight in (np.ones(3), np.array([0.0, 1, 2])):
            f = lambda y, u, t, w: PROJECTIONS[name](y, u, t, weight=w)
            args = (y, upper, total, weight)
            forward = jax.jacfwd(f, argnums=(0, 1, 2, 3))(*args)
            reverse = jax.jacrev(f, argnums=(0, 1, 2, 3))(*args)
            for a, b in zip(forward, reverse, strict=True):
                assert jnp.isfinite(a).all()
                np.testing.assert_allclose(a, b, atol=1e-12)


def test_one_sided_derivatives_at_a_kink():
    """The derivative given at a kink is that of one side, never a mixture."""
    upper = np.array([1.0, 4.0])
    y = np.array([1.0, 1.0])
    at = lambda total: euclidean(y, upper, total)
    left = (at(2.0) - at(2.0 - 1e-6)) / 1e-6
    right = (at(2.0 + 1e-6) - at(2.0)) / 1e-6
    slope = jax.jacfwd(at)(2.0)
    np.testing.assert_allclose(left, [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(right, [0, 1], atol=1e-6)
    assert any(np.allclose(slope, side, atol=1e-6) for side in (left, right))


@both
def test_batched_heavy_rows_all_meet_the_budget_in_float32(name):
    """Pareto exponent 0.8 over six orders of magnitude, a third zeros, and ties."""
    rng = np.random.default_rng(6)
    rows, n = 32, 4097
    upper = oracle.heavy(rng, rows, n) * (rng.random((rows, n)) < 0.67)
    y = oracle.heavy(rng, rows, n)
    y[::2] = np.round(y[::2])
    upper[::2] = np.round(upper[::2])
    y, upper = y.astype(np.float32), upper.astype(np.float32)
    fraction = 10.0 ** rng.uniform(-4, 0, rows)
    total = (fraction * upper.sum(1, dtype=np.float64)).astype(np.float32)
    x = np.asarray(jax.jit(jax.vmap(PROJECTIONS[name]))(y, upper, total), np.float64)
    assert (np.abs(x.sum(1) - total) <= 2e-6 * total).all()
    assert (x <= upper).all()
    alone = PROJECTIONS[name](y[3], upper[3], total[3])
    np.testing.assert_allclose(x[3], alone, rtol=1e-5, atol=1e-5)


@both
def test_one_trace(name):
    chex.clear_trace_counter()
    f = jax.jit(chex.assert_max_traces(PROJECTIONS[name], n=1))
    for total in (0.5, 1.0, 9.0):
        f(np.ones(4), np.ones(4), total)


@both
def test_errors_name_the_place_and_the_fix(name):
    f = PROJECTIONS[name]
    with pytest.raises(ValueError, match=r"y\[2\] = nan is not finite; give"):
        f(np.array([0, 1, np.nan]), np.ones(3), 1.0)
    with pytest.raises(ValueError, match=r"upper\[0\] = -1.0 is negative; give"):
        f(np.ones(3), np.array([-1.0, 1, 1]), 1.0)
    with pytest.raises(ValueError, match=r"total = -2.0 is negative"):
        f(np.ones(3), np.ones(3), -2.0)
    with pytest.raises(ValueError, match="weight"):
        f(np.ones(3), np.ones(3), 1.0, weight=np.array([1.0, np.inf, 1.0]))


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 0.2, 0.8, 0.99]))
def test_any_mixture_of_scales(seed, fraction):
    """Every coordinate on a scale of its own, from 1e-6 to 1e6, signs and ties."""
    rng = np.random.default_rng(seed)
    y = 10 ** rng.uniform(-6, 6, 40) * rng.choice([-1, 0, 1], 40)
    upper = 10 ** rng.uniform(-6, 6, 40) * rng.choice([0, 1, 1], 40)
    weight = 10 ** rng.uniform(-2, 2, 40)
    total = fraction * weight @ upper
    x = np.asarray(euclidean(y, upper, total, weight=weight))
    assert abs(weight @ x - total) <= 1e-12 * total
    expected = oracle.euclidean(y, upper, total, weight)
    np.testing.assert_allclose(x, expected, atol=1e-9 * upper.max())
