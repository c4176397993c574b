"""Who pays: the interface of every allocation, over the kernels of `allocation`."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from adl_jax._types import Key, PerAccount, PerGroup, Scalar, as_float, check_range
from adl_jax.allocation import (
    equal_share,
    pro_rata,
    pro_rata_by_group,
    queue,
    queue_by_group,
    random_order,
)
from adl_jax.brief import settings
from adl_jax.messages import Observation
from adl_jax.registry import Registry


class AbstractAllocation(eqx.Module):
    """Splits a budget over the winners: 0 <= x <= capacity, sum x = budget, eq. (7)."""

    by_group: ClassVar[bool] = False
    """Whether it meets every group's budget alone where the observation has a `group`,
    as venues that settle in contracts need it."""

    def __repr__(self) -> str:
        """Its numbers."""
        return settings(self)

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


class LeverageWeighted(AbstractAllocation):
    r"""Takes fractions in proportion to leverage, C-(32), min(1, tau * leverage**power).

    With `power` 1 and equity for capacity an account pays in proportion to its notional,
    as where a loss is charged to open contracts. Rounds without leverage are pro rata.

    **Arguments:** `power`: shape `()`, >= 0; 0 is pro rata.
    """

    by_group: ClassVar[bool] = True

    power: Scalar = eqx.field(default=1.0, converter=as_float)

    def __check_init__(self):
        """Refuses a power that rewards leverage."""
        check_range("LeverageWeighted.power", self.power, 0)

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """See `adl_jax.allocation.pro_rata` with weights."""
        del key
        capacity, group = observation.capacity, observation.group
        assert capacity is not None
        leverage = observation.leverage
        if leverage is None:
            leverage = jnp.ones_like(capacity)
        # The power of 0 has no derivative in the exponent.
        some = leverage > 0
        power = self.power.astype(capacity.dtype)
        weight = jnp.where(some, jnp.where(some, leverage, 1) ** power, 0)
        if group is None:
            return pro_rata(capacity, budget, weight=weight)
        return pro_rata_by_group(capacity, budget, group, weight=weight).haircut


class EqualShare(AbstractAllocation):
    """Takes the same amount from every winner, or all of a capacity below that."""

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """See `adl_jax.allocation.equal_share`."""
        del key
        assert observation.capacity is not None
        return equal_share(observation.capacity, budget)


class RandomOrder(AbstractAllocation):
    """Closes winners in an order drawn by lot (dYdX)."""

    by_group: ClassVar[bool] = True

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """See `adl_jax.allocation.random_order`."""
        capacity, group = observation.capacity, observation.group
        assert capacity is not None
        if group is None:
            return random_order(key, capacity, budget)
        lot = jax.random.uniform(key, capacity.shape, capacity.dtype)
        return queue_by_group(lot, capacity, budget, group).haircut


allocations: Registry[AbstractAllocation] = Registry(
    "allocation", AbstractAllocation, "adl_jax.allocations"
)
allocations.register("queue", Queue)
allocations.register("pro_rata", ProRata)
allocations.register("leverage_weighted", LeverageWeighted)
allocations.register("equal_share", EqualShare)
allocations.register("random_order", RandomOrder)
