"""October 10, 2025 on Hyperliquid: the published figures, embedded and in full."""

import dataclasses
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from adl_jax.event.base import Event
from adl_jax.event.closeouts import CloseoutRow, closeout_fields
from adl_jax.event.rounds_csv import read_rounds
from adl_jax.result import InputError
from adl_jax.rounds import Rounds
from adl_jax.tables import Amount, Name, Price, problems_in, read_rows


PAPER = "arXiv 2602.15182, Autodeleveraging as Online Learning, Table 2 and section 5"
REPOSITORY = "github.com/pluriholonomic/autodeleveraging-analysis (MIT)"
HYPERREPLAY = "Powered by HyperReplay - (c) ConejoCapital, non-commercial licence"
MARGIN_TIERS = "leverage limits: Hyperliquid documentation, margin tiers, mainnet"
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
    return dataclasses.replace(
        event,
        name="October 10, 2025, Hyperliquid",
        horizons=_by_horizon(path, executed, event.labels),
        sources=(PAPER, REPOSITORY),
        notes=_NOTES,
    )


def _by_horizon(
    path: Path, executed: list[tuple[int, int, float]], labels: tuple[int, ...]
) -> dict[int, np.ndarray]:
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


class _GapRow(BaseModel):
    wave: int
    coin: Name
    gap_usd_x_qty: Amount
    qty_contracts: Amount


class _PriceRow(BaseModel):
    ticker: Name
    avg_price: Price


class _HorizonTableRow(BaseModel):
    horizon_ms: int
    wave: int
    budget_prod_usd: Amount


class _TierRow(BaseModel):
    market: Name
    max_leverage: Price


OTHER_MAX_LEVERAGE = 5.0
"""Markets without a margin tier of their own have 3, 5 or 10; the middle, assumed."""


def _max_leverage(markets: tuple[str, ...]) -> np.ndarray:
    with as_file(files("adl_jax") / "data" / "hyperliquid_margin_tiers.csv") as path:
        rows = read_rows(path, _TierRow)
    limits = {row.market: row.max_leverage for row in rows}
    return np.array([limits.get(market, OTHER_MAX_LEVERAGE) for market in markets])


class _WaveRow(BaseModel):
    wave: int
    budget_needed: Amount
    deficit_usd: Amount
    total_cap: Amount


def october10_tables(folder: Path) -> Event:
    """The sixteen rounds with close-outs by market, from the public tables.

    **Arguments:** `folder`: holds the files that `docs/data.md` names.

    **Returns:** the embedded event with `closeout_quantity`, `closeout_price` (each
    market's average over the twelve minutes, a mild look-ahead) and `closeout_gap`.

    **Raises:** `InputError` where a file is absent or bad, or where its rounds are not
    the embedded ones.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; fix: see docs/data.md for its files"
        )
    event = october10()
    _check_same_rounds(folder / "policy_per_wave_metrics.csv", event)
    gaps_file = folder / "two_pass_wave_coin_gap_per_contract.csv"
    gaps = read_rows(gaps_file, _GapRow)
    prices_file = folder / "adl_net_volume_full_12min.csv"
    prices = {row.ticker: row.avg_price for row in read_rows(prices_file, _PriceRow)}
    absent = sorted({row.coin for row in gaps} - set(prices))
    if absent:
        raise problems_in(prices_file, [f"no avg_price for {coin}" for coin in absent])
    closeouts = closeout_fields(
        gaps_file,
        [
            CloseoutRow(
                round=row.wave,
                market=row.coin,
                quantity=row.qty_contracts,
                price_usd=prices[row.coin],
                gap_usd=row.gap_usd_x_qty,
            )
            for row in gaps
        ],
        event.labels,
        round_column="wave",
        market_column="coin",
    )
    horizons_file = folder / "two_pass_equity_delta_by_wave.csv"
    horizons = [
        (row.horizon_ms, row.wave, row.budget_prod_usd)
        for row in read_rows(horizons_file, _HorizonTableRow)
    ]
    return dataclasses.replace(
        event,
        horizons=_by_horizon(horizons_file, horizons, event.labels),
        rounds=with_fields(
            event.rounds, **closeouts, max_leverage=_max_leverage(closeouts["markets"])
        ),
        sources=(
            *event.sources,
            f"close-outs by market: {gaps_file.name}",
            HYPERREPLAY,
            MARGIN_TIERS,
        ),
        notes=(
            *event.notes,
            "Close-outs are valued at each market's average price over the twelve "
            "minutes, a mild look-ahead.",
            f"Markets that the margin tiers do not name count as {OTHER_MAX_LEVERAGE:g}x.",
        ),
    )


def with_fields(rounds: Rounds, **fields: Any) -> Rounds:
    """A copy of rounds with some fields set, validated as a new one."""
    names = [field.name for field in dataclasses.fields(Rounds)]
    old: dict[str, Any] = {name: getattr(rounds, name) for name in names}
    return Rounds(**(old | fields))


def _check_same_rounds(path: Path, event: Event) -> None:
    rows = read_rows(path, _WaveRow)
    rounds = event.rounds
    columns = {
        "wave": np.array(event.labels),
        "deficit_usd": np.asarray(rounds.deficit),
        "budget_needed": np.asarray(rounds.needed),
        "total_cap": np.asarray(rounds.capacity_total),
    }
    problems = []
    if len(rows) != rounds.num_rounds:
        problems.append(f"{len(rows)} rows; fix: it has {rounds.num_rounds} rounds")
    for index, row in enumerate(rows[: rounds.num_rounds]):
        for name, known in columns.items():
            value = getattr(row, name)
            # Loose enough for float32, tight enough for another event.
            if not np.isclose(value, known[index], rtol=1e-6, atol=0.01):
                problems.append(
                    f"row {index + 1}, column {name}: value {value}, published as "
                    f"{known[index]}; fix: for another event use --rounds"
                )
    if problems:
        raise problems_in(path, problems)
