"""Venues by name: their rules as far as documents and public code say.

Every preset is a function `(max_leverage, *, notional_scale=1.0, fund=0.0) -> Venue`:

- `max_leverage`: shape `(markets,)`, the venue's leverage limits, concrete; one number is
  one market. Where no tiers are published, maintenance is half the initial rate.
- `notional_scale`: multiplies thresholds in USD of notional, for a book that is a part
  of the venue's.
- `fund`: USD in the layer before ADL, shape `()`, or `(markets,)` for a fund of each
  market where the venue has an insurance fund.

Change one rule with `dataclasses.replace`. Sources, dates, ambiguities and what is only
approximated are data: `adl_jax.venue.venue_facts`.
"""

from adl_jax.registry import Registry
from adl_jax.venue.base import Venue
from adl_jax.venue.presets.aevo import aevo as aevo
from adl_jax.venue.presets.aster import aster as aster
from adl_jax.venue.presets.binance import binance as binance
from adl_jax.venue.presets.bitget import bitget as bitget
from adl_jax.venue.presets.bitmex import bitmex as bitmex
from adl_jax.venue.presets.bybit import bybit as bybit
from adl_jax.venue.presets.ccp_tear_up import ccp_tear_up as ccp_tear_up
from adl_jax.venue.presets.ccp_vmgh import ccp_vmgh as ccp_vmgh
from adl_jax.venue.presets.drift import drift as drift
from adl_jax.venue.presets.dydx import dydx as dydx
from adl_jax.venue.presets.ethereal import ethereal as ethereal
from adl_jax.venue.presets.gmx import gmx as gmx
from adl_jax.venue.presets.hyperliquid import (
    hyperliquid as hyperliquid,
    hyperliquid_literal as hyperliquid_literal,
)
from adl_jax.venue.presets.kucoin import kucoin as kucoin
from adl_jax.venue.presets.okx import okx as okx
from adl_jax.venue.presets.paradex import paradex as paradex
from adl_jax.venue.presets.whitebit import whitebit as whitebit


venues: Registry[Venue] = Registry(
    "venue",
    Venue,
    "adl_jax.venues",
    takes=("max_leverage", "notional_scale", "fund"),
)
venues.register("hyperliquid", hyperliquid)
venues.register("hyperliquid_literal", hyperliquid_literal)
venues.register("binance", binance)
venues.register("aster", aster)
venues.register("bybit", bybit)
venues.register("bitmex", bitmex)
venues.register("dydx", dydx)
venues.register("okx", okx)
venues.register("whitebit", whitebit)
venues.register("aevo", aevo)
venues.register("kucoin", kucoin)
venues.register("bitget", bitget)
venues.register("ethereal", ethereal)
venues.register("drift", drift)
venues.register("paradex", paradex)
venues.register("gmx", gmx)
venues.register("ccp_vmgh", ccp_vmgh)
venues.register("ccp_tear_up", ccp_tear_up)
