"""Repeat what would have been right last time."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Record,
    severity_needed,
)
from adl_jax.severity.base import AbstractSeverity


class LastValue(AbstractSeverity[Scalar]):
    """The last round's needed severity, theta_t = min(1, needed_{t-1} / D_{t-1}).

    **Arguments:**

    - `initial`: shape `()`, theta of the first round, in [0, 1].
    """

    information: ClassVar[Information] = Information.deficit

    initial: Scalar = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a severity outside [0, 1]; a traced one is clipped."""
        check_range("LastValue.initial", self.initial, 0, 1)

    def init(self, observation: Observation) -> Scalar:
        """Starts at `initial`."""
        assert observation.deficit is not None
        return jnp.clip(self.initial.astype(observation.deficit.dtype), 0, 1)

    def commit(self, state: Scalar, observation: Observation) -> Commitment:
        """Commits to the remembered severity times this round's deficit."""
        assert observation.deficit is not None
        return Commitment(budget=state * observation.deficit)

    def learn(self, state: Scalar, observation: Observation, record: Record) -> Scalar:
        """Remembers this round's needed severity."""
        del state, observation
        return severity_needed(record.needed, record.deficit)
