"""What was closed out, by round and market, from rows to the arrays of `Rounds`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from adl_jax.tables import Amount, Name, Price, place, problems_in


class CloseoutRow(BaseModel):
    """One market of one round."""

    model_config = ConfigDict(extra="forbid")

    round: int
    market: Name
    quantity: Amount
    price_usd: Price
    max_leverage: Price | None = None
    gap_usd: Amount | None = None


def closeout_fields(
    path: Path,
    rows: Sequence[CloseoutRow],
    labels: tuple[int, ...],
    *,
    round_column: str = "round",
    market_column: str = "market",
) -> dict[str, Any]:
    """Spreads close-outs over a grid of rounds and markets.

    **Arguments:**

    - `path`: where the rows come from, for the error messages.
    - `rows`: sorted by round, one for each market of a round.
    - `labels`: the rounds' own numbers, in order.
    - `round_column`, `market_column`: what the file calls them.

    **Returns:** the fields `closeout_quantity`, `closeout_price` and `markets` of `Rounds`
    (0 where nothing was closed out), and `closeout_gap` and `max_leverage` where given.

    **Raises:** `InputError` naming the row, column, value and fix.
    """
    at_round = {label: index for index, label in enumerate(labels)}
    _check(path, rows, at_round, round_column, market_column)
    markets = tuple(dict.fromkeys(row.market for row in rows))
    at_market = {market: index for index, market in enumerate(markets)}
    cells = (
        np.array([at_round[row.round] for row in rows]),
        np.array([at_market[row.market] for row in rows]),
    )

    def grid(values: list[Any]) -> np.ndarray:
        array = np.zeros((len(labels), len(markets)))
        array[cells] = values
        return array

    fields: dict[str, Any] = {
        "closeout_quantity": grid([row.quantity for row in rows]),
        "closeout_price": grid([row.price_usd for row in rows]),
        "markets": markets,
    }
    if rows[0].gap_usd is not None:
        fields["closeout_gap"] = grid([row.gap_usd for row in rows])
    if rows[0].max_leverage is not None:
        limits = {row.market: row.max_leverage for row in rows}
        fields["max_leverage"] = np.array([limits[market] for market in markets])
    return fields


def _check(
    path: Path,
    rows: Sequence[CloseoutRow],
    at_round: dict[int, int],
    round_column: str,
    market_column: str,
) -> None:
    problems, seen = [], set[tuple[int, str]]()
    limits: dict[str, float | None] = {}
    latest = -1
    for index, row in enumerate(rows):
        at = at_round.get(row.round)
        if at is None:
            problems.append(
                f"{place(index, round_column)}: value {row.round}, not a round of the "
                f"event; fix: use one of {list(at_round)}"
            )
        elif at < latest:
            problems.append(
                f"{place(index, round_column)}: value {row.round}, after a later round; "
                "fix: sort the rows by round"
            )
        latest = max(latest, -1 if at is None else at)
        if (row.round, row.market) in seen:
            problems.append(
                f"{place(index, market_column)}: value {row.market!r}, there already in "
                f"round {row.round}; fix: give each market one row a round"
            )
        seen.add((row.round, row.market))
        limit = limits.setdefault(row.market, row.max_leverage)
        if limit != row.max_leverage:
            problems.append(
                f"{place(index, 'max_leverage')}: value {row.max_leverage}, but {limit} "
                "in an earlier round; fix: give each market one limit"
            )
    if problems:
        raise problems_in(path, problems)
