"""Projected online gradient descent on the severity, as in Proposition 1."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Record,
    severity_needed,
)
from adl_jax.severity.base import AbstractSeverity


def proposition_1_step(
    sum_of_squares: Float[Array, "*batch"], path_variation: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """The step of Proposition 1, eta = sqrt((1 + 2 P) / sum of D_t^2), in 1/USD.

    **Arguments:** `sum_of_squares`: USD^2, >= 0; `path_variation`: P >= 0.

    **Returns:** same shape; 0 where no deficit was seen yet.
    """
    some = sum_of_squares > 0
    safe = jnp.where(some, sum_of_squares, 1)
    return jnp.where(some, jnp.sqrt((1 + 2 * path_variation) / safe), 0)


class ProjectedGradientState(NamedTuple):
    """The severity, and what the running step is made of."""

    severity: Scalar
    sum_of_squares: Scalar
    path_variation: Scalar
    comparator: Scalar
    seen: Scalar


class ProjectedGradient(AbstractSeverity[ProjectedGradientState]):
    r"""Projected online gradient descent on $D_t|\theta-\theta_t^{needed}|$ over [0,
    1].

    $\theta_{t+1}=\Pi_{[0,1]}(\theta_t-\eta g_t)$ with
    $g_t=D_t\,\mathrm{sign}(\theta_t-\theta_t^{needed})$ (Proposition 1 of
    arXiv 2602.15182). With the fixed step of `proposition_1_step` its dynamic regret is
    at most `severity_bound`.

    **Arguments:**

    - `step_size`: shape `()`, eta in 1/USD. Proposition 1's own step needs the whole
        event's deficits and path variation, which nobody has when it starts. `None`
        takes the same formula with what is known so far, and needs no tuning.
    - `initial`: shape `()`, theta of the first round, in [0, 1].

    **Differentiability:** in both arguments almost everywhere; the gradient is 0 where
    the projection holds the severity at an end of [0, 1].
    """

    information: ClassVar[Information] = Information.deficit

    step_size: Scalar | None = eqx.field(
        default=None, converter=lambda step: None if step is None else as_float(step)
    )
    initial: Scalar = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a negative step or a severity outside [0, 1]."""
        check_range("ProjectedGradient.step_size", self.step_size, 0)
        check_range("ProjectedGradient.initial", self.initial, 0, 1)

    def init(self, observation: Observation) -> ProjectedGradientState:
        """Starts at `initial`, with nothing seen."""
        assert observation.deficit is not None
        dtype = observation.deficit.dtype
        zero = jnp.zeros((), dtype)
        initial = jnp.clip(self.initial.astype(dtype), 0, 1)
        return ProjectedGradientState(initial, zero, zero, zero, zero)

    def commit(
        self, state: ProjectedGradientState, observation: Observation
    ) -> Commitment:
        """Commits to the current severity times this round's deficit."""
        assert observation.deficit is not None
        return Commitment(budget=state.severity * observation.deficit)

    def learn(
        self, state: ProjectedGradientState, observation: Observation, record: Record
    ) -> ProjectedGradientState:
        """Takes one projected step along the subgradient of this round's loss."""
        del observation
        comparator = severity_needed(record.needed, record.deficit)
        moved = state.seen * jnp.abs(comparator - state.comparator)
        sum_of_squares = state.sum_of_squares + record.deficit**2
        path_variation = state.path_variation + moved
        if self.step_size is None:
            step = proposition_1_step(sum_of_squares, path_variation)
        else:
            step = self.step_size.astype(record.deficit.dtype)
        gradient = record.deficit * jnp.sign(state.severity - comparator)
        descent = optax.sgd(step)
        update, _ = descent.update(gradient, descent.init(state.severity))
        severity = optax.apply_updates(state.severity, update)
        return ProjectedGradientState(
            optax.projections.projection_box(severity, 0.0, 1.0),
            sum_of_squares,
            path_variation,
            comparator,
            jnp.ones_like(state.seen),
        )
