"""Who pays: the interface of every allocation, over the kernels of `allocation`."""

import abc

import equinox as eqx

from adl_jax._types import Key, PerAccount, Scalar
from adl_jax.allocation import pro_rata, queue
from adl_jax.messages import Observation
from adl_jax.registry import Registry


class AbstractAllocation(eqx.Module):
    """Splits a budget over the winners: 0 <= x <= capacity, sum x = budget, eq. (7)."""

    @abc.abstractmethod
    def __call__(
        self, observation: Observation, budget: Scalar, *, key: Key
    ) -> PerAccount:
        """Haircuts in USD.

        **Arguments:**

        - `observation`: what the policy may see; `capacity` is there.
        - `budget`: shape `()`, USD, at most the sum of the capacities.
        - `key`: for allocations that draw lots.

        **Returns:** shape `(accounts,)`, USD.
        """


class Queue(AbstractAllocation):
    """Closes winners in descending order of the venue's score, eq. (39).

    Rounds without scores rank by capacity, so that the largest profit goes first.
    """

    def __call__(
        self, observation: Observation, budget: Scalar, *, key: Key
    ) -> PerAccount:
        """Haircuts in USD, see `adl_jax.allocation.queue`."""
        del key
        assert observation.capacity is not None
        score = observation.score
        score = observation.capacity if score is None else score
        return queue(score, observation.capacity, budget)


class ProRata(AbstractAllocation):
    """Takes the same fraction of every winner's profit, eq. (45)."""

    def __call__(
        self, observation: Observation, budget: Scalar, *, key: Key
    ) -> PerAccount:
        """Haircuts in USD, see `adl_jax.allocation.pro_rata`."""
        del key
        assert observation.capacity is not None
        return pro_rata(observation.capacity, budget)


allocations: Registry[AbstractAllocation] = Registry("allocation")
allocations.register("queue", Queue)
allocations.register("pro_rata", ProRata)
