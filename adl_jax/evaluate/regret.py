"""Regrets: how much worse than a comparator that knew more (section 3.7)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerRound, Scalar
from adl_jax.evaluate.loss import Weight, surrogate


class StaticComparator(NamedTuple):
    """The best constant choice in hindsight. Shape `()`."""

    value: Scalar
    """The constant: a severity or a haircut fraction, in [0, 1]."""
    loss: Scalar
    """Its cumulative loss in USD."""


def _best_of(
    candidates: Float[Array, " candidates"],
    executed: Float[Array, "candidates rounds"],
    needed: PerRound,
    capacity_total: PerRound,
    track: Weight,
    fair: Weight,
) -> StaticComparator:
    some = capacity_total > 0

    def cumulative_loss(money: PerRound) -> Scalar:
        share = jnp.where(some, money, 0) / jnp.where(some, capacity_total, 1)
        return surrogate(money, needed, share, track=track, fair=fair).sum()

    losses = jax.vmap(cumulative_loss)(executed)
    best = jnp.argmin(losses)
    return StaticComparator(candidates[best], losses[best])


def _breakpoints(
    numerators: list[PerRound], denominator: PerRound
) -> Float[Array, " candidates"]:
    some = denominator > 0
    safe = jnp.where(some, denominator, 1)
    ends = jnp.array([0, 1], denominator.dtype)
    kinks = [jnp.clip(jnp.where(some, top, 0) / safe, 0, 1) for top in numerators]
    return jnp.concatenate([ends, *kinks])


def best_fixed_severity(
    deficit: PerRound,
    needed: PerRound,
    capacity_total: PerRound,
    *,
    track: Weight = 1.0,
    fair: Weight = 0.0,
) -> StaticComparator:
    r"""The best fixed severity, allocated pro rata, the comparator of (12).

    Minimises the cumulative surrogate (10) over $\theta\in[0,1]$ with
    $H_t=\min(\theta D_t,U_t)$ and concentration $H_t/U_t$, the least there is
    (Proposition 9). The loss is piecewise linear in $\theta$, so that its minimum is at
    one of the kinks, all of which are tried.

    **Arguments:** `deficit`, `needed`, `capacity_total`: shape `(rounds,)`, USD, >= 0;
    `track` without unit, `fair` in USD.

    **Cost:** quadratic in the number of rounds.
    """
    severities = _breakpoints([needed, capacity_total], deficit)
    executed = jnp.minimum(severities[:, None] * deficit[None], capacity_total[None])
    return _best_of(severities, executed, needed, capacity_total, track, fair)


def best_fixed_haircut_fraction(
    needed: PerRound,
    capacity_total: PerRound,
    *,
    track: Weight = 1.0,
    fair: Weight = 0.0,
) -> StaticComparator:
    """The best fixed haircut fraction, taken from every winner, the comparator of (12).

    As `best_fixed_severity`, with H_t = h U_t and concentration h in [0, 1].
    """
    fractions = _breakpoints([needed], capacity_total)
    executed = fractions[:, None] * capacity_total[None]
    return _best_of(fractions, executed, needed, capacity_total, track, fair)


def static_regret(loss: PerRound, comparator: StaticComparator) -> Scalar:
    """Static regret (12): cumulative loss above the best constant choice's. USD."""
    return loss.sum() - comparator.loss


def best_round_losses(
    needed: PerRound,
    capacity_total: PerRound,
    *,
    track: Weight = 1.0,
    fair: Weight = 0.0,
) -> PerRound:
    """The least surrogate of each round (11), the comparator losses of (13). USD.

    A pro-rata haircut of H costs track |H - needed| + fair H/U, linear between 0,
    needed and U, so that its minimum is at one of them.
    """
    some = capacity_total > 0
    reachable = jnp.minimum(needed, capacity_total)
    share = jnp.where(some, reachable, 0) / jnp.where(some, capacity_total, 1)
    paid = surrogate(reachable, needed, share, track=track, fair=fair)
    nothing = jnp.zeros_like(needed)
    return jnp.minimum(
        paid, surrogate(nothing, needed, nothing, track=track, fair=fair)
    )


def dynamic_regret(loss: PerRound, comparator_loss: PerRound) -> Scalar:
    """Dynamic regret (13): cumulative loss above a comparator sequence's. USD."""
    return (loss - comparator_loss).sum()


def policy_class_regret(
    loss: PerRound, library: Float[Array, "policies rounds"]
) -> Scalar:
    """Regret against the best policy of a library, (14); with tracking losses, (15).
    USD.

    **Arguments:** `loss`: shape `(rounds,)`, the policy's; `library`: shape
    `(policies, rounds)`, the same loss of every policy compared with.

    **Returns:** shape `()`; at least 0 where the policy is in the library.
    """
    return loss.sum() - library.sum(axis=1).min()


def cumulative_undershoot(executed: PerRound, needed: PerRound) -> Scalar:
    """V_T, eq. (21): sum of (needed - executed)+. USD."""
    return jnp.maximum(needed - executed, 0).sum()
