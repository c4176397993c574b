"""One round: the commitment, its limits, the allocation, and the record of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from adl_jax._sums import largest, sum_by, sum_of
from adl_jax._types import Key, PerAccount, PerPosition, Scalar
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
from adl_jax.projection._multiplier import ratio
from adl_jax.resolve import Offer, with_offer
from adl_jax.result import RESULTS, InputError, first_failure
from adl_jax.settle import settle


class Decision(NamedTuple):
    """What a policy does in a round, within the loop's limits.

    `contracts`, shape `(positions,)`, in `contracts` settlement alone; what it costs the
    winners is known when it is carried out.
    """

    commitment: Commitment
    budget: Scalar
    executed: Scalar
    concentration: Scalar | None
    haircut: PerAccount | None
    status: RESULTS
    contracts: PerPosition | None = None


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
    offer: Offer | None = None,
) -> Decision:
    """Asks a policy for its commitment and its haircuts, or its contracts.

    The budget is the commitment clipped to [0, min(D_t, U_t)]; `Hindsight` may go up to
    U_t and recorded rows stand as they are. A rate is a running total over the round's
    close-outs. Rounds without accounts execute the budget and take its pro-rata
    concentration B/U, the least there is (Proposition 9).

    Haircuts are held to [0, u]. Ones that were outside, or whose sum is not the budget
    (up to rounding, or to one lot where lots are known), are reported as infeasible: a
    policy cannot change how much it raises after it has seen the close-outs.

    With an `offer` the severity is a share of the close-outs, budget over what insolvent
    accounts owe at the mark, and the policy allocates contracts within each market and
    side. They are held to what positions have, and to whole lots where only a part of a
    position is closed.

    **Arguments:** `information`: what the policy is shown of `observation`, which holds
    everything there is about the round; `offer`: what winners can close, in `contracts`
    settlement.

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
        concentration = ratio(budget, capacity)
        return Decision(commitment, budget, budget, concentration, None, status)
    if offer is not None:
        contracts, failure = _contracts(policy, state, seen, offer, budget, key)
        status = first_failure(status, failure)
        return Decision(commitment, budget, budget, None, None, status, contracts)
    given = policy.allocate(state, seen, budget, key=key)
    haircut, failure = _held(given, seen, budget)
    return Decision(
        commitment,
        budget,
        sum_of(haircut),
        largest(ratio(haircut, seen.capacity)),
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
    outside = (haircut != given).any() | (jnp.abs(sum_of(haircut) - budget) > slack)
    infeasible = RESULTS.where(
        outside, RESULTS.infeasible_allocation, RESULTS.successful
    )
    return haircut, RESULTS.where(finite.all(), infeasible, RESULTS.nonfinite)


def _contracts(
    policy: AbstractPolicy,
    state: Any,
    seen: Observation,
    offer: Offer,
    budget: Scalar,
    key: Key,
) -> tuple[PerPosition, RESULTS]:
    if not policy.allocates_contracts:
        raise InputError(
            f"{type(policy).__name__} allocates money, and this venue settles in "
            "contracts: use an allocation that meets every group's budget (Queue, "
            "ProRata), or a venue with settlement 'pnl'"
        )
    share = jnp.minimum(ratio(budget, offer.gross), 1)
    wanted = share * offer.budget
    given = policy.allocate(state, with_offer(seen, offer), wanted, key=key)
    finite = jnp.isfinite(given)
    closed = jnp.where(finite & (given > 0), given, 0)
    closed = jnp.where(closed > offer.capacity, offer.capacity, closed)
    groups = wanted.shape[0]
    met = sum_by(closed, offer.group, groups)
    slack = jnp.finfo(budget.dtype).eps ** 0.75
    free = sum_by(offer.capacity, offer.group, groups)
    least = jnp.minimum(wanted, free) * (1 - slack)
    if offer.lot is not None:
        longest = jax.ops.segment_max(offer.lot, offer.group, groups)
        least = least - jnp.where(jnp.isfinite(longest), longest, 0)
    outside = (closed != given).any() | (met > wanted * (1 + slack)).any()
    outside |= (met < least).any()
    # Never more than was to be closed, not even by rounding.
    scale = jnp.where(met > offer.budget, ratio(offer.budget, met), 1)
    closed = closed * scale[offer.group]
    if offer.lot is not None:
        whole = closed >= offer.capacity
        # A quotient that rounding alone keeps below a whole number is that number.
        lots = jnp.floor(closed / offer.lot * (1 + 4 * jnp.finfo(closed.dtype).eps))
        floored = jnp.minimum(lots * offer.lot, closed)
        closed = jnp.where(whole, closed, floored)
    infeasible = RESULTS.where(
        outside, RESULTS.infeasible_allocation, RESULTS.successful
    )
    return closed, RESULTS.where(finite.all(), infeasible, RESULTS.nonfinite)


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
