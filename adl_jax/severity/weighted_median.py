"""Follow the leader on the tracking loss: the weighted median of past rounds."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_dtype, as_float
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import AbstractCoordinate, Share
from adl_jax.severity.pinball import Pinball


class WeightedMedianState(NamedTuple):
    """The last rounds' ratios needed / unit and their units, oldest first."""

    ratio: Float[Array, " memory"]
    unit: Float[Array, " memory"]


class WeightedMedian(AbstractSeverity[WeightedMedianState]):
    r"""The x that would have lost least so far, argmin of sum of u_s |x - y_s / u_s|.

    The loss is piecewise linear, so that its minimum is a weighted median of the past
    ratios; with other weights of (9), the quantile under / (under + over). Robust where
    a mean is not: one round with a huge cost counts as one round.

    **Arguments:**

    - `coordinate`: what x is.
    - `initial`: shape `()`, a share of the deficit or a rate, until a round is over.
    - `discount`: shape `()`, in (0, 1], what a round's weight keeps a round later.
    - `pinball`: the weights of (9).
    - `memory`: how many rounds are remembered; older ones are forgotten. October 10 had
        sixteen.

    **Cost:** one sort of `memory` numbers a round.
    """

    coordinate: AbstractCoordinate = eqx.field(default_factory=Share)
    initial: Scalar = eqx.field(default=0.0, converter=as_float)
    discount: Scalar = eqx.field(default=1.0, converter=as_float)
    pinball: Pinball = eqx.field(default_factory=Pinball)
    memory: int = eqx.field(default=64, static=True)

    @property
    def information(self) -> Information:
        """The coordinate's."""
        return self.coordinate.information

    def init(self, observation: Observation) -> WeightedMedianState:
        """Remembers nothing: rounds of weight 0."""
        assert observation.deficit is not None
        nothing = jnp.zeros(self.memory, observation.deficit.dtype)
        return WeightedMedianState(nothing, nothing)

    def commit(
        self, state: WeightedMedianState, observation: Observation
    ) -> Commitment:
        """Commits to the leader."""
        self = as_dtype(self, state.unit.dtype)
        start = self.coordinate.start(self.initial, observation)
        age = jnp.arange(self.memory - 1, -1, -1, dtype=state.unit.dtype)
        leader = weighted_quantile(
            state.ratio, state.unit * self.discount**age, self.pinball.quantile
        )
        some = (state.unit > 0).any()
        return self.coordinate.commitment(jnp.where(some, leader, start), observation)

    def learn(
        self, state: WeightedMedianState, observation: Observation, record: Record
    ) -> WeightedMedianState:
        """Remembers this round, and forgets the oldest."""
        self = as_dtype(self, state.unit.dtype)
        unit = self.coordinate.unit(observation, record)
        some = unit > 0
        ratio = jnp.where(some, record.needed, 0) / jnp.where(some, unit, 1)

        def pushed(old: Float[Array, " memory"], new: Scalar):
            return jnp.concatenate([old[1:], new[None]])

        return WeightedMedianState(pushed(state.ratio, ratio), pushed(state.unit, unit))


def weighted_quantile(
    values: Float[Array, " n"], weight: Float[Array, " n"], quantile: Scalar
) -> Scalar:
    """The least value with at least the quantile's share of the weight at or below it.

    **Arguments:** `weight`: >= 0; `quantile`: in (0, 1).

    **Returns:** shape `()`; values of weight 0 do not count; 0 where no weight is.

    **Cost:** one sort.
    """
    # Values without weight go last, where they cannot be chosen.
    order = jnp.argsort(jnp.where(weight > 0, values, jnp.inf))
    below = jnp.cumsum(weight[order])
    # A share of the weight up to rounding is that share: equal weights must not depend
    # on the order of a sum.
    enough = below >= quantile * below[-1] * (1 - 8 * jnp.finfo(values.dtype).eps)
    chosen = values[order][jnp.argmax(enough)]
    return jnp.where(below[-1] > 0, chosen, 0)
