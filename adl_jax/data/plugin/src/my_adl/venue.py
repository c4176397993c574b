"""The rules of a venue. Say for every rule where it is written, and of when that is."""

from adl_jax.score import return_only
from adl_jax.venue import Bankruptcy, Fund, ToMargin, Venue, half_of_initial


def my_venue(max_leverage=50.0, *, notional_scale=1.0, fund=0.0):
    """A queue at bankruptcy prices once the fund is 30 % below its highest balance.

    Source: https://example.com/rules, section 4, read 2026-01-01. Not documented, and so
    assumed: a winner's collateral is not spared.
    """
    return Venue(
        # No tiers are published: half the initial margin, 1 / (2 * max_leverage).
        margin=half_of_initial(max_leverage, notional_scale=notional_scale),
        liquidation=ToMargin(1.0),
        liquidation_fee=0.0005,
        fund=Fund(balance=fund, floor=0.7),
        settlement="contracts",
        close_price=Bankruptcy(),
        protect_collateral=False,
        leaves=False,
        score=return_only,
    )
