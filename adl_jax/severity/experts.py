"""Many severities at once: what each would have done, and what that would have cost."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._sums import product
from adl_jax._types import Scalar
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Record,
    before_closeouts,
)
from adl_jax.severity.base import AbstractSeverity
from adl_jax.severity.coordinate import limit, notional
from adl_jax.severity.pinball import Pinball
from adl_jax.severity.weighted_median import weighted_quantile


Proposals = Float[Array, " experts"] | Float[Array, "experts markets"]
Weights = Float[Array, " experts"]


class Experts(eqx.Module):
    """Severities that advise a meta-learner, all in budgets or all in rates.

    **Arguments:** `stacks`: severities whose array leaves have a leading axis of
    experts, as `jax.vmap` over a constructor makes them. Each stack runs as one program;
    experts of different kinds are different stacks.
    """

    stacks: tuple[AbstractSeverity, ...]

    def __check_init__(self):
        """Refuses experts with different information."""
        if len({stack.information for stack in self.stacks}) != 1:
            raise ValueError(
                "experts of one pool declare one information set: budgets and rates "
                "cannot be averaged before the close-outs are known"
            )

    @property
    def information(self) -> Information:
        """What all experts declare."""
        return self.stacks[0].information

    @property
    def count(self) -> int:
        """How many experts there are."""
        return sum(jax.tree.leaves(stack)[0].shape[0] for stack in self.stacks)

    def init(self, observation: Observation) -> tuple[Any, ...]:
        """Every expert's state."""
        return tuple(
            eqx.filter_vmap(lambda one: one.init(observation))(stack)
            for stack in self.stacks
        )

    def propose(self, states: tuple[Any, ...], observation: Observation) -> Proposals:
        """What each expert would commit to.

        **Returns:** budgets `(experts,)` within [0, min(D, U)], so that the mean is the
        mean of what each would execute; or rates `(experts, markets)`.
        """
        assert observation.deficit is not None
        assert observation.capacity_total is not None
        commitments = [
            eqx.filter_vmap(lambda one, state: one.commit(state, observation))(*pair)
            for pair in zip(self.stacks, states, strict=True)
        ]
        if commitments[0].budget is not None:
            most = jnp.minimum(observation.deficit, observation.capacity_total)
            budgets = jnp.concatenate([one.budget for one in commitments])
            return jnp.clip(budgets, 0, most)
        shape = () if observation.market is None else observation.market.shape
        rates = [
            jnp.broadcast_to(
                one.rate.reshape(one.rate.shape[0], *_trailing(one.rate, shape)),
                (one.rate.shape[0], *shape),
            )
            for one in commitments
        ]
        return jnp.maximum(jnp.concatenate(rates), 0)

    def learn(
        self, states: tuple[Any, ...], observation: Observation, record: Record
    ) -> tuple[Any, ...]:
        """Every expert's next state."""
        return tuple(
            eqx.filter_vmap(lambda one, state: one.learn(state, observation, record))(
                stack, state
            )
            for stack, state in zip(self.stacks, states, strict=True)
        )

    def losses(
        self,
        states: tuple[Any, ...],
        observation: Observation,
        record: Record,
        pinball: Pinball,
    ) -> Weights:
        """What each expert's commitment of this round would have cost, USD."""
        proposals = self.propose(states, before_closeouts(observation))
        return pinball.loss(self.asked(proposals, record), record.needed, limit(record))

    def asked(self, proposals: Proposals, record: Record) -> Weights:
        """The money that each proposal comes to, USD."""
        if self.information is Information.deficit:
            return proposals
        return (proposals * notional(record)[None]).sum(axis=-1)


def commitment_of(
    proposals: Proposals, weights: Weights, information: Information, combine: str
) -> Commitment:
    """The experts' vote.

    **Arguments:** `weights`: a distribution; `combine`: `"mean"`, which the regret
    bounds are for, or `"median"`, the weighted median (in each market of its own), which
    one expert far off does not move. With budgets, or one market, it loses at most twice
    the experts' weighted mean loss; with several markets there is no such factor.
    """
    if combine == "mean":
        agreed = product(weights, proposals)
    else:
        half = jnp.full((), 0.5, weights.dtype)
        columns = proposals.reshape(proposals.shape[0], -1)

        def middle(column: Weights) -> Scalar:
            return weighted_quantile(column, weights, half)

        agreed = jax.vmap(middle, in_axes=1)(columns).reshape(proposals.shape[1:])
    if information is Information.deficit:
        return Commitment(budget=agreed)
    return Commitment(rate=agreed)


def stack(severities: Sequence[AbstractSeverity]) -> AbstractSeverity:
    """Stacks severities of one kind along a new axis of experts."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *severities)


def _trailing(rate: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    # One rate for all markets is that rate in each.
    return rate.shape[1:] or (1,) * len(shape)
