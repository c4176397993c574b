"""The companion paper (arXiv 2512.01112): who pays, and how much is left of the top."""

import jax.numpy as jnp

from adl_jax._types import PerAccount, Scalar
from adl_jax.allocation import pro_rata, queue
from claims.harness import Claim, Form, Margin, Suite, at_most, equal, true
from claims.instances import Draw, budget, capacities, feasible, greedy


def check_top(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """The largest winner under a queue by size, pro rata, and anything feasible."""
    (accounts,) = size
    upper = capacities(draw, accounts)
    held, top = upper.sum(), upper.max()
    place = jnp.argmax(upper)
    total = budget(draw, upper)
    severity = draw.uniform((), 1e-3, 1)
    queued, even = queue(upper, upper, total), pro_rata(upper, total)
    y = feasible(draw, upper, total)
    left = lambda x: (upper - x).max()
    gap = total * (1 - top / held)
    small = total <= top
    rounding = {"scale": held, "operations": accounts}
    account_gap = (upper - even)[place] - (upper - queued)[place]
    ratio = lambda value: value / total
    share = {"scale": held / total, "operations": 4 * accounts}
    residual = lambda x: jnp.maximum(total / severity - x.sum(), 0)
    return {
        "separation": at_most(
            jnp.abs(residual(y) - (1 - severity) * total / severity),
            jnp.zeros(()),
            scale=held / severity,
            operations=accounts,
        ),
        "bound": at_most(jnp.maximum(top - total, 0), left(y), **rounding),
        "attained": equal(left(queued), jnp.maximum(top - total, 0), **rounding),
        "attained account": equal(
            (upper - queued)[place], jnp.maximum(top - total, 0), **rounding
        ),
        "least": at_most(left(queued), left(y), **rounding),
        "least account": at_most(
            (upper - queued)[place], (upper - y)[place], **rounding
        ),
        "gap": equal(left(even) - left(queued), gap, applies=small, **rounding),
        "gap account": equal(account_gap, gap, applies=small, **rounding),
        "ratio": equal(
            ratio(account_gap), severity * (1 - top / held), applies=small, **share
        ),
        "ratio corrected": equal(
            ratio(account_gap), 1 - top / held, applies=small, **share
        ),
    }


TOP = Suite(
    check_top,
    {
        "separation": Claim("C-4", "what is left is (1 - theta)+ D, whoever pays"),
        "bound": Claim("C-B.1", "top survivor >= (top - H)+ for any feasible haircuts"),
        "attained": Claim("C-B.1", "the queue by size attains it", fails=True),
        "attained account": Claim(
            "C-B.1", "it does for the largest account alone", Form.corrected
        ),
        "least": Claim(
            "C-5.3", "the queue minimises the top survivor, PTSR and PMR", fails=True
        ),
        "least account": Claim(
            "C-5.3", "it minimises what the largest account keeps", Form.corrected
        ),
        "gap": Claim(
            "C-5.3", "top survivors: pro rata - queue = H (1 - top/U)", fails=True
        ),
        "gap account": Claim(
            "C-5.3", "queue damage H (1 - top/U), largest account", Form.corrected
        ),
        "ratio": Claim("C-5.3", "PTSR gap theta (1 - top/U)", fails=True),
        "ratio corrected": Claim(
            "C-5.3", "PTSR gap 1 - top/U, largest account", Form.corrected
        ),
    },
    sizes=((2,), (20,)),
)


def pains(h: PerAccount, which: Scalar) -> PerAccount:
    """Strictly convex, increasing disutilities of a haircut fraction."""
    options = [h**2, jnp.expm1(3 * h), h**1.5, h + h**6, -jnp.log(1.01 - h)]
    return jnp.stack(options)[which]


def check_capped(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Capped pro rata, C-(28) to (31), with the kernel of the library."""
    (accounts,) = size
    upper = capacities(draw, accounts)
    cap = draw.pick(
        [
            draw.uniform((accounts,), 1e-3, 1),
            jnp.ones((accounts,)),
            jnp.where(draw.chance(0.5, (accounts,)), 1.0, 0.01),
            jnp.full((accounts,), draw.uniform((), 1e-3, 1)),
        ]
    )
    room = cap * upper
    total = budget(draw, room)
    x = pro_rata(upper, total, cap=cap)
    too_much = pro_rata(upper, 1.5 * room.sum(), cap=cap)
    y = feasible(draw, room, total)
    h, other = x / upper, y / upper
    which = draw.index(5)
    pain = lambda h: (upper * pains(h, which)).sum()
    bare = lambda h: pains(h, which).sum()
    level = jnp.max(jnp.where(h < cap, h, 0), initial=0)
    rounding = {"scale": room.sum(), "operations": 4 * accounts}
    # An account split in two keeps its cap and its fate.
    share, place = draw.uniform((), 0.01, 0.99), draw.index(accounts)
    at = jnp.arange(accounts) == place
    split = jnp.append(jnp.where(at, share * upper, upper), (1 - share) * upper[place])
    caps = jnp.append(cap, cap[place])
    apart = pro_rata(split, total, cap=caps)
    joined = jnp.where(at, apart[:-1] + apart[-1], apart[:-1])
    size_queue = queue(upper, upper, total)
    size_apart = queue(split, split, total)
    size_joined = jnp.where(at, size_apart[:-1] + size_apart[-1], size_apart[:-1])
    unit = draw.power(-3, 3)
    after = upper - x
    larger = upper[:, None] >= upper[None]
    inverted = jnp.where(larger, after[None] - after[:, None], -upper.sum()).max()
    ordered = jnp.where(larger, cap[:, None] - cap[None], -1.0).max() <= 0
    painful = {"scale": upper.sum() * 30, "operations": 8 * accounts}
    return {
        "feasible": at_most(jnp.maximum(x - room, -x).max(), jnp.zeros(()), **rounding),
        "budget": equal(x.sum(), total, **rounding),
        "beyond": equal(too_much, room, **rounding),
        "water": equal(h, jnp.minimum(level, cap), scale=1.0, operations=16 * accounts),
        "optimal": at_most(pain(h), pain(other), **painful),
        "unique": at_most(
            0.5 * (upper * (h - other) ** 2).sum(),
            0.5 * (upper * (other**2 - h**2)).sum(),
            **painful,
        ),
        "unweighted": at_most(
            bare(h), bare(other), scale=30.0, operations=8 * accounts
        ),
        "Sybil": equal(joined, x, **rounding),
        "Sybil queue": equal(size_joined, size_queue, **rounding),
        "scale": equal(
            pro_rata(unit * upper, unit * total, cap=cap) / unit, x, **rounding
        ),
        "monotone": at_most(inverted, jnp.zeros(()), **rounding),
        "monotone corrected": at_most(
            inverted, jnp.zeros(()), applies=ordered, **rounding
        ),
    }


CAPPED = Suite(
    check_capped,
    {
        "feasible": Claim("C-(28)", "capped pro rata keeps 0 <= h <= cap"),
        "budget": Claim("C-(29)", "it raises the budget wherever caps allow"),
        "beyond": Claim("C-(30)", "a budget above the caps takes all they allow"),
        "water": Claim("C-(29)", "h = min(level, cap)"),
        "optimal": Claim("C-C.2", "least sum of u phi(h), strictly convex phi"),
        "unique": Claim("C-C.2", "unique: phi = h^2/2 grows by its distance squared"),
        "unweighted": Claim(
            "C-(31)", "least sum of phi(h), without the weights", fails=True
        ),
        "Sybil": Claim("C-3.2", "splitting an account changes nothing, pro rata"),
        "Sybil queue": Claim(
            "C-3.2", "splitting changes nothing, queue by size", Form.added, fails=True
        ),
        "scale": Claim("C-3.2", "scale invariance of capped pro rata"),
        "monotone": Claim(
            "C-6, C-C.1", "capped pro rata keeps the winners' order", fails=True
        ),
        "monotone corrected": Claim(
            "C-6, C-C.1",
            "it does where larger accounts have no larger cap",
            Form.corrected,
        ),
    },
    sizes=((2,), (20,)),
)


def check_risk(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Risk-aware pro rata (RAP), C-(32) to (34), and what follows a second shock."""
    (accounts,) = size
    upper = capacities(draw, accounts)
    equity = upper * draw.pick([jnp.ones((accounts,)), draw.pareto(1.5, (accounts,))])
    leverage = draw.pick(
        [draw.uniform((accounts,), 0.1, 40), draw.pareto(0.8, (accounts,))]
    )
    leverage = jnp.minimum(leverage, 1e3)
    shock = 0.3 * draw.normal((16,))
    # psi(u) = E (u + Z)-, over sixteen equally likely shocks.
    short = jnp.maximum(-(1 / leverage[:, None] + shock[None]), 0).mean(axis=1)
    risk = leverage * short
    some = risk.max() > 1e-9
    risk = risk + 1e-12
    cap = draw.pick([jnp.ones((accounts,)), draw.uniform((accounts,), 0.01, 1)])
    room = cap * upper
    total = budget(draw, room)
    x = pro_rata(upper, total, weight=risk, cap=cap)
    squared = pro_rata(upper, total, weight=risk**2, cap=cap)
    sorted_ = greedy(risk * equity / upper, room, total)
    y = feasible(draw, room, total)
    saved = lambda x: (risk * equity * (x / upper)).sum()
    scale = {"scale": (risk * equity).sum(), "operations": 16 * accounts}
    notional = leverage * equity
    direct = jnp.maximum(-(equity[:, None] + notional[:, None] * shock[None]), 0)
    value = {"scale": notional.sum() * 8, "operations": 64 * accounts}
    # Uncapped and in equity, where a round's RAP is a plain weighted pro rata.
    free_total = budget(draw, equity) * draw.power(-6, 0)
    weight = leverage**2
    mean = (weight * equity).sum() / equity.sum()
    rap = free_total * weight * equity / (weight * equity).sum()
    flat = free_total * equity / equity.sum()
    clear = jnp.abs(weight - mean) > 1e-9 * mean
    lighter = jnp.where(clear, (weight <= mean) == (rap <= flat), True).all()
    smooth = {"scale": (weight * flat).sum(), "operations": 16 * accounts}
    curve = lambda money: leverage @ (equity - greedy(leverage, equity, money))
    money = jnp.stack([draw.uniform() * equity.sum(), draw.uniform() * equity.sum()])
    ends = jnp.stack([curve(money[0]), curve(money[1])])
    residual = {"scale": leverage.max() * equity.sum(), "operations": 8 * accounts}
    return {
        "feasible": at_most(
            jnp.maximum(x - room, -x).max(),
            jnp.zeros(()),
            scale=room.sum(),
            operations=4 * accounts,
        ),
        "budget": equal(x.sum(), total, scale=room.sum(), operations=4 * accounts),
        "next": equal(direct.sum(axis=0).mean(), (notional * short).sum(), **value),
        "optimal": at_most(saved(sorted_), saved(x), applies=some, **scale),
        "among": at_most(saved(squared), saved(x), applies=some, **scale),
        "optimal corrected": at_most(saved(y), saved(sorted_), **scale),
        "over": at_most((weight * flat).sum(), (weight * rap).sum(), **smooth),
        "burden": true(lighter),
        "convex": at_most(curve(money.mean()), ends.mean(), **residual),
        "falls": at_most(curve(money.max()), curve(money.min()), **residual),
        "slope": at_most(
            jnp.abs(ends[0] - ends[1]),
            leverage.max() * jnp.abs(money[0] - money[1]),
            **residual,
        ),
    }


RISK = Suite(
    check_risk,
    {
        "feasible": Claim("C-(34)", "RAP keeps 0 <= h <= cap"),
        "budget": Claim("C-(34)", "RAP raises the budget"),
        "next": Claim("C-(32)", "next deficit = sum of notional psi(1/leverage)"),
        "optimal": Claim("C-7 (RAP)", "RAP minimises the next deficit", fails=True),
        "among": Claim("C-7 (RAP)", "RAP does so among water fillings", fails=True),
        "optimal corrected": Claim(
            "C-7 (RAP)",
            "closing by rho e/u, highest first, minimises it",
            Form.corrected,
        ),
        "over": Claim(
            "C-7 (RAP)", "RAP does no worse than pro rata, no caps", Form.added
        ),
        "burden": Claim("C-F.7", "RAP takes less iff lambda g <= its mean, no caps"),
        "convex": Claim("C-8 (residual)", "residual L(b) is convex"),
        "falls": Claim("C-8 (residual)", "and falls"),
        "slope": Claim("C-8 (residual)", "with slopes up to the largest weight"),
    },
    sizes=((2,), (20,)),
)


def check_money(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Tails, insurance, churn and waiting: claims on samples of losses and payoffs."""
    (samples,) = size
    wealth = jnp.sort(draw.pareto(0.8, (samples,)) * draw.power(-3, 9))
    paid = draw.pick([wealth.mean(), wealth[samples // 2], wealth[0] / 2])
    left = jnp.maximum(wealth - paid, 0)
    place = draw.index(samples)
    tail = jnp.arange(samples) >= place
    mean_tail = lambda x: jnp.where(tail, x, 0).sum() / jnp.where(tail, 1.0, 0.0).sum()
    scale = {"scale": wealth.max(), "operations": 4 * samples}
    cost = draw.uniform((), 0.02, 1.2)
    fund = lambda k: cost * k + jnp.maximum(wealth - k, 0).mean()
    # K* = inf{x : P(D <= x) >= 1 - r/kappa}, 0 where r >= kappa.
    rank = jnp.ceil((1 - cost) * samples - 1e-9).astype(jnp.int64) - 1
    best = jnp.where(rank >= 0, wealth[jnp.maximum(rank, 0)], 0.0)
    any_fund = draw.pick([draw.uniform() * wealth.max(), wealth[place], 0 * best])
    upper = capacities(draw, samples)
    total = budget(draw, upper)
    even, queued = pro_rata(upper, total), queue(upper, upper, total)
    concave = lambda x: (upper * -jnp.expm1(-5 * x / upper)).sum()
    convex = lambda x: (upper * (x / upper) ** 2).sum()
    churned = {"scale": upper.sum(), "operations": 8 * samples}
    drop = jnp.where(draw.chance(0.7, (samples,)), draw.uniform((samples,)), 0.0)
    falling = jnp.cumsum(drop)[::-1]
    discount = draw.uniform() ** jnp.arange(samples, dtype=jnp.float64)
    worth = draw.power(-3, 9) * falling
    return {
        "VaR": equal(left[place], jnp.maximum(wealth[place] - paid, 0), **scale),
        "ES": equal(mean_tail(left), mean_tail(jnp.maximum(wealth - paid, 0)), **scale),
        "fund": at_most(fund(best), fund(any_fund), **scale),
        "churn": at_most(concave(even), concave(queued), **churned),
        "churn corrected": at_most(convex(even), convex(queued), **churned),
        "waiting": at_most(
            (discount * worth).max(), worth[0], scale=worth[0], operations=4
        ),
    }


MONEY = Suite(
    check_money,
    {
        "VaR": Claim("C-B.5", "VaR of (X - h)+ is (VaR - h)+"),
        "ES": Claim("C-B.5", "ES of (X - h)+ is the mean of (VaR_u - h)+"),
        "fund": Claim("C-2.3, C-A.8", "the best fund is VaR at 1 - r/kappa"),
        "churn": Claim(
            "C-8.1 (H.2 hazard)",
            "the queue loses more revenue, concave churn",
            fails=True,
        ),
        "churn corrected": Claim(
            "C-8.1 (H.2 hazard)", "it does under convex churn h^2", Form.corrected
        ),
        "waiting": Claim("C-8.2, C-F.9", "act now where the gain falls and is >= 0"),
    },
    sizes=((5,), (40,)),
)
