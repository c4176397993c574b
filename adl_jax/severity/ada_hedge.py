"""AdaHedge: weigh experts by their losses so far, with no learning rate to choose."""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool

from adl_jax._sums import product
from adl_jax._types import Scalar, as_dtype
from adl_jax.messages import Commitment, Information, Observation, Record
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.experts import Experts, Weights, commitment_of
from adl_jax.severity.pinball import Pinball


class AdaHedgeState(NamedTuple):
    """The experts, their losses so far, the mixability gap so far, and the largest
    loss of a round. USD."""

    experts: tuple[Any, ...]
    losses: Weights
    gap: Scalar
    largest: Scalar


class AdaHedge(AbstractSeverity[AdaHedgeState]):
    r"""Exponential weights with $\eta_t=\ln K/\Delta_{t-1}$ (de Rooij et al., 2014).

    $\Delta$ sums the mixability gaps $h_t-m_t$ between the weighted mean loss and the mix
    loss $-\eta^{-1}\ln\sum w e^{-\eta\ell}$; while it is 0 the leaders share the weight.
    Weights do not change when losses are multiplied or shifted: no unit, no range, no
    horizon.

    **Arguments:**

    - `experts`: the pool.
    - `combine`: how the experts' proposals become one commitment: `"mean"` or `"median"`,
        see `experts.commitment_of`.
    - `pinball`: the weights of (9).

    **Guarantee:** with `"mean"`, the regret to the best expert in the loss of `Pinball`
    is at most `adl_jax.evaluate.online_bounds.ada_hedge_bound`.

    **Differentiability:** almost everywhere, through the experts and the weights.
    """

    experts: Experts
    combine: Literal["mean", "median"] = eqx.field(default="mean", static=True)
    pinball: Pinball = eqx.field(default_factory=Pinball)

    @property
    def information(self) -> Information:
        """The experts'."""
        return self.experts.information

    def init(self, observation: Observation) -> AdaHedgeState:
        """Every expert counts the same."""
        assert observation.deficit is not None
        dtype = observation.deficit.dtype
        zero = jnp.zeros((), dtype)
        nothing = jnp.zeros(self.experts.count, dtype)
        return AdaHedgeState(self.experts.init(observation), nothing, zero, zero)

    def commit(self, state: AdaHedgeState, observation: Observation) -> Commitment:
        """Commits to the experts' vote."""
        proposals = self.experts.propose(state.experts, observation)
        weights = ada_hedge_weights(state.losses, state.gap, state.largest)
        return commitment_of(proposals, weights, self.information, self.combine)

    def learn(
        self, state: AdaHedgeState, observation: Observation, record: Record
    ) -> AdaHedgeState:
        """Adds every expert's loss, and this round's mixability gap."""
        pinball = as_dtype(self.pinball, state.gap.dtype)
        now = self.experts.losses(state.experts, observation, record, pinball)
        gap = mixability_gap(state.losses, now, state.gap, state.largest)
        return AdaHedgeState(
            self.experts.learn(state.experts, observation, record),
            state.losses + now,
            state.gap + gap,
            jnp.maximum(state.largest, now.max()),
        )


def _rate(
    losses: Weights, gap: Scalar, largest: Scalar
) -> tuple[Bool[Array, ""], Scalar]:
    """Whether the learning rate is finite, and the rate, 1/USD."""
    # A gap of rounding alone would make a rate that weighs rounding errors.
    some = gap > 16 * jnp.finfo(gap.dtype).eps * largest
    count = jnp.asarray(losses.shape[0], gap.dtype)
    return some, jnp.log(count) / jnp.where(some, gap, 1)


def ada_hedge_weights(losses: Weights, gap: Scalar, largest: Scalar) -> Weights:
    """The distribution over experts, from their losses and the gap so far.

    **Arguments:** `losses`: shape `(experts,)`, USD; `gap`: shape `()`, USD, the sum of
    mixability gaps; `largest`: shape `()`, USD, the largest loss of a round.
    """
    some, rate = _rate(losses, gap, largest)
    behind = losses - losses.min()
    leads = (behind <= 16 * jnp.finfo(gap.dtype).eps * largest).astype(gap.dtype)
    weights = jnp.where(some, jnp.exp(-rate * jnp.where(some, behind, 0)), leads)
    return weights / weights.sum()


def mixability_gap(
    losses: Weights, now: Weights, gap: Scalar, largest: Scalar
) -> Scalar:
    """How much the weighted mean loss of a round is above its mix loss, >= 0, USD."""
    some, rate = _rate(losses, gap, largest)
    mean = product(ada_hedge_weights(losses, gap, largest), now)
    before, after = losses - losses.min(), losses + now - (losses + now).min()
    leader = (losses + now).min() - losses.min()
    safe = jnp.where(some, rate, 1)
    before, after = jnp.where(some, before, 0), jnp.where(some, after, 0)
    mixed = leader - (logsumexp(-safe * after) - logsumexp(-safe * before)) / safe
    return jnp.maximum(mean - jnp.where(some, mixed, leader), 0)
