"""Any past event from two CSV files: its rounds, and what was closed out in them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, create_model

from adl_jax.event.base import Event
from adl_jax.event.closeouts import CloseoutRow, closeout_fields
from adl_jax.policy import Recorded
from adl_jax.result import InputError
from adl_jax.rounds import Rounds
from adl_jax.tables import (
    Amount,
    Milliseconds,
    Rows,
    header_of,
    read_rows,
)


class RoundRow(BaseModel):
    """One round of a rounds file."""

    model_config = ConfigDict(extra="forbid")

    round: int
    start_ms: Milliseconds
    end_ms: Milliseconds
    deficit_usd: Amount
    needed_usd: Amount
    capacity_usd: Amount
    largest_loss_usd: Amount | None = None


_EXECUTED, _CONCENTRATION = "_executed_usd", "_concentration"


def read_rounds(path: Path, closeouts: Path | None = None) -> Event:
    """Reads an event of one's own.

    **Arguments:**

    - `path`: a CSV file with the columns `round, start_ms, end_ms, deficit_usd,
        needed_usd, capacity_usd`, optionally `largest_loss_usd`, and for every policy
        that was run `NAME_executed_usd` and, where known, `NAME_concentration`.
    - `closeouts`: a CSV file with the columns `round, market, quantity, price_usd` and
        optionally `max_leverage` and `gap_usd`.

    **Returns:** an `Event`.

    **Raises:** `InputError` naming the file, row, column, value and fix.
    """
    names = _recorded_names(path)
    rows = read_rows(path, _row_model(names, set(header_of(path))))
    _check_order(rows)
    columns = {
        name: np.array([getattr(row, name) for row in rows])
        for name in type(rows[0]).model_fields
    }
    labels = tuple(row.round for row in rows)
    markets = (
        {}
        if closeouts is None
        else closeout_fields(read_rows(closeouts, CloseoutRow), labels)
    )
    largest = columns["largest_loss_usd"]
    if largest[0] is not None:
        _check_largest(rows)
    return Event(
        name=path.stem,
        rounds=Rounds(
            deficit=columns["deficit_usd"],
            needed=columns["needed_usd"],
            capacity_total=columns["capacity_usd"],
            start_ms=columns["start_ms"],
            end_ms=columns["end_ms"],
            **markets,
        ),
        labels=labels,
        recorded={
            name: Recorded(
                executed=columns[name + _EXECUTED],
                concentration=columns.get(name + _CONCENTRATION),
            )
            for name in names
        },
        largest_loss=None if largest[0] is None else largest.astype(float),
        sources=tuple(str(file) for file in (path, closeouts) if file is not None),
        notes=_gap_notes(markets, columns["needed_usd"]),
    )


def _recorded_names(path: Path) -> list[str]:
    header = header_of(path)
    names = [
        column.removesuffix(_EXECUTED)
        for column in header
        if column.endswith(_EXECUTED) and column != _EXECUTED
    ]
    for name in names:
        # Names go into tables, figures and file names.
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name):
            raise InputError(
                f"{path}: column {name + _EXECUTED!r} names a policy {name!r}; fix: use "
                "letters, digits, '_', '.', '+' and '-'"
            )
    for column in header:
        if column.endswith(_CONCENTRATION):
            name = column.removesuffix(_CONCENTRATION)
            if name not in names:
                raise InputError(
                    f"{path}: column {column!r} has no {name + _EXECUTED!r} beside it; "
                    "fix: add what the policy executed, or remove the column"
                )
    return names


def _row_model(names: list[str], header: set[str]) -> type[RoundRow]:
    recorded: dict[str, Any] = {name + _EXECUTED: (Amount, ...) for name in names}
    recorded |= {
        name + _CONCENTRATION: (Amount, ...)
        for name in names
        if name + _CONCENTRATION in header
    }
    return create_model("RecordedRoundRow", __base__=RoundRow, **recorded)


def _check_order(rows: Rows[RoundRow]) -> None:
    problems, seen = [], set[int]()
    for index, row in enumerate(rows):
        if row.round in seen:
            problems.append(
                f"{rows.place(index, 'round')}: value {row.round}, there already; "
                "fix: give each round one row"
            )
        seen.add(row.round)
        if row.end_ms < row.start_ms:
            problems.append(
                f"{rows.place(index, 'end_ms')}: value {row.end_ms}, before start_ms "
                f"{row.start_ms}; fix: a round ends when it starts, or later"
            )
        if index and row.start_ms <= rows[index - 1].end_ms:
            problems.append(
                f"{rows.place(index, 'start_ms')}: value {row.start_ms}, not after the "
                f"end of the row before, {rows[index - 1].end_ms}; fix: sort the rows "
                "by time and merge rounds that overlap"
            )
    rows.refuse(problems)


def _check_largest(rows: Rows[RoundRow]) -> None:
    problems = [
        f"{rows.place(index, 'largest_loss_usd')}: value {row.largest_loss_usd}, above "
        f"deficit_usd {row.deficit_usd}; fix: the largest loss is part of the deficit"
        for index, row in enumerate(rows)
        # The cent of slack is rounding in files that were written by hand.
        if (row.largest_loss_usd or 0) > row.deficit_usd + 0.01
    ]
    rows.refuse(problems)


def _gap_notes(markets: dict[str, Any], needed: np.ndarray) -> tuple[str, ...]:
    gaps = markets.get("closeout_gap")
    if gaps is None or np.allclose(gaps.sum(axis=1), needed, rtol=0.01, atol=0.01):
        return ()
    return (
        f"gap_usd sums to {gaps.sum():,.2f}, needed_usd to {needed.sum():,.2f}: they "
        "should agree in every round.",
    )
