"""An event from its ADL fills: rounds by time, and the winners of each."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from adl_jax.event.base import Event
from adl_jax.event.closeouts import CloseoutRow, closeout_fields
from adl_jax.policy import Recorded
from adl_jax.result import InputError
from adl_jax.rounds import Rounds
from adl_jax.tables import (
    Milliseconds,
    Name,
    Number,
    Positive,
    Rows,
    header_of,
    read_rows,
)


GAP_MS = 5_000
"""Fills further apart than this belong to different rounds (section 5)."""


class FillRow(BaseModel):
    """One ADL fill of a winner; columns that are not named here are not used."""

    user: Name
    coin: Name
    time: Milliseconds
    adl_price: Positive
    adl_size: Positive
    position_size: Number
    entry_price: Positive
    total_unrealized_pnl: Number
    leverage_realtime: Number
    pnl_percent: Number
    liquidated_user: str


class _LoserFillRow(FillRow):
    # Losers are told apart by name: without one, two would count as one.
    liquidated_user: Name
    liquidated_total_equity: Number
    mark_price: Positive


def read_events(path: Path, figures: Event, *, gap_ms: int = GAP_MS) -> Event:
    """Reads an event table: rounds, winners, capacities, scores and positions.

    Fills are sorted by time and a gap of more than `gap_ms` over all markets starts a
    new round. A winner's capacity is max(0, total_unrealized_pnl) at its first fill of
    the round, its score is return times leverage at that fill.

    Where the table has the losers' equity and the mark (`liquidated_total_equity`,
    `mark_price`) the deficit and the needed budget (6) are computed from them.
    Otherwise they are joined by time from `figures`; clusters of fills inside one
    published round are merged. Rounds without a deficit are dropped and counted.

    **Arguments:**

    - `path`: a CSV file with the columns of `FillRow`, in any order of rows.
    - `figures`: per-round figures to join, such as `october10()`.
    - `gap_ms`: milliseconds.

    **Returns:** an `Event` with accounts and, where joined, the recorded rows of its
    rounds.

    **Raises:** `InputError` naming the file, row, column, value and fix.
    """
    computed = {"liquidated_total_equity", "mark_price"} <= set(header_of(path))
    rows = read_rows(path, _LoserFillRow if computed else FillRow)
    fills = pd.DataFrame([row.model_dump() for row in rows])
    _check_duplicates(rows, fills)
    fills = _in_order(fills)
    fills["cluster"] = (fills["time"].diff() > gap_ms).cumsum()
    clusters = fills.groupby("cluster")["time"].agg(["min", "max"])
    if computed:
        figures, label_of = _computed_figures(path, fills, clusters)
    else:
        label_of = _matching_rounds(path, clusters, figures)
    fills["round"] = fills["cluster"].map(label_of)
    kept = fills.dropna(subset="round").astype({"round": int})
    labels = tuple(label for label in figures.labels if label in set(kept["round"]))
    event = _with_winners(path, _only(figures, labels), kept, labels)
    matched = sum(cluster in label_of for cluster in clusters.index)
    notes = (
        f"{len(clusters)} clusters of fills, {matched} with a deficit in {len(labels)} "
        f"rounds, {len(clusters) - matched} dropped without one "
        f"({len(fills) - len(kept)} of {len(fills)} fills).",
    )
    if computed:
        notes += ("Deficits and needed budgets are computed from the fills.",)
    else:
        notes += (
            f"Deficits and needed budgets are joined by time from {figures.name}: "
            f"{len(labels)} of its {len(figures.labels)} rounds have fills here.",
            f"Winners are the {len(event.accounts)} accounts of the table, with "
            f"{_share_of_capacity(event, figures):.1%} of the rounds' given capacity; "
            "our policies can raise no more, recorded rows stand as they were.",
        )
    return dataclasses.replace(
        event,
        name=f"{path.stem} ({figures.name})",
        sources=(str(path), *figures.sources),
        notes=(*figures.notes, *notes),
    )


def _share_of_capacity(event: Event, figures: Event) -> float:
    given = _only(figures, event.labels).rounds.capacity_total.sum()
    return float(event.rounds.capacity_total.sum() / given) if given > 0 else 0.0


def _in_order(fills: pd.DataFrame) -> pd.DataFrame:
    # Fills of one instant have no order of their own. The largest profit comes first,
    # which is the account before it was touched; the other columns settle the rest, so
    # that the file's order never matters.
    others = [
        name for name in fills.columns if name not in ("time", "total_unrealized_pnl")
    ]
    return fills.sort_values(
        ["time", "total_unrealized_pnl", *others],
        ascending=[True, False, *([True] * len(others))],
        ignore_index=True,
    )


def _check_duplicates(rows: Rows[Any], fills: pd.DataFrame) -> None:
    rows.refuse(
        [
            f"{rows.place(int(index), 'user')}: value {fills['user'][index]!r}, the "
            "whole row stands above already; fix: keep it once"
            for index in np.flatnonzero(fills.duplicated())
        ]
    )


def _matching_rounds(
    path: Path, clusters: pd.DataFrame, figures: Event
) -> dict[Any, int]:
    starts = np.asarray(figures.rounds.start_ms)
    ends = np.asarray(figures.rounds.end_ms)
    label_of = {}
    for cluster, start, end in clusters.itertuples():
        hits = np.flatnonzero((starts <= end) & (start <= ends))
        if len(hits) > 1:
            raise InputError(
                f"{path}: the fills from {start} to {end} ms overlap the rounds "
                f"{[figures.labels[hit] for hit in hits]} of {figures.name}; "
                "fix: give the per-round figures of this event with --rounds"
            )
        if len(hits) == 1 and float(figures.rounds.deficit[hits[0]]) > 0:
            label_of[cluster] = figures.labels[hits[0]]
    if not label_of:
        raise InputError(
            f"{path}: no fill is in a round of {figures.name}; fix: give the per-round "
            "figures of this event with --rounds, or add the columns "
            "liquidated_total_equity and mark_price"
        )
    return label_of


def _computed_figures(
    path: Path, fills: pd.DataFrame, clusters: pd.DataFrame
) -> tuple[Event, dict[Any, int]]:
    lowest = fills.groupby(["cluster", "liquidated_user"])["liquidated_total_equity"]
    owed = (-lowest.min()).clip(lower=0).groupby("cluster").agg(["sum", "max"])
    gap = (fills["mark_price"] - fills["adl_price"]).abs() * fills["adl_size"]
    needed = gap.groupby(fills["cluster"]).sum()
    kept = [cluster for cluster in clusters.index if owed["sum"][cluster] > 0]
    if not kept:
        raise InputError(
            f"{path}: no round has a deficit: every liquidated_total_equity is at or "
            "above 0; fix: check the column's sign"
        )
    labels = tuple(int(cluster) + 1 for cluster in kept)
    event = Event(
        name="computed from the fills",
        rounds=Rounds(
            deficit=owed["sum"][kept].to_numpy(),
            needed=needed[kept].to_numpy(),
            capacity_total=np.zeros(len(kept)),
            start_ms=clusters["min"][kept].to_numpy(),
            end_ms=clusters["max"][kept].to_numpy(),
            deficit_basis="stock",
        ),
        labels=labels,
        largest_loss=owed["max"][kept].to_numpy(),
    )
    return event, dict(zip(kept, labels, strict=True))


def _only(event: Event, labels: tuple[int, ...]) -> Event:
    rows = np.array([event.labels.index(label) for label in labels])
    rounds = event.rounds
    fields: dict[str, Any] = {
        name: np.asarray(getattr(rounds, name))[rows]
        for name in ("deficit", "needed", "capacity_total", "start_ms", "end_ms")
    }
    return dataclasses.replace(
        event,
        rounds=Rounds(**fields, deficit_basis=rounds.deficit_basis),
        labels=labels,
        recorded={
            name: Recorded(
                executed=recorded.executed[rows],
                concentration=None
                if recorded.concentration is None
                else recorded.concentration[rows],
                information=recorded.information,
            )
            for name, recorded in event.recorded.items()
        },
        largest_loss=None if event.largest_loss is None else event.largest_loss[rows],
        horizons={ms: executed[rows] for ms, executed in event.horizons.items()},
    )


def _with_winners(
    path: Path, event: Event, fills: pd.DataFrame, labels: tuple[int, ...]
) -> Event:
    first = fills.groupby(["round", "user"], as_index=False).first()
    accounts = tuple(sorted(first["user"].unique()))
    at_round = {label: index for index, label in enumerate(labels)}
    at_account = {account: index for index, account in enumerate(accounts)}
    cells = first["round"].map(at_round), first["user"].map(at_account)

    def grid(values: pd.Series) -> np.ndarray:
        array = np.zeros((len(labels), len(accounts)))
        array[cells] = values
        return array

    capacity = grid(first["total_unrealized_pnl"].clip(lower=0))
    traded = fills.assign(notional=fills["adl_price"] * fills["adl_size"])
    by_market = traded.groupby(["round", "coin"])[["adl_size", "notional"]].sum()
    rows = [
        CloseoutRow(round=label, market=coin, quantity=size, price_usd=notional / size)
        for (label, coin), size, notional in by_market.itertuples()
    ]
    closeouts = closeout_fields(Rows(path, rows, []), labels)
    known: dict[str, Any] = {
        name: getattr(event.rounds, name)
        for name in ("deficit", "needed", "start_ms", "end_ms", "deficit_basis")
    }
    return dataclasses.replace(
        event,
        rounds=Rounds(
            **known,
            **closeouts,
            capacity=capacity,
            capacity_total=capacity.sum(axis=1),
            score=grid(first["pnl_percent"] / 100 * first["leverage_realtime"]),
            leverage=grid(first["leverage_realtime"]),
        ),
        accounts=accounts,
        positions=fills.groupby(["round", "user", "coin"], as_index=False)[
            ["position_size", "entry_price", "adl_price"]
        ].first(),
    )
