"""Who pays: the interface of every allocation, over the kernels of `allocation`."""

import abc
from typing import ClassVar

import equinox as eqx

from adl_jax._types import Key, PerAccount, PerGroup, Scalar
from adl_jax.allocation import pro_rata, pro_rata_by_group, queue, queue_by_group
from adl_jax.messages import Observation
from adl_jax.registry import Registry


class AbstractAllocation(eqx.Module):
    """Splits a budget over the winners: 0 <= x <= capacity, sum x = budget, eq. (7)."""

    by_group: ClassVar[bool] = False
    """Whether it meets every group's budget alone where the observation has a `group`,
    as venues that settle in contracts need it."""

    @abc.abstractmethod
    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """Haircuts in USD; or contracts, where the observation has a `group`.

        **Arguments:**

        - `observation`: what the policy may see; `capacity` is there.
        - `budget`: shape `()`, USD, at most the sum of the capacities; or shape
            `(groups,)`, contracts, for each group of positions.
        - `key`: for allocations that draw lots.

        **Returns:** shape `(accounts,)`, USD; or `(positions,)`, contracts.
        """


class Queue(AbstractAllocation):
    """Closes winners in descending order of the venue's score, eq. (39).

    Rounds without scores rank by capacity, so that the largest profit goes first.
    """

    by_group: ClassVar[bool] = True

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """See `adl_jax.allocation.queue` and `queue_by_group`."""
        del key
        capacity, group = observation.capacity, observation.group
        assert capacity is not None
        score = capacity if observation.score is None else observation.score
        if group is None:
            return queue(score, capacity, budget)
        return queue_by_group(score, capacity, budget, group).haircut


class ProRata(AbstractAllocation):
    """Takes the same fraction of every winner's profit, eq. (45)."""

    by_group: ClassVar[bool] = True

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """See `adl_jax.allocation.pro_rata` and `pro_rata_by_group`."""
        del key
        capacity, group = observation.capacity, observation.group
        assert capacity is not None
        if group is None:
            return pro_rata(capacity, budget)
        return pro_rata_by_group(capacity, budget, group).haircut


allocations: Registry[AbstractAllocation] = Registry("allocation")
allocations.register("queue", Queue)
allocations.register("pro_rata", ProRata)
