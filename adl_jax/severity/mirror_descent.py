"""Mirror descent on a severity or a rate, driven by any optax transformation."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import optax

from adl_jax._types import Scalar, as_dtype, as_float
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.mirror import (
    AbstractMirrorMap,
    BinaryEntropy,
    Box,
    Euclidean,
    MirrorDescent,
    MirrorDescentState,
    NegativeEntropy,
    mirror_descent,
)
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import AbstractCoordinate, Rate, Share, limit
from adl_jax.severity.pinball import Pinball


def scale_free(step_size: Scalar) -> optax.GradientTransformation:
    """AdaGrad with one step for all coordinates, eta / sqrt(sum of squared gradients).

    Its steps do not depend on the unit of the gradients (Duchi, Hazan and Singer, 2011;
    Orabona and Pal, 2018).
    """
    return optax.chain(
        optax.scale_by_rss(initial_accumulator_value=0.0, eps=0.0),
        optax.scale_by_learning_rate(step_size),
    )


class MirrorDescentSeverityState(NamedTuple):
    """The descent, the largest slope so far in USD, and rounds with one."""

    descent: MirrorDescentState
    largest: Scalar
    seen: Scalar


class MirrorDescentSeverity(AbstractSeverity[MirrorDescentSeverityState]):
    r"""Mirror descent on the tracking loss in a coordinate x.

    $z_{t+1}=\nabla\psi(x_t)+\mathrm{optax}(g_t)$,
    $x_{t+1}=\Pi(\nabla\psi^*(z_{t+1}))$ with $g_t$ the subgradient of `Pinball` at the
    budget asked for. Gradients are in units of the largest slope seen so far, so that
    step sizes have no unit; for `optax.sgd` this is a step that never grows.

    **Arguments:**

    - `coordinate`: what x is, `Share()` or `Rate()`.
    - `mirror_map`: the geometry.
    - `optimizer`: a constructor of an optax transformation, called with `step_size`.
    - `step_size`: shape `()`, without unit.
    - `initial`, `lower`, `upper`: shape `()`, where x starts and the box it stays in.
    - `pinball`: the weights of (9).
    - `largest_slope`: shape `()`, USD, where the largest deficit (or close-out) is known
        in advance, as some guarantees ask; `None` takes the largest so far.
    - `decay`: shape `()`, each gradient also counts 1 / rounds^decay; 0.5 for the
        textbook step of gradient descent, 0 for steps that decay by themselves.
    - `lazy`: dual averaging.

    **Guarantee:** with `optax.sgd`, regret at most
    `adl_jax.evaluate.descent_bounds.mirror_descent_bound` (`lazy` at a fixed step); with
    `scale_free` at step 1/sqrt(2) and a Euclidean map, at most
    `adl_jax.evaluate.online_bounds.scale_free_bound`.

    **Differentiability:** almost everywhere, in all numbers.
    """

    coordinate: AbstractCoordinate = eqx.field(default_factory=Share)
    mirror_map: AbstractMirrorMap = eqx.field(default_factory=Euclidean)
    optimizer: Callable[..., Any] = eqx.field(
        static=True, default_factory=lambda: optax.sgd
    )
    step_size: Scalar = eqx.field(default=0.5, converter=as_float)
    initial: Scalar = eqx.field(default=0.1, converter=as_float)
    lower: Scalar = eqx.field(default=0.0, converter=as_float)
    upper: Scalar = eqx.field(default=1.0, converter=as_float)
    pinball: Pinball = eqx.field(default_factory=Pinball)
    largest_slope: Scalar | None = eqx.field(
        default=None, converter=lambda usd: None if usd is None else as_float(usd)
    )
    decay: Scalar = eqx.field(default=0.5, converter=as_float)
    lazy: bool = eqx.field(default=False, static=True)

    @property
    def information(self) -> Information:
        """The coordinate's."""
        return self.coordinate.information

    @property
    def _descent(self) -> MirrorDescent:
        return mirror_descent(
            self.optimizer,
            self.mirror_map,
            Box(self.lower, self.upper),
            step_size=self.step_size,
            lazy=self.lazy,
        )

    def init(self, observation: Observation) -> MirrorDescentSeverityState:
        """Starts at `initial`."""
        assert observation.deficit is not None
        self = as_dtype(self, observation.deficit.dtype)
        point = jnp.clip(self.initial, self.lower, self.upper)
        zero = jnp.zeros((), observation.deficit.dtype)
        return MirrorDescentSeverityState(self._descent.init(point), zero, zero)

    def commit(
        self, state: MirrorDescentSeverityState, observation: Observation
    ) -> Commitment:
        """Commits to the current point."""
        return self.coordinate.commitment(state.descent.point, observation)

    def learn(
        self,
        state: MirrorDescentSeverityState,
        observation: Observation,
        record: Record,
    ) -> MirrorDescentSeverityState:
        """Takes one step along the subgradient of this round's loss."""
        self = as_dtype(self, record.deficit.dtype)
        x = state.descent.point
        gradient, largest, seen = self.gradient(
            x, state.largest, state.seen, observation, record
        )
        descent = self._descent.update(gradient, state.descent)
        return MirrorDescentSeverityState(descent, largest, seen)

    def gradient(
        self,
        x: Scalar,
        largest: Scalar,
        seen: Scalar,
        observation: Observation,
        record: Record,
    ) -> tuple[Scalar, Scalar, Scalar]:
        """The subgradient at x without unit, the largest slope, and the rounds so far."""
        unit = self.coordinate.unit(observation, record)
        slope = self.pinball.slope(x * unit, record.needed, limit(record))
        if self.largest_slope is None:
            largest = jnp.maximum(largest, unit)
        else:
            largest = self.largest_slope
        seen = seen + (unit > 0).astype(seen.dtype)
        some = largest > 0
        scaled = jnp.where(some, slope * unit, 0) / jnp.where(some, largest, 1)
        gradient = scaled / jnp.maximum(seen, 1) ** self.decay
        # Steps over the root of squared gradients have no derivative where all are 0;
        # a gradient that is 0 passes none on.
        return jnp.where(gradient == 0, 0, gradient), largest, seen


def scale_free_severity(
    coordinate: AbstractCoordinate | None = None, *, initial: float = 0.1
) -> MirrorDescentSeverity:
    """Scale-free gradient descent: no step size, no horizon, no largest deficit.

    The step 1/sqrt(2) is the best constant for a box of length 1.
    """
    return MirrorDescentSeverity(
        coordinate=Share() if coordinate is None else coordinate,
        optimizer=scale_free,
        step_size=0.5**0.5,
        initial=initial,
        # Raw gradients: AdaGrad brings the scale itself.
        largest_slope=1.0,
        decay=0.0,
    )


def entropic_severity(
    step_size: Scalar | float = 0.5, *, initial: float = 0.05
) -> MirrorDescentSeverity:
    """Mirror descent on the log-odds of the share of the deficit."""
    return MirrorDescentSeverity(
        mirror_map=BinaryEntropy(),
        step_size=step_size,
        initial=initial,
        lower=1e-4,
        upper=1 - 1e-4,
    )


def multiplicative_rate(
    step_size: float = 1.0, *, exponent: float = 0.0, initial: float = 0.01
) -> MirrorDescentSeverity:
    """Mirror descent on the logarithm of a rate: steps multiply it."""
    return MirrorDescentSeverity(
        coordinate=Rate(exponent),
        mirror_map=NegativeEntropy(),
        step_size=step_size,
        initial=initial,
        lower=1e-6,
    )
