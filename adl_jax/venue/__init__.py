"""A venue's rules. A preset is one small file of data."""

from adl_jax.venue.base import Venue as Venue
from adl_jax.venue.close_price import (
    AbstractClosePrice as AbstractClosePrice,
    Bankruptcy as Bankruptcy,
    Mark as Mark,
    MarkCapped as MarkCapped,
    Oracle as Oracle,
    PreviousMark as PreviousMark,
    Quotes as Quotes,
    Spread as Spread,
)
from adl_jax.venue.facts import venue_facts as venue_facts
from adl_jax.venue.fund import (
    Fund as Fund,
    Vault as Vault,
    fund_after as fund_after,
    fund_capacity as fund_capacity,
    fund_size as fund_size,
)
from adl_jax.venue.liquidation import (
    AbstractLiquidation as AbstractLiquidation,
    Full as Full,
    Slice as Slice,
    ToMargin as ToMargin,
    greedy_liquidation_size as greedy_liquidation_size,
)
from adl_jax.venue.margin import (
    MarginTiers as MarginTiers,
    bankruptcy_price as bankruptcy_price,
    flat_margin as flat_margin,
    liquidation_price as liquidation_price,
)
from adl_jax.venue.pool import (
    PoolLimit as PoolLimit,
    capped_profit as capped_profit,
    order_rejected as order_rejected,
    profit_factor as profit_factor,
    profit_to_close as profit_to_close,
)
from adl_jax.venue.presets import venues as venues
from adl_jax.venue.presets._margin import half_of_initial as half_of_initial
from adl_jax.venue.response import Response as Response
from adl_jax.venue.social_loss import socialized_loss_factor as socialized_loss_factor
