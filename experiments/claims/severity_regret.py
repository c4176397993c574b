"""Proposition 1, one severity: (36) for any step, (17) for the best one."""

import jax
import jax.numpy as jnp

from adl_jax._types import PerRound, Scalar
from adl_jax.evaluate.bounds import fixed_step_bound, path_variation, severity_bound
from adl_jax.severity import proposition_1_step
from claims.harness import Claim, Form, Margin, Suite, at_most
from claims.instances import Draw, deficits, switching


def descend(
    deficit: PerRound,
    needed: PerRound,
    adversarial: Scalar,
    first: Scalar,
    step: Scalar,
) -> tuple[PerRound, PerRound]:
    """Projected gradient descent on D|theta - needed|, as Proposition 1 writes it.

    Where `adversarial`, each round needs the end of [0, 1] that is farther from the
    severity just played.

    **Returns:** the severities played, and what was needed.
    """

    def one_round(theta: Scalar, now: tuple[Scalar, Scalar]) -> tuple[Scalar, tuple]:
        amount, given = now
        far = jnp.where(theta > 0.5, 0.0, 1.0)
        target = jnp.where(adversarial, far, given)
        moved = theta - step * amount * jnp.sign(theta - target)
        return jnp.clip(moved, 0, 1), (theta, target)

    return jax.lax.scan(one_round, first, (deficit, needed))[1]


def check(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Regret against the comparator of the paper and against arbitrary ones."""
    (rounds,) = size
    deficit = deficits(draw, rounds)
    given = switching(draw, rounds)
    adversarial = draw.chance(0.25)
    first = draw.pick([jnp.zeros(()), jnp.ones(()), draw.uniform()])
    squares = (deficit**2).sum()
    some = squares > 0
    best_step = proposition_1_step(squares, path_variation(given))
    best_step = jnp.where(some, best_step, 1.0)
    any_step = draw.power(-2, 2) * best_step
    theta, needed = descend(deficit, given, adversarial, first, any_step)
    tuned, _ = descend(deficit, given, jnp.asarray(False), first, best_step)

    def regret(played: PerRound, needed: PerRound, star: PerRound) -> Scalar:
        return (deficit * (jnp.abs(played - needed) - jnp.abs(star - needed))).sum()

    scale = {"scale": deficit.sum(), "operations": 4 * rounds}

    def for_any_step(star: PerRound) -> Margin:
        bound = fixed_step_bound(deficit, star, any_step)
        return at_most(regret(theta, needed, star), bound, **scale)

    # The best step needs the path of what turns out to be needed: known ex post, and
    # here where the sequence does not answer to the learner.
    at_best = regret(tuned, given, given)
    bound = severity_bound(deficit, given)
    return {
        "needed": for_any_step(needed),
        "other": for_any_step(switching(draw, rounds)),
        "static": for_any_step(jnp.full((rounds,), draw.uniform())),
        "best step": at_most(at_best, bound, applies=some, **scale),
        "half": at_most(at_best, 0.5 * bound, applies=some, **scale),
    }


SUITE = Suite(
    check,
    {
        "needed": Claim("Prop. 1 (36)", "dynamic regret, any step, needed severities"),
        "other": Claim("Prop. 1 (36)", "the same, arbitrary comparators"),
        "static": Claim("Prop. 1 (36)", "the same, constant comparators"),
        "best step": Claim("Prop. 1 (17)", "at most sqrt((1+2P) sum D^2) at its step"),
        "half": Claim(
            "Prop. 1 (17)",
            "half the bound, which is too little",
            Form.self_test,
            fails=True,
        ),
    },
    sizes=((1,), (5,), (40,), (250,)),
)
