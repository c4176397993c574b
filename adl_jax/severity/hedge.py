"""Hedge, as what it is: entropic mirror descent over experts, driven by optax."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import optax

from adl_jax._types import Scalar, as_dtype, as_float
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.mirror import (
    MirrorDescent,
    MirrorDescentState,
    SimplexEntropy,
    mirror_descent,
)
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.experts import Experts, Weights, commitment_of
from adl_jax.severity.pinball import Pinball


class HedgeState(NamedTuple):
    """The experts, the descent over their weights, and the largest loss so far, USD."""

    experts: tuple[Any, ...]
    descent: MirrorDescentState
    largest: Scalar


def _anywhere(weights: Weights) -> Weights:
    return weights


class Hedge(AbstractSeverity[HedgeState]):
    r"""Exponential weights, $w_k\propto\pi_k e^{-\eta L_k}$ (Freund and Schapire, 1997).

    Lazy mirror descent with `SimplexEntropy` and `optax.sgd`, whose gradients are the
    experts' losses over the largest loss.

    **Arguments:**

    - `experts`: the pool.
    - `learning_rate`: shape `()`, eta without unit; sqrt(8 ln K / T) is best for T rounds.
    - `prior`: shape `(experts,)`, > 0, the weights to start with; equal if not given.
    - `largest_loss`: shape `()`, USD, what one round can cost at most; `None` takes the
        largest so far, without the guarantee.
    - `pinball`: the weights of (9).

    **Guarantee:** with `largest_loss` given, regret to the best expert at most
    `adl_jax.evaluate.online_bounds.hedge_bound`.
    """

    experts: Experts
    learning_rate: Scalar = eqx.field(default=1.0, converter=as_float)
    prior: Weights | None = eqx.field(
        default=None, converter=lambda value: None if value is None else as_float(value)
    )
    largest_loss: Scalar | None = eqx.field(
        default=None, converter=lambda usd: None if usd is None else as_float(usd)
    )
    pinball: Pinball = eqx.field(default_factory=Pinball)

    @property
    def information(self) -> Information:
        """The experts'."""
        return self.experts.information

    @property
    def _descent(self) -> MirrorDescent:
        return mirror_descent(
            optax.sgd,
            SimplexEntropy(),
            _anywhere,
            step_size=self.learning_rate,
            lazy=True,
        )

    def init(self, observation: Observation) -> HedgeState:
        """Starts at the prior."""
        assert observation.deficit is not None
        dtype = observation.deficit.dtype
        equal = jnp.ones(self.experts.count, dtype)
        prior = equal if self.prior is None else self.prior.astype(dtype)
        return HedgeState(
            self.experts.init(observation),
            self._descent.init(prior / prior.sum()),
            jnp.zeros((), dtype),
        )

    def commit(self, state: HedgeState, observation: Observation) -> Commitment:
        """Commits to the weighted mean of the experts."""
        proposals = self.experts.propose(state.experts, observation)
        return commitment_of(proposals, state.descent.point, self.information, "mean")

    def learn(
        self, state: HedgeState, observation: Observation, record: Record
    ) -> HedgeState:
        """Steps down every expert's loss."""
        pinball = as_dtype(self.pinball, state.largest.dtype)
        now = self.experts.losses(state.experts, observation, record, pinball)
        if self.largest_loss is None:
            largest = jnp.maximum(state.largest, now.max())
        else:
            largest = self.largest_loss.astype(now.dtype)
        scaled = now / jnp.where(largest > 0, largest, 1)
        return HedgeState(
            self.experts.learn(state.experts, observation, record),
            self._descent.update(scaled, state.descent),
            largest,
        )
