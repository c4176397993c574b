"""October 10, 2025 from its public tables: close-outs by market, and every check."""

import dataclasses
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, create_model

from adl_jax.event.base import Event
from adl_jax.event.closeouts import CloseoutRow, closeout_fields
from adl_jax.event.october10 import by_horizon, october10
from adl_jax.result import InputError
from adl_jax.rounds import Rounds
from adl_jax.tables import Amount, Name, Number, Positive, Rows, problems_in, read_rows


HYPERREPLAY = "Powered by HyperReplay - (c) ConejoCapital, non-commercial licence"
MARGIN_TIERS = "leverage limits: Hyperliquid documentation, margin tiers, mainnet"
OTHER_MAX_LEVERAGE = 5.0
"""Markets without a margin tier of their own have 3, 5 or 10; the middle, assumed."""
_COLUMN_OF = {
    "production_queue": "prod",
    "integer_pro_rata": "contract_pr",
    "vector_mirror_descent": "vector",
    "min_max_ilp": "fixed_point_ilp_integer",
    "continuous_pro_rata": "pr",
}


class _GapRow(BaseModel):
    wave: int
    coin: Name
    gap_usd_x_qty: Amount
    qty_contracts: Amount


class _PriceRow(BaseModel):
    ticker: Name
    avg_price: Positive


class _HorizonTableRow(BaseModel):
    horizon_ms: int
    wave: int
    budget_prod_usd: Amount


class _TierRow(BaseModel):
    market: Name
    max_leverage: Positive


def october10_tables(folder: Path) -> Event:
    """The sixteen rounds with close-outs by market, from the public tables.

    **Arguments:** `folder`: holds the files that `docs/data.md` names.

    **Returns:** the embedded event with `closeout_quantity`, `closeout_price` (each
    market's average over the twelve minutes, a mild look-ahead) and `closeout_gap`, and
    the horizons of the tables.

    **Raises:** `InputError` where a file is absent or bad, or where it does not hold the
    published event.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; fix: see docs/data.md for its files"
        )
    event = october10()
    _check_figures(folder, event)
    horizons_file = folder / "two_pass_equity_delta_by_wave.csv"
    horizons = [
        (row.horizon_ms, row.wave, row.budget_prod_usd)
        for row in read_rows(horizons_file, _HorizonTableRow)
    ]
    event = dataclasses.replace(
        event,
        horizons=by_horizon(horizons_file, horizons, event.labels),
        rounds=_with_fields(event.rounds, **_closeouts(folder, event.labels)),
        sources=(*event.sources, HYPERREPLAY, MARGIN_TIERS),
        notes=(
            *event.notes,
            "Close-outs are valued at each market's average price over the twelve "
            "minutes, a mild look-ahead.",
            f"Markets that the margin tiers do not name count as {OTHER_MAX_LEVERAGE:g}x.",
        ),
    )
    _check_sweep(folder, event)
    return event


def _closeouts(folder: Path, labels: tuple[int, ...]) -> dict[str, Any]:
    gaps = read_rows(folder / "two_pass_wave_coin_gap_per_contract.csv", _GapRow)
    prices = read_rows(folder / "adl_net_volume_full_12min.csv", _PriceRow)
    price_of = {row.ticker: row.avg_price for row in prices}
    absent = sorted({row.coin for row in gaps} - set(price_of))
    prices.refuse([f"no avg_price for {coin}" for coin in absent])
    rows = [
        CloseoutRow(
            round=row.wave,
            market=row.coin,
            quantity=row.qty_contracts,
            price_usd=price_of[row.coin],
            gap_usd=row.gap_usd_x_qty,
        )
        for row in gaps
    ]
    fields = closeout_fields(
        Rows(gaps.path, rows, gaps.lines),
        labels,
        round_column="wave",
        market_column="coin",
    )
    return fields | {"max_leverage": _max_leverage(fields["markets"])}


def _max_leverage(markets: tuple[str, ...]) -> np.ndarray:
    with as_file(files("adl_jax") / "data" / "hyperliquid_margin_tiers.csv") as path:
        rows = read_rows(path, _TierRow)
    limits = {row.market: row.max_leverage for row in rows}
    return np.array([limits.get(market, OTHER_MAX_LEVERAGE) for market in markets])


def _with_fields(rounds: Rounds, **fields: Any) -> Rounds:
    names = [field.name for field in dataclasses.fields(Rounds)]
    old: dict[str, Any] = {name: getattr(rounds, name) for name in names}
    return Rounds(**(old | fields))


def _check_figures(folder: Path, event: Event) -> None:
    rounds = event.rounds
    figures = {
        "wave": np.array(event.labels),
        "deficit_usd": rounds.deficit,
        "budget_needed": rounds.needed,
        "total_cap": rounds.capacity_total,
        "max_loss_usd": event.largest_loss,
    }
    for name, column in _COLUMN_OF.items():
        figures[f"budget_{column}"] = event.recorded[name].executed
        figures[f"max_pct_{column}"] = event.recorded[name].concentration
    _check_columns(folder / "policy_per_wave_metrics.csv", figures)
    losers = {
        "wave": np.array(event.labels),
        "t_start_ms": rounds.start_ms,
        "t_end_ms": rounds.end_ms,
        "deficit_usd": rounds.deficit,
        "max_loss_usd": event.largest_loss,
    }
    _check_columns(folder / "bad_debt_loser_waves.csv", losers)


def _check_sweep(folder: Path, event: Event) -> None:
    totals = [float(executed.sum()) for executed in event.horizons.values()]
    sweep = {
        "eval_horizon_ms": np.array(list(event.horizons)),
        "total_H_prod_usd": np.array(totals),
    }
    _check_columns(folder / "eval_horizon_sweep.csv", sweep)


def _check_columns(path: Path, figures: dict[str, Any]) -> None:
    columns: dict[str, Any] = dict.fromkeys(figures, (Number, ...))
    rows = read_rows(path, create_model("FigureRow", **columns))
    count = len(figures[next(iter(figures))])
    if len(rows) != count:
        raise problems_in(path, [f"{len(rows)} rows; fix: the event has {count}"])
    problems = []
    for name, known in figures.items():
        exact = np.issubdtype(np.asarray(known).dtype, np.integer)
        published = np.asarray(known, np.float64)
        for index, row in enumerate(rows):
            value = getattr(row, name)
            # Six embedded decimals, or float32; another event is further away.
            slack = 0.0 if exact else 1e-6 * (1 + abs(published[index]))
            if abs(value - published[index]) > slack:
                problems.append(
                    f"{rows.place(index, name)}: value {value}, published as "
                    f"{published[index]}; fix: for another event use --rounds"
                )
    rows.refuse(problems)
