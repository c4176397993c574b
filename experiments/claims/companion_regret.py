"""The companion's online learning: its mirror descent theorem and its static policy."""

import math

import jax
import jax.numpy as jnp

from adl_jax._types import PerRound, Scalar
from claims.harness import Claim, Form, Margin, Suite, at_most, equal
from claims.instances import Draw, blocks


def descent_1d(first: Scalar, gradient: PerRound, steps: PerRound) -> PerRound:
    """Projected gradient descent on [0, 1]."""

    def one_round(x: Scalar, now: tuple[Scalar, Scalar]):
        g, step = now
        return jnp.clip(x - step * g, 0, 1), x

    return jax.lax.scan(one_round, first, (gradient, steps))[1]


def descent_entropic(loss: PerRound, steps: PerRound) -> PerRound:
    """Weight of the first of two experts under agile entropic descent, from 1/2.

    `loss`: of the first expert over the second, in [-1, 1].
    """

    def one_round(logit: Scalar, now: tuple[Scalar, Scalar]):
        g, step = now
        return logit - step * g, jax.nn.sigmoid(logit)

    return jax.lax.scan(one_round, jnp.zeros(()), (loss, steps))[1]


def check(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Linear losses in [-1, 1]: noise, blocks, and one reversal."""
    (rounds,) = size
    place = jnp.arange(rounds, dtype=jnp.float64)
    turn = place < rounds * draw.uniform((), 0.05, 0.6)
    sign = draw.pick([jnp.ones(()), -jnp.ones(())])
    loss = sign * draw.pick(
        [
            draw.uniform((rounds,), -1, 1),
            1 - 2 * blocks(rounds, math.sqrt(rounds) * draw.uniform((), 0.2, 3)),
            jnp.where(turn, -1.0, 1.0),
            jnp.where(turn, -draw.uniform(), 1.0),
        ]
    )
    root = math.sqrt(rounds)
    clock = jnp.sqrt(jnp.arange(1, rounds + 1, dtype=jnp.float64))
    regret = lambda x: (loss * x).sum() - jnp.minimum(loss.sum(), 0)
    # D(x || x_1) of the half squared distance on [0, 1].
    first = draw.pick([jnp.zeros(()), jnp.full((), 0.5), draw.uniform()])
    reach = jnp.maximum(first, 1 - first) / math.sqrt(2)
    euclidean = regret(descent_1d(first, loss, reach / clock))
    # The proof needs D(x || x_t) for every t: the diameter, not the first distance.
    widest = 1 / math.sqrt(2)
    wide = regret(descent_1d(first, loss, widest / clock))
    # Two experts: KL from the uniform weights is at most log 2; losses (g, 0).
    spread = math.sqrt(math.log(2))
    falling = regret(descent_entropic(loss, spread / clock))
    fixed = jnp.full((rounds,), spread * math.sqrt(2) / root)
    scale = {"scale": rounds, "operations": 4 * rounds}
    # C-8.5: losses theta and bar - theta in turns.
    bar = draw.uniform((), 0.05, 1)
    odd = jnp.arange(rounds) % 2 == 0
    slope = jnp.where(odd, 1.0, -1.0)
    paid = lambda x: jnp.where(odd, x, bar - x).sum()
    steps = jnp.full((rounds,), 1 / root) / bar
    guess = bar * descent_1d(draw.uniform(), bar * slope, steps)
    any_fixed = paid(jnp.full((rounds,), bar * draw.uniform()))
    best_fixed = jnp.minimum(paid(jnp.zeros(rounds)), paid(jnp.full((rounds,), bar)))
    return {
        "Euclidean": at_most(euclidean, 2 * reach * root, **scale),
        "Euclidean corrected": at_most(wide, jnp.asarray(2 * widest * root), **scale),
        "entropy": at_most(falling, jnp.asarray(2 * spread * root), **scale),
        "entropy corrected": at_most(
            regret(descent_entropic(loss, fixed)),
            jnp.asarray(math.sqrt(2) * spread * root),
            **scale,
        ),
        "static": equal(any_fixed, rounds / 2 * bar, **scale),
        "same": at_most(paid(guess), bar * root, **scale),
        "same corrected": at_most(paid(guess) - best_fixed, bar * root, **scale),
    }


SUITE = Suite(
    check,
    {
        "Euclidean": Claim(
            "C-8 (OMD)",
            "2 D G sqrt(T), steps D/(G sqrt(t)), D^2 = max D(x, x_1), on [0, 1]",
            fails=True,
            rare=True,
        ),
        "Euclidean corrected": Claim(
            "C-8 (OMD)", "the same with D^2 = max D(x, y)", Form.corrected
        ),
        "entropy": Claim(
            "C-8 (OMD)", "the same with entropy, D^2 = max KL(x, x_1)", fails=True
        ),
        "entropy corrected": Claim(
            "C-8 (OMD)", "sqrt(2) D G sqrt(T) with one fixed step", Form.corrected
        ),
        "static": Claim("C-8.5", "a fixed severity's dynamic regret is T bar/2"),
        "same": Claim(
            "C-8.5", "mirror descent has O(sqrt(T)) of the same regret", fails=True
        ),
        "same corrected": Claim(
            "C-8.5",
            "its static regret is at most bar sqrt(T); its dynamic one is linear",
            Form.corrected,
        ),
    },
    sizes=((4,), (900,)),
    shares=(0.8, 0.2),
)
