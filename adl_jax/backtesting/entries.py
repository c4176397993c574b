"""Which policies stand in the comparison of a past event, and as what."""

import dataclasses
import enum

from adl_jax.allocator import AbstractAllocation, ProRata, allocations
from adl_jax.evaluate.bounds import path_variation
from adl_jax.evaluate.regret import best_fixed_severity
from adl_jax.event import Event
from adl_jax.messages import Information, severity_needed
from adl_jax.policy import AbstractPolicy, Hindsight, Policy
from adl_jax.severity import (
    AbstractSeverity,
    ConstantRate,
    Fixed,
    ProjectedGradient,
    proposition_1_step,
    severities,
)


class Role(enum.Enum):
    """What a row of the table is for. In the order of the table."""

    published = "published"
    constant = "constant"
    learner = "learner"
    reference = "reference"
    semi_synthetic = "semi_synthetic"


class Origin(enum.Enum):
    """Where a row's figures come from."""

    published = "published decisions, recomputed scores"
    new = "new: our policy on the same rounds"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One row to be: a policy, and what a reader must know about it.

    **Fields:**

    - `name`, `policy`, `role`.
    - `information`: what the decisions rest on, tuning included.
    - `headline`: whether this learner speaks for its information set; chosen from
        theory, not by score.
    - `origin`: published or new.
    """

    name: str
    policy: AbstractPolicy
    role: Role
    information: Information
    headline: bool = False
    origin: Origin = Origin.new


LEARNERS: dict[Information, tuple[str, ...]] = {
    Information.deficit: (
        *("last_value", "projected_gradient", "mirror_descent", "entropic"),
        *("scale_free", "optimistic", "coin_betting", "weighted_median"),
        *("hedge", "ader", "strongly_adaptive", "deficit_learner"),
    ),
    Information.notional: (
        *("running_mean_rate", "multiplicative_rate", "optimistic_rate"),
        *("weighted_median_rate", "shrunken_rate", "linear_impact"),
        *("ada_hedge_tiers", "notional_learner"),
    ),
}
"""Registered severities that learn, by what they see, in the order of the table."""
HEADLINES = ("deficit_learner", "notional_learner")
"""The learner that speaks for each set, frozen on synthetic families
(`experiments/families.py`) before it saw the real rounds."""
BOTH_WAYS = ("queue", "pro_rata")
"""Allocations that a budget stands with where accounts are; the others are compared
under one budget (`semi_synthetic_entries`)."""
EVERY_ALLOCATION = (
    *("full", "fixed_0.5", "rate_1.0%", "last_value", "projected_gradient"),
    *("running_mean_rate", "hindsight", *HEADLINES),
)
"""Severities that stand with both where accounts are; who pays does not change how
much, so that the others stand with pro-rata alone."""
RATES = (0.001, 0.01, 0.1)
"""Constant rates, one a decade. Several, since the best is known only afterwards."""


def entries(event: Event) -> list[Entry]:
    """Everything that is compared on an event, in the order of the table.

    Rates need close-outs by market and are left out without them. Where the event has
    accounts, `EVERY_ALLOCATION` stands with each and the rest with pro-rata.
    """
    return [
        *_published(event),
        *_constants(event),
        *_learners(event),
        *_references(event),
    ]


def semi_synthetic_entries() -> list[Entry]:
    """Every allocation with the same budget, what was needed."""
    return [
        Entry(
            f"semi_synthetic/{name}",
            Hindsight(Policy(Fixed(0), make())),
            Role.semi_synthetic,
            Information.hindsight,
        )
        for name, make in allocations.built_in.items()
    ]


def _published(event: Event) -> list[Entry]:
    return [
        Entry(
            name,
            recorded,
            Role.published,
            recorded.information,
            origin=Origin.published,
        )
        for name, recorded in event.recorded.items()
    ]


def _with_allocations(
    event: Event, name: str, severity: AbstractSeverity
) -> list[tuple[str, Policy, AbstractAllocation]]:
    if event.rounds.capacity is None or name == "zero":
        return [(name, Policy(severity, ProRata()), ProRata())]
    return [
        (f"{name}/{who}", Policy(severity, allocations[who]()), allocations[who]())
        for who in BOTH_WAYS
        if who == "pro_rata" or name in EVERY_ALLOCATION
    ]


def _constants(event: Event) -> list[Entry]:
    severities: dict[str, AbstractSeverity] = {
        "zero": Fixed(0),
        "full": Fixed(1),
        "fixed_0.5": Fixed(0.5),
    }
    if event.rounds.closeout_notional is not None:
        severities |= {f"rate_{rate:.1%}": ConstantRate(rate) for rate in RATES}
    return [
        Entry(full_name, policy, Role.constant, policy.information)
        for name, severity in severities.items()
        for full_name, policy, _ in _with_allocations(event, name, severity)
    ]


def _learners(event: Event) -> list[Entry]:
    names = LEARNERS[Information.deficit]
    if event.rounds.closeout_notional is not None:
        names += LEARNERS[Information.notional]
    return [
        Entry(
            full_name,
            policy,
            Role.learner,
            policy.information,
            headline=name in HEADLINES and isinstance(allocation, ProRata),
        )
        for name in names
        for full_name, policy, allocation in _with_allocations(
            event, name, severities[name]()
        )
    ]


def _references(event: Event) -> list[Entry]:
    rounds = event.rounds
    best = best_fixed_severity(rounds.deficit, rounds.needed, rounds.capacity_total)
    comparator = severity_needed(rounds.needed, rounds.deficit)
    step = proposition_1_step((rounds.deficit**2).sum(), path_variation(comparator))
    severities: dict[str, AbstractSeverity] = {
        "best_fixed_severity": Fixed(best.value),
        "projected_gradient_tuned": ProjectedGradient(step),
    }
    rows = [
        (full_name, policy)
        for name, severity in severities.items()
        for full_name, policy, _ in _with_allocations(event, name, severity)
    ]
    rows += [
        (full_name, Hindsight(policy))
        for full_name, policy, _ in _with_allocations(event, "hindsight", Fixed(0))
    ]
    return [
        Entry(name, policy, Role.reference, Information.hindsight)
        for name, policy in rows
    ]
