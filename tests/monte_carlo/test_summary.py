"""A run in numbers: against NumPy on rows made up, and tilted against brute force."""

import equinox as eqx
import jax
import numpy as np
import pytest

from adl_jax import InputError, Policy, ProRata, Queue, monte_carlo, summarise
from adl_jax.monte_carlo import COLUMNS, Results
from adl_jax.monte_carlo.store import as_table
from adl_jax.monte_carlo.summary import FIGURES, figure, survival
from adl_jax.scenario import Tilted, scenarios
from adl_jax.severity import Fixed


def made_up(count=2_000, log_weight=None, **columns):
    """Results of two policies whose columns are those given, or 0."""
    rows = {}
    for place, policy in enumerate(("zero", "queue")):
        rows[policy] = {
            name: np.broadcast_to(columns.get(name, np.zeros(count)), (2, count))[place]
            for name in COLUMNS
        }
        rows[policy]["status"] = rows[policy]["status"].astype(np.int32)
        if log_weight is not None:
            rows[policy]["log_weight"] = log_weight
    manifest = {
        "policies": list(rows),
        "num_scenarios": count,
        "tilted": log_weight is not None,
    }
    return Results(tables=[as_table(0, rows, np.float64)], manifest=manifest)


def values(results):
    table = summarise(results)
    return table.set_index(["policy", "figure"])["value"]


def test_layers_are_counted_as_deep_as_they_go():
    results = made_up(
        8,
        liquidated=np.array([0, 1, 1, 1, 1, 1, 1, 1.0]),
        to_vault=np.array([0, 0, 0, 5, 0, 0, 0, 5.0]),
        paid_by_fund=np.array([0, 0, 0, 0, 2, 2, 2, 2.0]),
        deficit=np.array([0, 0, 0, 0, 0, 1, 1, 1.0]),
        touched=np.array([[0] * 8, [0, 0, 0, 0, 0, 1, 1, 0]], float),
        unpaid=np.array([[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1, 1]], float),
    )
    found = values(results)
    expected = {
        "liquidation": (7, 7),
        "order_book_only": (2, 2),
        "vault": (2, 2),
        "fund": (4, 4),
        "fund_depletion": (3, 3),
        "adl": (0, 2),
        "unpaid_debt": (3, 2),
    }
    for name, counts in expected.items():
        for policy, count in zip(("zero", "queue"), counts, strict=True):
            assert found[policy, f"probability_of_{name}"] == count / 8, (policy, name)


def test_tails_and_differences_are_numpys():
    draw = np.random.default_rng(0)
    unpaid = draw.pareto(2.5, (2, 2_000))
    found = values(made_up(unpaid=unpaid, executed=unpaid[::-1]))
    for level, name in ((0.95, "95"), (0.99, "99"), (0.999, "99_9")):
        # The quantile is an order statistic; the shortfall a mean beyond it.
        row = np.sort(unpaid[1])
        beyond = row[round(level * 2_000) :]
        assert found["queue", f"unpaid_var_{name}_usd"] == row[round(level * 2_000) - 1]
        np.testing.assert_allclose(
            found["queue", f"unpaid_es_{name}_usd"], beyond.mean(), rtol=1e-12
        )
    np.testing.assert_allclose(
        found["queue", "executed_difference"], (unpaid[0] - unpaid[1]).mean()
    )
    assert ("zero", "executed_difference") not in found.index
    assert ("queue", "effective_sample_size") not in found.index


def test_weights_of_tilted_rows_are_used_or_asked_for():
    """Exponential losses drawn with twice their mean."""
    loss = np.random.default_rng(1).exponential(2.0, 4_000)
    weight = 2 * np.exp(-loss / 2)
    results = made_up(4_000, log_weight=np.log(weight), unpaid=loss, touched=loss > 3.0)
    found = summarise(results).set_index(["policy", "figure"])
    truth = {
        "unpaid_mean_usd": 1.0,
        "unpaid_var_99_usd": np.log(100),
        "unpaid_es_99_usd": np.log(100) + 1,
        "probability_of_adl": np.exp(-3),
    }
    for name, exact in truth.items():
        row = found.loc[("zero", name)]
        assert row["low"] < exact < row["high"], name
    size = found.loc[("zero", "effective_sample_size"), "value"]
    np.testing.assert_allclose(size, weight.sum() ** 2 / (weight**2).sum())
    threshold, reached = survival(results, points=12)["zero"]
    middle = int(np.searchsorted(threshold, 1.0))
    assert reached.low[middle] < np.exp(-threshold[middle]) < reached.high[middle]
    with pytest.raises(InputError, match=r"tilted.*as_drawn=True.*weights\(\)"):
        results.column("unpaid")
    np.testing.assert_array_equal(results.column("unpaid", as_drawn=True)["zero"], loss)
    assert made_up(4).weights() is None


def test_tilted_scenarios_say_what_plain_ones_say():
    """Unpaid debt and ADL of a real venue, brute force against tilted."""
    plain = scenarios["default"](num_accounts=60)
    tilted = eqx.tree_at(
        lambda s: s.shocks.returns,
        plain,
        Tilted.toward_falls(plain.shocks.returns, 12.0),
    )
    policies = {
        "zero": Policy(Fixed(0.0), ProRata()),
        "queue": Policy(Fixed(1.0), Queue()),
    }
    brute = monte_carlo(jax.random.key(0), plain, policies, 600, batch_size=600)
    found = monte_carlo(jax.random.key(1), tilted, policies, 600, batch_size=600)
    assert found.tilted
    assert not brute.tilted
    deeper = found.column("fall", as_drawn=True)["zero"].mean()
    assert deeper < brute.column("fall")["zero"].mean() - 0.01
    weights = found.weights()
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(600)
    first, second = (
        summarise(results).set_index(["policy", "figure"]) for results in (brute, found)
    )
    for name in (
        "probability_of_adl",
        "probability_of_unpaid_debt",
        "concentration_mean",
    ):
        for policy in policies:
            one, other = first.loc[(policy, name)], second.loc[(policy, name)]
            assert one["low"] <= other["high"], (policy, name)
            assert other["low"] <= one["high"], (policy, name)


def test_figures_have_names_once():
    assert len({one.name for one in FIGURES}) == len(FIGURES)
    assert figure("needed_mean_usd").columns == ("needed",)
    with pytest.raises(InputError, match="'nothing' is no figure; there are: prob"):
        figure("nothing")


def test_no_curve_without_a_loss():
    with pytest.raises(InputError, match="no value is positive"):
        survival(made_up(4))
