"""One venue's rounds without adl_jax, written in full with numba, NumPy and plain JAX.

The smallest rules that still deleverage: one market, one position an account, no order
book, no vault, no fees. In a round the mark moves; accounts under margin are closed in
full outside at linear impact; the fund pays what they owe, this round's debts first; all
of the rest, and of what earlier rounds left, is raised from winners' profit, pro rata.
Winners that gave all of it leave. What was raised and not needed feeds the fund, what
nobody paid is carried over.

Every function takes a `Crowd` and log returns of shape `(scenarios, rounds)`, and gives
three sums over rounds for each scenario: executed, needed, and debt left at the end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numba
import numpy as np


class Crowd(NamedTuple):
    """Accounts and their venue. Arrays of shape `(accounts,)`, the others of shape `()`."""

    size: np.ndarray
    entry: np.ndarray
    collateral: np.ndarray
    mark: np.ndarray
    rate: np.ndarray
    impact: np.ndarray
    fund: np.ndarray


def slacks(dtype):
    """Shares below which adl_jax takes a debt, or a profit that is left, for rounding."""
    bits = np.finfo(dtype).eps
    return float(bits**0.75), float(64 * bits)


@numba.njit(parallel=True)
def _numba_paths(crowd, log_returns, small, left):
    totals = np.zeros((log_returns.shape[0], 3))
    for s in numba.prange(log_returns.shape[0]):
        totals[s] = _numba_path(crowd, log_returns[s], small, left)
    return totals


@numba.njit
def _numba_path(crowd, log_returns, small, left):
    size, entry = crowd.size.copy(), crowd.entry.copy()
    collateral = crowd.collateral.copy()
    mark, rate, impact = crowd.mark, crowd.rate, crowd.impact
    fund = float(crowd.fund)
    # Sums over accounts are float64: one after another, float32 would lose digits.
    debt = executed = needed = 0.0
    for log_return in log_returns:
        mark = mark * np.exp(log_return)
        under = 0
        for i in range(size.size):
            equity = collateral[i] + size[i] * (mark - entry[i])
            under += equity < rate * (abs(size[i]) * mark)
        if under == 0 and debt == 0:
            continue

        long = short = owed = profits = 0.0
        for i in range(size.size):
            pnl = size[i] * (mark - entry[i])
            equity = collateral[i] + pnl
            if equity < rate * (abs(size[i]) * mark):
                long += max(size[i], 0)
                short -= min(size[i], 0)
                owed -= min(equity, 0)
            elif equity > 0:
                profits += max(pnl, 0)
        paid = min(fund, owed)
        deficit = owed - paid + max(debt - (fund - paid), 0)
        fraction = min(deficit / profits, 1) if profits > 0 else 0.0
        leaves = fraction >= 1 - left
        # In the dtype of the accounts, like everything that is done to one.
        share = size.dtype.type(fraction)
        sell = size.dtype.type(max(mark - impact * long, 0))
        buy = size.dtype.type(mark + impact * short)

        debts = raised = 0.0
        for i in range(size.size):
            pnl = size[i] * (mark - entry[i])
            equity = collateral[i] + pnl
            if equity < rate * (abs(size[i]) * mark):
                price = sell if size[i] > 0 else buy
                own = collateral[i] + size[i] * (price - entry[i])
                size[i] = 0
                collateral[i] = max(own, 0)
                debts -= min(own, 0)
            elif equity > 0 and pnl > 0:
                haircut = share * pnl
                raised += haircut
                entry[i] += haircut / size[i]
                if leaves:
                    size[i] = 0

        paid = min(fund, debts)
        spare = min(fund - paid, debt)
        missing, carried = debts - paid, debt - spare
        surplus = max(raised - missing - carried, 0)
        fund += surplus - paid - spare
        most = small * (debt + debts)
        debt = missing + carried - raised + surplus
        if debt <= most:
            debt = 0.0
        executed += raised
        needed += missing
    return executed, needed, debt


def with_numba(crowd, log_returns):
    """A kernel that goes over the accounts once, or three times in an active round.

    Parallel over scenarios, without fastmath.
    """
    return _numba_paths(crowd, log_returns, *slacks(log_returns.dtype))


def with_numpy(crowd, log_returns):
    """Vectorised over accounts, one scenario and one round after another."""
    return np.array([_numpy_path(crowd, path) for path in log_returns])


def _numpy_path(crowd, log_returns):
    size, entry, collateral, mark, rate, impact, fund = crowd
    small, left = slacks(size.dtype)
    debt = executed = needed = 0.0
    for log_return in log_returns:
        mark = mark * np.exp(log_return)
        pnl = size * (mark - entry)
        equity = collateral + pnl
        under = equity < rate * (np.abs(size) * mark)
        if not under.any() and debt == 0:
            continue

        closed, value = size[under], equity[under]
        long, short = closed[closed > 0].sum(), -closed[closed < 0].sum()
        owed = -value[value < 0].sum()
        profit = np.where(under | (equity <= 0), 0, np.maximum(pnl, 0))
        profits = profit.sum()
        paid = min(fund, owed)
        deficit = owed - paid + max(debt - (fund - paid), 0)
        fraction = min(deficit / profits, 1) if profits > 0 else 0.0
        price = np.where(
            closed > 0, max(mark - impact * long, 0), mark + impact * short
        )

        own = collateral[under] + closed * (price - entry[under])
        debts = -own[own < 0].sum()
        collateral = collateral.copy()
        collateral[under] = np.maximum(own, 0)
        raised = (fraction * profit).sum()
        entry = entry + fraction * profit / np.where(size == 0, 1, size)
        gone = under | (profit > 0) if fraction >= 1 - left else under
        size = np.where(gone, 0, size)

        paid = min(fund, debts)
        spare = min(fund - paid, debt)
        missing, carried = debts - paid, debt - spare
        surplus = max(raised - missing - carried, 0)
        fund = fund + surplus - paid - spare
        most = small * (debt + debts)
        debt = missing + carried - raised + surplus
        if debt <= most:
            debt = 0.0
        executed += raised
        needed += missing
    return executed, needed, debt


@jax.jit
def with_plain_jax(crowd, log_returns):
    """`vmap` of a `lax.scan`: every round does everything, and `where` selects."""
    return jax.vmap(lambda path: _jax_path(crowd, path))(log_returns)


def _jax_path(crowd, log_returns):
    small, left = slacks(crowd.size.dtype)

    def one_round(carry, log_return):
        size, entry, collateral, mark, fund, debt = carry
        mark = mark * jnp.exp(log_return)
        pnl = size * (mark - entry)
        equity = collateral + pnl
        under = equity < crowd.rate * (jnp.abs(size) * mark)

        closed = jnp.where(under, size, 0)
        long, short = jnp.maximum(closed, 0).sum(), jnp.maximum(-closed, 0).sum()
        owed = jnp.where(under, jnp.maximum(-equity, 0), 0).sum()
        profit = jnp.where(under | (equity <= 0), 0, jnp.maximum(pnl, 0))
        profits = profit.sum()
        paid = jnp.minimum(fund, owed)
        deficit = owed - paid + jnp.maximum(debt - (fund - paid), 0)
        some = profits > 0
        fraction = jnp.minimum(deficit / jnp.where(some, profits, 1), 1)
        fraction = jnp.where(some, fraction, 0)
        sell = jnp.maximum(mark - crowd.impact * long, 0)
        price = jnp.where(size > 0, sell, mark + crowd.impact * short)

        own = collateral + size * (price - entry)
        debts = jnp.where(under, jnp.maximum(-own, 0), 0).sum()
        collateral = jnp.where(under, jnp.maximum(own, 0), collateral)
        haircut = fraction * profit
        raised = haircut.sum()
        entry = entry + haircut / jnp.where(size == 0, 1, size)
        gone = under | ((profit > 0) & (fraction >= 1 - left))
        size = jnp.where(gone, 0, size)

        paid = jnp.minimum(fund, debts)
        spare = jnp.minimum(fund - paid, debt)
        missing, carried = debts - paid, debt - spare
        surplus = jnp.maximum(raised - missing - carried, 0)
        fund = fund + surplus - paid - spare
        rest = missing + carried - raised + surplus
        debt = jnp.where(rest <= small * (debt + debts), 0, rest)
        return (size, entry, collateral, mark, fund, debt), (raised, missing)

    start = (crowd.size, crowd.entry, crowd.collateral, crowd.mark, crowd.fund)
    start = (*start, jnp.zeros_like(crowd.fund))
    (*_, debt), (raised, missing) = jax.lax.scan(one_round, start, log_returns)
    return jnp.stack([raised.sum(), missing.sum(), debt])
