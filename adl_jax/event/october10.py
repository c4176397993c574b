"""October 10, 2025 on Hyperliquid: the published figures, embedded."""

import dataclasses
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from adl_jax.event.base import Event
from adl_jax.event.rounds_csv import read_rounds
from adl_jax.messages import Information
from adl_jax.tables import Amount, problems_in, read_rows


PAPER = "arXiv 2602.15182, Autodeleveraging as Online Learning, Table 2 and section 5"
REPOSITORY = "github.com/pluriholonomic/autodeleveraging-analysis (MIT)"
_NOTES = (
    "One account's loss of 10,925,707.16 stands in nine of the sixteen deficits; "
    "counted once, they sum to an eighth.",
    "Every published benchmark was given the realised needed budget: its row is "
    "hindsight. The production queue's row is what the venue did.",
    "Published concentrations are fractions of equity, ours of profit capacity.",
)


class HorizonRow(BaseModel):
    """What production executed in a round, valued so long after the close."""

    model_config = ConfigDict(extra="forbid")

    horizon_ms: int
    round: int
    production_queue_executed_usd: Amount


def october10() -> Event:
    """The sixteen rounds, from figures embedded in the package.

    Facts published with the paper: deficits, needed budgets, capacities, times, and
    what each published policy executed. float64 needs `jax_enable_x64`.

    **Example:**

    ```python
    >>> import adl_jax
    >>> event = adl_jax.october10()
    >>> event.rounds.num_rounds, list(event.recorded)[0]
    (16, 'production_queue')

    ```
    """
    with as_file(files("adl_jax") / "data" / "october10.csv") as path:
        event = read_rounds(path)
    with as_file(files("adl_jax") / "data" / "october10_horizons.csv") as path:
        rows = read_rows(path, HorizonRow)
    executed = [
        (row.horizon_ms, row.round, row.production_queue_executed_usd) for row in rows
    ]
    recorded = {
        # Every benchmark policy was given the realised needed budget.
        name: row
        if name == "production_queue"
        else dataclasses.replace(row, information=Information.hindsight)
        for name, row in event.recorded.items()
    }
    return dataclasses.replace(
        event,
        recorded=recorded,
        name="October 10, 2025, Hyperliquid",
        horizons=by_horizon(path, executed, event.labels),
        sources=(PAPER, REPOSITORY),
        notes=_NOTES,
    )


def by_horizon(
    path: Path, executed: list[tuple[int, int, float]], labels: tuple[int, ...]
) -> dict[int, np.ndarray]:
    """What was executed at each horizon, in the order of the rounds' labels.

    **Raises:** `InputError` where a horizon lacks a round or has it twice.
    """
    by_place = {(horizon, label): usd for horizon, label, usd in executed}
    horizons = sorted({horizon for horizon, _, _ in executed})
    absent = [
        f"no row for horizon {horizon} ms and round {label}"
        for horizon in horizons
        for label in labels
        if (horizon, label) not in by_place
    ]
    if absent or len(by_place) != len(executed):
        raise problems_in(path, absent or ["a horizon and round stands twice"])
    return {
        horizon: np.array([by_place[horizon, label] for label in labels])
        for horizon in horizons
    }
