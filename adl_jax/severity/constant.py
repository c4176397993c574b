"""Severities that never learn: the references that every table needs."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity


class Fixed(AbstractSeverity[None]):
    """The same share of the deficit every round, B_t = theta * D_t (section 3.2).

    `Fixed(0)` does nothing and is a row of every table; `Fixed(1)` raises all of it.

    **Arguments:**

    - `severity`: shape `()`, theta in [0, 1].
    """

    information: ClassVar[Information] = Information.deficit

    severity: Scalar = eqx.field(default=0.5, converter=as_float)

    def __check_init__(self):
        """Refuses a severity outside [0, 1]; a traced one is clipped."""
        check_range("Fixed.severity", self.severity, 0, 1)

    def init(self, observation: Observation) -> None:
        """Needs no state."""
        del observation

    def commit(self, state: None, observation: Observation) -> Commitment:
        """Commits to theta * D_t."""
        del state
        assert observation.deficit is not None
        share = jnp.clip(self.severity.astype(observation.deficit.dtype), 0, 1)
        return Commitment(budget=share * observation.deficit)

    def learn(self, state: None, observation: Observation, record: Record) -> None:
        """Learns nothing."""
        del state, observation, record


class ConstantRate(AbstractSeverity[None]):
    """The same haircut for every dollar closed out, B_t = r * sum of notional.

    The no-learning floor of every rate learner. No value of `rate` is neutral: on a
    past event the best one is only known afterwards, so tables show several.

    **Arguments:**

    - `rate`: shape `()`, USD per USD closed out, >= 0.
    """

    information: ClassVar[Information] = Information.notional

    rate: Scalar = eqx.field(default=0.01, converter=as_float)

    def __check_init__(self):
        """Refuses a negative rate; a traced one is clipped."""
        check_range("ConstantRate.rate", self.rate, 0)

    def init(self, observation: Observation) -> None:
        """Needs no state."""
        del observation

    def commit(self, state: None, observation: Observation) -> Commitment:
        """Commits to the rate."""
        del state
        assert observation.deficit is not None
        return Commitment(
            rate=jnp.maximum(self.rate, 0).astype(observation.deficit.dtype)
        )

    def learn(self, state: None, observation: Observation, record: Record) -> None:
        """Learns nothing."""
        del state, observation, record
