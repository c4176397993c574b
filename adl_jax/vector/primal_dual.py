"""A limit on the largest haircut fraction, priced by what it cost to break it."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from adl_jax._sums import largest
from adl_jax._types import Scalar, as_float
from adl_jax.messages import Observation, Record
from adl_jax.severity import AbstractSeverity
from adl_jax.vector.descent import AbstractFractionPolicy
from adl_jax.vector.gradient import fractions
from adl_jax.vector.learner import FractionLearner, LearnerState


class PrimalDualState(NamedTuple):
    """The severity's state, the learner's, and the price of the constraint."""

    severity: Any
    learner: LearnerState | None
    price: Scalar


class PrimalDual(AbstractFractionPolicy[PrimalDualState]):
    r"""Mirror descent on the Lagrangian of (10) with max_i h_i <= limit.

    The constrained controller of the companion's section 8.5:
    $\lambda_{t+1}=[\lambda_t+\gamma c_t]_+$ with $c_t=\max_i h_{i,t}-\mathrm{limit}$.
    The price is added to the learner's fairness weight. A budget above limit*U_t cannot
    meet the limit however it is shared: the price then rises, and falls later.

    **Arguments:**

    - `severity`: how much, an `AbstractSeverity`; it declares the information set.
    - `learner`: who, a `FractionLearner`; with `fair=0` the price alone weighs fairness.
    - `limit`: shape `()`, the largest haircut fraction wanted, in [0, 1].
    - `dual_step`: shape `()`, gamma > 0, without unit.

    **Guarantee:** sum of c_t <= price_{T+1} / gamma, since the price gains at least
    gamma*c_t in every round.
    """

    severity: AbstractSeverity
    learner: FractionLearner
    limit: Scalar = eqx.field(default=0.5, converter=as_float)
    dual_step: Scalar = eqx.field(default=1.0, converter=as_float)

    def init(self, observation: Observation) -> PrimalDualState:
        """Nothing learned, at a price of 0."""
        assert observation.deficit is not None
        return PrimalDualState(
            self.severity.init(observation),
            self._started(observation),
            jnp.zeros((), observation.deficit.dtype),
        )

    def learn(
        self, state: PrimalDualState, observation: Observation, record: Record
    ) -> PrimalDualState:
        """A step down in the haircuts at the price of now, one up in the price."""
        learner, price = state.learner, state.price
        if learner is not None:
            capacity, haircut = observation.capacity, record.haircut
            assert capacity is not None
            assert haircut is not None
            learner = self.learner.learn(
                learner, capacity, record.budget, haircut, record.needed, price=price
            )
            worst = largest(fractions(haircut, capacity))
            excess = worst - self.limit.astype(price.dtype)
            step = self.dual_step.astype(price.dtype)
            price = jnp.maximum(price + step * excess, 0)
        severity = self.severity.learn(state.severity, observation, record)
        return PrimalDualState(severity, learner, price)
