"""Real accounts with the real rounds' capacity sums: a comparison of allocations."""

import dataclasses
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from adl_jax.event.base import Event
from adl_jax.event.public_tables import HYPERREPLAY
from adl_jax.result import InputError
from adl_jax.rounds import Rounds
from adl_jax.tables import Number, read_rows


class _AccountRow(BaseModel):
    account: int
    closed_pnl: Number
    leverage_realtime: Number
    pnl_percent: Number


def with_deleveraged_accounts(event: Event, path: Path) -> Event:
    """Puts every account that was deleveraged into every round of an event.

    Who was a winner in which round is not public. Each account's closed profit over the
    whole event stands for its share of the winners' profit, and in each round all
    profits are scaled so that they sum to the round's real capacity. The score is
    return times leverage. Results are semi-synthetic and are labelled so.

    **Arguments:**

    - `event`: supplies the rounds.
    - `path`: `accounts_deleveraged.csv` of the public tables.

    **Returns:** the event with accounts.

    **Raises:** `InputError` where the file is bad or no account has a profit.
    """
    rows = read_rows(path, _AccountRow)
    profit = np.maximum([row.closed_pnl for row in rows], 0)
    if profit.sum() <= 0:
        raise InputError(f"{path}: no closed_pnl is above 0; fix: check the column")
    leverage = np.array([row.leverage_realtime for row in rows])
    score = np.array([row.pnl_percent for row in rows]) / 100 * leverage
    old = event.rounds
    totals = np.asarray(old.capacity_total)
    grid = totals.shape[0], len(rows)
    return dataclasses.replace(
        event,
        name=f"{event.name}, semi-synthetic accounts",
        rounds=Rounds(
            deficit=old.deficit,
            needed=old.needed,
            capacity_total=old.capacity_total,
            start_ms=old.start_ms,
            end_ms=old.end_ms,
            capacity=totals[:, None] * (profit / profit.sum())[None, :],
            score=np.broadcast_to(score, grid),
            leverage=np.broadcast_to(leverage, grid),
            deficit_basis=old.deficit_basis,
        ),
        accounts=tuple(str(row.account) for row in rows),
        sources=(*event.sources, f"{path.name}: {HYPERREPLAY}"),
        notes=(
            *event.notes,
            f"Semi-synthetic: the closed profits of {len(rows):,} deleveraged accounts, "
            "scaled to each round's real capacity; the same accounts win every round.",
        ),
    )
