"""How a computation ended: statuses inside jit, one exception class at the edge."""

import equinox as eqx


class RESULTS(eqx.Enumeration):
    """What a jitted computation has to report; carried in state, first failure wins.

    A status never stops a computation: every output stays defined and finite. It is
    read once, at the exit, by whoever prints or raises.
    """

    successful = "successful"
    budget_above_capacity = (
        "a budget was above what the winners' capacities allow; everything allowed "
        "was taken and the rest is reported as unpaid"
    )
    infeasible_allocation = (
        "haircuts were outside [0, capacity] or did not sum to the budget; they were "
        "held to [0, capacity]"
    )
    nonfinite = "a policy returned a number that is not finite"


def first_failure(earlier: RESULTS, later: RESULTS) -> RESULTS:
    """Keeps `earlier` unless it is a success, so that the first failure is reported."""
    return RESULTS.where(earlier == RESULTS.successful, later, earlier)


class InputError(ValueError):
    """Input that cannot be used; the message names the place, the value and the fix."""
