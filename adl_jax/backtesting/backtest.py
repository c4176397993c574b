"""Judge every policy on a past event by one code: objective, regrets, bound."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from adl_jax._types import PerRound
from adl_jax.backtesting.entries import Entry, entries
from adl_jax.backtesting.score import Score, scored, with_class_regret
from adl_jax.evaluate import bounds, diagnostics, online_bounds
from adl_jax.event import Event
from adl_jax.messages import severity_needed
from adl_jax.result import InputError


@dataclasses.dataclass(frozen=True)
class Backtest:
    """Every policy's score on an event, and what the event itself measures.

    **Fields:** money in USD.

    - `event`, `scores`.
    - `bound_usd`, `path_variation`: (17) and P_T with the deficits as given.
    - `comparators`: (17) with the published comparator and with one that ignores rounds
        of small deficits, see `online_bounds.severity_bounds`.
    - `counted_once`: the same with a standing loss counted once: `deficit_total_usd`,
        `path_variation`, `bound_usd`; `None` where the largest losses are not known.
    - `deficit_total_usd`, `needed_total_usd`, `unreachable_usd`.
    - `horizons`: production valued at each horizon.
    """

    event: Event
    scores: tuple[Score, ...]
    bound_usd: float
    path_variation: float
    comparators: dict[str, float]
    counted_once: dict[str, float] | None
    deficit_total_usd: float
    needed_total_usd: float
    unreachable_usd: float
    horizons: tuple[dict[str, float | int], ...]

    def __getitem__(self, name: str) -> Score:
        """The score of the policy of that name."""
        return {score.entry.name: score for score in self.scores}[name]

    def to_pandas(self) -> pd.DataFrame:
        """One row a policy."""
        return pd.DataFrame([score.row() for score in self.scores])

    def rounds_to_pandas(self) -> pd.DataFrame:
        """One row for each policy and round: executed, needed, concentration."""
        rounds = self.event.rounds
        frames = []
        for score in self.scores:
            records = score.trajectory.records
            concentration = records.concentration
            frames.append(
                pd.DataFrame(
                    {
                        "policy": score.entry.name,
                        "round": self.event.labels,
                        "start_ms": np.asarray(rounds.start_ms),
                        "deficit_usd": np.asarray(rounds.deficit),
                        "needed_usd": np.asarray(rounds.needed),
                        "capacity_usd": np.asarray(rounds.capacity_total),
                        "executed_usd": np.asarray(records.executed),
                        "concentration": np.nan
                        if concentration is None
                        else np.asarray(concentration),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `None` where undefined, never NaN."""
        return {
            "event": self.event.name,
            "rounds": self.event.rounds.num_rounds,
            "round_labels": list(self.event.labels),
            "deficit_basis": self.event.rounds.deficit_basis,
            "deficit_total_usd": self.deficit_total_usd,
            "needed_total_usd": self.needed_total_usd,
            "bound_usd": self.bound_usd,
            "path_variation": self.path_variation,
            **self.comparators,
            "unreachable_usd": self.unreachable_usd,
            "counted_once": self.counted_once,
            "policies": [score.row() for score in self.scores],
            "horizons": list(self.horizons),
            "sources": list(self.event.sources),
            "notes": list(self.event.notes),
        }


def backtest(event: Event, chosen: Sequence[Entry] | None = None) -> Backtest:
    """Replays policies on an event and scores them.

    **Arguments:**

    - `event`: an `Event`.
    - `chosen`: the entries to compare; all of `entries(event)` if not given.

    **Returns:** a `Backtest`. Every score is computed from per-round figures.

    **Example:**

    ```python
    >>> import adl_jax
    >>> result = adl_jax.backtest(adl_jax.october10())
    >>> round(result["zero"].tracking_percent_of_bound, 2)
    11.63

    ```
    """
    chosen = entries(event) if chosen is None else chosen
    _check_names(chosen)
    rounds = event.rounds
    needed_total = float(rounds.needed.sum())
    comparator = severity_needed(rounds.needed, rounds.deficit)
    bound = float(bounds.severity_bound(rounds.deficit, comparator))
    scores = [scored(entry, event, bound, needed_total) for entry in chosen]
    return Backtest(
        event=event,
        scores=tuple(with_class_regret(scores)),
        bound_usd=bound,
        path_variation=float(bounds.path_variation(comparator)),
        comparators=_comparators(rounds.deficit, comparator),
        counted_once=_counted_once(event),
        deficit_total_usd=float(rounds.deficit.sum()),
        needed_total_usd=needed_total,
        unreachable_usd=float(bounds.unreachable(rounds.deficit, rounds.needed)),
        horizons=tuple(_horizons(event)),
    )


def _check_names(chosen: Sequence[Entry]) -> None:
    names = [entry.name for entry in chosen]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two policies are named {name!r}; fix: give the recorded one, "
                f"{name}_executed_usd in a rounds file, another name"
            )


def _comparators(deficit: PerRound, comparator: PerRound) -> dict[str, float]:
    found = online_bounds.severity_bounds(deficit, comparator)
    return {
        "bound_tight_usd": float(found.tight),
        "path_variation_tight": float(found.tight_path_variation),
        "comparator_loss_tight_usd": float(found.tight_loss),
    }


def _counted_once(event: Event) -> dict[str, float] | None:
    if event.largest_loss is None:
        return None
    rounds = event.rounds
    deficit = bounds.counted_once(rounds.deficit, jnp.asarray(event.largest_loss))
    comparator = severity_needed(rounds.needed, deficit)
    return {
        "deficit_total_usd": float(deficit.sum()),
        "path_variation": float(bounds.path_variation(comparator)),
        "bound_usd": float(bounds.severity_bound(deficit, comparator)),
        "unreachable_usd": float(bounds.unreachable(deficit, rounds.needed)),
    }


def _horizons(event: Event) -> list[dict[str, float | int]]:
    rows = []
    for horizon, executed in event.horizons.items():
        sums = diagnostics.tracking_sums(jnp.asarray(executed), event.rounds.needed)
        rows.append(
            {
                "horizon_ms": horizon,
                "executed_usd": float(executed.sum()),
                "tracking_usd": float(sums.absolute),
                "tracking_signed_usd": float(sums.signed),
                "overshoot_usd": float(sums.overshoot),
                "undershoot_usd": float(sums.undershoot),
            }
        )
    return rows
