"""One round: the commitment, its limits, the allocation, and the record of it."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from adl_jax._types import Key, PerAccount, Scalar
from adl_jax.messages import (
    Commitment,
    Information,
    Observation,
    Outcome,
    Record,
    before_closeouts,
    visible,
)
from adl_jax.policy import AbstractPolicy, Hindsight, Recorded
from adl_jax.result import RESULTS, first_failure
from adl_jax.settle import settle


class Decision(NamedTuple):
    """What a policy does in a round, within the loop's limits."""

    commitment: Commitment
    budget: Scalar
    executed: Scalar
    concentration: Scalar | None
    haircut: PerAccount | None
    status: RESULTS


def information_of(policy: AbstractPolicy) -> Information:
    """What the loop shows a policy, read once; refuses what only the wrappers may see.

    A recorded row sees nothing, whatever its label says.

    **Raises:** `ValueError` where a policy declares what is not its own to take.
    """
    if type(policy) is Recorded:
        return Information.observed
    name, declared = type(policy).__name__, policy.information
    if not isinstance(declared, Information):
        raise ValueError(
            f"{name}.information is {declared!r}: declare a member of Information"
        )
    if declared is Information.hindsight and type(policy) is not Hindsight:
        raise ValueError(f"{name} declares hindsight: only Hindsight(...) may")
    if declared is Information.observed:
        raise ValueError(f"{name} declares observed: only Recorded(...) may")
    return declared


def decide(
    policy: AbstractPolicy,
    information: Information,
    state: Any,
    observation: Observation,
    *,
    key: Key,
) -> Decision:
    """Asks a policy for its commitment and its haircuts.

    The budget is the commitment clipped to [0, min(D_t, U_t)]; `Hindsight` may go up to
    U_t and recorded rows stand as they are. A rate is a running total over the round's
    close-outs. Rounds without accounts execute the budget and take its pro-rata
    concentration B/U, the least there is (Proposition 9).

    Haircuts are held to [0, u]. Ones that were outside, or whose sum is not the budget
    (up to rounding, or to one lot where lots are known), are reported as infeasible: a
    policy cannot change how much it raises after it has seen the close-outs.

    **Arguments:** `information`: what the policy is shown of `observation`, which holds
    everything there is about the round.

    **Returns:** a `Decision`; every number in it is finite.
    """
    seen = visible(observation, information)
    commitment = policy.commit(state, before_closeouts(seen))
    asked = _budget_of(commitment, seen)
    finite = jnp.isfinite(asked)
    asked = jnp.where(finite, asked, 0)
    status = RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite)
    if information is Information.observed:
        concentration = commitment.concentration
        return Decision(commitment, asked, asked, concentration, None, status)
    capacity = observation.capacity_total
    assert capacity is not None
    assert observation.deficit is not None
    if information is not Information.hindsight:
        asked = jnp.minimum(asked, observation.deficit)
    status = first_failure(
        status,
        RESULTS.where(
            asked > capacity, RESULTS.budget_above_capacity, RESULTS.successful
        ),
    )
    budget = jnp.clip(asked, 0, capacity)
    if seen.capacity is None:
        concentration = _share(budget, capacity)
        return Decision(commitment, budget, budget, concentration, None, status)
    given = policy.allocate(state, seen, budget, key=key)
    haircut, failure = _held(given, seen, budget)
    return Decision(
        commitment,
        budget,
        haircut.sum(),
        jnp.max(_share(haircut, seen.capacity), initial=0),
        haircut,
        first_failure(status, failure),
    )


def _held(
    given: PerAccount, seen: Observation, budget: Scalar
) -> tuple[PerAccount, RESULTS]:
    assert seen.capacity is not None
    finite = jnp.isfinite(given)
    # Not jnp.clip: its gradient is halved for every account that pays all or nothing.
    haircut = jnp.where(finite & (given > 0), given, 0)
    haircut = jnp.where(haircut > seen.capacity, seen.capacity, haircut)
    # The kernels meet a budget to 2e-6 in float32 and 1e-12 in float64; this is a
    # little more. One lot is what whole lots may miss it by.
    slack = jnp.finfo(budget.dtype).eps ** 0.75 * budget
    if seen.lot_value is not None:
        slack = slack + jnp.max(seen.lot_value, initial=0)
    outside = (haircut != given).any() | (jnp.abs(haircut.sum() - budget) > slack)
    infeasible = RESULTS.where(
        outside, RESULTS.infeasible_allocation, RESULTS.successful
    )
    return haircut, RESULTS.where(finite.all(), infeasible, RESULTS.nonfinite)


def record(
    observation: Observation, decision: Decision, outcome: Outcome, carried: Scalar
) -> Record:
    """Settles a decision against what the round turned out to need."""
    assert observation.deficit is not None
    assert observation.capacity_total is not None
    settlement = settle(decision.executed, outcome.needed, carried)
    return Record(
        commitment=decision.commitment,
        deficit=observation.deficit,
        capacity_total=observation.capacity_total,
        budget=decision.budget,
        executed=decision.executed,
        needed=outcome.needed,
        undershoot=settlement.undershoot,
        overshoot=settlement.overshoot,
        concentration=decision.concentration,
        haircut=decision.haircut,
        closeout_notional=observation.closeout_notional,
        closeout_gap=outcome.closeout_gap,
    )


def _budget_of(commitment: Commitment, seen: Observation) -> Scalar:
    if commitment.budget is not None:
        return commitment.budget
    if seen.closeout_notional is None:
        raise ValueError(
            "a rate commitment needs close-outs by market: give rounds that have them "
            "(closeout_quantity and closeout_price) and declare Information.notional"
        )
    assert commitment.rate is not None
    return (commitment.rate * seen.closeout_notional).sum()


def _share(part: Any, whole: Any) -> Any:
    some = whole > 0
    return jnp.where(some, part, 0) / jnp.where(some, whole, 1)
