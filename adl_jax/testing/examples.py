"""Rounds to try a policy on: heavy tails, idle accounts and idle markets."""

from typing import Any

import numpy as np

from adl_jax.rounds import Rounds


def round_fields(
    seed: int = 0, rounds: int = 5, accounts: int = 7, markets: int = 3
) -> dict[str, Any]:
    """Fields of `Rounds` in float64, drawn from a seed.

    A fifth of the accounts has no profit in a round, and a fifth of the markets no
    close-outs. What is needed is up to 1.2 of the deficit.
    """
    draw = np.random.default_rng(seed)
    capacity = draw.pareto(0.8, (rounds, accounts)) * 100
    capacity[draw.random((rounds, accounts)) < 0.2] = 0
    quantity = draw.pareto(1.5, (rounds, markets)) * 10
    quantity[draw.random((rounds, markets)) < 0.2] = 0
    deficit = draw.pareto(1.0, rounds) * 50
    starts = 1_760_130_964_831 + np.arange(rounds) * 10_000
    return {
        "deficit": deficit,
        "needed": deficit * draw.random(rounds) * 1.2,
        "capacity_total": capacity.sum(axis=1),
        "start_ms": starts,
        "end_ms": starts + draw.integers(0, 5_000, rounds),
        "capacity": capacity,
        "score": draw.normal(size=(rounds, accounts)),
        "leverage": draw.random((rounds, accounts)) * 10,
        "closeout_quantity": quantity,
        "closeout_price": draw.random((rounds, markets)) * 5 + 0.1,
        "closeout_gap": quantity * 0.01,
        "max_leverage": np.linspace(5, 40, markets),
    }


def make_rounds(
    seed: int = 0, rounds: int = 5, accounts: int = 7, markets: int = 3, **changes: Any
) -> Rounds:
    """`Rounds` from `round_fields`, some of them changed."""
    return Rounds(**(round_fields(seed, rounds, accounts, markets) | changes))
