"""Obvious float64 NumPy versions of every rule, and books to run them on."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def heavy(rng, *shape):
    """Pareto with exponent 0.8 over six orders of magnitude, like real winners."""
    return np.minimum((1 - rng.random(shape)) ** (-1 / 0.8), 1e6)


def books(rng, n):
    """Pairs (score or point, capacity) that have gone wrong somewhere before."""
    zeros = rng.random(n) < 0.5
    return {
        "heavy": (heavy(rng, n), heavy(rng, n)),
        "signed": (
            heavy(rng, n) * rng.choice([-1, 1], n),
            np.where(zeros, 0, heavy(rng, n)),
        ),
        "ties": (rng.integers(-2, 3, n) * 1.0, rng.integers(0, 4, n) * 1.0),
        "equal": (np.zeros(n), np.ones(n)),
        "empty": (rng.random(n), np.zeros(n)),
        "one_large": (np.r_[1e9, rng.random(n - 1)], np.r_[1e9, rng.random(n - 1)]),
    }


def queue(score, capacity, budget):
    order = np.argsort(-np.where(score == 0, 0, score), kind="stable")
    left, haircut = budget, np.zeros(len(capacity))
    for i in order:
        haircut[i] = min(capacity[i], max(left, 0))
        left -= haircut[i]
    return haircut


def level(amount, target, breakpoints):
    """The multiplier at which a rising piecewise linear sum reaches its target."""
    points = np.unique(breakpoints)
    values = np.array([amount(t).sum() for t in points])
    j = np.clip(np.searchsorted(values, target), 1, len(points) - 1)
    rise = values[j] - values[j - 1]
    share = (target - values[j - 1]) / rise if rise > 0 else 0.0
    return points[j - 1] + share * (points[j] - points[j - 1])


def pro_rata(capacity, budget, weight=None, cap=None):
    weight = np.ones(len(capacity)) if weight is None else weight
    cap = np.minimum(np.ones(len(capacity)) if cap is None else cap, 1)
    counts = (weight > 0) & (capacity > 0)
    most = np.where(counts, cap * capacity, 0)
    if budget >= most.sum():
        return most
    rate = weight * capacity
    amount = lambda t: np.minimum(most, t * rate)
    ratio = most[counts] / rate[counts]
    return amount(level(amount, budget, np.r_[0, ratio]))


def euclidean(y, upper, total, weight):
    if total >= weight @ upper:
        return np.where(weight > 0, upper, np.clip(y, 0, upper))
    at = lambda t: np.clip(y + t * weight, 0, upper)
    w, counts = weight[weight > 0], weight > 0
    kinks = np.r_[-y[counts] / w, (upper - y)[counts] / w]
    return at(level(lambda t: weight * at(t), total, kinks))


def milp_min_max(capacity, budget, lot):
    """HiGHS on eq. (8): the least largest fraction, or None if not proven."""
    n = len(capacity)
    most = np.floor(capacity / lot + 1e-9)
    rows = np.c_[np.diag(lot), -capacity]
    result = milp(
        c=np.r_[np.zeros(n), 1],
        constraints=[
            LinearConstraint(rows, ub=np.zeros(n)),
            LinearConstraint(np.r_[lot, 0][None], lb=budget),
        ],
        integrality=np.r_[np.ones(n), 0],
        bounds=Bounds(np.zeros(n + 1), np.r_[most, 1]),
        options={"time_limit": 5, "mip_rel_gap": 0},
    )
    return result.fun if result.status == 0 else None
