"""A book of one's own goes into a scenario as it is."""

import jax
import numpy as np
import pytest

from adl_jax.config import build, parse
from adl_jax.io import example, write_book


@pytest.fixture
def configured(tmp_path):
    write_book(example(), tmp_path / "book")

    def configured(more="", policies=""):
        text = f'dtype = "float64"\n{more}\n[book]\nfolder = "{tmp_path / "book"}"\n'
        return build(parse(text + policies, "test"))

    return configured


def test_the_scenario_has_the_folders_parts(configured):
    scenario, _ = configured()
    snapshot = example()
    book, market, shocks = scenario.sample(jax.random.key(0))
    np.testing.assert_array_equal(book.size, snapshot.size)
    np.testing.assert_array_equal(book.collateral, snapshot.collateral)
    np.testing.assert_array_equal(market.mark, snapshot.mark)
    np.testing.assert_array_equal(market.lot, snapshot.lot)
    np.testing.assert_allclose(market.depth * market.mark, snapshot.depth_usd)
    # Selling what is within 1 % of the mark moves the last price by 1 %.
    moved = 2 * market.impact * snapshot.depth_usd / snapshot.mark
    np.testing.assert_allclose(moved / snapshot.mark, 0.01)
    assert market.names == snapshot.markets
    np.testing.assert_array_equal(scenario.venue.margin.rate, snapshot.margin_rate)
    assert float(scenario.venue.fund.balance) == 6_000
    np.testing.assert_array_equal(scenario.shocks.returns.beta, snapshot.beta)
    assert shocks.log_return.shape == (16, 2)


def test_a_preset_keeps_its_rules_and_takes_the_folders_margin_and_fund(configured):
    policies = '\n[venue]\npreset = "{}"\n[[policies]]\nname = "q"\nseverity = "full"\n'
    binance, _ = configured(policies=policies.format("binance"))
    assert binance.venue.settlement == "contracts"
    np.testing.assert_array_equal(binance.venue.margin.rate, example().margin_rate)
    assert float(binance.venue.fund.balance) == 6_000
    vault, _ = configured(policies=policies.format("hyperliquid"))
    assert float(vault.venue.vault.cash) == 6_000
