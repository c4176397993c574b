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


def check_information(policy: AbstractPolicy) -> None:
    """Refuses a policy that declares what only the two wrappers may have."""
    wrapper = {Information.hindsight: Hindsight, Information.observed: Recorded}
    needs = wrapper.get(policy.information)
    if needs is not None and not isinstance(policy, Hindsight | Recorded):
        raise ValueError(
            f"{type(policy).__name__} declares the information set "
            f"{policy.information.value!r}: only {needs.__name__}(...) may"
        )


def sight(policy: AbstractPolicy) -> Information:
    """What the loop shows a policy; a recorded row sees nothing, whatever its label."""
    return Information.observed if isinstance(policy, Recorded) else policy.information


def decide(
    policy: AbstractPolicy, state: Any, observation: Observation, *, key: Key
) -> Decision:
    """Asks a policy for its commitment and its haircuts.

    The budget is the commitment clipped to [0, min(D_t, U_t)]; `Hindsight` may go up to
    U_t and recorded rows stand as they are. A rate is a running total over the round's
    close-outs. Rounds without accounts execute the budget and take its pro-rata
    concentration B/U, the least there is (Proposition 9).

    **Arguments:** `observation`: everything there is about the round; the policy is
    shown its part.

    **Returns:** a `Decision`; every number in it is finite.
    """
    seen = visible(observation, sight(policy))
    commitment = policy.commit(state, before_closeouts(seen))
    asked = _budget_of(commitment, seen)
    finite = jnp.isfinite(asked)
    asked = jnp.where(finite, asked, 0)
    capacity = observation.capacity_total
    if isinstance(policy, Recorded):
        return Decision(
            commitment,
            asked,
            asked,
            commitment.concentration,
            None,
            RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite),
        )
    assert capacity is not None
    assert observation.deficit is not None
    status = RESULTS.where(
        asked > capacity, RESULTS.budget_above_capacity, RESULTS.successful
    )
    limit = capacity
    if not isinstance(policy, Hindsight):
        limit = jnp.minimum(observation.deficit, capacity)
    budget = jnp.clip(asked, 0, limit)
    if seen.capacity is None:
        haircut, executed, concentration = None, budget, _share(budget, capacity)
    else:
        haircut = policy.allocate(state, seen, budget, key=key)
        finite = finite & jnp.isfinite(haircut).all()
        haircut = jnp.where(jnp.isfinite(haircut), haircut, 0)
        executed = haircut.sum()
        concentration = jnp.max(_share(haircut, seen.capacity), initial=0)
    failed = RESULTS.where(finite, RESULTS.successful, RESULTS.nonfinite)
    return Decision(
        commitment,
        budget,
        executed,
        concentration,
        haircut,
        first_failure(failed, status),
    )


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
