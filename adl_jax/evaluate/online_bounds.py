r"""Regret bounds of the online learners, each with the constants it is made of.

Every bound is in the unit of the losses, and holds for any sequence of losses that its
conditions allow; tests hold measured regrets against them on random and on adversarial
sequences. A slope is the largest subgradient of a round's loss in x, which for a share
of the deficit is the deficit.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerRound, Scalar, as_float


class Bound(NamedTuple):
    """A bound and what it is made of. Shape `()`."""

    value: Scalar
    constants: dict[str, Scalar]


def ada_hedge_bound(spread: PerRound, experts: int) -> Bound:
    r"""AdaHedge: $\sqrt{\ln K\sum_t s_t^2}+S(\frac43\ln K+2)$.

    From $R\le2\Delta_T$, $\Delta_T\le\sqrt{V_T\ln K}+S(\frac23\ln K+1)$ and
    $V_T\le\frac14\sum_t s_t^2$ (de Rooij, van Erven, Gruenwald and Koolen, 2014).

    **Arguments:** `spread`: shape `(rounds,)`, s_t, the largest less the smallest
    expert's loss; `experts`: K.

    **Returns:** the bound on the regret to the best expert; constants `log_experts`,
    `largest_spread`, `sum_of_squares`.
    """
    log_experts = jnp.log(jnp.asarray(experts, spread.dtype))
    largest, squares = spread.max(), (spread**2).sum()
    value = jnp.sqrt(log_experts * squares) + largest * (4 / 3 * log_experts + 2)
    return Bound(
        value,
        {
            "log_experts": log_experts,
            "largest_spread": largest,
            "sum_of_squares": squares,
        },
    )


def hedge_bound(
    spread: PerRound,
    learning_rate: Scalar,
    largest_loss: Scalar,
    prior_of_best: Scalar,
) -> Bound:
    r"""Hedge at a fixed rate: $S(\frac{\ln1/\pi}{\eta}+\frac{\eta}{8}\sum_t(s_t/S)^2)$.

    (Freund and Schapire, 1997; Cesa-Bianchi and Lugosi, 2006, Theorem 2.2, by
    Hoeffding's lemma.)

    **Arguments:** `spread`: shape `(rounds,)`, as for `ada_hedge_bound`; `learning_rate`:
    eta without unit; `largest_loss`: S, what losses were divided by; `prior_of_best`: the
    prior weight of the expert that is compared with.
    """
    squares = ((spread / largest_loss) ** 2).sum()
    prior_term = -jnp.log(prior_of_best) / learning_rate
    value = largest_loss * (prior_term + learning_rate / 8 * squares)
    return Bound(value, {"prior_term": prior_term, "sum_of_squares": squares})


def scale_free_bound(slope: PerRound) -> Bound:
    r"""Scale-free gradient descent on [0, 1]: $\sqrt{2\sum_t g_t^2}$, static regret.

    For the step $1/\sqrt{2\sum_{s\le t}g_s^2}$ (Duchi, Hazan and Singer, 2011; Orabona,
    2019, Theorem 4.14).

    **Arguments:** `slope`: shape `(rounds,)`, the slopes' sizes.
    """
    squares = (slope**2).sum()
    return Bound(
        jnp.sqrt(2 * squares),
        {"sum_of_squares": squares, "diameter": jnp.ones_like(squares)},
    )


def coin_betting_bound(
    rounds: int,
    largest_slope: Scalar,
    distance: Scalar,
    endowment: Scalar,
) -> Bound:
    r"""KT betting: $G\left(|u|\sqrt{T\ln(1+24T^2u^2/\epsilon^2)}+\epsilon\right)$.

    (Orabona and Pal, 2016, Corollary 5); clipping to [0, 1] adds nothing (Cutkosky,
    2020).

    **Arguments:** `rounds`: T; `largest_slope`: G; `distance`: |u|, from the start to
    the comparator; `endowment`: epsilon.
    """
    horizon = jnp.asarray(rounds, distance.dtype)
    inside = jnp.log1p(24 * (horizon * distance / endowment) ** 2)
    value = largest_slope * (distance * jnp.sqrt(horizon * inside) + endowment)
    return Bound(value, {"log_term": inside, "endowment": endowment})


def ader_bound(rounds: int, largest_slope: Scalar, path_variation: Scalar) -> Bound:
    r"""Ader's dynamic regret on [0, 1], with its constants.

    $\frac{3G}{4}\sqrt{2T(7+4P_T)}+\frac{G\sqrt{2T}}{4}(1+2\ln(k+1))$ with
    $k=\lfloor\frac12\log_2(1+\frac{4P_T}{7})\rfloor+1$ (Zhang, Lu and Zhou, 2018,
    Theorem 3, with a diameter of 1 and losses in [0, G]).

    **Arguments:** `rounds`: T, the horizon it was made for; `largest_slope`: G;
    `path_variation`: P_T of the comparator.
    """
    horizon = jnp.asarray(rounds, path_variation.dtype)
    base = 0.75 * jnp.sqrt(2 * horizon * (7 + 4 * path_variation))
    index = jnp.floor(0.5 * jnp.log2(1 + 4 * path_variation / 7)) + 1
    meta = jnp.sqrt(2 * horizon) / 4 * (1 + 2 * jnp.log(index + 1))
    return Bound(
        largest_slope * (base + meta),
        {"base": largest_slope * base, "meta": largest_slope * meta, "index": index},
    )


def strongly_adaptive_bound(
    length: Scalar,
    last_round: Scalar,
    largest_loss: Scalar,
) -> Bound:
    r"""The regret on one interval: $\frac{4C}{\sqrt2-1}\sqrt{|I|}+40\ln(s+1)\sqrt{|I|}$.

    For experts with a regret of at most C sqrt(rounds), here C = sqrt(2), and losses in
    [0, S], all times S (Daniely, Gonen and Shalev-Shwartz, 2015, Theorem 1).

    **Arguments:** `length`: |I|; `last_round`: s, the interval's last round, from 1;
    `largest_loss`: S.
    """
    root = jnp.sqrt(length)
    base = 4 * jnp.sqrt(as_float(2.0).astype(root.dtype)) / (2**0.5 - 1) * root
    meta = 40 * jnp.log(last_round + 1) * root
    return Bound(
        largest_loss * (base + meta),
        {"base": largest_loss * base, "meta": largest_loss * meta},
    )


class Comparators(NamedTuple):
    """Proposition 1 with two comparators of the same rounds. Shape `()`, USD."""

    loose: Scalar
    """(17) with the needed severity of every round, as published."""
    tight: Scalar
    """(17) and the loss of a comparator that ignores rounds of small deficits."""
    tight_path_variation: Scalar
    tight_loss: Scalar
    """What the tight comparator itself loses."""


@jax.jit
def severity_bounds(deficit: PerRound, severity_needed: PerRound) -> Comparators:
    r"""Proposition 1 for the needed severities, and for the best smoother comparator.

    The dynamic regret to any comparator c is at most
    $\sqrt{(1+2P_T(c))\sum_t D_t^2}$, so that the tracking loss is at most that plus
    $\sum_t D_t|c_t-\theta_t^{needed}|$. Rounds of small deficits turn the path and hardly
    cost anything: the tight comparator keeps its value through every round with a deficit
    below a threshold, and the threshold is the one whose sum is least.

    **Arguments:** `deficit`: shape `(rounds,)`, USD; `severity_needed`: in [0, 1].

    **Cost:** quadratic in the number of rounds.
    """
    scale = (deficit**2).sum()
    rounds = deficit.shape[0]
    ignored = deficit[None] < deficit[:, None]
    # The last round that counts, at or before each round; before the first, the first.
    place = jnp.where(ignored, -1, jnp.arange(rounds)[None])
    last = jax.lax.cummax(place, axis=1)
    first = jnp.argmax(~ignored, axis=1)
    held = severity_needed[jnp.where(last < 0, first[:, None], last)]
    paths = jnp.abs(jnp.diff(held, axis=1)).sum(axis=1)
    losses = (deficit[None] * jnp.abs(held - severity_needed[None])).sum(axis=1)
    totals = jnp.sqrt((1 + 2 * paths) * scale) + losses
    best = jnp.argmin(totals)
    path = jnp.abs(jnp.diff(severity_needed)).sum()
    return Comparators(
        jnp.sqrt((1 + 2 * path) * scale), totals[best], paths[best], losses[best]
    )


class Failure(NamedTuple):
    """The regret-failure decomposition (22), USD: `loss` is at most the other three."""

    loss: Scalar
    best_in_class: Scalar
    control_regret: Scalar
    estimation_error: Scalar


def regret_failure(
    loss: PerRound,
    estimated_loss: PerRound,
    class_loss: Float[Array, "policies rounds"],
    class_estimated_loss: Float[Array, "policies rounds"],
    needed: PerRound,
    expected_needed: PerRound,
    track: Scalar | float = 1.0,
) -> Failure:
    r"""Splits a loss into what control missed and what estimation missed, (22).

    $\sum\ell_t\le\min_{\mathcal P}\sum\ell_t+\mathrm{Reg}^{\mathcal P}(\hat\ell)
    +2\lambda_{track}\sum|B^{needed}_t-\hat B^{needed}_t|$.

    **Arguments:** `loss`, `class_loss`: the surrogate (10) at what was needed;
    `estimated_loss`, `class_estimated_loss`: at what was expected to be; `needed`,
    `expected_needed`: shape `(rounds,)`, USD; `track`: lambda.
    """
    regret = estimated_loss.sum() - class_estimated_loss.sum(axis=1).min()
    error = 2 * track * jnp.abs(needed - expected_needed).sum()
    return Failure(loss.sum(), class_loss.sum(axis=1).min(), regret, error)
