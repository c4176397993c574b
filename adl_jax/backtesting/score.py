"""One row of the table: a policy's trajectory on an event, in numbers."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from adl_jax._types import PerRound
from adl_jax.backtesting.entries import Entry, Role
from adl_jax.backtesting.permutation import OrderDistribution, order_distribution
from adl_jax.evaluate import diagnostics, regret
from adl_jax.evaluate.loss import empirical
from adl_jax.event import Event
from adl_jax.fingerprint import fingerprint
from adl_jax.loop import replay
from adl_jax.messages import Information, Trajectory
from adl_jax.result import RESULTS
from adl_jax.rounds import Rounds


REFERENCE = "min_max_ilp"
"""The recorded policy whose concentration (23) measures fairness against."""
WEIGHTS = (0.5, 1.0, 2.0)
"""Fairness weights lambda of the robustness rows (Table 3)."""
ORDER_FIGURES = tuple(
    f"orders_{figure}_{unit}"
    for unit in ("usd", "percent_of_bound", "percent_of_needed")
    for figure in ("mean", "low", "high")
)
"""Mean, 5 % and 95 % quantile of tracking over random orders, in three units."""
ACCOUNT_DIAGNOSTICS = (
    *("concentration_mean", "adjacent_inversions", "rank_correlation"),
    *("accounts_touched", "share_paid_by_top_1_percent", "gini", "worst_decile"),
)


@dataclasses.dataclass(frozen=True)
class Score:
    """One row of the table. USD unless it says otherwise; `None` where undefined.

    **Fields:**

    - `tracking_usd`, `tracking_signed_usd`, `overshoot_usd`, `undershoot_usd`: sums over
        rounds of |H - needed|, H - needed, its positive and its negative part, V_T (21).
    - `fairness_usd`, `objective_usd`: the parts of (23) at lambda = 1.
    - `objective_by_weight_usd`: (23) at each of `WEIGHTS`.
    - `tracking_percent_of_bound`, `percent_of_bound`, `tracking_percent_of_needed`:
        tracking and objective over (17), tracking over what all rounds needed.
    - `static_regret_usd`, `dynamic_regret_usd`: tracking above the best fixed severity's
        (12) and above each round's best (13).
    - `policy_class_regret_usd`, `tracking_regret_usd`: objective (14) and tracking (15)
        above the best row that a venue could have run.
    - `orders`: tracking over random orders of the rounds, for learners in events without
        accounts.
    - `accounts`: means over rounds of the account diagnostics, where haircuts exist.
    - `status`: what went wrong inside, or success.
    - `configuration`: the policy's fingerprint.
    """

    entry: Entry
    trajectory: Trajectory
    tracking_usd: float
    tracking_signed_usd: float
    overshoot_usd: float
    undershoot_usd: float
    fairness_usd: float | None
    objective_usd: float | None
    objective_by_weight_usd: dict[float, float] | None
    tracking_percent_of_bound: float | None
    percent_of_bound: float | None
    tracking_percent_of_needed: float | None
    static_regret_usd: float
    dynamic_regret_usd: float
    policy_class_regret_usd: float | None
    tracking_regret_usd: float
    orders: dict[str, float | None] | None
    accounts: dict[str, float | None] | None
    status: str
    configuration: str

    def row(self) -> dict[str, Any]:
        """The row as plain values, for tables and JSON."""
        hidden = {
            *("entry", "trajectory", "objective_by_weight_usd", "orders", "accounts"),
        }
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in hidden
        }
        by_weight = self.objective_by_weight_usd
        return {
            "name": self.entry.name,
            "role": self.entry.role.value,
            "information": self.entry.information.value,
            "headline": self.entry.headline,
            "origin": self.entry.origin.value,
            **values,
            **{
                f"objective_weight_{weight:g}_usd": by_weight and by_weight[weight]
                for weight in WEIGHTS
            },
            **{name: self.orders and self.orders[name] for name in ORDER_FIGURES},
            **{
                name: self.accounts and self.accounts[name]
                for name in ACCOUNT_DIAGNOSTICS
            },
        }


def _reference_concentration(entry: Entry, event: Event) -> PerRound | None:
    # Fairness on made-up accounts says nothing against a reference on the real ones.
    if entry.role is Role.semi_synthetic:
        return None
    reference = event.recorded.get(REFERENCE)
    return None if reference is None else reference.concentration


def scored(entry: Entry, event: Event, bound: float, needed_total: float) -> Score:
    """Replays one policy and scores it.

    **Arguments:** `bound`: (17) in USD; `needed_total`: what all rounds needed, USD.

    **Returns:** a `Score`, its regrets in class still to be filled in.
    """
    rounds = event.rounds
    trajectory = replay(rounds, entry.policy)
    records = trajectory.records
    sums = diagnostics.tracking_sums(records.executed, rounds.needed)
    reference = _reference_concentration(entry, event)
    by_weight = fairness = None
    if records.concentration is not None and reference is not None:
        parts = empirical(
            records.executed, rounds.needed, records.concentration, reference
        )
        fairness = float(parts.fairness.sum())
        by_weight = {
            weight: float(sums.absolute) + weight * fairness for weight in WEIGHTS
        }
    tracking = float(sums.absolute)
    objective = None if by_weight is None else by_weight[1.0]
    loss = jnp.abs(records.executed - rounds.needed)
    best = regret.best_fixed_severity(
        rounds.deficit, rounds.needed, rounds.capacity_total
    )
    best_rounds = regret.best_round_losses(rounds.needed, rounds.capacity_total)
    has_haircuts = records.haircut is not None
    return Score(
        entry=entry,
        trajectory=trajectory,
        tracking_usd=tracking,
        tracking_signed_usd=float(sums.signed),
        overshoot_usd=float(sums.overshoot),
        undershoot_usd=float(sums.undershoot),
        fairness_usd=fairness,
        objective_usd=objective,
        objective_by_weight_usd=by_weight,
        tracking_percent_of_bound=_percent(tracking, bound),
        percent_of_bound=_percent(objective, bound),
        tracking_percent_of_needed=_percent(tracking, needed_total),
        static_regret_usd=float(regret.static_regret(loss, best)),
        dynamic_regret_usd=float(regret.dynamic_regret(loss, best_rounds)),
        policy_class_regret_usd=None,
        tracking_regret_usd=tracking,
        orders=_orders(order_distribution(rounds, entry.policy), bound, needed_total)
        if entry.role is Role.learner and rounds.capacity is None
        else None,
        accounts=account_diagnostics(rounds, records.haircut) if has_haircuts else None,
        status=RESULTS[trajectory.status],
        configuration=fingerprint(entry.policy),
    )


def with_class_regret(scores: list[Score]) -> list[Score]:
    """Scores with (14) and (15), which need every row.

    Only what a venue could have run is compared with.
    """
    runnable = [
        score
        for score in scores
        if score.entry.information is not Information.hindsight
        and score.entry.role is not Role.semi_synthetic
    ]
    tracking = min((score.tracking_usd for score in runnable), default=0.0)
    objectives = [
        score.objective_usd for score in runnable if score.objective_usd is not None
    ]
    return [
        dataclasses.replace(
            score,
            tracking_regret_usd=score.tracking_usd - tracking,
            policy_class_regret_usd=None
            if score.objective_usd is None or not objectives
            else score.objective_usd - min(objectives),
        )
        for score in scores
    ]


def account_diagnostics(rounds: Rounds, haircut: Any) -> dict[str, float | None]:
    """Means over rounds of how even and stable haircuts are, see `diagnostics`.

    `rank_correlation` is `None` for one round, which has no neighbour.
    """
    capacity = rounds.capacity
    assert capacity is not None
    by_round = {
        "concentration_mean": diagnostics.concentration,
        "adjacent_inversions": diagnostics.adjacent_inversions,
        "accounts_touched": lambda paid, _: diagnostics.accounts_touched(paid),
        "share_paid_by_top_1_percent": diagnostics.share_paid_by_top,
        "gini": diagnostics.gini,
        "worst_decile": diagnostics.worst_decile,
    }
    means: dict[str, float | None] = {
        name: float(jax.vmap(measure)(haircut, capacity).mean())
        for name, measure in by_round.items()
    }
    correlation = diagnostics.rank_correlation(haircut, capacity)
    means["rank_correlation"] = float(correlation.mean()) if len(correlation) else None
    return means


def _orders(
    found: OrderDistribution, bound: float, needed_total: float
) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    for name, value in found._asdict().items():
        figures[f"orders_{name}_usd"] = value
        figures[f"orders_{name}_percent_of_bound"] = _percent(value, bound)
        figures[f"orders_{name}_percent_of_needed"] = _percent(value, needed_total)
    return figures


def _percent(part: float | None, whole: float) -> float | None:
    return None if part is None or whole <= 0 else 100 * part / whole
