"""Strongly adaptive: experts that start afresh on a geometric cover of the rounds."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from adl_jax._sums import product
from adl_jax._types import Scalar, as_dtype, as_float
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Record,
    before_closeouts,
)
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import limit
from adl_jax.severity.experts import Experts, Weights, commitment_of
from adl_jax.severity.mirror_descent import scale_free_severity
from adl_jax.severity.pinball import Pinball


class StronglyAdaptiveState(NamedTuple):
    """The experts, their weights, the rounds so far, and the largest loss, USD."""

    experts: tuple[Any, ...]
    weights: Weights
    rounds: Int[Array, ""]
    largest: Scalar


class StronglyAdaptive(AbstractSeverity[StronglyAdaptiveState]):
    r"""SAOL on geometric covering intervals (Daniely, Gonen and Shalev-Shwartz, 2015).

    Level k has one expert, which forgets everything at each multiple of $2^k$ and sleeps
    before $2^k$; its weight starts at 1 there and grows by $1+\eta_k r_t$, with
    $\eta_k=\min(1/2,2^{-k/2})$ and $r_t$ how much less it lost than the whole in units of
    the largest loss. Experts vote in proportion to $\eta_k w_k$. In rounds 1, 2, 4, 8, ...
    every interval of the cover begins, so that the whole starts afresh.

    **Arguments:**

    - `expert`: a severity with a regret of order sqrt(T), scale-free gradient descent if
        not given.
    - `levels`: how many; 2^levels rounds are covered.
    - `largest_loss`: shape `()`, USD, what one round can cost at most; `None` takes the
        largest so far, without the guarantee.
    - `pinball`: the weights of (9).

    **Guarantee:** with `largest_loss` given, the regret on every interval of rounds is at
    most `adl_jax.evaluate.online_bounds.strongly_adaptive_bound`.
    """

    expert: AbstractSeverity = eqx.field(default_factory=scale_free_severity)
    levels: int = eqx.field(default=7, static=True)
    largest_loss: Scalar | None = eqx.field(
        default=None, converter=lambda usd: None if usd is None else as_float(usd)
    )
    pinball: Pinball = eqx.field(default_factory=Pinball)

    @property
    def information(self) -> Information:
        """The expert's."""
        return self.expert.information

    @property
    def _experts(self) -> Experts:
        def repeated(leaf: Any) -> Any:
            if not eqx.is_array(leaf):
                return leaf
            return jnp.broadcast_to(leaf, (self.levels, *leaf.shape))

        return Experts((jax.tree.map(repeated, self.expert),))

    def init(self, observation: Observation) -> StronglyAdaptiveState:
        """Starts before the first round."""
        assert observation.deficit is not None
        dtype = observation.deficit.dtype
        return StronglyAdaptiveState(
            self._experts.init(observation),
            jnp.ones(self.levels, dtype),
            jnp.zeros((), jnp.int32),
            jnp.zeros((), dtype),
        )

    def _restarted(
        self, state: StronglyAdaptiveState, observation: Observation
    ) -> tuple[tuple[Any, ...], Weights, Weights, Weights]:
        """States and weights at a round's start, its steps, and who is awake."""
        length = 2 ** jnp.arange(self.levels, dtype=jnp.int32)
        now = state.rounds + 1
        begins = now % length == 0
        fresh = self._experts.init(before_closeouts(observation))

        def chosen(new: Array, old: Array) -> Array:
            return jnp.where(begins.reshape(-1, *(1,) * (old.ndim - 1)), new, old)

        experts = jax.tree.map(chosen, fresh, state.experts)
        weights = jnp.where(begins, 1, state.weights)
        dtype = weights.dtype
        steps = jnp.minimum(0.5, 1 / jnp.sqrt(length.astype(dtype)))
        return experts, weights, steps, (now >= length).astype(dtype)

    def commit(
        self, state: StronglyAdaptiveState, observation: Observation
    ) -> Commitment:
        """Commits to the vote of the experts that are awake."""
        experts, weights, steps, awake = self._restarted(state, observation)
        vote = awake * steps * weights
        proposals = self._experts.propose(experts, observation)
        return commitment_of(proposals, vote / vote.sum(), self.information, "mean")

    def learn(
        self, state: StronglyAdaptiveState, observation: Observation, record: Record
    ) -> StronglyAdaptiveState:
        """Moves weight to the experts that lost less than the vote did."""
        experts, weights, steps, awake = self._restarted(state, observation)
        pool = self._experts
        pinball = as_dtype(self.pinball, weights.dtype)
        proposals = pool.propose(experts, before_closeouts(observation))
        asked = pool.asked(proposals, record)
        losses = pinball.loss(asked, record.needed, limit(record))
        vote = awake * steps * weights
        own = pinball.loss(
            product(vote / vote.sum(), asked), record.needed, limit(record)
        )
        if self.largest_loss is None:
            largest = jnp.maximum(state.largest, jnp.maximum(losses.max(), own))
        else:
            largest = self.largest_loss.astype(own.dtype)
        gain = (own - losses) / jnp.where(largest > 0, largest, 1)
        return StronglyAdaptiveState(
            pool.learn(experts, observation, record),
            weights * (1 + awake * steps * gain),
            state.rounds + 1,
            largest,
        )
