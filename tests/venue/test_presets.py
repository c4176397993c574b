"""What every preset promises, and that the table of facts says what the preset does."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Venue, allocation
from adl_jax.result import InputError
from adl_jax.score import SCORES, return_only
from adl_jax.testing.venues import (
    check_arguments,
    check_builds,
    check_fund,
    check_one_program,
    limits as max_leverage,
)
from adl_jax.venue import (
    Mark,
    Quotes,
    bankruptcy_price,
    flat_margin,
    venue_facts,
    venues,
)


FACTS = venue_facts()
every = pytest.mark.parametrize("name", venues)


@every
@pytest.mark.parametrize("markets", [1, 3, 160])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_builds_and_computes_in_its_dtype(name, markets, dtype):
    notional, maintenance = check_builds(venues[name], markets, dtype)
    limits = max_leverage(markets, dtype)
    # Never less than half the initial rate.
    half = np.asarray(notional) / (2 * limits)
    assert (maintenance >= half * (1 - 1e-6)).all()
    # rate * notional - deduction, each to half an ulp, the deduction summed by tiers.
    tiers = venues[name](limits.astype(float)).margin
    wide = np.asarray(notional, float)
    exact = np.asarray(tiers.maintenance(jnp.asarray(wide), jnp.arange(markets)))
    rounding = (3 + tiers.rate.shape[1]) * float(np.finfo(dtype).eps)
    assert (np.abs(np.asarray(maintenance) - exact) <= rounding * wide).all()


@every
def test_one_program_for_every_number(name):
    check_one_program(venues[name])


@every
def test_has_defaults_and_one_number_is_one_market(name):
    check_arguments(venues[name])


@every
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_leverage": [20.0, 0.0]}, r"max_leverage\[1\] is 0: give a number above"),
        ({"max_leverage": [np.nan, 1.0]}, r"max_leverage\[0\] is nan"),
        ({"max_leverage": [-2.0]}, r"max_leverage\[0\] is -2.0"),
        ({"max_leverage": np.ones((2, 2))}, "shape .2, 2.: give one number a market"),
        ({"notional_scale": -1.0}, "notional_scale is -1.0"),
        ({"fund": -1.0}, r"(Fund.balance|Vault.cash) is -1.0"),
    ],
)
def test_bad_arguments_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        venues[name](**arguments)


@every
def test_the_fund_is_the_money_before_adl(name):
    check_fund(venues[name])


@every
def test_facts_are_complete_and_say_what_the_preset_does(name):
    facts = FACTS[name]
    optional = {"weight"}
    assert all(text for field, text in facts.items() if field not in optional)
    venue = venues[name]()
    assert facts["settlement"] == venue.settlement
    if venue.settlement == "contracts":
        assert facts["close_price"] == type(venue.close_price).__name__
    else:
        assert facts["close_price"] == "none"
    score = return_only if facts["score"] == "none" else SCORES[facts["score"]]
    assert venue.score is score
    assert callable(getattr(allocation, facts["allocation"]))
    assert (facts["allocation"] == "queue") == (facts["score"] != "none") or (
        name == "gmx"
    )
    # Nobody documents that a venue looks after the winner's collateral.
    assert not venue.protect_collateral or venue.settlement == "pnl"


def test_facts_and_presets_are_the_same_venues():
    assert set(FACTS) == set(venues)
    # A comma that is not quoted makes a field without a name, or one too few.
    assert not any(None in row or None in row.values() for row in FACTS.values())


def test_weak_evidence_is_marked():
    incomplete = {name for name, row in FACTS.items() if row["incomplete"] == "yes"}
    assert incomplete == {"okx", "bitget"}
    assert {row["incomplete"] for row in FACTS.values()} == {"yes", "no"}


def test_hyperliquid_ladders():
    limits = np.array([40.0, 25, 20, 10, 10, 15, 5, 3])
    small = np.array([0, 0, 0, 0, 1, 0, 1, 0], bool)
    venue = venues["hyperliquid"](limits, small=small, notional_scale=0.1)
    second = np.array([20, 15, 10, 5, 5, 5, 5, 3.0])
    np.testing.assert_allclose(venue.margin.rate[:, 0], 1 / (2 * limits))
    np.testing.assert_allclose(venue.margin.rate[:, 1], 1 / (2 * second))
    np.testing.assert_allclose(
        venue.margin.floor[:, 1], [15e6, 10e6, 7e6, 2e6, 3e5, 2e6, 0, 0]
    )
    assert float(venue.liquidation.above) == pytest.approx(1e4)
    np.testing.assert_allclose(venue.vault.below, 2 / 3)


def test_hyperliquid_variants_differ_in_the_score_alone():
    adjusted, literal = venues["hyperliquid"](), venues["hyperliquid_literal"]()
    assert adjusted.score is not literal.score
    same = dataclasses.replace(literal, score=adjusted.score)
    assert eqx.tree_equal(same, adjusted)


def test_binance_ladder():
    """The published one at 125x; for other limits no rate below half the initial one."""
    rate = venues["binance"](np.array([125.0, 20.0])).margin.rate
    published = [0.004, 0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25, 0.50]
    np.testing.assert_allclose(rate[0], published)
    np.testing.assert_allclose(rate[1], np.maximum(published, 0.025))


def test_whitebit_spread_follows_each_market():
    price = venues["whitebit"](np.array([25.0, 100.0, 500.0])).close_price
    np.testing.assert_allclose(price.share, [0.019, 0.004, 0], atol=1e-15)


def test_whitebit_without_fee_is_bankruptcy_at_the_liquidation_price():
    """A long and a short whose equity is exactly their margin."""
    venue = venues["whitebit"](np.array([20.0]), taker_fee=0.0)
    mark, size = jnp.array([50.0]), jnp.array([3.0, -3.0])
    notional = jnp.abs(size) * mark
    margin = venue.margin.maintenance(notional, jnp.array([0, 0]))
    want = bankruptcy_price(size, jnp.broadcast_to(mark, (2,)), margin, notional)
    quotes = Quotes(mark, mark, mark, jnp.zeros((1, 2)))
    np.testing.assert_allclose(venue.close_price(quotes)[0], want, rtol=1e-14)


def test_triggers():
    """Which fund waits for a drawdown, who takes equity, who waits for insolvency."""
    built = {name: make() for name, make in venues.items()}
    floor = {name: float(v.fund.floor) for name, v in built.items() if v.fund.floor > 0}
    assert floor == pytest.approx({"bybit": 0.7, "okx": 0.7})
    social = {name for name, v in built.items() if v.basis == "collateral"}
    assert social == {"drift", "paradex"}
    open_ = {name for name, v in built.items() if v.settlement == "pnl"}
    assert open_ == {"drift", "paradex", "ccp_vmgh"}
    assert {name for name, v in built.items() if v.vault is not None} == {
        "hyperliquid",
        "hyperliquid_literal",
    }
    taken_over = {n for n, v in built.items() if v.closes_out == "under_margin"}
    assert taken_over == {
        *("binance", "bybit", "okx", "whitebit", "kucoin", "bitget"),
        *("ccp_vmgh", "ccp_tear_up"),
    }


def test_an_unknown_name_lists_the_venues():
    with pytest.raises(KeyError, match="no venue named 'ftx'; there are: hyperliquid"):
        venues["ftx"]


def test_default_parts_have_the_dtype_of_the_day():
    """They are made with the venue: arrays made on import would be float32 for ever."""
    venue = Venue(flat_margin(jnp.array([0.1])))
    leaves = [venue.fund.balance, venue.fund.floor, venue.liquidation_fee]
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.float64)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"settlement": "contracts", "basis": "collateral"},
            "basis 'collateral' needs settlement 'pnl'",
        ),
        ({"liquidation_fee": 1.5}, "Venue.liquidation_fee is 1.5"),
        ({"fee_to_fund": -0.5}, "Venue.fee_to_fund is -0.5"),
        ({"margin_to_fund": np.nan}, "Venue.margin_to_fund is nan"),
        ({"largest_haircut": 2.0}, "Venue.largest_haircut is 2.0"),
        ({"equity_floor": -1.0}, "Venue.equity_floor is -1.0"),
    ],
)
def test_rules_that_do_not_exist_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Venue(flat_margin(jnp.array([0.1])), **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("settlement", "cash"),
        ("closes_out", "all"),
        ("basis", "size"),
        ("surplus", "x"),
    ],
)
def test_choices_that_do_not_exist_are_refused(name, value):
    """By the module itself: only tests have annotations checked before it."""
    venue = Venue(flat_margin(jnp.array([0.1])))
    object.__setattr__(venue, name, value)
    with pytest.raises(InputError, match=f"Venue.{name} is '{value}': choose one of"):
        venue.__check_init__()


def test_a_rule_is_changed_with_replace():
    venue = dataclasses.replace(venues["okx"](), close_price=Mark(), surplus="refund")
    assert venue.surplus == "refund"
    with pytest.raises(InputError, match="needs settlement 'pnl'"):
        dataclasses.replace(venue, basis="collateral")
