"""The tables of a book: a model each, a field a column."""

from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, Field

from adl_jax.tables import Amount, Name, Number, Positive


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A fraction, in [0, 1]."""
Leverage = Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)]
"""Notional over equity, in [1, 1000]."""


def needed(text: str) -> Any:
    """A column that has to be there."""
    return Field(description=text)


def optional(text: str) -> Any:
    """A column that may be left out whole."""
    return Field(default=None, description=text)


class AccountRow(BaseModel):
    """One row an account."""

    account: Name = needed("any text; each account once")
    collateral_usd: Amount = needed("margin posted, in USD, without unrealised profit")
    owner: Name = optional("whose account it is, where owners have several")


class PositionRow(BaseModel):
    """One row an open position; at most one of an account in a market."""

    account: Name = needed("as in accounts")
    market: Name = needed("as in markets")
    size: Number = needed("contracts; negative for a short; never 0")
    entry_price_usd: Positive = needed("average entry price, USD a contract")


class MarketRow(BaseModel):
    """One row a market."""

    market: Name = needed("any text; each market once")
    mark_usd: Positive = needed("mark price now, USD a contract")
    max_leverage: Leverage = needed("the venue's leverage limit")
    lot: Positive = optional("contracts in a lot, the least that can be traded")
    beta: Number = optional("how far it moves when the first market moves by 1; else 1")


class TierRow(BaseModel):
    """One row a margin tier, ascending within each market."""

    market: Name = needed("as in markets")
    floor_usd: Amount = needed("notional at which the tier starts, USD; first 0")
    maintenance_rate: Share = needed("maintenance margin over notional in the tier")


class DepthRow(BaseModel):
    """One row a market: what its order book takes."""

    market: Name = needed("as in markets")
    depth_usd: Positive = needed("USD on each side within 1 % of the mark")


class FundRow(BaseModel):
    """One row for the venue; or one row a market, with a column market."""

    balance_usd: Amount = needed("what the insurance fund can pay now, USD")
    market: Name = optional("as in markets, where each market has its own fund")


TABLES: dict[str, type[BaseModel]] = {
    "accounts": AccountRow,
    "positions": PositionRow,
    "markets": MarketRow,
    "margin_tiers": TierRow,
    "depth": DepthRow,
    "fund": FundRow,
}
"""The tables by name: a folder has a CSV or Parquet file of each."""


HINTS = {
    "collateral_usd": "what an account has lost is in the entry prices of its positions",
    "maintenance_rate": "2.5 % is 0.025",
}
"""What else helps whoever has to correct a number out of a column's bounds."""


def column_types(model: type[BaseModel]) -> dict[str, Any]:
    """What the values of each column are, constraints included."""
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def is_text(kind: Any) -> bool:
    """Whether a column holds names, and not numbers."""
    return get_args(kind)[0] is str
