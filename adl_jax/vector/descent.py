"""A severity says how much, mirror descent on fractions who."""

from typing import Any, NamedTuple

from adl_jax._types import Key, PerAccount, Scalar
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.policy import AbstractPolicy
from adl_jax.severity import AbstractSeverity
from adl_jax.vector.learner import FractionLearner, LearnerState


class FractionDescentState(NamedTuple):
    """The severity's state and the learner's; `None` in rounds without accounts."""

    severity: Any
    learner: LearnerState | None


class FractionDescent(AbstractPolicy[FractionDescentState]):
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

    @property
    def information(self) -> Information:
        """What the severity declares."""
        return self.severity.information

    def init(self, observation: Observation) -> FractionDescentState:
        """Nothing learned."""
        capacity = observation.capacity
        return FractionDescentState(
            self.severity.init(observation),
            None if capacity is None else self.learner.init(capacity),
        )

    def commit(
        self, state: FractionDescentState, observation: Observation
    ) -> Commitment:
        """The severity's commitment."""
        return self.severity.commit(state.severity, observation)

    def allocate(
        self,
        state: FractionDescentState,
        observation: Observation,
        budget: Scalar,
        *,
        key: Key,
    ) -> PerAccount:
        """The learned fractions, projected onto the budget, in USD."""
        del key
        assert state.learner is not None
        assert observation.capacity is not None
        return self.learner.play(state.learner, observation.capacity, budget)

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
