"""Each close price by hand, for long losers and for short ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax.venue import (
    Bankruptcy,
    Mark,
    MarkCapped,
    Oracle,
    PreviousMark,
    Quotes,
    Spread,
)


# Market 0 fell: its long losers are bankrupt above the mark, its shorts far above.
QUOTES = Quotes(
    mark=jnp.array([90.0, 20.0]),
    previous_mark=jnp.array([100.0, 21.0]),
    oracle=jnp.array([91.0, 19.5]),
    bankruptcy=jnp.array([[95.0, 130.0], [18.0, 19.0]]),
)


@pytest.mark.parametrize(
    ("rule", "want"),
    [
        (Bankruptcy(), [[95, 130], [18, 19]]),
        (Mark(), [[90, 90], [20, 20]]),
        (PreviousMark(), [[100, 100], [21, 21]]),
        (Oracle(), [[91, 91], [19.5, 19.5]]),
        # A long loser gets at least its bankruptcy price; a short one pays at most that.
        (MarkCapped(), [[95, 90], [20, 19]]),
        (Spread(0.1), [[81, 99], [18, 22]]),
        (Spread([0.1, 0.5]), [[81, 99], [10, 30]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_prices_by_hand(rule, want):
    np.testing.assert_allclose(rule(QUOTES), want, rtol=1e-14)
    single = jax.tree.map(lambda x: x.astype(jnp.float32), QUOTES)
    assert eqx.filter_jit(rule)(single).dtype == jnp.float32


def test_whitebit_example():
    """Last 42,000, margin fraction 0.02, taker fee 0.0005: 42,798 for a short."""
    quotes = Quotes(*(jnp.array([42_000.0]),) * 3, jnp.array([[1.0, 1.0]]))
    price = Spread(0.02 - 2 * 0.0005)(quotes)
    np.testing.assert_allclose(price, [[42_000 * 0.981, 42_798]], rtol=1e-14)


@pytest.mark.parametrize(
    ("share", "message"),
    [(-0.1, "Spread.share is -0.1"), ([0.1, 2.0], r"Spread.share\[1\] is 2.0")],
)
def test_a_spread_is_a_share(share, message):
    with pytest.raises(ValueError, match=message):
        Spread(share)
