"""What one number of a learner means: a share of the deficit, or a rate."""

import abc
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerMarket, Scalar, as_float
from adl_jax.messages import Commitment, Information, Observation, Record


class AbstractCoordinate(eqx.Module):
    """Turns a learner's number x into a commitment, linear in x.

    The budget asked for is x times `unit`, USD that is known when the round is over. One
    learner therefore serves every information set.
    """

    if TYPE_CHECKING:
        information: ClassVar[Information]
    else:
        information: eqx.AbstractClassVar[Information]

    @abc.abstractmethod
    def commitment(self, x: Scalar, observation: Observation) -> Commitment:
        """The commitment at x, before this round's close-outs are shown."""

    @abc.abstractmethod
    def unit(self, observation: Observation, record: Record) -> Scalar:
        """USD asked for at x = 1, >= 0, when the round is over."""

    @abc.abstractmethod
    def start(self, initial: Scalar, observation: Observation) -> Scalar:
        """The x that means `initial`, a share of the deficit or a rate."""


class Share(AbstractCoordinate):
    r"""A share of the deficit, B = x D^a U^b; by default the paper's theta, B = x D.

    With other exponents the budget grows more slowly than the deficit does, or also with
    the winners' capacity. x then has a unit of money of its own; what is learned from
    past rounds brings it along, and money in other units changes no budget.

    **Arguments:** `deficit_power` a, `capacity_power` b: shape `()`, without unit.
    """

    information: ClassVar[Information] = Information.deficit

    deficit_power: Scalar = eqx.field(default=1.0, converter=as_float)
    capacity_power: Scalar = eqx.field(default=0.0, converter=as_float)

    def _unit(self, deficit: Scalar, capacity: Scalar) -> Scalar:
        exact = (self.deficit_power == 1) & (self.capacity_power == 0)
        general = _power(deficit, self.deficit_power.astype(deficit.dtype))
        general *= _power(capacity, self.capacity_power.astype(deficit.dtype))
        return jnp.where(exact, deficit, general)

    def commitment(self, x: Scalar, observation: Observation) -> Commitment:
        """A budget."""
        assert observation.deficit is not None
        assert observation.capacity_total is not None
        unit = self._unit(observation.deficit, observation.capacity_total)
        return Commitment(budget=x * unit)

    def unit(self, observation: Observation, record: Record) -> Scalar:
        """D^a U^b."""
        del observation
        return self._unit(record.deficit, record.capacity_total)

    def start(self, initial: Scalar, observation: Observation) -> Scalar:
        """What makes the first budget `initial` times the deficit."""
        assert observation.deficit is not None
        assert observation.capacity_total is not None
        deficit = observation.deficit
        unit = self._unit(deficit, observation.capacity_total)
        return initial * jnp.where(unit > 0, deficit / jnp.where(unit > 0, unit, 1), 0)


class Rate(AbstractCoordinate):
    r"""USD per USD closed out, by leverage tier: r_c = x (reference / max_leverage_c)^rho.

    A venue allows the more leverage the calmer a market is, and what a close-out costs is
    of the size of a move, so that the published limits say before the first round which
    markets will be dear. `exponent` 0 is one rate for all, 1 a cost in proportion to the
    maintenance margin. Where limits are not known every market counts as the reference.

    **Arguments:** `exponent` rho, `reference`: shape `()`, without unit.
    """

    information: ClassVar[Information] = Information.notional

    exponent: Scalar = eqx.field(default=0.0, converter=as_float)
    reference: Scalar = eqx.field(default=10.0, converter=as_float)

    def factor(self, observation: Observation) -> Scalar | PerMarket:
        """(reference / max_leverage)^rho, shape `(markets,)`; 1 without markets."""
        assert observation.deficit is not None
        dtype = observation.deficit.dtype
        if observation.market is None:
            return jnp.ones((), dtype)
        shape = observation.market.shape
        if observation.max_leverage is None:
            return jnp.ones(shape, dtype)
        known = observation.max_leverage > 0
        allowed = jnp.where(known, observation.max_leverage, 1)
        ratio = jnp.where(known, self.reference.astype(dtype), 1) / allowed
        return ratio ** self.exponent.astype(dtype)

    def commitment(self, x: Scalar, observation: Observation) -> Commitment:
        """A rate for each market."""
        return Commitment(rate=x * self.factor(observation))

    def unit(self, observation: Observation, record: Record) -> Scalar:
        """The close-outs weighted by tier."""
        return (self.factor(observation) * notional(record)).sum()

    def start(self, initial: Scalar, observation: Observation) -> Scalar:
        """`initial` itself."""
        del observation
        return initial


def notional(record: Record) -> PerMarket:
    """What was closed out, shape `(markets,)`, USD; an error where nobody knows."""
    if record.closeout_notional is None:
        raise ValueError(
            "a rate is learned from close-outs by market: give rounds that have them "
            "(closeout_quantity and closeout_price)"
        )
    return record.closeout_notional


def limit(record: Record) -> Scalar:
    """The most that the loop executes, min(D_t, U_t), USD."""
    return jnp.minimum(record.deficit, record.capacity_total)


def _power(amount: Float[Array, ""], power: Scalar) -> Scalar:
    # 0 to a power has no finite derivative; a round without a deficit is normal.
    some = amount > 0
    return jnp.where(some, jnp.where(some, amount, 1) ** power, 0)
