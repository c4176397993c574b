"""How much of a learner's score is the order in which the rounds came."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from adl_jax.allocator import ProRata
from adl_jax.loop import replay
from adl_jax.policy import AbstractPolicy, Policy
from adl_jax.rounds import Rounds


ORDERS = 200
"""Random orders of an event's rounds."""
_ACCOUNTS = ("capacity", "score", "leverage", "lot_value")
_PER_ROUND = (
    *("deficit", "needed", "capacity_total"),
    *("closeout_quantity", "closeout_price", "closeout_gap"),
)


class OrderDistribution(NamedTuple):
    """Tracking over random orders of the rounds, USD."""

    mean: float
    low: float
    """The 5 % quantile."""
    high: float
    """The 95 % quantile."""


def random_orders(rounds: int, count: int = ORDERS) -> Int[np.ndarray, "orders rounds"]:
    """Permutations of the rounds' indices, always the same ones."""
    draw = np.random.default_rng(20251010)
    return np.stack([draw.permutation(rounds) for _ in range(count)])


def tracking_by_order(
    rounds: Rounds, policy: AbstractPolicy, orders: Int[np.ndarray, "orders rounds"]
) -> Float[Array, " orders"]:
    """Sum over rounds of |H - needed| for every order, in USD.

    What happened in the rounds is shuffled, the times at which they start and end are
    not. Accounts are left out: budgets do not depend on who pays, and every budget within
    capacity is executed.

    **Cost:** one compiled call for all orders.
    """
    bare = dataclasses.replace(rounds, **dict.fromkeys(_ACCOUNTS))
    if isinstance(policy, Policy):
        # One program for a severity, whoever pays.
        policy = Policy(policy.severity, ProRata())
    return _tracking(bare, policy, jnp.asarray(orders))


@eqx.filter_jit
def _tracking(
    rounds: Rounds, policy: AbstractPolicy, orders: Int[Array, "orders rounds"]
) -> Float[Array, " orders"]:
    def tracking(order: Int[Array, " rounds"]) -> Float[Array, ""]:
        shuffled = dataclasses.replace(
            rounds,
            **{
                name: None if value is None else value[order]
                for name in _PER_ROUND
                for value in (getattr(rounds, name),)
            },
        )
        records = replay(shuffled, policy).records
        return jnp.abs(records.executed - records.needed).sum()

    return jax.vmap(tracking)(orders)


def order_distribution(rounds: Rounds, policy: AbstractPolicy) -> OrderDistribution:
    """Mean and 5-95 % of a policy's tracking over `ORDERS` random orders."""
    tracking = np.asarray(
        tracking_by_order(rounds, policy, random_orders(rounds.num_rounds))
    )
    low, high = np.quantile(tracking, [0.05, 0.95])
    return OrderDistribution(float(tracking.mean()), float(low), float(high))
