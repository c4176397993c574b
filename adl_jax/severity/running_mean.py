"""The mean so far in any coordinate, with an optional memory that fades."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_dtype, as_float, check_range
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import AbstractCoordinate, Share


Sums = Float[Array, "*shape"]


class RunningMeanState(NamedTuple):
    """What was needed and the units it was needed for, USD, discounted."""

    needed: Scalar
    unit: Scalar


class RunningMean(AbstractSeverity[RunningMeanState]):
    """Needed USD over units of all past rounds, x_t = sum needed / sum unit.

    The plug-in estimate of (5): what the past would have cost, at this round's size. In
    `Rate()` it is the mean cost of a dollar closed out.

    **Arguments:**

    - `coordinate`: what x is.
    - `initial`: shape `()`, >= 0, a share of the deficit or a rate, until a round is
        over. The default of 0 claims no knowledge: the first round is met with nothing.
    - `discount`: shape `()`, in (0, 1], what a round's weight keeps a round later.
    """

    coordinate: AbstractCoordinate = eqx.field(default_factory=Share)
    initial: Scalar = eqx.field(default=0.0, converter=as_float)
    discount: Scalar = eqx.field(default=1.0, converter=as_float)

    def __check_init__(self):
        """Refuses a negative start; the loop cuts what a traced one asks for."""
        check_range("RunningMean.initial", self.initial, 0)

    @property
    def information(self) -> Information:
        """The coordinate's."""
        return self.coordinate.information

    def init(self, observation: Observation) -> RunningMeanState:
        """Starts with nothing needed."""
        assert observation.deficit is not None
        zero = jnp.zeros((), observation.deficit.dtype)
        return RunningMeanState(zero, zero)

    def commit(self, state: RunningMeanState, observation: Observation) -> Commitment:
        """Commits to the mean so far."""
        self = as_dtype(self, state.unit.dtype)
        start = self.coordinate.start(self.initial, observation)
        mean = mean_so_far(state.needed, state.unit, start)
        return self.coordinate.commitment(mean, observation)

    def learn(
        self, state: RunningMeanState, observation: Observation, record: Record
    ) -> RunningMeanState:
        """Adds this round to what is left of the past."""
        self = as_dtype(self, state.unit.dtype)
        unit = self.coordinate.unit(observation, record)
        return RunningMeanState(
            self.discount * state.needed + jnp.where(unit > 0, record.needed, 0),
            self.discount * state.unit + unit,
        )


def mean_so_far(needed: Sums, unit: Sums, start: Scalar) -> Sums:
    """Needed over unit, and `start` where there was no unit yet. Any one shape."""
    some = unit > 0
    return jnp.where(some, needed / jnp.where(some, unit, 1), start)
