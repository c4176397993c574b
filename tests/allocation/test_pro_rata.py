"""Pro rata: against the obvious version, its axioms, caps, risk weights, mirror step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.allocation import (
    haircut_cap,
    mirror_step,
    pro_rata,
    risk_weight,
    winner_capacity,
)
from tests import allocation_oracle as oracle


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-11)]
)
def test_is_water_filling(dtype, tolerance):
    rng = np.random.default_rng(0)
    for n in (5, 301):
        weight = oracle.heavy(rng, n).astype(dtype)
        cap = rng.choice([0, 0.2, 0.9, 1], n).astype(dtype)
        for _, capacity in oracle.books(rng, n).values():
            capacity = capacity.astype(dtype)
            for fraction in (0.01, 0.3, 0.7):
                budget = dtype(fraction * capacity.sum())
                x = pro_rata(capacity, budget, weight=weight, cap=cap)
                wide = [
                    np.asarray(a, np.float64) for a in (capacity, budget, weight, cap)
                ]
                expected = oracle.pro_rata(*wide)
                scale = max(float(capacity.max()), 1e-30)
                np.testing.assert_allclose(x, expected, atol=tolerance * scale)


def test_unique_min_max():
    """Proposition 9: moving anything off pro-rata raises the worst fraction."""
    rng = np.random.default_rng(1)
    capacity = rng.random(10) + 0.1
    x = pro_rata(capacity, 2.0)
    for _ in range(50):
        i, j = rng.choice(10, 2, replace=False)
        moved = x.at[i].add(1e-3).at[j].add(-1e-3)
        assert (moved / capacity).max() > (x / capacity).max()


def test_splitting_an_account_changes_nothing():
    """Sybil resistance, with caps and weights kept by both halves."""
    capacity, cap = np.array([10.0, 5.0, 3.0]), np.array([0.3, 1.0, 0.6])
    weight = np.array([2.0, 1.0, 4.0])
    whole = pro_rata(capacity, 6.0, weight=weight, cap=cap)
    who = [0, 0, 1, 2]
    split = pro_rata(
        np.array([4.0, 6.0, 5.0, 3.0]), 6.0, weight=weight[who], cap=cap[who]
    )
    np.testing.assert_allclose(split[0] + split[1], whole[0], rtol=1e-12)
    np.testing.assert_allclose(split[2:], whole[1:], rtol=1e-12)


def test_scale_of_the_weights_does_not_matter():
    rng = np.random.default_rng(2)
    capacity, weight, cap = rng.random((3, 50))
    for factor in (1e-12, 1e12):
        np.testing.assert_allclose(
            pro_rata(capacity, 4.0, weight=weight * factor, cap=cap),
            pro_rata(capacity, 4.0, weight=weight, cap=cap),
            rtol=1e-12,
        )


def test_gradient_is_exact_beside_a_cap():
    """One-sided finite differences on the two sides of the budget that meets a cap."""
    capacity, cap = np.array([10.0, 5.0, 1.0]), np.array([0.3, 1.0, 0.5])
    slope = jax.jacfwd(lambda b: pro_rata(capacity, b, cap=cap))
    np.testing.assert_allclose(slope(4.7), np.array([10, 5, 1]) / 16, rtol=1e-12)
    np.testing.assert_allclose(slope(4.9), np.array([0, 5, 1]) / 6, rtol=1e-12)
    np.testing.assert_allclose(slope(7.5), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(slope(9.0), 0)
    assert jnp.isfinite(slope(4.8)).all()


def test_risk_weights():
    leverage = np.array([0.5, 1.0, 3.0])
    np.testing.assert_allclose(risk_weight(leverage), leverage**2)
    np.testing.assert_allclose(
        risk_weight(leverage, "power", parameter=2.0), leverage**3
    )
    tail = risk_weight(leverage, "cvar", parameter=0.9)
    np.testing.assert_allclose(tail, leverage * np.maximum(leverage - 0.9, 0))
    with pytest.raises(Exception, match="linear"):
        risk_weight(leverage, "cubic")  # pyright: ignore[reportArgumentType]
    slope = jax.grad(lambda p: risk_weight(jnp.zeros(2), "power", parameter=p).sum())
    assert slope(2.0) == 0


def test_bases():
    pnl, equity = np.array([5.0, 5.0, 5.0, -1.0]), np.array([9.0, 3.0, -2.0, 4.0])
    assert winner_capacity(pnl).tolist() == [5, 5, 5, 0]
    assert winner_capacity(pnl, equity=equity, basis="equity").tolist() == [5, 3, 0, 0]
    with pytest.raises(ValueError, match="needs the argument equity"):
        winner_capacity(pnl, basis="equity")
    with pytest.raises(Exception, match="profit"):
        winner_capacity(pnl, basis="cash")  # pyright: ignore[reportArgumentType]


def test_floors_are_kept():
    equity, floor = np.array([10.0, 5.0, 1.0]), np.array([4.0, 0.0, 2.0])
    on_equity = haircut_cap(equity, equity=equity, floor=floor, largest=0.9)
    np.testing.assert_allclose(on_equity, [0.6, 0.9, 0.0])
    profit = np.array([8.0, 5.0, 1.0])
    on_profit = haircut_cap(profit, equity=equity, floor=floor)
    np.testing.assert_allclose(on_profit, [0.75, 1.0, 0.0])
    haircut = pro_rata(profit, 99.0, cap=on_profit)
    assert (equity - haircut >= np.minimum(floor, equity)).all()
    np.testing.assert_allclose(haircut_cap(profit, largest=0.3), 0.3)


def test_mirror_steps_are_the_minimisers():
    """No feasible direction lowers the objective that defines the step."""
    rng = np.random.default_rng(3)
    n, budget, step = 12, 3.0, 0.7
    capacity, start = rng.random(n) + 0.2, rng.random(n) * 0.8 + 0.1
    gradient = rng.normal(size=n)

    def euclidean(h):
        return step * gradient @ h + 0.5 * jnp.sum((h - start) ** 2)

    def entropic(h):
        usd = capacity * h
        entropy = jnp.sum(usd * jnp.log(h / start) - usd + capacity * start)
        return step * gradient @ usd + entropy

    for geometry, objective in (("euclidean", euclidean), ("entropic", entropic)):
        h = mirror_step(start, gradient, capacity, budget, step, geometry=geometry)
        np.testing.assert_allclose(capacity @ h, budget, rtol=1e-12)
        slope = jax.grad(objective)(jnp.maximum(h, 1e-12)) / capacity
        inside = (h > 1e-9) & (h < 1 - 1e-9)
        price = slope[inside].mean()
        np.testing.assert_allclose(slope[inside], price, rtol=1e-8, atol=1e-8)
        assert (slope[h <= 1e-9] >= price - 1e-8).all()
        assert (slope[h >= 1 - 1e-9] <= price + 1e-8).all()
    with pytest.raises(Exception, match="euclidean"):
        mirror_step(start, gradient, capacity, budget, step, geometry="log")
