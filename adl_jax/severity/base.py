"""How much to raise: the interface of every severity."""

import abc
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import equinox as eqx

from adl_jax.brief import settings
from adl_jax.messages import Commitment, Information, Observation, Record


State = TypeVar("State")


class AbstractSeverity(eqx.Module, Generic[State]):
    """How much a policy raises in a round, and what it learns when the round is over.

    A severity is a pytree: every number it can be tuned by is an array leaf, so that
    one trace serves all values, `jax.vmap` runs many at once and `jax.grad` trains
    them. Its state is a pytree of arrays whose structure and dtypes never change.
    """

    if TYPE_CHECKING:
        # A class attribute, or a property where it is a part's: both satisfy this.
        information: ClassVar[Information]
    else:
        information: eqx.AbstractClassVar[Information]

    def __repr__(self) -> str:
        """Its numbers."""
        return settings(self)

    @abc.abstractmethod
    def init(self, observation: Observation) -> State:
        """Builds the state before the first round.

        **Arguments:** `observation`: the first round's start. Take shapes and dtypes
        from it.
        """

    @abc.abstractmethod
    def commit(self, state: State, observation: Observation) -> Commitment:
        """Fixes this round's budget or rate, before its close-outs are shown."""

    @abc.abstractmethod
    def learn(self, state: State, observation: Observation, record: Record) -> State:
        """Updates the state with what the round turned out to be."""
