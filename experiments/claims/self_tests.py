"""Statements known to be false or undefined: the harness must say so, and how often."""

import jax.numpy as jnp

from claims.harness import Claim, Form, Margin, Suite, at_most, true
from claims.instances import Draw, budget, capacities, feasible


def check(draw: Draw, size: tuple[int, ...]) -> dict[str, Margin]:
    """A false claim, a claim that is not a number, and a claim that is true."""
    (accounts,) = size
    upper = capacities(draw, accounts)
    total = budget(draw, upper)
    x = feasible(draw, upper, total)
    nothing = jnp.zeros(())
    return {
        "false": at_most(
            (x / upper).max(), total / upper.sum(), scale=1.0, operations=accounts
        ),
        "not a number": at_most(
            nothing / nothing, jnp.ones(()), scale=1.0, operations=1
        ),
        "infinite bound": at_most(
            jnp.ones(()), nothing / nothing, scale=1.0, operations=1
        ),
        "true": true((x <= upper).all()),
    }


SUITE = Suite(
    check,
    {
        "false": Claim(
            "self-test", "no worst burden is above B/U", Form.self_test, fails=True
        ),
        "not a number": Claim(
            "self-test", "a NaN measurement counts", Form.self_test, fails=True
        ),
        "infinite bound": Claim(
            "self-test", "a NaN bound counts", Form.self_test, fails=True
        ),
        "true": Claim("self-test", "no haircut is above its capacity", Form.self_test),
    },
    sizes=((4,),),
)
