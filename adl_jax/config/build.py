"""From a configuration to what is simulated."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adl_jax._types import as_dtype
from adl_jax.allocator import ProRata
from adl_jax.config.configuration import ZERO, Configuration
from adl_jax.config.sections import (
    MarketSection,
    PathReturns as PathSection,
    Section,
)
from adl_jax.config.venue import (
    CLOSE_PRICES,
    LIQUIDATIONS,
    PAPER,
    SCORES,
    VenueSection,
)
from adl_jax.io import Snapshot, read_book
from adl_jax.io.snapshot import linear_slope
from adl_jax.market import Market
from adl_jax.policy import AbstractPolicy, Policy
from adl_jax.result import InputError
from adl_jax.scenario import (
    AbstractReturns,
    Crash,
    FactorReturns,
    Given,
    Liquidity,
    PathReturns,
    Scenario,
    SyntheticBook,
    Tilted,
)
from adl_jax.scenario.calibration import value
from adl_jax.scenario.losers import Losers
from adl_jax.severity import Fixed
from adl_jax.venue import Fund, Response, Vault, Venue, venues
from adl_jax.venue.presets import hyperliquid


# Fields of the modules that are built, and the keys that they are called in a file.
_LOSERS = {
    "margin_use_median": "loser_margin_use_median",
    "margin_use_log_sd": "loser_margin_use_log_sd",
    "margin_lost": "loser_margin_lost",
}
_FACTOR = {
    name: name
    for name in (
        *("volatility", "correlation", "degrees_of_freedom"),
        *("reaction", "persistence"),
    )
}
_RULES = {
    "equity_floor": "equity_floor_usd",
    **{
        name: name
        for name in (
            *("settlement", "protect_collateral", "basis", "largest_haircut"),
            *("closes_out", "liquidation_fee", "fee_to_fund", "margin_to_fund"),
            *("surplus", "leaves", "sees_execution"),
        )
    },
}


class Built(NamedTuple):
    """A scenario to draw from, and the policies to judge, in the configured dtype."""

    scenario: Scenario
    policies: dict[str, AbstractPolicy]


def build(configuration: Configuration) -> Built:
    """Builds what a configuration describes.

    **Returns:** a `Built`; the policy `zero`, which does nothing, comes first.

    **Raises:** `InputError` where float64 is asked for and jax does not have it.
    """
    dtype = jnp.dtype(configuration.dtype)
    if dtype == jnp.float64 and not jax.config.values["jax_enable_x64"]:
        raise InputError(
            "dtype is float64, which jax does not have now; fix: set JAX_ENABLE_X64=1, "
            'or write dtype = "float32"'
        )
    policies = {ZERO: Policy(Fixed(0), ProRata())} | {
        policy.name: policy.build() for policy in configuration.policies
    }
    return Built(
        as_dtype(_scenario(configuration), dtype),
        {name: as_dtype(policy, dtype) for name, policy in policies.items()},
    )


def _scenario(configuration: Configuration) -> Scenario:
    book, crash, own = configuration.book, configuration.crash, None
    if book.folder is not None:
        own = read_book(book.folder, balanced=book.balanced)
        configuration = _with_markets_of(configuration, own)
    venue = _venue(configuration, own)
    books = Given(own.book()) if own is not None else _synthetic(configuration, venue)
    shocks = Crash(
        _returns(configuration),
        Liquidity(**crash.liquidity.model_dump()),
        funding=crash.funding_per_round or None,
    )
    return Scenario(
        books,
        _market(configuration, own),
        venue,
        shocks,
        num_rounds=configuration.rounds,
    )


def _with_markets_of(configuration: Configuration, own: Snapshot) -> Configuration:
    """The markets of a book that has been read, whose names may be any text."""
    beta = np.ones_like(own.mark) if own.beta is None else own.beta
    columns = (own.markets, own.mark, own.depth_usd, own.max_leverage, beta)
    markets = tuple(
        MarketSection.model_construct(
            name=name,
            mark_usd=float(mark),
            depth_usd=float(depth),
            max_leverage=float(leverage),
            beta=float(moves),
        )
        for name, mark, depth, leverage, moves in zip(*columns, strict=True)
    )
    return configuration.model_copy(update={"markets": markets})


def _synthetic(configuration: Configuration, venue: Venue) -> SyntheticBook:
    book = configuration.book
    return SyntheticBook(
        venue.margin,
        _column(configuration, "open_interest_share"),
        num_accounts=book.accounts,
        winner_share=book.winner_share,
        losers=Losers(**_named(book, _LOSERS)),
        loser_share=book.loser_share,
        maker_leverage=book.maker_leverage,
        buffer=book.margin_buffer,
        one_position_each=book.one_position_each,
        zeta=book.positions_exponent,
        seed=book.structure_seed,
    )


def _named(section: Section, keys: dict[str, str]) -> dict[str, Any]:
    return {field: getattr(section, key) for field, key in keys.items()}


def _column(configuration: Configuration, name: str) -> np.ndarray:
    """One number of each market."""
    return np.array([getattr(market, name) for market in configuration.markets], float)


def _market(configuration: Configuration, own: Snapshot | None) -> Market:
    """The order books' part that the accounts have, under the whole market's slopes.

    Everybody sells into the order book, so that accounts that are drawn have their share
    of its depth; what others sell is in the path of the marks. A book of one's own is
    everybody.
    """
    order_book, share = configuration.order_book, 1.0
    if own is None:
        share = configuration.book.accounts / value("venue.winners")
    mark = _column(configuration, "mark_usd")
    one_percent = _column(configuration, "depth_usd")
    slope = linear_slope(mark, one_percent) * order_book.impact_multiplier
    ratio, stays = order_book.impact_estimate_ratio, order_book.permanent_impact
    return Market(
        mark=mark,
        impact=slope,
        depth=share * one_percent / mark * order_book.depth_multiplier,
        impact_estimate=None if ratio == 1 else ratio * slope,
        permanent=None if stays == 0 else stays * 2 * slope,
        recovery=order_book.recovery,
        lot=None if own is None else own.lot,
        max_leverage=_column(configuration, "max_leverage"),
        names=tuple(market.name for market in configuration.markets),
    )


def _returns(configuration: Configuration) -> AbstractReturns:
    returns = configuration.crash.returns
    beta, log_fall = _column(configuration, "beta"), np.log1p(-returns.fall)
    if isinstance(returns, PathSection):
        weight = np.array(returns.weight_of_rounds)
        path = np.outer(weight / weight.sum(), beta * log_fall)
        return PathReturns(path, returns.noise)
    factor = FactorReturns(
        **_named(returns, _FACTOR),
        beta=np.ones_like(beta) if returns.markets_alike else beta,
        fall=-log_fall / returns.expected_batches(configuration.rounds),
        batches=None if returns.fall == 0 else returns.batches.build(),
    )
    if returns.tilt is None:
        return factor
    tilt = returns.tilt
    return Tilted.toward_falls(factor, tilt.strength, untilted=tilt.untilted_share)


def _venue(configuration: Configuration, own: Snapshot | None) -> Venue:
    rules = configuration.venue
    max_leverage = _column(configuration, "max_leverage")
    accounts = configuration.book.accounts if own is None else len(own.accounts)
    fund = rules.fund_usd_per_account * accounts if own is None else own.fund
    if rules.preset == PAPER:
        venue = Venue(hyperliquid(max_leverage).margin, fund=Fund(balance=fund))
    else:
        # Registries promise constructors without arguments; presets have these too.
        preset: Callable[..., Venue] = venues[rules.preset]
        venue = preset(max_leverage, fund=fund)
    changes = {
        **_named(rules, _RULES),
        "margin": None if own is None else own.margin(),
        "fund": _fund(rules, venue, accounts),
        "vault": _vault(rules, venue, accounts),
        "close_price": rules.close_price and CLOSE_PRICES[rules.close_price](),
        "liquidation": rules.liquidation and LIQUIDATIONS[rules.liquidation](),
        "score": rules.score and SCORES[rules.score],
        "response": rules.response and Response(**rules.response.model_dump()),
    }
    return dataclasses.replace(
        venue, **{name: new for name, new in changes.items() if new is not None}
    )


def _fund(rules: VenueSection, venue: Venue, accounts: int) -> Fund:
    most = rules.fund_most_usd_per_account
    changes = {
        "floor": rules.fund_floor,
        "most": None if most is None else most * accounts,
    }
    return dataclasses.replace(
        venue.fund, **{name: new for name, new in changes.items() if new is not None}
    )


def _vault(rules: VenueSection, venue: Venue, accounts: int) -> Vault | None:
    vault = venue.vault
    if rules.vault_usd_per_account:
        vault = Vault(rules.vault_usd_per_account * accounts)
    if vault is None or rules.vault_leverage is None:
        return vault
    return dataclasses.replace(vault, leverage=rules.vault_leverage)
