"""How much to raise: a share of the deficit that is halved when it was too much."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from adl_jax import AbstractSeverity, Commitment, Information, as_float, check_range


class Halving(AbstractSeverity):
    """Starts at a share of the deficit and halves it after every overshoot.

    Configurations may set its numbers: `severity_parameters = { start = 0.8 }`.
    """

    information: ClassVar[Information] = Information.deficit

    # An array, not a Python number: other values run the same program.
    start: jax.Array = eqx.field(default=0.5, converter=as_float)

    def __check_init__(self):
        """Refuses what is no share."""
        check_range("Halving.start", self.start, 0, 1)

    def init(self, observation):
        """The state before the first round, in the dtype of the money."""
        assert observation.deficit is not None  # Every policy sees it.
        return self.start.astype(observation.deficit.dtype)

    def commit(self, state, observation):
        """Asks for the share; the loop limits it to what winners have."""
        return Commitment(budget=state * observation.deficit)

    def learn(self, state, observation, record):
        """Halves the share after a round that raised more than was needed."""
        return jnp.where(record.overshoot > 0, state / 2, state)
