"""Propositions 2 to 5: mirror descent on haircuts, (24) to (34), with constants."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from adl_jax._types import PerAccount, Scalar
from claims.harness import Claim, Form, Margin, Suite, at_most
from claims.instances import (
    Draw,
    budget,
    capacities,
    diameter,
    feasible,
    greedy,
    projected,
    scanned,
    variation,
)


Path = Float[Array, "rounds accounts"]


def gradients(draw: Draw, rounds: int, accounts: int) -> Path:
    """Of linear losses: noise, alternating, constant, heavy-tailed, sparse, striped."""
    shape = (rounds, accounts)
    noise = draw.normal(shape)
    sign = jnp.where(jnp.arange(rounds) % 2 == 0, 1.0, -1.0)[:, None]
    stripes = jnp.where(jnp.arange(accounts) % 2 == 0, 1.0, -1.0)[None]
    one = (jnp.arange(accounts) == draw.index(accounts))[None]
    linear = [
        noise,
        sign * jnp.abs(noise[:1]),
        jnp.broadcast_to(noise[:1], shape),
        noise / (jnp.abs(noise[::-1]) + 1e-3),
        jnp.where(one, noise, 0.0),
        sign * stripes,
    ]
    return draw.pick(linear) * draw.power(0, 2)


def norm(x: Float[Array, "..."]) -> Scalar:
    """Euclidean, of all entries."""
    return jnp.sqrt((x**2).sum())


def check_fixed(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """One feasible set for all rounds: a box, or a box with a budget."""
    rounds, accounts = size
    upper = capacities(draw, accounts)
    total = budget(draw, upper)
    boxed = draw.chance(0.5)
    wide = norm(upper)
    reach = jnp.where(boxed, wide, diameter(upper, total))
    corner = jnp.where(draw.chance(0.5, (accounts,)), upper, 0.0)
    first = jnp.where(boxed, corner, feasible(draw, upper, total))
    gradient = gradients(draw, rounds, accounts)
    squares = (gradient**2).sum()
    largest = jnp.sqrt((gradient**2).sum(axis=1)).max()
    tuned = reach / (largest * jnp.sqrt(float(rounds)))
    step = tuned * draw.power(-1, 1)

    def project(y: PerAccount) -> PerAccount:
        return jnp.where(boxed, jnp.clip(y, 0, upper), projected(y, upper, total))

    def best(g: PerAccount) -> PerAccount:
        inside = greedy(-g, upper, total)
        return jnp.where(boxed, jnp.where(g < 0, upper, 0.0), inside)

    def played(step: Scalar) -> Path:
        return scanned(lambda x, g: (project(x - step * g), x), first, gradient)

    def lost(points: Path, star: Path) -> Scalar:
        return (gradient * (points - star)).sum()

    static = jnp.broadcast_to(best(gradient.sum(axis=0)), gradient.shape)
    each = jax.vmap(best)(gradient)
    held = jnp.repeat(each[::4], 4, axis=0)[:rounds]
    moving = jnp.where(draw.chance(0.5), each, held)
    spread = reach**2 + 2 * reach * variation(moving)
    # All three steps in one scan: they differ in a number.
    some, at_tuned, at_best = jax.vmap(played)(
        jnp.stack([step, tuned, jnp.sqrt(spread / squares)])
    )
    scale = {
        "scale": jnp.abs(gradient).sum() * upper.max(),
        "operations": 4 * rounds * accounts,
    }
    one, star, g = some[0], static[0], gradient[0]
    nearer = norm(one - star) ** 2 - norm(project(one - step * g) - star) ** 2
    return {
        "(25)": at_most(
            g @ (one - star),
            nearer / (2 * step) + step / 2 * norm(g) ** 2,
            scale=norm(g) * wide + wide**2 / step,
            operations=8 * accounts,
        ),
        "(26)": at_most(
            lost(some, static), reach**2 / (2 * step) + step / 2 * squares, **scale
        ),
        "(24)": at_most(
            lost(at_tuned, static), largest * reach * jnp.sqrt(float(rounds)), **scale
        ),
        "(29)": at_most(
            lost(some, moving), spread / (2 * step) + step / 2 * squares, **scale
        ),
        "(34)": at_most(lost(at_best, moving), jnp.sqrt(spread * squares), **scale),
    }


FIXED = Suite(
    check_fixed,
    {
        "(25)": Claim("Prop. 2 (25)", "one step of projected descent"),
        "(26)": Claim("Prop. 2 (26)", "static regret, any step, best fixed point"),
        "(24)": Claim("Prop. 2 (24)", "static regret at most G D sqrt(T) at its step"),
        "(29)": Claim(
            "Prop. 3 (29)",
            "dynamic regret for any step: what (27) should say",
            Form.corrected,
        ),
        "(34)": Claim("Prop. 5 (34)", "dynamic regret at its step, one feasible set"),
    },
    sizes=((1, 1), (16, 3), (48, 2), (24, 8)),
)


def check_constants(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Proposition 4's constants, and its regret on the surrogate (10) itself."""
    rounds, accounts = size
    upper = capacities(draw, accounts)
    total = budget(draw, upper)
    held = upper.sum()
    track = draw.power(-1, 1)
    # In the unit of the capacities, so that both terms of the loss matter.
    fair = held * draw.power(-2, 2)
    small = upper.min() * draw.power(-3, 0)
    needed = draw.pick([draw.uniform((rounds,)), jnp.zeros((rounds,))]) * held
    needed = jnp.where(jnp.arange(rounds) % 2 == 0, needed, held - needed)
    boxed = draw.chance(0.5)
    share = draw.uniform((accounts,)) + 1e-6

    def project(y: PerAccount) -> PerAccount:
        return jnp.where(boxed, jnp.clip(y, 0, upper), projected(y, upper, total))

    def loss(x: PerAccount, target: Scalar) -> Scalar:
        return track * jnp.abs(x.sum() - target) + fair * (x / (upper + small)).max()

    def subgradient(x: PerAccount, target: Scalar) -> PerAccount:
        ratio = x / (upper + small)
        ties = jnp.where(ratio >= ratio.max(), share, 0.0)
        slope = fair * ties / ties.sum() / (upper + small)
        return track * jnp.sign(x.sum() - target) + slope

    steepest = track * jnp.sqrt(float(accounts)) + fair / small
    reach = jnp.sqrt(2.0) * held
    step = reach / (steepest * jnp.sqrt(float(rounds)))
    first = feasible(draw, upper, total)

    def one_round(x: PerAccount, target: Scalar):
        return project(x - step * subgradient(x, target)), x

    played = scanned(one_round, first, needed)
    inside = feasible(draw, upper, total)
    other = jnp.where(boxed, upper * draw.uniform((accounts,)), inside)
    paid = jax.vmap(loss)(played, needed).sum()
    free = jax.vmap(loss, (None, 0))(other, needed).sum()
    slope = subgradient(played[-1], needed[-1])
    return {
        "(30)": at_most(norm(slope), steepest, scale=steepest, operations=accounts),
        "(31)": at_most(
            norm(played[0] - other), reach, scale=held, operations=4 * accounts
        ),
        "(32)": at_most(
            paid - free,
            reach * steepest * jnp.sqrt(float(rounds)),
            scale=paid + free,
            operations=4 * rounds * accounts,
        ),
    }


CONSTANTS = Suite(
    check_constants,
    {
        "(30)": Claim("Prop. 4 (30)", "any subgradient of (10) is at most G*"),
        "(31)": Claim("Prop. 4 (31)", "feasible points are at most sqrt(2) U apart"),
        "(32)": Claim("Prop. 4 (32)", "static regret on (10) at most D* G* sqrt(T)"),
    },
    sizes=((1, 1), (16, 3), (24, 8)),
)


def check_moving(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Rounds whose capacities and budgets change, as those of an event do.

    The printed inequality (28) compares the next point with this round's comparator,
    which need not be feasible in the next round. Comparing with the next round's
    instead costs G P and the squares of the comparator's steps once more.
    """
    rounds, accounts = size
    drawn = jnp.stack([capacities(draw, accounts) for _ in range(2)])
    # One unit for all rounds, or the largest round hides the others.
    drawn = drawn / drawn.sum(axis=1, keepdims=True)
    mixed = draw.uniform((rounds, 1))
    mixed = jnp.where(draw.chance(0.5), mixed, jnp.round(mixed))
    upper = mixed * drawn[:1] + (1 - mixed) * drawn[1:]
    total = upper.sum(axis=1) * draw.uniform((rounds,), 1e-6, 1 - 1e-6)
    gradient = gradients(draw, rounds, accounts)
    best = jax.vmap(greedy)(-gradient, upper, total)
    even = upper * (total / upper.sum(axis=1))[:, None]
    star = jnp.where(draw.chance(0.5), best, even)
    reach = jnp.sqrt(2.0) * upper.sum(axis=1).max()
    squares = (gradient**2).sum()
    moves = jnp.sqrt((jnp.diff(star, axis=0) ** 2).sum(axis=1))
    spread = reach**2 + 2 * reach * moves.sum()
    step = jnp.sqrt(spread / squares) * draw.power(-2, 2)

    def one_round(x, now):
        limit, money, g = now
        x = projected(x, limit, money)
        return x - step * g, x

    played = scanned(one_round, even[0], (upper, total, gradient))
    regret = (gradient * (played - star)).sum()
    square = lambda x: (x**2).sum()
    deltas = square(played[1:] - star[1:]) - square(played[1:] - star[:-1])
    telescoped = (square(played[0] - star[0]) + deltas) / (2 * step)
    printed = spread / (2 * step) + step / 2 * squares
    steepest = jnp.sqrt((gradient**2).sum(axis=1)).max()
    added = square(moves) / (2 * step) + steepest * moves.sum()
    scale = {
        "scale": jnp.abs(gradient).sum() + 1 / step,
        "operations": 4 * rounds * accounts,
    }
    return {
        "(28)": at_most(regret, telescoped + step / 2 * squares, **scale),
        "(33)": at_most(regret, printed, **scale),
        "(33) corrected": at_most(regret, printed + added, **scale),
    }


MOVING = Suite(
    check_moving,
    {
        "(28)": Claim(
            "Prop. 3 (28)", "telescoping, feasible sets that change", fails=True
        ),
        "(33)": Claim("Prop. 5 (33)", "dynamic regret, feasible sets that change"),
        "(33) corrected": Claim(
            "Prop. 5 (33)",
            "the same plus G P + sum of squared comparator steps / (2 eta)",
            Form.corrected,
        ),
    },
    sizes=((2, 2), (8, 2), (24, 4)),
)
