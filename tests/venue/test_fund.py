"""The layers before ADL: what a fund pays, its size, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.result import InputError
from adl_jax.venue import Fund, Vault, fund_after, fund_capacity, fund_size, venues


def test_companion_fund_after_a_period():
    """C-(15), (16): flows 2, 10 and 4 by 0.5, 0.1 and 0.25 into 5, a deficit of 8."""
    balance, residual = fund_after(
        5.0, 8.0, liquidation_fees=0.5 * 2, inflow=0.1 * 10 + 0.25 * 4
    )
    assert (float(balance), float(residual)) == (3, 3)


def test_a_fund_that_suffices_keeps_the_rest():
    balance, residual = fund_after(jnp.array([5.0, 5.0]), jnp.array([2.0, 0.0]))
    np.testing.assert_array_equal(balance, [3, 5])
    np.testing.assert_array_equal(residual, [0, 0])


@pytest.mark.parametrize(
    ("quantile", "want"),
    [
        (lambda level: -10 * jnp.log(1 - level), 29.957),
        (lambda level: (1 - level) ** (-1 / 1.5), 7.368),
    ],
    ids=["exponential of mean 10", "Pareto(1, 1.5)"],
)
def test_companion_fund_size(quantile, want):
    """C-2.3, A.8: the quantile of the deficit at 1 - r / kappa = 0.95."""
    np.testing.assert_allclose(fund_size(quantile, 0.05, 1.0), want, atol=5e-4)
    assert float(fund_size(quantile, 1.0, 1.0)) == 0
    assert float(fund_size(quantile, 3.0, 1.0)) == 0


def test_companion_fund_size_is_the_least_cost():
    """r*K + kappa * E(D - K)+ of an exponential of mean 10, on a grid."""
    cost, penalty, mean = 0.3, 2.0, 10.0
    best = float(fund_size(lambda level: -mean * jnp.log(1 - level), cost, penalty))
    grid = np.linspace(0, 80, 80_001)
    total = cost * grid + penalty * mean * np.exp(-grid / mean)
    assert abs(best - grid[total.argmin()]) < 1e-3


@pytest.mark.parametrize(("cost", "penalty"), [(0.0, 1.0), (-1.0, 1.0), (0.1, 0.0)])
def test_fund_size_needs_costs(cost, penalty):
    with pytest.raises(InputError, match="give a number above 0"):
        fund_size(lambda level: level, cost, penalty)


@pytest.mark.parametrize(
    ("highest", "loss", "adl"),
    [(1e6, 350e3, 50e3), (2e6, 600e3, 0.0), (2e6, 600_001.0, 1.0)],
)
def test_bybit_pool_covers_down_to_its_line(highest, loss, adl):
    """A pool of 1M and a loss of 350k leave 50k to ADL; 600k of 2M is exactly the line."""
    fund = venues["bybit"](np.array([100.0]), fund=highest).fund
    paid = np.minimum(fund_capacity(fund, fund.balance, highest), loss)
    np.testing.assert_allclose(loss - paid, adl, atol=1e-6)


def test_a_pool_already_below_its_line_pays_nothing():
    fund = Fund(balance=0.5, floor=0.7)
    assert float(fund_capacity(fund, fund.balance, 1.0)) == 0


def test_a_fund_pays_at_most_so_much_in_a_round():
    fund = Fund(balance=10.0, floor=0.2, most=3.0)
    balance = jnp.array([10.0, 4.0, 2.0, 1.0])
    np.testing.assert_allclose(fund_capacity(fund, balance, 10.0), [3, 2, 0, 0])
    np.testing.assert_allclose(fund_capacity(Fund(balance), balance, balance), balance)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fund(-1.0), "Fund.balance is -1.0: it must be finite and at least 0"),
        (lambda: Fund([1.0, np.nan]), r"Fund.balance\[1\] is nan"),
        (lambda: Fund(1.0, floor=1.1), "Fund.floor is 1.1: it must be between 0 and 1"),
        (lambda: Fund(1.0, most=-2.0), "Fund.most is -2.0"),
        (lambda: Fund(1.0, inflow=-1.0), "Fund.inflow is -1.0"),
        (lambda: Vault(-1.0), "Vault.cash is -1.0"),
        (
            lambda: Vault([1.0, 2.0]),
            r"Vault.cash has shape \(2,\): a venue has one vault",
        ),
        (lambda: Vault(1.0, leverage=-1.0), "Vault.leverage is -1.0"),
        (lambda: Vault(1.0, below=1.5), "Vault.below is 1.5"),
    ],
)
def test_funds_and_vaults_that_owe_are_refused(make, message):
    Fund(0.0), Vault(0.0)
    with pytest.raises(ValueError, match=message):
        make()
