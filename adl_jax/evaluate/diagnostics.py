"""How even and how stable haircuts are (Figs. 12 and 13), and tracking sums.

Haircuts are judged among winners, accounts with a capacity above 0, so that padding
accounts changes nothing. Haircut fractions that differ by rounding alone count as
equal.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.stats import rankdata
from jaxtyping import Array, Bool, Float

from adl_jax._types import PerAccount, PerRound, Scalar


_PerRoundAccount = Float[Array, "rounds accounts"]


class TrackingSums(NamedTuple):
    """Executed minus needed, summed over rounds in four ways. Shape `()`, USD."""

    signed: Scalar
    overshoot: Scalar
    undershoot: Scalar
    absolute: Scalar


def tracking_sums(executed: PerRound, needed: PerRound) -> TrackingSums:
    """Signed sum, positive part, negative part and absolute sum of executed - needed.

    `signed` = `overshoot` - `undershoot`, `absolute` = `overshoot` + `undershoot`. The
    paper's Table 1 prints the signed sum under the name of the positive part.
    """
    gap = executed - needed
    over, under = jnp.maximum(gap, 0).sum(), jnp.maximum(-gap, 0).sum()
    return TrackingSums(gap.sum(), over, under, jnp.abs(gap).sum())


def haircut_fraction(haircut: PerAccount, capacity: PerAccount) -> PerAccount:
    """Share of its profit that each account loses, h_i = x_i / u_i; 0 where u_i = 0."""
    winner = capacity > 0
    return jnp.where(winner, haircut, 0) / jnp.where(winner, capacity, 1)


def concentration(haircut: PerAccount, capacity: PerAccount) -> Scalar:
    """The largest haircut fraction, m_t = max_i x_i / u_i; 0 without winners."""
    return jnp.max(haircut_fraction(haircut, capacity), initial=0)


def adjacent_inversions(haircut: PerAccount, capacity: PerAccount) -> Scalar:
    """Share of neighbours in profit whose order the haircuts turn round (Fig. 12).

    Winners are sorted by capacity; a pair of neighbours with u_i > u_j is inverted
    where u_i - x_i < u_j - x_j. Pro-rata has none (Proposition 9).

    **Returns:** shape `()`, in [0, 1]; 0 with fewer than two winners.

    **Cost:** one sort.
    """
    order = jnp.argsort(-capacity)
    before, after = capacity[order], (capacity - haircut)[order]
    pair = (before[1:] > 0) & (before[:-1] > before[1:])
    slack = 64 * jnp.finfo(capacity.dtype).eps * before[:-1]
    inverted = pair & (after[1:] - after[:-1] > slack)
    pairs = (before[1:] > 0).sum()
    return _as(capacity, inverted.sum()) / _as(capacity, jnp.maximum(pairs, 1))


def rank_correlation(
    haircut: _PerRoundAccount, capacity: _PerRoundAccount
) -> Float[Array, " rounds-1"]:
    """Spearman correlation of haircut fractions in adjacent rounds (Fig. 13).

    Over the accounts that are winners in both rounds. Where all of them lose the same
    fraction in both rounds nobody's place changes, and the value is 1; where that holds
    in one round only there is nothing to correlate, and it is 0.

    **Returns:** shape `(rounds - 1,)`, in [-1, 1].

    **Cost:** two sorts for each pair of rounds.
    """
    winner = capacity > 0
    fraction = jax.vmap(haircut_fraction)(haircut, capacity)
    return jax.vmap(_spearman)(fraction[:-1], fraction[1:], winner[:-1] & winner[1:])


def _spearman(
    first: PerAccount, second: PerAccount, common: Bool[Array, " accounts"]
) -> Scalar:
    def centred_ranks(fraction: PerAccount) -> PerAccount:
        largest = jnp.max(jnp.where(common, fraction, 0), initial=0)
        grain = 64 * jnp.finfo(fraction.dtype).eps * jnp.where(largest > 0, largest, 1)
        # Accounts that are not common share one value below all, and drop out after.
        ranks = rankdata(jnp.where(common, jnp.round(fraction / grain), -1))
        ranks = ranks.astype(fraction.dtype)
        count = _as(ranks, jnp.maximum(common.sum(), 1))
        mean = jnp.where(common, ranks, 0).sum() / count
        return jnp.where(common, ranks - mean, 0)

    a, b = centred_ranks(first), centred_ranks(second)
    spread = (a**2).sum() * (b**2).sum()
    flat = (a**2).sum() + (b**2).sum() == 0
    correlation = (a * b).sum() / jnp.sqrt(jnp.where(spread > 0, spread, 1))
    return jnp.where(flat, 1, correlation)


def gini(haircut: PerAccount, capacity: PerAccount) -> Scalar:
    """Gini coefficient of the haircuts in USD among winners.

    0 where all pay the same, towards 1 where one pays all.

    **Returns:** shape `()`, in [0, 1); 0 without winners or haircuts.

    **Cost:** one sort.
    """
    winners = _as(haircut, (capacity > 0).sum())
    ordered = jnp.sort(jnp.where(capacity > 0, haircut, -jnp.inf))
    # Winners come last, and the rank of the least among them is 1.
    rank = (
        _as(haircut, jnp.arange(1, haircut.shape[0] + 1)) - haircut.shape[0] + winners
    )
    paid = jnp.where(rank > 0, ordered, 0)
    total = paid.sum()
    some = total > 0
    scale = jnp.where(some, winners * total, 1)
    value = 2 * (rank * paid).sum() / scale - (winners + 1) / jnp.maximum(winners, 1)
    return jnp.where(some, value, 0)


def worst_decile(haircut: PerAccount, capacity: PerAccount) -> Scalar:
    """Mean haircut fraction of the tenth of winners that is hit hardest.

    At least one account counts. **Returns:** shape `()`, in [0, 1].
    """
    fraction = haircut_fraction(haircut, capacity)
    total, count = _sum_of_largest(fraction, capacity, 0.1)
    return total / count


def share_paid_by_top(
    haircut: PerAccount, capacity: PerAccount, fraction: float = 0.01
) -> Scalar:
    """Share of the money that the largest payers pay, as a fraction of all winners.

    **Arguments:** `fraction`: of the winners, at least one account, 0.01 for the top 1 %.

    **Returns:** shape `()`, in [0, 1]; 0 where nothing is paid.
    """
    total = jnp.where(capacity > 0, haircut, 0).sum()
    largest, _ = _sum_of_largest(haircut, capacity, fraction)
    return jnp.where(total > 0, largest, 0) / jnp.where(total > 0, total, 1)


def accounts_touched(haircut: PerAccount) -> Scalar:
    """How many accounts lose anything. Shape `()`."""
    return _as(haircut, (haircut > 0).sum())


def _as(like: Array, count: Array) -> Array:
    return count.astype(like.dtype)


def _sum_of_largest(
    values: PerAccount, capacity: PerAccount, fraction: float
) -> tuple[Scalar, Scalar]:
    winners = _as(values, (capacity > 0).sum())
    count = jnp.maximum(jnp.ceil(fraction * winners), 1)
    descending = -jnp.sort(-jnp.where(capacity > 0, values, 0))
    place = _as(values, jnp.arange(values.shape[0]))
    return jnp.where(place < count, descending, 0).sum(), count
