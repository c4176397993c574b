"""Appendix D: (22), Lemmas 2 to 6, Propositions 10 and 11, and the impact model."""

import jax
import jax.numpy as jnp

from adl_jax._types import PerRound, Scalar
from adl_jax.evaluate.loss import surrogate
from adl_jax.evaluate.regret import cumulative_undershoot, policy_class_regret
from claims.harness import Claim, Form, Margin, Suite, at_most, equal, true
from claims.instances import Draw, blocks, deficits, greedy, switching, variation


def check_decomposition(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Losses of arbitrary executed amounts against arbitrary targets and libraries."""
    (rounds,) = size
    needed = deficits(draw, rounds)
    expected = draw.pick(
        [deficits(draw, rounds), needed * draw.uniform((rounds,), 0, 2), 0 * needed]
    )
    most = jnp.maximum(needed, expected).max() + 1e-3
    tracked = draw.uniform((rounds,)) * most
    executed = draw.pick([expected, needed, tracked])
    concentration = draw.uniform((rounds,))
    library = draw.uniform((5, rounds)) * most
    library = jnp.where(draw.chance(0.5), library, library * 0 + needed[None])
    uneven = draw.uniform((5, rounds))
    track, fair = draw.power(-3, 3), most * draw.power(-3, 3)

    def loss(money, target, worst):
        return surrogate(money, target, worst, track=track, fair=fair)

    real = loss(executed, needed, concentration)
    guessed = loss(executed, expected, concentration)
    each = jax.vmap(loss, (0, None, 0))
    real_library = each(library, needed, uneven)
    regret = policy_class_regret(guessed, each(library, expected, uneven))
    error = jnp.abs(needed - expected)
    right = real_library.sum(axis=1).min() + regret + 2 * track * error.sum()
    short = cumulative_undershoot
    scale = {"scale": 4 * rounds * (track * most + fair), "operations": rounds}
    money = {"scale": rounds * most, "operations": rounds}
    return {
        "Lemma 2": at_most(jnp.abs(real - guessed)[0], track * error[0], **scale),
        "(22)": at_most(real.sum(), right, **scale),
        "Lemma 4": equal(
            short(expected, needed), jnp.maximum(needed - expected, 0).sum(), **money
        ),
        "any": at_most(
            short(executed, needed),
            short(expected, needed) + short(executed, expected),
            **money,
        ),
        "without": at_most(short(executed, needed), short(expected, needed), **money),
    }


DECOMPOSITION = Suite(
    check_decomposition,
    {
        "Lemma 2": Claim(
            "Lemma 2", "a target's error moves the loss by lambda times it"
        ),
        "(22)": Claim("Lemma 3, (22)", "loss <= best + regret + 2 lambda sum |error|"),
        "Lemma 4": Claim("Lemma 4", "V_T is the optimistic part of the error, H = B^"),
        "any": Claim(
            "section 4.2",
            "V_T <= that + undershoot of the estimate, any H",
            Form.corrected,
        ),
        "without": Claim(
            "section 4.2", "V_T <= the optimistic part of the error, any H", fails=True
        ),
    },
    sizes=((1,), (7,), (64,)),
)


def check_impact(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Linear impact (48), (49) with one or several transfers a round."""
    rounds, fills = size
    most = draw.power(-3, 6)
    slope = most * switching(draw, rounds)
    guess = most * switching(draw, rounds)
    largest = draw.power(-3, 6)
    share = draw.pick([draw.uniform((rounds, fills)), jnp.ones((rounds, fills))])
    quantity = largest * share
    distance = draw.power(-3, 9) * draw.uniform((rounds, fills))
    gap = lambda a: jnp.abs(a[:, None] * quantity - distance) * quantity
    needed, expected = gap(slope).sum(axis=1), gap(guess).sum(axis=1)
    squares = (quantity**2).sum(axis=1)
    error = jnp.abs(slope - guess)
    scale = {
        "scale": (most * largest + distance.max()) * largest * fills,
        "operations": 8 * fills,
    }
    first = lambda left, right: at_most(left[0], right[0], **scale)
    # The scalar reduction (49).
    one, other = slope * quantity[:, 0] ** 2, guess * quantity[:, 0] ** 2
    optimistic = jnp.maximum(one - other, 0)
    chain = jnp.maximum(optimistic, jnp.maximum(slope - guess, 0) * quantity[:, 0] ** 2)
    wrong_by = error.min()
    under = cumulative_undershoot(other, one)
    floor = wrong_by * (quantity[:, 0] ** 2).sum()
    total = {"scale": rounds * most * largest**2, "operations": 8 * rounds}
    low = jnp.maximum(slope - 2 * wrong_by, 0)
    return {
        "sum": first(jnp.abs(needed - expected), error * squares),
        "one": first(jnp.abs(needed - expected), error * largest**2),
        "Lemma 5": at_most(
            (chain - largest**2 * error).max(),
            jnp.zeros(()),
            scale=most * largest**2,
            operations=8,
        ),
        "linear": at_most(floor, under, **total),
        "linear corrected": at_most(
            (jnp.minimum(slope, 2 * wrong_by) * quantity[:, 0] ** 2).sum(),
            cumulative_undershoot(low * quantity[:, 0] ** 2, one),
            **total,
        ),
    }


IMPACT = Suite(
    check_impact,
    {
        "sum": Claim("section 4.2", "|B - B^| <= |a - a^| sum of q^2, any transfers"),
        "one": Claim(
            "section 4.2", "|B - B^| <= Q^2 |a - a^| with several transfers", fails=True
        ),
        "Lemma 5": Claim("Lemma 5", "[B - B^]+ <= |a - a^| Q_t^2 <= Q^2 |a - a^|"),
        "linear": Claim(
            "section 4.2", "|a - a^| >= C makes V_T >= C sum of Q_t^2", fails=True
        ),
        "linear corrected": Claim(
            "section 4.2",
            "a - a^ >= C does: only slopes guessed too low fall short",
            Form.corrected,
        ),
    },
    sizes=((16, 1), (4, 5)),
)


def estimated(slope: PerRound, step: Scalar) -> PerRound:
    """The slope estimates of section D.2 in units of alpha_max, from 0."""

    def one_round(guess: Scalar, true_slope: Scalar):
        moved = guess - step * jnp.sign(guess - true_slope)
        return jnp.clip(moved, 0, 1), guess

    return jax.lax.scan(one_round, jnp.zeros(()), slope)[1]


def slopes(rounds: int, level: Scalar, pace: Scalar) -> PerRound:
    """A level nobody can hit, then liquidity that comes and goes every `pace` roots of T.

    The first half punishes large steps and the second small ones, so that no fixed step
    is good for both.
    """
    second = blocks(rounds, pace * jnp.sqrt(float(rounds)))
    return jnp.where(jnp.arange(rounds) < rounds // 2, level, second)


def check_tracking(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """(27), Lemma 6 and (47) with both constants 1, and what (29) gives instead."""
    (rounds,) = size
    most, largest = draw.power(-3, 6), draw.power(-3, 6)
    hard = slopes(rounds, draw.uniform((), 0.3, 0.7), draw.uniform((), 0.5, 1.5))
    sequence = draw.pick([switching(draw, rounds), hard, hard, hard])
    path = variation(sequence)
    root = jnp.sqrt(float(rounds))
    best_step = jnp.sqrt((1 + 2 * path) / rounds)
    grid = 10.0 ** jnp.linspace(-4, 0, 33)
    steps = jnp.concatenate([jnp.stack([1 / root, best_step]), grid])
    guesses = jax.vmap(estimated, (None, 0))(sequence, steps)
    errors = jnp.abs(guesses - sequence[None]).sum(axis=1)
    money = most * largest**2
    weight = draw.pick([jnp.ones((rounds,)), draw.uniform((rounds,))]) ** 2
    shorts = jnp.maximum(sequence[None] - guesses, 0) * weight[None]
    undershoot = money * shorts.sum(axis=1)
    claimed = root + path
    proved = jnp.sqrt(rounds * (1 + 2 * path))
    one = {"scale": rounds, "operations": 4 * rounds}
    all_money = {"scale": money * rounds, "operations": 4 * rounds}
    return {
        "(27)": at_most(errors[0], claimed, **one),
        "(27) corrected": at_most(errors[0], root + path * root, **one),
        "Lemma 6": at_most(errors.min(), claimed, **one),
        "Lemma 6 corrected": at_most(errors[1], proved, **one),
        "(47)": at_most(undershoot.min(), money * claimed, **all_money),
        "(47) corrected": at_most(undershoot[1], money * proved, **all_money),
    }


TRACKING = Suite(
    check_tracking,
    {
        "(27)": Claim(
            "Prop. 3 (27)", "G D sqrt(T) + G P at the step D/(G sqrt(T))", fails=True
        ),
        "(27) corrected": Claim(
            "Prop. 3 (29)", "the same step: G D sqrt(T) + G P sqrt(T)", Form.corrected
        ),
        "Lemma 6": Claim(
            "Lemma 6", "a_max sqrt(T) + P, the best of 35 fixed steps", fails=True
        ),
        "Lemma 6 corrected": Claim(
            "Lemma 6", "sqrt(T (a_max^2 + 2 a_max P)) at its step", Form.corrected
        ),
        "(47)": Claim(
            "Prop. 10 (47)",
            "Q^2 (a_max sqrt(T) + P), the best of 35 fixed steps",
            fails=True,
        ),
        "(47) corrected": Claim(
            "Prop. 10 (47)",
            "Q^2 sqrt(T (a_max^2 + 2 a_max P)) at its step",
            Form.corrected,
        ),
    },
    sizes=((64,), (16_384,)),
    # A long instance is half a million steps of descent.
    shares=(0.996, 0.004),
)


def check_churn(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Proposition 11's instance, with accounts that leave once closed."""
    (rounds,) = size
    accounts = 2 * rounds
    low = draw.power(-6, 6) * draw.pick([jnp.zeros(()), jnp.ones(())])
    high = low + draw.power(-6, 6)
    slope = jnp.where(jnp.arange(accounts) % 2 == 0, low, high)
    order = -jnp.arange(accounts, dtype=jnp.float64)

    def replayed(allocate):
        def one_round(left, _):
            x = allocate(left)
            effective = (slope * x**2).sum() / (x**2).sum()
            return jnp.where(x >= left, 0.0, 1.0) * left, (effective, x)

        full = jnp.ones(accounts)
        return jax.lax.scan(one_round, full, None, length=rounds)[1]

    queued, paid = replayed(lambda left: greedy(order, left, jnp.ones(())))
    evenly, _ = replayed(lambda left: left / left.sum())
    path = jnp.abs(jnp.diff(queued)).sum()
    rounding = {"scale": rounds * high, "operations": accounts}
    return {
        "queue": equal(path, (rounds - 1) * (high - low), **rounding),
        "ends": true(((queued == low) | (queued == high)).all() & (paid.max() == 1)),
        "pro rata": equal(evenly, (low + high) / 2, **rounding),
        "still": equal(jnp.abs(jnp.diff(evenly)).sum(), jnp.zeros(()), **rounding),
    }


CHURN = Suite(
    check_churn,
    {
        "queue": Claim("Prop. 11", "the queue's slope varies by (T-1)(a_max - a_min)"),
        "ends": Claim("Prop. 11", "it is a_min or a_max in every round"),
        "pro rata": Claim("Prop. 11", "pro rata's is their mean in every round"),
        "still": Claim("Prop. 11", "and does not vary"),
    },
    sizes=((2,), (25,)),
)
