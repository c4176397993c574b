"""Books and paths: independent where they should be, and variances that are known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import adl_jax
from adl_jax import InputError, Policy, ProRata
from adl_jax.monte_carlo.nested import nested
from adl_jax.scenario import (
    Crash,
    FactorReturns,
    PathReturns,
    Scenario,
    Tilted,
)
from adl_jax.scenario.base import AbstractBooks
from adl_jax.severity import Fixed
from adl_jax.venue import flat_margin


KEY = jax.random.key(11)
ZERO = {"zero": Policy(Fixed(0.0), ProRata())}


class Sized(AbstractBooks):
    """Two accounts without leverage whose size is drawn: nothing happens to them."""

    def sample(self, key, mark):
        size = jnp.exp(0.5 * jax.random.normal(key, (), mark.dtype))
        return adl_jax.Book(
            account=jnp.array([0, 1]),
            market=jnp.array([0, 0]),
            size=jnp.stack([size, -size]),
            entry_price=mark[jnp.array([0, 0])],
            collateral=jnp.stack([10 * size, 10 * size]) * mark,
        )


def quiet():
    one = jnp.ones(1)
    market = adl_jax.Market(mark=one, impact=0 * one, depth=one)
    returns = FactorReturns(volatility=0.1, degrees_of_freedom=1e6, reaction=0.0)
    venue = adl_jax.Venue(flat_margin(0.01 * one))
    return Scenario(Sized(), market, venue, Crash(returns), num_rounds=1)


@pytest.fixture(scope="module")
def found():
    return nested(KEY, quiet(), ZERO, 300, 4)


def test_a_book_is_the_same_on_all_its_paths_and_differs_from_others(found):
    interest = found.column("open_interest_start")["zero"]
    assert (interest == interest[:, :1]).all()
    assert len(np.unique(interest[:, 0])) == 300
    falls = found.column("fall")["zero"]
    assert len(np.unique(falls)) == falls.size


def test_variances_are_those_that_were_put_in(found):
    falls = found.parts("fall")["zero"]
    # A path's: normal returns of 10 %, whatever the book.
    assert falls.within_books.low < 0.01 < falls.within_books.high
    assert falls.share_of_books.low < 0.01
    start = found.parts("open_interest_start")["zero"]
    # A book's: 2 exp(0.5 Z), whatever the path.
    exact = 4 * np.exp(0.25) * (np.exp(0.25) - 1)
    assert start.between_books.low < exact < start.between_books.high
    assert start.within_books.value == 0
    assert start.share_of_books.value == 1
    # Both at once: log of the open interest at the end, 0.5 Z + 0.1 E.
    end = np.log(found.column("open_interest_end")["zero"])
    parts = adl_jax.statistics.variance_parts(end)
    assert parts.between_books.low < 0.25 < parts.between_books.high
    assert parts.within_books.low < 0.01 < parts.within_books.high


def test_paths_without_noise_leave_books_alone():
    quiet_paths = eqx.tree_at(
        lambda scenario: scenario.shocks.returns,
        quiet(),
        PathReturns(jnp.full((1, 1), -0.1)),
    )
    falls = nested(KEY, quiet_paths, ZERO, 2, 2).column("fall")["zero"]
    np.testing.assert_allclose(falls, -0.1)


def test_policies_meet_the_same_and_fewer_paths_are_the_first_of_more():
    scenario = quiet()
    both = ZERO | {"all": Policy(Fixed(1.0), ProRata())}
    more = nested(KEY, scenario, both, 3, 4)
    fewer = nested(KEY, scenario, both, 2, 4)
    fall = more.column("fall")
    np.testing.assert_array_equal(fall["zero"], fall["all"])
    np.testing.assert_allclose(
        fewer.column("fall")["zero"], more.column("fall")["zero"][:2], rtol=1e-9
    )


def test_what_has_no_parts_is_refused():
    scenario = quiet()
    with pytest.raises(InputError, match="paths is 1; give 2 or more"):
        nested(KEY, scenario, ZERO, 5, 1)
    tilted = eqx.tree_at(
        lambda s: s.shocks.returns, scenario, Tilted(scenario.shocks.returns, -1.0)
    )
    with pytest.raises(InputError, match="tilted"):
        nested(KEY, tilted, ZERO, 2, 2)
