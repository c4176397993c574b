"""Optima that a general solver confirms: Proposition 7, (P) with (D), and C-7."""

import time
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.optimize import linprog

from adl_jax.allocation import pro_rata, queue
from claims.harness import SAFETY, Claim, Form, Tally
from claims.instances import Draw, budget, capacities, greedy, scores


SOLVED_TO = 1e-7
"""Feasibility and optimality of HiGHS's defaults, relative to money scaled to 1."""
CLAIMS = {
    "queue": Claim("Prop. 7 (40)", "the queue's score is the LP optimum (HiGHS)"),
    "min max": Claim(
        "Prop. 9 (P), (D)", "B/U is the LP's optimum and its dual's (HiGHS)"
    ),
    "next": Claim(
        "C-7 (RAP)", "closing by rho e/u is the LP optimum (HiGHS)", Form.corrected
    ),
}


SIZES = (2, 5, 12)


class Program(NamedTuple):
    """A batch of books of one size, and what we say their optima are."""

    upper: Array
    total: Array
    score: Array
    weight: Array
    queued: Array
    worst: Array
    closed: Array


@partial(jax.jit, static_argnames="accounts")
def _drawn(stream: int, index: Array, accounts: int) -> Program:
    draw = Draw(stream, index)
    upper = capacities(draw, accounts)
    upper = upper / upper.sum()
    total = budget(draw, upper)
    score = scores(draw, accounts)
    score = (score - score.min()) / (score.max() - score.min())
    weight = draw.uniform((accounts,))
    return Program(
        upper,
        total,
        score,
        weight,
        score @ queue(score, upper, total),
        (pro_rata(upper, total) / upper).max(),
        weight @ greedy(weight, upper, total),
    )


def run(instances: int, seed: int) -> list[Tally]:
    """Solves `instances` random programs of 2 to 12 accounts for each claim."""
    started = time.perf_counter()
    tallies = {name: Tally(claim) for name, claim in CLAIMS.items()}
    for index in range(instances):
        book = _drawn(seed, jnp.asarray(index), SIZES[index % len(SIZES)])
        _solve(jax.tree.map(np.asarray, book), tallies, index)
    seconds = (time.perf_counter() - started) / len(tallies)
    for tally in tallies.values():
        tally.seconds = seconds
    return list(tallies.values())


def _solve(book: Program, tallies: dict[str, Tally], index: int) -> None:
    accounts = len(book.upper)
    raised = {"A_eq": np.ones((1, accounts)), "b_eq": [book.total]}
    bounds = [(0, u) for u in book.upper]
    best = linprog(-book.score, bounds=bounds, **raised)
    _compare(tallies["queue"], book.queued, -best.fun, index)
    saved = linprog(-book.weight, bounds=bounds, **raised)
    _compare(tallies["next"], book.closed, -saved.fun, index)
    # In fractions h <= z, z the last variable, so that no row is tiny.
    least = linprog(
        np.append(np.zeros(accounts), 1.0),
        A_ub=np.hstack([np.eye(accounts), -np.ones((accounts, 1))]),
        b_ub=np.zeros(accounts),
        A_eq=np.append(book.upper, 0.0)[None],
        b_eq=[book.total],
        bounds=[(0, 1)] * accounts + [(0, None)],
    )
    _compare(tallies["min max"], book.worst, least.fun, index)
    # (D): the budget's shadow price times the budget.
    _compare(
        tallies["min max"], book.worst, least.eqlin.marginals[0] * book.total, index
    )


def _compare(tally: Tally, ours: float, optimum: float, index: int) -> None:
    tally.tried += 1
    excess = abs(ours - optimum) / SOLVED_TO
    tally.excess = max(tally.excess, excess)
    # A NaN is a violation: it is not within the tolerance.
    if not excess <= SAFETY:
        tally.violations += 1
        tally.first_violation = tally.first_violation or f"program {index}"
