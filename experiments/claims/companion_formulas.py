"""The companion's printed formulas that do not do what they are for, beside ones that do.

Readings of C-(20) and C-(21): a fraction with one factor of equity too many, and shares
of leverage times equity that are divided by equity once more.
"""

import jax.numpy as jnp

from adl_jax.allocation import pro_rata, queue
from claims.harness import Claim, Form, Margin, Suite, at_most, equal
from claims.instances import Draw, budget, capacities


LONG_AGO = 1e-6
"""What is left of any severity after many rounds of back-off."""


def check(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """Prices, fractions, weights, back-off and second rounds, on any winners."""
    (accounts,) = size
    # (9): one position; its equity at the price called its bankruptcy price.
    side = jnp.where(draw.chance(0.5), 1.0, -1.0)
    entry, quantity, leverage = draw.power(-3, 5), draw.power(-3, 3), draw.power(0, 2)
    collateral = quantity * entry / leverage
    mark = entry * (1 + draw.uniform((), -0.5, 0.5))
    equity = lambda price: collateral + side * quantity * (price - entry)
    position = {"scale": quantity * (entry + mark) + collateral, "operations": 8}
    # (20), (21): fractions of equity that are to raise a budget.
    upper = capacities(draw, accounts)
    held, total = upper.sum(), budget(draw, upper)
    weight = draw.power(0, 2) * (draw.uniform((accounts,)) + 0.01)
    even = total / held
    tilted = even * weight * upper / (weight @ upper)
    filled = pro_rata(upper, total, weight=weight)
    money = {"scale": held * (1 + held), "operations": 8 * accounts}
    # 2.4: what is left is asked for once more, at the same severity.
    severity = draw.uniform((), 0.01, 0.99)
    first = queue(upper, upper, severity * total)
    left = upper - first
    second = queue(left, left, severity * (total - first.sum()))
    paid = first.sum() + second.sum()
    # Back-off from a severity to a ceiling, with a floor that knows nothing of it.
    ceiling, floor = draw.uniform((), 1e-3, 1), draw.uniform()
    # F.4.1: e = (60, 40), D = 40; the first leaves, and 30 more are asked for.
    winners = jnp.array([60.0, 40.0])
    stayed = (winners - pro_rata(winners, jnp.asarray(40.0)))[1]
    return {
        "(9)": equal(equity(mark - side * collateral / quantity), 0.0, **position),
        "(9) corrected": equal(
            equity(entry - side * collateral / quantity), 0.0, **position
        ),
        "(20)": at_most((even * upper).max(), 1.0, **money),
        "(20) corrected": at_most(even, 1.0, scale=1.0, operations=accounts),
        "(21)": equal(tilted @ upper, total, **money),
        "(21) corrected": equal(
            filled.sum(), total, scale=held, operations=4 * accounts
        ),
        "2.4": equal(paid, total, scale=held, operations=4 * accounts),
        "2.4 corrected": equal(
            paid,
            total * (1 - (1 - severity) ** 2),
            scale=held,
            operations=8 * accounts,
        ),
        "back-off": at_most(
            jnp.maximum(LONG_AGO * severity, floor), ceiling, scale=1.0, operations=2
        ),
        "back-off corrected": at_most(
            jnp.minimum(severity, ceiling), ceiling, scale=1.0, operations=2
        ),
        "F.4.1": at_most(30.0, stayed, scale=40.0, operations=8),
        "F.4.1 corrected": equal(stayed, 24.0, scale=40.0, operations=8),
    }


SUITE = Suite(
    check,
    {
        "(9)": Claim(
            "C-(9)", "equity is 0 at mark -+ entry collateral / size", fails=True
        ),
        "(9) corrected": Claim(
            "C-(9)", "it is at entry -+ entry collateral / size", Form.corrected
        ),
        "(20)": Claim("C-(20)", "theta D e / W is a fraction of equity", fails=True),
        "(20) corrected": Claim("C-(20)", "theta D / W is", Form.corrected),
        "(21)": Claim(
            "C-(21)", "theta D / W * l e / sum(l e) raises the budget", fails=True
        ),
        "(21) corrected": Claim(
            "C-(21)", "water filling with weights l does", Form.corrected
        ),
        "2.4": Claim("C-2.4", "two rounds of theta clear the deficit", fails=True),
        "2.4 corrected": Claim(
            "C-2.4", "they clear 1 - (1 - theta)^2 of it", Form.corrected
        ),
        "back-off": Claim(
            "C-4 (back-off)",
            "max(alpha theta, theta_0) gets below any ceiling",
            fails=True,
        ),
        "back-off corrected": Claim(
            "C-4 (back-off)", "min(theta, ceiling) does", Form.corrected
        ),
        "F.4.1": Claim(
            "C-F.4.1", "after paying 16 of 40, H can pay the next 30", fails=True
        ),
        "F.4.1 corrected": Claim("C-F.4.1", "it has 24 left", Form.corrected),
    },
    sizes=((2,), (12,)),
)
