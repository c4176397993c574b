"""Whole lots: promises, optimality against HiGHS, several positions an account."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.allocation import (
    integer_pro_rata,
    min_max_integer,
    min_max_integer_positions,
    pro_rata,
    status,
)
from adl_jax.result import RESULTS
from tests import allocation_oracle as oracle


def problems(n, count, dtype=np.float64):
    rng = np.random.default_rng(n)
    for _ in range(count):
        lot = rng.choice([0.1, 0.5, 1.0, 3.0, 7.3, 100.0], n) * rng.choice(
            [1, rng.random()]
        )
        capacity = np.minimum(oracle.heavy(rng, n) * rng.choice([1, 30]), 1e5)
        budget = rng.random() * np.sum(np.floor(capacity / lot) * lot)
        yield capacity.astype(dtype), dtype(budget), lot.astype(dtype)


def lots_of(haircut, lot):
    lots = np.asarray(haircut, np.float64) / np.asarray(lot, np.float64)
    np.testing.assert_allclose(lots, np.round(lots), atol=1e-3, rtol=1e-6)
    return np.round(lots)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 300])
def test_promises(n, dtype):
    for capacity, budget, lot in problems(n, 12, dtype):
        rounding = budget * (2e-6 if dtype == np.float32 else 1e-12)
        down, up = (
            np.asarray(f(capacity, budget, lot))
            for f in (integer_pro_rata, min_max_integer)
        )
        for haircut in (down, up):
            lots_of(haircut, lot)
            assert (haircut >= 0).all()
            assert (haircut <= capacity).all()
        total = down.astype(np.float64).sum()
        assert budget - lot.max() - rounding < total <= budget + rounding
        total = up.astype(np.float64).sum()
        assert budget - rounding <= total < budget + lot.max() + rounding


@pytest.mark.parametrize("allocate", [integer_pro_rata, min_max_integer])
@pytest.mark.parametrize("n", [1, 129])
def test_more_lots_than_the_dtype_counts(allocate, n):
    """10^10 lots of one account in float32, where the next lot is not to be seen."""
    capacity = np.r_[np.float32(1e9), np.ones(n - 1, np.float32)]
    for lot in np.linspace(0.01, 0.3, 30, dtype=np.float32):
        for budget in np.float32([0.5e9, 0.999e9, 1e9, 2e9]):
            haircut = np.asarray(allocate(capacity, budget, lot))
            assert (haircut <= capacity).all()
            due = min(budget, capacity.sum(dtype=np.float64))
            assert abs(haircut.sum(dtype=np.float64) - due) <= lot * n + 2e-6 * due


def test_within_one_lot_of_pro_rata():
    for capacity, budget, lot in problems(60, 10):
        usable = np.floor(capacity / lot + 1e-9) * lot
        gap = np.abs(integer_pro_rata(capacity, budget, lot) - pro_rata(usable, budget))
        assert (gap <= lot * (1 + 1e-9)).all()


@pytest.mark.parametrize(("n", "count"), [(5, 80), (20, 60), (60, 40), (200, 20)])
def test_min_max_is_the_optimum_of_highs(n, count):
    proven = 0
    for capacity, budget, lot in problems(n, count):
        best = oracle.milp_min_max(capacity, budget, lot)
        if best is None:
            continue
        proven += 1
        worst = float((min_max_integer(capacity, budget, lot) / capacity).max())
        assert worst <= best + 1e-6
        assert worst >= best - 1e-6
    assert proven >= 0.9 * count


def test_no_needless_lot_with_one_lot_size():
    rng = np.random.default_rng(0)
    capacity = np.floor(oracle.heavy(rng, 200))
    for budget in (1.0, 10.5, 300.0):
        assert min_max_integer(capacity, budget, 1.0).sum() == np.ceil(budget)
        assert integer_pro_rata(capacity, budget, 1.0).sum() == np.floor(budget)


def test_capacity_below_a_lot_gives_nothing():
    capacity, lot = np.array([0.5, 10.0, 0.9]), np.array([1.0, 2.0, 1.0])
    assert integer_pro_rata(capacity, 6.5, lot).tolist() == [0, 6, 0]
    assert min_max_integer(capacity, 6.5, lot).tolist() == [0, 8, 0]
    everything = min_max_integer(capacity, 99.0, lot)
    assert (
        everything.tolist()
        == integer_pro_rata(capacity, 99.0, lot).tolist()
        == [0, 10, 0]
    )
    assert bool(status(everything, 99.0) == RESULTS.budget_above_capacity)


def test_lots_that_are_no_binary_fractions():
    capacity = 0.1 * np.arange(1, 50)
    full = integer_pro_rata(capacity, capacity.sum(), 0.1)
    np.testing.assert_array_equal(np.round(full / 0.1), np.arange(1, 50))
    with pytest.raises(ValueError, match=r"lot_value = 0.0 is not above 0"):
        integer_pro_rata(capacity, 1.0, 0.0)


def test_batched_is_alone():
    cases = list(problems(129, 5))
    stacked = [jnp.stack([jnp.asarray(case[i]) for case in cases]) for i in range(3)]
    for allocate in (integer_pro_rata, min_max_integer):
        batched = jax.jit(jax.vmap(allocate))(*stacked)
        for i, case in enumerate(cases):
            np.testing.assert_allclose(batched[i], allocate(*case), rtol=1e-12)


def highs_positions(capacity, budget, lot):
    from scipy.optimize import Bounds, LinearConstraint, milp

    n, m = capacity.shape
    most = np.floor(capacity / lot + 1e-9).ravel()
    rows = np.zeros((n, n * m + 1))
    for i in range(n):
        rows[i, i * m : (i + 1) * m] = lot[i]
        rows[i, -1] = -capacity[i].sum()
    result = milp(
        c=np.r_[np.zeros(n * m), 1],
        constraints=[
            LinearConstraint(rows, ub=np.zeros(n)),
            LinearConstraint(np.r_[lot.ravel(), 0][None], lb=budget),
        ],
        integrality=np.r_[np.ones(n * m), 0],
        bounds=Bounds(np.zeros(n * m + 1), np.r_[most, 1]),
        options={"time_limit": 5},
    )
    return result.fun if result.status == 0 else None


def test_positions_near_the_optimum_and_gap_holds():
    rng = np.random.default_rng(4)
    gaps = []
    for _ in range(30):
        lot = rng.choice([0.5, 1.0, 3.0, 7.0], (8, 3))
        capacity = rng.integers(0, 20, (8, 3)) * lot
        budget = float(rng.random() * capacity.sum())
        haircut, fraction, gap = min_max_integer_positions(capacity, budget, lot)
        lots_of(haircut, lot)
        assert (haircut <= capacity).all()
        assert float(haircut.sum()) >= budget * (1 - 1e-12)
        best = highs_positions(capacity, budget, lot)
        if best is not None:
            assert fraction - gap <= best + 1e-6
            gaps.append(float(fraction) - best)
    assert len(gaps) >= 25
    assert np.mean(gaps) < 0.03
    assert max(gaps) < 0.2
