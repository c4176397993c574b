"""Lemma 1, Propositions 6 to 9 and (18): what a queue is, and what pro rata is not."""

import jax.numpy as jnp

from adl_jax._types import PerAccount, Scalar
from adl_jax.allocation import pro_rata, queue
from claims.harness import Claim, Form, Margin, Suite, at_most, equal, true
from claims.instances import (
    Draw,
    budget,
    capacities,
    feasible,
    greedy,
    scores,
)


def worst(haircut: PerAccount, capacity: PerAccount) -> Scalar:
    """z(x), eq. (43)."""
    return (haircut / capacity).max()


def inner(haircut: PerAccount, capacity: PerAccount) -> PerAccount:
    """Which accounts are strictly between 0 and full."""
    return (haircut > 0) & (haircut < capacity)


def check_vertices(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """A point is extreme exactly where its active constraints pin it down.

    Independent of the count of inner coordinates: the numerical rank of the active
    constraints' normals, against the pair of points that Lemma 1 constructs.
    """
    (accounts,) = size
    upper = capacities(draw, accounts)
    upper = upper / upper.sum()
    total = budget(draw, upper)
    vertex = greedy(draw.uniform(upper.shape), upper, total)
    x = draw.pick([vertex, feasible(draw, upper, total)])
    # A coordinate that rounding alone keeps off its bound is on it.
    grain = 1e-13
    free = (x > grain) & (x < upper - grain)
    normals = jnp.concatenate(
        [jnp.diag(jnp.where(free, 0.0, 1.0)), jnp.ones((1, accounts))]
    )
    pinned = jnp.linalg.matrix_rank(normals) == accounts
    p = jnp.argmax(free)
    q = accounts - 1 - jnp.argmax(free[::-1])
    room = lambda i: jnp.minimum(x[i], upper[i] - x[i])
    move = 0.5 * jnp.minimum(room(p), room(q))
    step = jnp.zeros_like(x).at[p].add(move).at[q].add(-move)
    two = free.sum() >= 2
    fits = lambda y: (y >= 0).all() & (y <= upper).all()
    splits = fits(x + step) & fits(x - step) & (jnp.abs(step).max() > 0)
    return {
        "if": true(pinned, applies=~two),
        "only if": true(splits & ~pinned, applies=two),
    }


VERTICES = Suite(
    check_vertices,
    {
        "if": Claim("Lemma 1", "at most one inner coordinate: an extreme point"),
        "only if": Claim("Lemma 1", "two inner coordinates: midpoint of two others"),
    },
    sizes=((2,), (5,)),
)


def check_queue(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """What the queue of the library does to one book."""
    (accounts,) = size
    upper = capacities(draw, accounts)
    held = upper.sum()
    total = budget(draw, upper)
    score = scores(draw, accounts)
    x = queue(score, upper, total)
    y = feasible(draw, upper, total)
    even = pro_rata(upper, total)
    rounding = {"scale": held, "operations": accounts}
    apart = jnp.abs(score[:, None] - score[None])
    gap = jnp.min(jnp.where(apart > 0, apart, jnp.inf), initial=1e300)
    gain = ((score - score[0]) * (x - y)).sum()
    spread = jnp.abs(score - score[0]).max()
    moved = jnp.abs(x - y).sum() / 2
    least = total / held
    level = worst(y, upper)
    # Part 3 picks any two accounts, ranks the larger first and sets B = u_i.
    place = draw.index(accounts)
    large = jnp.argmax(jnp.where(upper[place] >= upper, -upper, -jnp.inf))
    i, j = place, large
    first = jnp.where(jnp.arange(accounts) == i, 1.0, -(score**2))
    left = upper - queue(first, upper, upper[i])
    several = accounts >= 2
    after = upper - even
    larger = upper[:, None] >= upper[None]
    inverted = jnp.where(larger, after[None] - after[:, None], -held)
    return {
        "(39)": equal(x, greedy(score, upper, total), **rounding),
        "Prop. 6": true(inner(x, upper).sum() <= 1),
        "Prop. 7": at_most(
            (score - score[0]) @ y,
            (score - score[0]) @ x,
            scale=spread * held,
            operations=accounts,
        ),
        "Prop. 7 unique": at_most(
            gap * moved,
            gain,
            scale=spread * held,
            operations=accounts,
            applies=several,
        ),
        "(44)": at_most(least, level, scale=least, operations=accounts),
        "(45)": equal(even, upper * least, **rounding),
        "(45) unique": at_most(
            jnp.abs(y - even).sum(),
            2 * (level * held - total),
            scale=level * held,
            operations=accounts,
        ),
        # Strict, without tolerance: instances keep the gap far above rounding.
        "(46)": true(worst(x, upper) > least, applies=several),
        "(46) one account": equal(
            worst(x, upper), least, scale=1.0, operations=4, applies=not several
        ),
        "Prop. 9.3": at_most(
            inverted.max(),
            jnp.zeros(()),
            scale=upper.max(),
            operations=4,
            applies=several,
        ),
        "Prop. 9.3 queue": true(
            (left[i] <= 4e-16 * upper[i]) & (left[j] == upper[j]),
            applies=upper[i] > upper[j],
        ),
    }


QUEUE = Suite(
    check_queue,
    {
        "(39)": Claim("Def. 1 (39)", "our queue is the greedy one, by all pairs"),
        "Prop. 6": Claim("Prop. 6", "a queue closes at most one account in part"),
        "Prop. 7": Claim("Prop. 7 (40)", "no feasible point has a higher score"),
        "Prop. 7 unique": Claim(
            "Prop. 7", "unique: others lose the least score gap per USD moved"
        ),
        "(44)": Claim("Prop. 9 (44), (D)", "no feasible worst burden below B/U"),
        "(45)": Claim("Prop. 9 (45)", "pro rata takes B/U of everyone"),
        "(45) unique": Claim("Prop. 9.1", "unique: |x - x_PR|_1 <= 2 (z(x) U - B)"),
        "(46)": Claim("Prop. 9.2 (46)", "a queue's worst burden is strictly above B/U"),
        "(46) one account": Claim("Prop. 9.2", "with one account it is B/U"),
        "Prop. 9.3": Claim("Prop. 9.3", "pro rata inverts no pair"),
        "Prop. 9.3 queue": Claim("Prop. 9.3", "every strict queue has an inversion"),
    },
    sizes=((1,), (3,), (20,)),
)


def check_jump(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Two accounts that could each pay everything, and a hair between their scores."""
    (accounts,) = size
    raised = draw.power(-3, 9)
    upper = raised * (1 + capacities(draw, accounts))
    delta = draw.power(-300, 0)
    i = draw.index(accounts)
    j = (i + 1 + draw.index(accounts - 1)) % accounts
    base = jnp.full((accounts,), -1.0)
    one = base.at[i].set(delta).at[j].set(0.0)
    other = base.at[i].set(0.0).at[j].set(delta)
    jump = jnp.abs(queue(one, upper, raised) - queue(other, upper, raised)).sum()
    return {"(41)": equal(jump, 2 * raised, scale=raised, operations=2)}


JUMP = Suite(
    check_jump,
    {"(41)": Claim("Prop. 8 (41)", "the queue jumps by exactly 2B, delta to 1e-300")},
    sizes=((4,),),
)


def check_alternating(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """The two rounds of section 4.1, played T/2 times each."""
    (rounds,) = size
    fair = draw.power(-3, 9)
    most = 1 + draw.power(-6, 6)
    odd, even = jnp.stack([jnp.ones(()), most]), jnp.stack([most, jnp.ones(())])
    fixed = jnp.array([2.0, 1.0])
    cost = lambda x, u: fair * worst(x, u)
    queued = cost(queue(fixed, odd, 1.0), odd) + cost(queue(fixed, even, 1.0), even)
    star = cost(jnp.array([0.0, 1.0]), odd) + cost(jnp.array([1.0, 0.0]), even)
    best = cost(pro_rata(odd, 1.0), odd) + cost(pro_rata(even, 1.0), even)
    half = rounds / 2
    rounding = {"scale": fair * rounds, "operations": 4}
    return {
        "(18)": equal(half * (queued - star), half * fair * (1 - 1 / most), **rounding),
        "better": at_most(half * best, half * star, **rounding),
    }


ALTERNATING = Suite(
    check_alternating,
    {
        "(18)": Claim("(18)", "the fixed queue's regret is T/2 lambda (1 - 1/M)"),
        "better": Claim(
            "(18)", "its comparator costs no less than pro rata", Form.added
        ),
    },
    sizes=((10_000,),),
)
