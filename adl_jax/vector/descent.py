"""A severity says how much, mirror descent on fractions who."""

from typing import Any, NamedTuple, TypeVar

import equinox as eqx

from adl_jax._types import Key, PerAccount, Scalar
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.policy import AbstractPolicy
from adl_jax.severity import AbstractSeverity
from adl_jax.vector.learner import FractionLearner, LearnerState


State = TypeVar("State", bound=Any)


class AbstractFractionPolicy(AbstractPolicy[State]):
    """A severity's budget, shared by the fractions that a learner holds.

    What is learned, and when, is the subclass's; its state has the parts `severity` and
    `learner`, which is `None` in rounds without accounts.
    """

    severity: eqx.AbstractVar[AbstractSeverity]
    learner: eqx.AbstractVar[FractionLearner]

    @property
    def information(self) -> Information:
        """What the severity declares."""
        return self.severity.information

    def commit(self, state: State, observation: Observation) -> Commitment:
        """The severity's commitment."""
        return self.severity.commit(state.severity, observation)

    def allocate(
        self, state: State, observation: Observation, budget: Scalar, *, key: Key
    ) -> PerAccount:
        """The learned fractions, projected onto the budget, in USD."""
        del key
        assert state.learner is not None
        assert observation.capacity is not None
        return self.learner.play(state.learner, observation.capacity, budget)

    def _started(self, observation: Observation) -> LearnerState | None:
        capacity = observation.capacity
        return None if capacity is None else self.learner.init(capacity)


class FractionDescentState(NamedTuple):
    """The severity's state and the learner's; `None` in rounds without accounts."""

    severity: Any
    learner: LearnerState | None


class FractionDescent(AbstractFractionPolicy[FractionDescentState]):
    """Haircut fractions by mirror descent, within the budget of any severity.

    The published "vector mirror descent" projected once from nothing, with a gradient
    of 0 and the budget that turned out to be needed. Here the budget is the severity's,
    fixed ex ante, and the fractions learn.

    **Arguments:**

    - `severity`: how much, an `AbstractSeverity`; it declares the information set.
    - `learner`: who, a `FractionLearner`.

    **Invariants:** 0 <= x <= u and sum x = budget, to 1e-12 in float64.

    **Differentiability:** in every array leaf, almost everywhere.
    """

    severity: AbstractSeverity
    learner: FractionLearner

    def init(self, observation: Observation) -> FractionDescentState:
        """Nothing learned."""
        return FractionDescentState(
            self.severity.init(observation), self._started(observation)
        )

    def learn(
        self, state: FractionDescentState, observation: Observation, record: Record
    ) -> FractionDescentState:
        """The severity's next state, and one step of the fractions."""
        learner = state.learner
        if learner is not None:
            assert observation.capacity is not None
            assert record.haircut is not None
            learner = self.learner.learn(
                learner,
                observation.capacity,
                record.budget,
                record.haircut,
                record.needed,
            )
        severity = self.severity.learn(state.severity, observation, record)
        return FractionDescentState(severity, learner)
