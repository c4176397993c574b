"""Optimistic mirror descent: play as if a guess of the next gradient were right."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import Scalar, as_dtype
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.mirror import MirrorDescentState
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import limit
from adl_jax.severity.mirror_descent import (
    MirrorDescentSeverity,
    MirrorDescentSeverityState,
    scale_free_severity,
)
from adl_jax.severity.running_mean import mean_so_far


class OptimisticState(NamedTuple):
    """The descent's state, and the plug-in estimate's sums in USD."""

    base: MirrorDescentSeverityState
    needed: Scalar
    unit: Scalar
    rounds: Scalar


class Optimistic(AbstractSeverity[OptimisticState]):
    """Mirror descent that first moves towards a plug-in estimate, and learns after.

    The hint is the gradient that the loss would have if the round needed what past
    rounds did on average, sum of needed over sum of units. The point moves by the step
    which that gradient causes, but not past the estimate: a shorter hint is also a hint
    (Chiang et al., 2012; Rakhlin and Sridharan, 2013).

    **Arguments:** `base`: the descent that learns, a `MirrorDescentSeverity`.

    **Guarantee:** with a fixed step and `largest_slope` given, regret at most
    `adl_jax.evaluate.descent_bounds.mirror_descent_bound` in the sizes of gradient - hint.
    The default's steps are made of gradients, not of hint errors: it promises less.
    """

    base: MirrorDescentSeverity = eqx.field(default_factory=scale_free_severity)

    @property
    def information(self) -> Information:
        """The base's."""
        return self.base.information

    def init(self, observation: Observation) -> OptimisticState:
        """Starts at the base's start, without an estimate."""
        base = self.base.init(observation)
        zero = jnp.zeros_like(base.descent.point)
        return OptimisticState(base, zero, zero, zero)

    def _play(self, state: OptimisticState) -> Scalar:
        base = as_dtype(self.base, state.needed.dtype)
        point = state.base.descent.point
        estimate = mean_so_far(state.needed, state.unit, point)
        estimate = jnp.clip(estimate, base.lower, base.upper)
        mean_unit = state.unit / jnp.maximum(state.rounds, 1)
        scale = state.base.largest
        scaled = jnp.where(scale > 0, mean_unit, 0) / jnp.where(scale > 0, scale, 1)
        hint = scaled * jnp.sign(point - estimate)
        descent: MirrorDescentState = state.base.descent
        moved = base._descent.play(descent, jnp.where(hint == 0, 0, hint))
        lower, upper = jnp.minimum(point, estimate), jnp.maximum(point, estimate)
        return jnp.clip(moved, lower, upper)

    def commit(self, state: OptimisticState, observation: Observation) -> Commitment:
        """Commits to the moved point."""
        return self.base.coordinate.commitment(self._play(state), observation)

    def learn(
        self, state: OptimisticState, observation: Observation, record: Record
    ) -> OptimisticState:
        """Steps the point that has not moved along the gradient at the one that has."""
        base = as_dtype(self.base, record.deficit.dtype)
        gradient, largest, seen = base.gradient(
            self._play(state), state.base.largest, state.base.seen, observation, record
        )
        descent = base._descent.update(gradient, state.base.descent)
        unit = base.coordinate.unit(observation, record)
        return OptimisticState(
            MirrorDescentSeverityState(descent, largest, seen),
            state.needed + jnp.minimum(record.needed, limit(record)),
            state.unit + unit,
            state.rounds + (unit > 0).astype(unit.dtype),
        )
