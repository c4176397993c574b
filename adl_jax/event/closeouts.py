"""What was closed out, by round and market, from rows to the arrays of `Rounds`."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from adl_jax.tables import Amount, Name, Positive, Rows


class CloseoutRow(BaseModel):
    """One market of one round."""

    model_config = ConfigDict(extra="forbid")

    round: int
    market: Name
    quantity: Amount
    price_usd: Positive
    max_leverage: Positive | None = None
    gap_usd: Amount | None = None


def closeout_fields(
    rows: Rows[CloseoutRow],
    labels: tuple[int, ...],
    *,
    round_column: str = "round",
    market_column: str = "market",
) -> dict[str, Any]:
    """Spreads close-outs over a grid of rounds and markets.

    **Arguments:**

    - `rows`: sorted by round, one for each market of a round.
    - `labels`: the rounds' own numbers, in order.
    - `round_column`, `market_column`: what the file calls them.

    **Returns:** the fields `closeout_quantity`, `closeout_price` and `markets` of `Rounds`
    (0 where nothing was closed out), and `closeout_gap` and `max_leverage` where given.

    **Raises:** `InputError` naming the row, column, value and fix.
    """
    at_round = {label: index for index, label in enumerate(labels)}
    _check(rows, at_round, round_column, market_column)
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
    rows: Rows[CloseoutRow],
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
                f"{rows.place(index, round_column)}: value {row.round}, not a round of "
                f"the event; fix: use one of {list(at_round)}"
            )
        elif at < latest:
            problems.append(
                f"{rows.place(index, round_column)}: value {row.round}, after a later "
                "round; fix: sort the rows by round"
            )
        latest = max(latest, -1 if at is None else at)
        if (row.round, row.market) in seen:
            problems.append(
                f"{rows.place(index, market_column)}: value {row.market!r}, there "
                f"already in round {row.round}; fix: give each market one row a round"
            )
        seen.add((row.round, row.market))
        limit = limits.setdefault(row.market, row.max_leverage)
        if limit != row.max_leverage:
            problems.append(
                f"{rows.place(index, 'max_leverage')}: value {row.max_leverage}, but "
                f"{limit} in an earlier round; fix: give each market one limit"
            )
    rows.refuse(problems)
