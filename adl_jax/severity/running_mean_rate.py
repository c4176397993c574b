"""The mean cost of a dollar closed out so far."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from adl_jax._types import Scalar, as_float, check_range
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity


class RunningMeanRate(AbstractSeverity[tuple[Scalar, Scalar]]):
    """Needed USD over closed-out USD of all past rounds, r_t = sum needed / sum
    notional.

    The rate is fixed when the round starts and the budget accrues with the close-outs.

    **Arguments:**

    - `initial_rate`: shape `()`, the rate before anything was closed out, >= 0. The
        default of 0 claims no knowledge: the first round is then met with nothing.
    """

    information: ClassVar[Information] = Information.notional

    initial_rate: Scalar = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuses a negative rate; a traced one is clipped."""
        check_range("RunningMeanRate.initial_rate", self.initial_rate, 0)

    def init(self, observation: Observation) -> tuple[Scalar, Scalar]:
        """Starts with nothing needed and nothing closed out."""
        assert observation.deficit is not None
        zero = jnp.zeros((), observation.deficit.dtype)
        return zero, zero

    def commit(
        self, state: tuple[Scalar, Scalar], observation: Observation
    ) -> Commitment:
        """Commits to the mean rate so far."""
        del observation
        needed, notional = state
        some = notional > 0
        initial = jnp.maximum(self.initial_rate, 0).astype(needed.dtype)
        return Commitment(
            rate=jnp.where(some, needed / jnp.where(some, notional, 1), initial)
        )

    def learn(
        self, state: tuple[Scalar, Scalar], observation: Observation, record: Record
    ) -> tuple[Scalar, Scalar]:
        """Adds this round's needed and closed-out USD."""
        del observation
        assert record.closeout_notional is not None
        needed, notional = state
        return needed + record.needed, notional + record.closeout_notional.sum()
