"""Allocations with learned weights: who pays more of the same budget."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from adl_jax._types import Key, PerAccount, PerGroup, Scalar, as_float
from adl_jax.allocation import pro_rata, pro_rata_by_group
from adl_jax.allocator import AbstractAllocation
from adl_jax.learned.network import Network
from adl_jax.messages import Observation
from adl_jax.result import InputError


# Weights lie between e^-6 and e^6: nobody is spared, and nobody pays alone.
_LARGEST_LOG = 6.0


class AbstractWeighted(AbstractAllocation):
    r"""Haircut fractions in proportion to a positive weight, up to all of a capacity.

    $x_i=\min(1,\tau w_i)\,u_i$, C-(29), so that 0 <= x <= u and sum x = B hold whatever
    was learned.
    """

    by_group: ClassVar[bool] = True

    @abc.abstractmethod
    def log_weight(self, observation: Observation) -> PerAccount:
        """The log of each winner's weight."""

    def __call__(
        self, observation: Observation, budget: Scalar | PerGroup, *, key: Key
    ) -> PerAccount:
        """See `adl_jax.allocation.pro_rata` and `pro_rata_by_group` with weights."""
        del key
        capacity, group = observation.capacity, observation.group
        assert capacity is not None
        log = self.log_weight(observation).astype(capacity.dtype)
        weight = jnp.exp(_LARGEST_LOG * jnp.tanh(log / _LARGEST_LOG))
        if group is None:
            return pro_rata(capacity, budget, weight=weight)
        return pro_rata_by_group(capacity, budget, group, weight=weight).haircut


class LeverageCurve(AbstractWeighted):
    r"""Weights that rise with leverage along a learned curve.

    $\log w(\lambda)=\sum_k\mathrm{softplus}(s_k)\,
    \mathrm{clip}\big(\frac{\log\lambda-\log\lambda_k}{\log\lambda_{k+1}-\log\lambda_k},
    0,1\big)$: a piecewise linear function of log leverage which never falls, for any s.
    The law of C-(33) with a learned g. Rounds without leverage are pro rata.

    **Arguments:**

    - `rise`: shape `(knots - 1,)`, s_k, any numbers; by default the curve rises by a
        factor of 1.05 in all, which is nearly pro rata.
    - `knots`: shape `(knots,)`, leverages, > 0 and rising.
    """

    rise: Float[Array, " pieces"] = eqx.field(converter=as_float)
    knots: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        rise: ArrayLike | None = None,
        knots: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0),
    ):
        """Starts nearly flat."""
        pieces = len(knots) - 1
        self.knots = tuple(knots)
        self.rise = as_float(jnp.full(pieces, -4.8) if rise is None else rise)

    def __check_init__(self):
        """Refuses knots that do not rise."""
        knots = np.asarray(self.knots)
        if len(knots) < 2 or not (knots > 0).all() or not (np.diff(knots) > 0).all():
            raise InputError(
                f"LeverageCurve.knots is {self.knots}: give two or more leverages above "
                "0, each larger than the one before"
            )
        if self.rise.shape != (len(knots) - 1,):
            raise InputError(
                f"LeverageCurve.rise has shape {self.rise.shape}: give one number for "
                f"each of the {len(knots) - 1} pieces between knots"
            )

    def log_weight(self, observation: Observation) -> PerAccount:
        """The curve at each account's leverage."""
        capacity, leverage = observation.capacity, observation.leverage
        assert capacity is not None
        if leverage is None:
            return jnp.zeros_like(capacity)
        knots = jnp.log(jnp.asarray(self.knots, capacity.dtype))
        some = leverage > 0
        log = jnp.where(some, jnp.log(jnp.where(some, leverage, 1)), knots[0])
        part = (log[:, None] - knots[None, :-1]) / jnp.diff(knots)[None]
        # Not jnp.clip: its slope at an end is half.
        part = jnp.where(part < 0, 0, jnp.where(part > 1, 1, part))
        return part @ jax.nn.softplus(self.rise).astype(capacity.dtype)


class SetNetwork(AbstractWeighted):
    r"""Weights from a network over the set of winners (deep sets, Zaheer et al., 2017).

    $\log w_i=\rho(z_i,\bar\phi)$ with $\bar\phi$ the mean of $\phi(z_j)$ over winners:
    whoever stands where in the table has the same weight. The last layer starts at 0,
    which is pro rata.

    Features of an account: logs of its leverage, of its capacity over the mean one, and of
    its score over the mean size of scores; 0 where not known.

    **Arguments:** `width`: hidden units of both networks, and outputs of the first;
    `seed`: of their first weights.
    """

    of_one: Network
    of_all: Network

    def __init__(self, width: int = 8, seed: int = 0):
        """Draws the first weights."""
        for_one, for_last, for_all = jax.random.split(jax.random.key(seed), 3)
        one = Network(_FEATURES, width, width, key=for_one)
        # A mean of zeros would have no slope in anything.
        drawn = jax.random.normal(for_last, (width, width), jnp.float32)
        last = drawn.astype(one.last.dtype) / jnp.asarray(width, one.last.dtype) ** 0.5
        self.of_one = eqx.tree_at(lambda network: network.last, one, last)
        self.of_all = Network(_FEATURES + width, width, 1, key=for_all)

    def log_weight(self, observation: Observation) -> PerAccount:
        """The second network, of an account and of what all are like."""
        capacity = observation.capacity
        assert capacity is not None
        to = capacity.dtype
        of_one, of_all = (
            jax.tree.map(lambda leaf: leaf.astype(to), network)
            for network in (self.of_one, self.of_all)
        )
        winner = capacity > 0
        z = _account_features(observation, winner)
        alike = jnp.where(winner[:, None], of_one(z), 0).sum(axis=0)
        alike = alike / jnp.maximum(winner.sum(), 1).astype(to)
        every = jnp.broadcast_to(alike[None], (z.shape[0], alike.shape[0]))
        return of_all(jnp.concatenate([z, every], axis=1))[:, 0]


_FEATURES = 3


def _account_features(
    observation: Observation, winner: Bool[Array, " accounts"]
) -> Float[Array, "accounts features"]:
    capacity = observation.capacity
    assert capacity is not None
    zero = jnp.zeros_like(capacity)
    leverage = zero if observation.leverage is None else observation.leverage
    score = zero if observation.score is None else observation.score
    columns = [
        _log(leverage, winner),
        _log(capacity / _positive(_mean(capacity, winner)), winner),
        jnp.arcsinh(score / _positive(_mean(jnp.abs(score), winner))),
    ]
    stacked = jnp.stack(columns, axis=1)
    return jnp.where(winner[:, None], jnp.clip(stacked, -8, 8), 0)


def _mean(values: PerAccount, winner: Bool[Array, " accounts"]) -> Scalar:
    count = jnp.maximum(winner.sum(), 1).astype(values.dtype)
    return jnp.where(winner, values, 0).sum() / count


def _positive(value: Scalar) -> Scalar:
    return jnp.where(value > 0, value, 1)


def _log(values: Array, counts: Bool[Array, " accounts"]) -> Array:
    some = counts & (values > 0)
    return jnp.where(some, jnp.log(jnp.where(some, values, 1)), 0)
