"""Markets and paths: what is refused, with the place and the value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adl_jax import Market, Shocks
from adl_jax.market import require_positive
from adl_jax.result import InputError


def market_fields(**changes):
    good = {
        "mark": np.array([100.0, 5.0]),
        "impact": np.array([0.1, 0.0]),
        "depth": np.array([10.0, 0.0]),
        "asset_price": np.array([1.0, 3000.0, 60000.0]),
        "asset_haircut": np.array([0.0, 0.1, 0.2]),
        "asset_market": np.array([-1, 0, 1]),
        "names": ("BTC", "ETH"),
    }
    return good | changes


def shock_fields(**changes):
    return {"log_return": np.zeros((3, 2)), "impact": np.ones((3, 2))} | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mark": np.array([100.0, np.nan])}, r"Market.mark\[1\] is nan.*at least 0"),
        ({"mark": np.array([-1.0, 5.0])}, r"Market.mark\[0\] is -1.0.*at least 0"),
        ({"mark": np.array([1.0, 0.0])}, r"mark\[1\] \(ETH\) is 0: give a number abov"),
        ({"mark": 3.0}, r"Market.mark has shape \(\): give \(markets,\)"),
        ({"impact": np.array([0.1, -0.1])}, r"Market.impact\[1\] is -0.1"),
        (
            {"impact": np.ones(3)},
            r"Market.impact has shape \(3,\), but mark has \(2,\)",
        ),
        ({"depth": np.array([np.inf, 1])}, r"Market.depth\[0\] is inf"),
        ({"depth": 1.0}, r"Market.depth has shape \(\), but mark has \(2,\)"),
        ({"impact_estimate": np.array([1.0, np.nan])}, r"impact_estimate\[1\] is nan"),
        ({"impact_estimate": np.ones(1)}, "impact_estimate has shape"),
        ({"permanent": np.array([-1.0, 0])}, r"Market.permanent\[0\] is -1.0"),
        ({"permanent": np.ones(1)}, "Market.permanent has shape"),
        ({"recovery": 1.5}, r"Market.recovery is 1.5: it must be between 0 and 1"),
        ({"lot": np.array([0.0, 1.0])}, r"Market.lot\[0\] \(BTC\) is 0"),
        ({"lot": np.ones(3)}, "Market.lot has shape"),
        ({"max_leverage": np.array([20.0, 0])}, r"max_leverage\[1\] \(ETH\) is 0"),
        ({"max_leverage": np.array([20.0])}, r"Market.max_leverage has shape \(1,\)"),
        ({"names": ("BTC",)}, "Market.names has 1 for 2 markets"),
        (
            {"asset_market": None},
            "asset_price, asset_haircut and asset_market come tog",
        ),
        ({"asset_price": np.array([1.0, -3.0, 1.0])}, r"asset_price\[1\] is -3.0"),
        ({"asset_haircut": np.array([0.0, 0.1, 2.0])}, r"asset_haircut\[2\] is 2.0"),
        (
            {"asset_haircut": np.zeros(2)},
            r"asset_haircut has shape \(2,\), but asset_pr",
        ),
        ({"asset_market": np.array([0, 1])}, r"asset_market has shape \(2,\)"),
        (
            {"asset_market": np.array([-1, 0, 2])},
            r"asset_market\[2\] is 2: markets are numbered 0 to 1, and -1 is none",
        ),
        ({"asset_market": np.array([-2, 0, 1])}, r"asset_market\[0\] is -2"),
    ],
)
def test_bad_markets_are_refused(changes, message):
    assert Market(**market_fields()).num_markets == 2
    with pytest.raises(ValueError, match=message):
        Market(**market_fields(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"log_return": np.zeros(3)},
            r"log_return has shape \(3,\): it must be \(rounds",
        ),
        ({"log_return": np.zeros((0, 2))}, "with at least one round"),
        ({"log_return": np.full((3, 2), np.nan)}, r"Shocks.log_return\[0, 0\] is nan"),
        ({"impact": np.ones((2, 2))}, r"impact has shape \(2, 2\), but log_return has"),
        ({"impact": -np.ones((3, 2))}, r"Shocks.impact\[0, 0\] is -1.0"),
        ({"depth": np.ones(2)}, r"Shocks.depth has shape \(2,\)"),
        ({"depth": np.full((3, 2), -0.5)}, r"Shocks.depth\[0, 0\] is -0.5.*at least 0"),
        ({"funding": np.ones((3, 1))}, r"Shocks.funding has shape \(3, 1\)"),
        ({"funding": np.full((3, 2), np.inf)}, r"Shocks.funding\[0, 0\] is inf"),
        ({"log_weight": np.ones(3)}, r"Shocks.log_weight has shape \(3,\)"),
        ({"log_weight": -np.inf}, r"Shocks.log_weight is -inf"),
        ({"basis": np.ones((1, 2))}, r"Shocks.basis has shape \(1, 2\)"),
        ({"basis": np.full((3, 2), np.nan)}, r"Shocks.basis\[0, 0\] is nan"),
    ],
)
def test_bad_paths_are_refused(changes, message):
    assert Shocks(**shock_fields()).num_rounds == 3
    with pytest.raises(ValueError, match=message):
        Shocks(**shock_fields(**changes))


def test_returns_funding_and_basis_may_be_negative():
    below = -np.ones((3, 2))
    Shocks(**shock_fields(log_return=below, funding=below, basis=below))


def test_what_is_not_given_is_none():
    market = Market([1.0], [0.0], [1.0])
    assert market.impact_estimate is None
    assert market.lot is None
    assert float(market.recovery) == 1
    assert Shocks(np.zeros((1, 1))).depth is None


def test_traced_numbers_pass():
    def mark(value):
        return Market(value, value, value).mark

    np.testing.assert_array_equal(jax.jit(mark)(np.zeros(2)), [0, 0])


def test_require_positive_names_the_place():
    require_positive("x", None)
    require_positive("x", np.array([1.0]))
    with pytest.raises(InputError, match=r"^x\[1, 0\] is 0: give a number above 0$"):
        require_positive("x", np.array([[1.0], [0.0]]))
    with pytest.raises(InputError, match=r"^x\[1\] \(b\) is 0"):
        require_positive("x", jnp.array([1.0, 0.0]), ("a", "b"))
