"""Severities that look at a round's start: a rate by market, log-linear or by a network."""

import abc
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from adl_jax._sums import product
from adl_jax._types import PerMarket, Scalar, as_dtype, as_float, check_range
from adl_jax.learned.features import NAMES, Past, after, features, no_past
from adl_jax.learned.network import Network
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import notional


# A context changes a rate by a factor of at most e^4, whatever was learned.
_LARGEST_LOG = 4.0


class ContextualState(NamedTuple):
    """What features remember; and discounted sums, USD: what was needed, and what the
    context alone would have raised."""

    past: Past
    needed: Scalar
    expected: Scalar
    seen: Scalar


class AbstractContextual(AbstractSeverity[ContextualState]):
    r"""A rate for each market from the round's start, and from past residuals.

    $r_c=r_0\,e^{f(z_c)}\,\frac{\sum needed+m\bar e}{\sum e+m\bar e}$, where z_c are the
    features of `learned.features`, e is what r_0 e^f would have raised in past rounds,
    and $\bar e$ its mean: after m rounds the residuals weigh as much as the rule itself.

    **Guarantee:** none; judge it on scenarios it was not trained on.
    """

    information: ClassVar[Information] = Information.notional

    initial_rate: eqx.AbstractVar[Scalar]
    doubt: eqx.AbstractVar[Scalar]
    discount: eqx.AbstractVar[Scalar]

    @abc.abstractmethod
    def context(self, z: Float[Array, "markets features"]) -> PerMarket:
        """f, the log of what the context multiplies the rate by."""

    def init(self, observation: Observation) -> ContextualState:
        """Nothing has been seen."""
        assert observation.deficit is not None
        zero = jnp.zeros_like(observation.deficit)
        return ContextualState(no_past(observation), zero, zero, zero)

    def commit(self, state: ContextualState, observation: Observation) -> Commitment:
        """Commits to the rates."""
        assert observation.deficit is not None
        self = as_dtype(self, observation.deficit.dtype)
        mean = state.expected / jnp.maximum(state.seen, 1)
        prior = jnp.maximum(self.doubt, 0) * mean
        some = state.expected + prior > 0
        residual = jnp.where(some, state.needed + prior, 1)
        residual = residual / jnp.where(some, state.expected + prior, 1)
        return Commitment(rate=residual * self._rate(state, observation))

    def learn(
        self, state: ContextualState, observation: Observation, record: Record
    ) -> ContextualState:
        """Adds the round to what is left of the past."""
        self = as_dtype(self, record.deficit.dtype)
        closed = notional(record)
        expected = (self._rate(state, observation) * closed).sum()
        some = expected > 0
        kept = jnp.clip(self.discount, 0, 1)
        return ContextualState(
            past=after(state.past, observation, closed),
            needed=kept * state.needed + jnp.where(some, record.needed, 0),
            expected=kept * state.expected + expected,
            seen=kept * state.seen + some.astype(expected.dtype),
        )

    def _rate(self, state: ContextualState, observation: Observation) -> PerMarket:
        log = self.context(features(observation, state.past))
        # Smooth, so that the limit never stops learning for good.
        log = _LARGEST_LOG * jnp.tanh(log / _LARGEST_LOG)
        return jnp.maximum(self.initial_rate, 0) * jnp.exp(log)


class LogLinear(AbstractContextual):
    r"""A contextual rate whose log is linear in the features, f(z) = w.z.

    **Arguments:**

    - `weight`: shape `(features,)`, w, in the order of `learned.features.NAMES`; zeros if
        not given: a rate that is the same whatever is seen.
    - `initial_rate`: shape `()`, r0, USD per USD closed out.
    - `doubt`: shape `()`, m >= 0, rounds after which past residuals weigh as much as the
        rule; large for a rule that does not learn any more.
    - `discount`: shape `()`, in (0, 1], what past residuals keep a round later.
    """

    weight: Float[Array, " features"]
    initial_rate: Scalar = eqx.field(converter=as_float)
    doubt: Scalar = eqx.field(converter=as_float)
    discount: Scalar = eqx.field(converter=as_float)

    def __init__(
        self,
        weight: ArrayLike | None = None,
        initial_rate: ArrayLike = 0.01,
        doubt: ArrayLike = 1.0,
        discount: ArrayLike = 1.0,
    ):
        """Fills the weights with zeros where they are not given."""
        self.weight = as_float(jnp.zeros(len(NAMES)) if weight is None else weight)
        self.initial_rate = as_float(initial_rate)
        self.doubt = as_float(doubt)
        self.discount = as_float(discount)

    def __check_init__(self):
        """Refuses what no rate can be."""
        if self.weight.shape != (len(NAMES),):
            raise ValueError(
                f"LogLinear.weight has shape {self.weight.shape}: give {len(NAMES)} "
                "numbers, one a feature"
            )
        _check(self)

    def context(self, z: Float[Array, "markets features"]) -> PerMarket:
        """w.z"""
        return product(z, self.weight)


class NetworkRate(AbstractContextual):
    """A contextual rate whose log is a small network of the features.

    The same network for every market. Its last layer starts at 0, so that an untrained one
    is a rate that is the same whatever is seen.

    **Arguments:** `width`: units of its one hidden layer; `seed`: of its first weights;
    the others as in `LogLinear`.
    """

    network: Network
    initial_rate: Scalar = eqx.field(converter=as_float)
    doubt: Scalar = eqx.field(converter=as_float)
    discount: Scalar = eqx.field(converter=as_float)

    def __init__(
        self,
        width: int = 16,
        seed: int = 0,
        initial_rate: ArrayLike = 0.01,
        doubt: ArrayLike = 1.0,
        discount: ArrayLike = 1.0,
    ):
        """Draws the first weights."""
        self.network = Network(len(NAMES), width, 1, key=jax.random.key(seed))
        self.initial_rate = as_float(initial_rate)
        self.doubt = as_float(doubt)
        self.discount = as_float(discount)

    def __check_init__(self):
        """Refuses what no rate can be."""
        _check(self)

    def context(self, z: Float[Array, "markets features"]) -> PerMarket:
        """The network's output."""
        return self.network(z)[..., 0]


def _check(severity: AbstractContextual) -> None:
    name = type(severity).__name__
    check_range(f"{name}.initial_rate", severity.initial_rate, 0)
    check_range(f"{name}.doubt", severity.doubt, 0)
    check_range(f"{name}.discount", severity.discount, 0, 1)
