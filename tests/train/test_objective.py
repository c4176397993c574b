import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from adl_jax import InputError
from adl_jax.config.policies import PARAMETERS
from adl_jax.config.train import KEYS
from adl_jax.evaluate.loss import asymmetric
from adl_jax.severity import ConstantRate
from adl_jax.train import (
    FREE,
    POSITIVE,
    Asymmetric,
    ChanceConstraint,
    ConditionalValueAtRisk,
    Mean,
    Range,
    Weighted,
    choose,
    numbers_of,
    objectives,
)


DRAW = np.random.default_rng(0)
X = DRAW.pareto(1.5, 200)
FIGURES = {
    name: jnp.asarray(DRAW.pareto(1.5, 200))
    for name in ("undershoot", "over_needed", "concentration_sum", "revenue")
} | {"tracking": jnp.asarray(X)}


@pytest.mark.parametrize("level", [0.0, 0.5, 0.9])
def test_the_tail_mean_is_the_minimum_over_thresholds(level):
    objective = ConditionalValueAtRisk(level=level)
    at = lambda t: t + np.maximum(X - t, 0).mean() / (1 - level)
    best = minimize_scalar(
        at, bounds=(0, X.max()), method="bounded", options={"xatol": 1e-9}
    )
    np.testing.assert_allclose(objective.value(FIGURES), best.fun, rtol=1e-6)
    trained = ConditionalValueAtRisk(level=level, threshold="trained")
    loss = trained.loss(FIGURES, {"threshold": jnp.asarray(1.5)}, {})
    np.testing.assert_allclose(loss, at(1.5), rtol=1e-12)


def test_a_weighted_loss_is_that_of_equation_9():
    executed, needed = DRAW.random((200, 5)), DRAW.random((200, 5))
    largest = DRAW.random((200, 5))
    figures = {
        "undershoot": jnp.asarray(np.maximum(needed - executed, 0).sum(axis=1)),
        "over_needed": jnp.asarray(np.maximum(executed - needed, 0).sum(axis=1)),
        "concentration_sum": jnp.asarray(largest.sum(axis=1)),
    }
    expected = asymmetric(executed, needed, largest, under=3.0, over=0.5, fair=2.0)
    found = Asymmetric(under=3.0, over=0.5, fair=2.0, unit=4.0).value(figures)
    np.testing.assert_allclose(found, expected.sum(axis=1).mean() / 4, rtol=1e-12)


def test_prices_of_solvency_fairness_and_revenue():
    found = Weighted(solvency=2, fairness=3, revenue=5).value(FIGURES)
    means = {name: np.mean(values) for name, values in FIGURES.items()}
    expected = 2 * means["undershoot"] + 3 * means["concentration_sum"]
    np.testing.assert_allclose(found, expected - 5 * means["revenue"], rtol=1e-12)


def test_a_multiplier_rises_where_its_constraint_is_broken_and_never_below_0():
    figures = {"undershoot": jnp.asarray([0.0, 0, 2, 2]), "over_needed": jnp.ones(4)}
    objective = ChanceConstraint(tolerance=1.0, limit=0.1, ascent=2.0)
    after = objective.ascend({"undershoot": jnp.asarray(1.0)}, figures)
    np.testing.assert_allclose(after["undershoot"], 1 + 2 * (0.5 - 0.1))
    kept = ChanceConstraint(tolerance=3.0, limit=0.1, ascent=20.0)
    after = kept.ascend({"undershoot": jnp.asarray(1.0)}, figures)
    assert after["undershoot"] == 0


def test_the_configuration_knows_every_objective():
    assert set(KEYS) == set(objectives)
    for name, make in objectives.items():
        fields = set(make().__dataclass_fields__)
        assert set(KEYS[name]) == fields


@pytest.mark.parametrize("allowed", [FREE, POSITIVE, Range(0.0, 1.0), Range(-2.0, 3.0)])
def test_a_range_holds_and_comes_back(allowed):
    values = jnp.asarray([0.01, 0.2, 0.9])
    np.testing.assert_allclose(allowed.value(allowed.raw(values)), values, rtol=1e-12)
    extreme = allowed.value(jnp.asarray([-30.0, 30.0]))
    low, high = allowed
    assert low is None or (extreme >= low).all()
    assert high is None or (extreme <= high).all()
    if low is not None:
        at_its_end = allowed.raw(jnp.asarray(low))
        assert np.isfinite(at_its_end)


def test_leaves_are_chosen_by_path_and_stay_in_their_range():
    severity = ConstantRate(0.25)
    assert list(numbers_of(severity)) == ["rate"]
    leaves = choose(severity)
    assert leaves.ranges == {"rate": Range(0.0, float(PARAMETERS["rate"].high))}
    raw = leaves.split(severity)
    np.testing.assert_allclose(raw["rate"], np.log(1 / 3), rtol=1e-12)
    moved = leaves.join(severity, {"rate": jnp.asarray(0.0)})
    assert moved.rate == 0.5
    with pytest.raises(InputError, match="outside of its range"):
        choose(ConstantRate(2.0))
    with pytest.raises(InputError, match="fits no number"):
        choose(severity, ["step_size"])


def test_the_mean_is_in_its_unit():
    np.testing.assert_allclose(Mean(unit=10.0).value(FIGURES), X.mean() / 10)
