"""Appendix D's linear impact, a negative control: costs that grow with the square."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import optax

from adl_jax._types import PerMarket, Scalar, as_dtype, as_float
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import Rate, notional


class LinearImpactState(NamedTuple):
    """The slope in 1/USD, the largest seen, rounds, and close-outs by market, USD."""

    slope: Scalar
    largest: Scalar
    rounds: Scalar
    closed: PerMarket


class LinearImpact(AbstractSeverity[LinearImpactState]):
    r"""Tracks $\hat B=\hat\alpha\sum_c q_c^2$ with the slope learned as in Appendix D.

    $\hat\alpha_{t+1}=\Pi_{[0,\alpha_{max}]}(\hat\alpha_t-\eta_t\,\mathrm{sign}(
    \hat\alpha_t-\alpha_t))$ with $\alpha_t=needed_t/\sum_c q_c^2$ and the step
    $\alpha_{max}/\sqrt t$ of Lemma 6, where $\alpha_{max}$ is the largest slope seen. A
    quantity is a market's close-out in USD; the one to come is its mean so far, since a
    commitment cannot look into the round.

    Kept as a negative control: on markets whose cost per dollar does not grow with the
    size of the close-out, a quadratic law is wrong by orders of magnitude.

    **Arguments:** `initial_rate`: shape `()`, USD per USD closed out, in the first round.
    """

    information: ClassVar[Information] = Information.notional

    initial_rate: Scalar = eqx.field(default=0.0, converter=as_float)

    def init(self, observation: Observation) -> LinearImpactState:
        """Starts without a slope."""
        nothing = jnp.zeros_like(Rate().factor(observation))
        zero = jnp.zeros((), nothing.dtype)
        return LinearImpactState(zero, zero, zero, nothing)

    def commit(self, state: LinearImpactState, observation: Observation) -> Commitment:
        """Commits to the slope times each market's expected quantity."""
        del observation
        self = as_dtype(self, state.slope.dtype)
        expected = state.closed / jnp.maximum(state.rounds, 1)
        initial = jnp.broadcast_to(self.initial_rate, expected.shape)
        return Commitment(
            rate=jnp.where(state.rounds > 0, state.slope * expected, initial)
        )

    def learn(
        self, state: LinearImpactState, observation: Observation, record: Record
    ) -> LinearImpactState:
        """Steps towards the slope that this round had."""
        del observation
        closed = notional(record)
        squares = (closed**2).sum()
        some = squares > 0
        slope = jnp.where(some, record.needed / jnp.where(some, squares, 1), 0)
        rounds = state.rounds + some.astype(slope.dtype)
        largest = jnp.maximum(state.largest, slope)
        descent = optax.sgd(largest / jnp.sqrt(jnp.maximum(rounds, 1)))
        gradient = jnp.where(some, jnp.sign(state.slope - slope), 0)
        update, _ = descent.update(gradient, descent.init(state.slope))
        moved = optax.apply_updates(state.slope, update)
        return LinearImpactState(
            optax.projections.projection_box(moved, jnp.zeros_like(largest), largest),
            largest,
            rounds,
            state.closed + closed,
        )
