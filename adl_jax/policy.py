"""Policies: how much and who, put together, or judged as somebody else did it."""

import abc
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import (
    Index,
    Key,
    PerAccount,
    PerGroup,
    PerRound,
    Scalar,
    as_float,
    check_range,
)
from adl_jax.allocator import AbstractAllocation
from adl_jax.brief import settings
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Record,
    visible,
    visible_record,
)
from adl_jax.severity.base import AbstractSeverity


State = TypeVar("State")


class AbstractPolicy(eqx.Module, Generic[State]):
    """A history-dependent rule for severity and allocation (section 3.4).

    The loop calls `init` once, and then in every round `commit`, `allocate` and
    `learn`, each with a message that holds what `information` allows and nothing else.

    To write one, subclass this and declare the four methods, or compose a severity and
    an allocation with `Policy`. Tunable numbers are array leaves; state is returned,
    never kept.
    """

    def __repr__(self) -> str:
        """The parts and their numbers."""
        return settings(self)

    @property
    @abc.abstractmethod
    def information(self) -> Information:
        """What this policy may see; a class attribute will do."""

    @property
    def allocates_contracts(self) -> bool:
        """Whether `allocate` can meet every group's budget, in contracts; see
        `AbstractAllocation.by_group`.
        """
        return False

    @abc.abstractmethod
    def init(self, observation: Observation) -> State:
        """Builds the state before the first round, from its shapes and dtypes."""

    @abc.abstractmethod
    def commit(self, state: State, observation: Observation) -> Commitment:
        """Fixes the round's budget or rate; close-outs are not shown yet."""

    @abc.abstractmethod
    def allocate(
        self,
        state: State,
        observation: Observation,
        budget: Scalar | PerGroup,
        *,
        key: Key,
    ) -> PerAccount:
        """Splits the budget over the winners, in USD. Called where accounts exist.

        Where the observation has a `group`, capacities, budgets of groups and the result
        are contracts of positions.
        """

    @abc.abstractmethod
    def learn(self, state: State, observation: Observation, record: Record) -> State:
        """Updates the state with what the round turned out to be."""


class Policy(AbstractPolicy[Any]):
    """A severity and an allocation.

    **Arguments:**

    - `severity`: how much, an `AbstractSeverity`; it declares the information set.
    - `allocation`: who, an `AbstractAllocation`.
    """

    severity: AbstractSeverity
    allocation: AbstractAllocation

    @property
    def information(self) -> Information:
        """What the severity declares."""
        return self.severity.information

    @property
    def allocates_contracts(self) -> bool:
        """What the allocation can."""
        return self.allocation.by_group

    def init(self, observation: Observation) -> Any:
        """The severity's state."""
        return self.severity.init(observation)

    def commit(self, state: Any, observation: Observation) -> Commitment:
        """The severity's commitment."""
        return self.severity.commit(state, observation)

    def allocate(
        self,
        state: Any,
        observation: Observation,
        budget: Scalar | PerGroup,
        *,
        key: Key,
    ) -> PerAccount:
        """The allocation's haircuts."""
        del state
        return self.allocation(observation, budget, key=key)

    def learn(self, state: Any, observation: Observation, record: Record) -> Any:
        """The severity's next state."""
        return self.severity.learn(state, observation, record)


class Hindsight(AbstractPolicy[Any]):
    """A policy whose budget is what turns out to be needed: a reference, not
    deployable.

    The published benchmark rows of the October 10 event were made this way.

    **Arguments:**

    - `policy`: allocates the budget; its own severity is not asked.
    """

    policy: AbstractPolicy

    @property
    def information(self) -> Information:
        """`hindsight`."""
        return Information.hindsight

    @property
    def allocates_contracts(self) -> bool:
        """What the wrapped policy can."""
        return self.policy.allocates_contracts

    def init(self, observation: Observation) -> Any:
        """The wrapped policy's state."""
        return self.policy.init(self._inner(observation))

    def commit(self, state: Any, observation: Observation) -> Commitment:
        """Commits to what will turn out to be needed."""
        del state
        return Commitment(budget=observation.needed)

    def allocate(
        self,
        state: Any,
        observation: Observation,
        budget: Scalar | PerGroup,
        *,
        key: Key,
    ) -> PerAccount:
        """The wrapped policy's haircuts."""
        return self.policy.allocate(state, self._inner(observation), budget, key=key)

    def learn(self, state: Any, observation: Observation, record: Record) -> Any:
        """The wrapped policy's next state."""
        inner = visible_record(record, self.policy.information)
        return self.policy.learn(state, self._inner(observation), inner)

    def _inner(self, observation: Observation) -> Observation:
        return visible(observation, self.policy.information)


class Recorded(AbstractPolicy[Index]):
    """What somebody did, judged by the same code as every policy.

    **Arguments:**

    - `executed`: shape `(rounds,)`, USD raised in each round, H_t.
    - `concentration`: shape `(rounds,)`, the largest haircut fraction of each round, or
        `None` where it is not known.
    - `information`: what whoever did it had seen. A label: the row itself sees nothing.
    """

    executed: PerRound = eqx.field(converter=as_float)
    concentration: PerRound | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )
    # A field of each row here, a declaration of the class elsewhere.
    information: Information = eqx.field(  # pyright: ignore
        default=Information.observed, static=True
    )

    def __check_init__(self):
        """Refuses what cannot have been done."""
        for name in ("executed", "concentration"):
            values = getattr(self, name)
            if values is None:
                continue
            if values.shape != (self.executed.size,):
                raise ValueError(
                    f"Recorded.{name} has shape {values.shape}: give one number a round"
                )
            check_range(f"Recorded.{name}", values, 0, None)

    def init(self, observation: Observation) -> Index:
        """Starts at the first round."""
        del observation
        return jnp.zeros((), jnp.int32)

    def commit(self, state: Index, observation: Observation) -> Commitment:
        """What was executed in this round."""
        del observation
        concentration = self.concentration
        return Commitment(
            budget=self.executed[state],
            concentration=None if concentration is None else concentration[state],
        )

    def allocate(
        self, state: Index, observation: Observation, budget: Scalar, *, key: Key
    ) -> PerAccount:
        """Never called: recorded rows have no haircuts by account."""
        raise NotImplementedError("recorded rows have no haircuts by account")

    def learn(self, state: Index, observation: Observation, record: Record) -> Index:
        """Goes on to the next round."""
        del observation, record
        return state + 1
