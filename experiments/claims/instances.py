"""Instances that are hard on a claim, and exact solutions on small ones.

Each draw picks one of several families by chance: heavy tails, ties, one account that
holds nearly everything, budgets at a boundary, sequences that alternate or switch.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt64

from adl_jax._types import PerAccount, PerRound, Scalar


LEAST_SHARE = 1e-9
"""Of the sum, the least capacity and the least distance of a budget from its ends: far
above rounding, so that a strict inequality can be seen to be strict."""
_GOLDEN = 0x9E3779B97F4A7C15


def _mixed(state: UInt64[Array, "..."]) -> UInt64[Array, "..."]:
    number = lambda value: jnp.asarray(value, jnp.uint64)
    state = (state ^ (state >> number(30))) * number(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> number(27))) * number(0x94D049BB133111EB)
    return state ^ (state >> number(31))


class Draw:
    """Random numbers of one instance, by SplitMix64 (Steele, Lea and Flood, 2014).

    An instance is its stream and its index, whatever the batch it is drawn in. JAX's
    own generator would be as good; a check calls it some twenty times, and compiling
    it as often takes most of a run.

    **Arguments:** `stream`: which claim and size; `index`: shape `()`, which instance.
    """

    def __init__(self, stream: int, index: Int[Array, ""]):
        """Starts at the stream's first number."""
        first = jnp.asarray(stream, jnp.uint64) * jnp.asarray(_GOLDEN, jnp.uint64)
        self._seed = _mixed(_mixed(first) + index.astype(jnp.uint64))
        self._used = 0

    def uniform(self, shape: tuple[int, ...] = (), low: float = 0, high: float = 1):
        """In [low, high), float64."""
        size = math.prod(shape)
        place = jnp.arange(self._used + 1, self._used + size + 1, dtype=jnp.uint64)
        self._used += size
        bits = _mixed(self._seed + place * jnp.asarray(_GOLDEN, jnp.uint64))
        share = (bits >> jnp.asarray(11, jnp.uint64)).astype(jnp.float64) * 2.0**-53
        return (low + (high - low) * share).reshape(shape)

    def normal(self, shape: tuple[int, ...] = ()) -> Array:
        """Standard normal, by Box and Muller."""
        radius = jnp.sqrt(-2 * jnp.log1p(-self.uniform(shape)))
        return radius * jnp.cos(2 * jnp.pi * self.uniform(shape))

    def pareto(self, tail: float, shape: tuple[int, ...] = ()) -> Array:
        """At least 1, with an infinite mean for a tail index of 1 or below."""
        return (1 - self.uniform(shape)) ** (-1 / tail)

    def power(self, low: float, high: float) -> Scalar:
        """A power of ten with an exponent between `low` and `high`."""
        return 10.0 ** self.uniform((), low, high)

    def chance(
        self, probability: float, shape: tuple[int, ...] = ()
    ) -> Bool[Array, ""]:
        """True with a probability."""
        return self.uniform(shape) < probability

    def index(self, length: int) -> Int[Array, ""]:
        """From 0 to `length` - 1."""
        return jnp.floor(self.uniform() * length).astype(jnp.int64)

    def pick(self, options: list[Array]) -> Array:
        """One of several arrays of one shape."""
        return jnp.stack(options)[self.index(len(options))]

    def turned(self, values: PerAccount) -> PerAccount:
        """The values in a cyclic order that starts anywhere."""
        length = values.shape[0]
        return values[(jnp.arange(length) + self.index(length)) % length]


def capacities(draw: Draw, accounts: int) -> PerAccount:
    """u > 0: uniform, heavy-tailed, equal, one giant, alternating, log-normal, ties."""
    shape = (accounts,)
    place = jnp.arange(accounts)
    giant = draw.power(0, 8)
    spread = [
        draw.uniform(shape) + 1e-3,
        draw.pareto(0.8, shape),
        jnp.ones(shape),
        jnp.where(place == 0, giant, 1.0),
        jnp.where(place % 2 == 0, giant, 1.0),
        jnp.exp(3 * draw.normal(shape)),
        jnp.floor(draw.uniform(shape, 1, 4)),
    ]
    drawn = draw.pick(spread) * draw.power(-3, 9)
    return draw.turned(jnp.maximum(drawn, LEAST_SHARE * drawn.sum()))


def budget(draw: Draw, capacity: PerAccount) -> Scalar:
    """0 < B < U: anywhere, next to an end, or where some accounts are full exactly."""
    total = capacity.sum()
    full = draw.chance(0.5, capacity.shape)
    drawn = draw.pick(
        [
            draw.uniform() * total,
            1e-6 * total,
            (1 - 1e-6) * total,
            jnp.where(full, capacity, 0).sum(),
            capacity[0],
            capacity.min(),
        ],
    )
    # One account alone has no boundary budget strictly inside.
    return jnp.clip(drawn, 1e-6 * total, (1 - 1e-6) * total)


def scores(draw: Draw, accounts: int) -> PerAccount:
    """Distinct scores: evenly spaced, nearly tied, heavy-tailed or close together."""
    place = jnp.arange(accounts, dtype=jnp.float64)
    drawn = draw.pick(
        [
            place,
            -1e-9 * place,
            jnp.cumsum(draw.pareto(0.8, (accounts,))),
            jnp.cumsum(draw.uniform((accounts,)) + 1e-6) - 3.0,
        ],
    )
    return draw.turned(jnp.where(draw.chance(0.5), drawn, drawn[::-1]))


def greedy(score: PerAccount, capacity: PerAccount, budget: Scalar) -> PerAccount:
    """The queue (39) by comparing all pairs: shares no code with the kernel."""
    place = jnp.arange(score.shape[0])
    higher = score[None] > score[:, None]
    tied = (score[None] == score[:, None]) & (place[None] < place[:, None])
    before = jnp.where(higher | tied, capacity[None], 0.0).sum(axis=1)
    return jnp.clip(budget - before, 0, capacity)


def projected(y: PerAccount, upper: PerAccount, budget: Scalar) -> PerAccount:
    """The Euclidean projection onto {0 <= x <= upper, sum x = budget}, exactly.

    Evaluates the sum at all 2n breakpoints of the multiplier and interpolates in the
    one interval that holds the budget. Quadratic in the accounts.
    """
    at = lambda t: jnp.clip(y + t, 0, upper)
    breaks = jnp.concatenate([-y, upper - y])
    sums = jnp.clip(y[None] + breaks[:, None], 0, upper[None]).sum(axis=1)
    low = jnp.max(jnp.where(sums <= budget, breaks, breaks.min()))
    high = jnp.min(jnp.where(sums > budget, breaks, breaks.max()))
    below, above = at(low), at(high)
    width = above.sum() - below.sum()
    share = (budget - below.sum()) / jnp.where(width > 0, width, 1)
    share = jnp.where(width > 0, jnp.clip(share, 0, 1), 0)
    return below + share * (above - below)


def feasible(draw: Draw, capacity: PerAccount, budget: Scalar) -> PerAccount:
    """A point of X(B, u): a vertex, near pro rata, a mixture, or any projection."""
    shape = capacity.shape
    one = greedy(draw.uniform(shape), capacity, budget)
    other = greedy(draw.uniform(shape), capacity, budget)
    even = capacity * (budget / capacity.sum())
    share = draw.uniform()
    near = draw.power(-12, 0)
    anything = capacity * draw.uniform(shape, -0.25, 1.25)
    return draw.pick(
        [
            one,
            share * one + (1 - share) * other,
            near * one + (1 - near) * even,
            projected(anything, capacity, budget),
        ],
    )


def diameter(capacity: PerAccount, budget: Scalar) -> Scalar:
    """An upper bound of the Euclidean diameter of X(B, u).

    Half the l1 distance of two points is at most min(B, U - B), and the distance at
    most the square root of two times that, and the box's diagonal.
    """
    moved = jnp.minimum(budget, capacity.sum() - budget)
    return jnp.minimum(jnp.sqrt(2.0) * moved, jnp.sqrt((capacity**2).sum()))


def blocks(rounds: int, length: Scalar) -> PerRound:
    """0 and 1 in turns, each for `length` rounds (rounded, at least one)."""
    place = jnp.arange(rounds, dtype=jnp.float64)
    return jnp.floor(place / jnp.maximum(1, jnp.round(length))) % 2


def switching(draw: Draw, rounds: int) -> PerRound:
    """In [0, 1]: noise, alternating, blocks, constant, a walk, blocks after a rest."""
    # Blocks about as long as a step of order 1/sqrt(T) needs to cross the interval.
    cross = blocks(rounds, math.sqrt(rounds) * draw.uniform((), 0.1, 2))
    level = draw.uniform()
    walk = jnp.cumsum(0.2 * draw.normal((rounds,)))
    return draw.pick(
        [
            draw.uniform((rounds,)),
            blocks(rounds, jnp.ones(())),
            blocks(rounds, rounds * draw.uniform()),
            cross,
            jnp.full((rounds,), level),
            jnp.abs(walk % 2.0 - 1.0),
            jnp.where(jnp.arange(rounds) < rounds // 2, level, cross),
        ],
    )


def deficits(draw: Draw, rounds: int) -> PerRound:
    """D >= 0 in USD: heavy-tailed, equal, mostly none, growing, one giant round."""
    heavy = draw.pareto(0.8, (rounds,))
    place = jnp.arange(rounds, dtype=jnp.float64)
    drawn = draw.pick(
        [
            heavy,
            jnp.ones((rounds,)),
            jnp.where(draw.chance(0.2, (rounds,)), heavy, 0.0),
            jnp.exp(place * (6 / rounds)),
            jnp.where(place == rounds // 2, 1e6, 1.0),
        ],
    )
    return drawn * draw.power(-3, 9)


def variation(sequence: Float[Array, "rounds ..."]) -> Scalar:
    """Path variation in the Euclidean norm, sum of |c_t - c_{t-1}|."""
    steps = jnp.diff(sequence.reshape(sequence.shape[0], -1), axis=0)
    return jnp.sqrt((steps**2).sum(axis=1)).sum()


def scanned(one_round, first, rounds):
    """What a learner played: the second outputs of a scan."""
    return jax.lax.scan(one_round, first, rounds)[1]
