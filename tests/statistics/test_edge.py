"""What holds for every estimator: bad input, constant input, a million scenarios."""

import time
import tracemalloc

import numpy as np
import pytest

from adl_jax import statistics
from adl_jax.result import InputError
from adl_jax.statistics import bootstrap
from adl_jax.statistics._edge import one_row


def weighted(estimator, *level, self_normalised=False):
    return lambda values: estimator(
        values, np.ones_like(values), *level, self_normalised=self_normalised
    )


ESTIMATORS = {
    "mean": statistics.mean,
    "paired_difference": lambda x: statistics.paired_difference(x, np.ones_like(x)),
    "quantile": lambda x: statistics.quantile(x, 0.99),
    "value_at_risk": lambda x: statistics.value_at_risk(x, 0.99),
    "expected_shortfall": lambda x: statistics.expected_shortfall(x, 0.99),
    "weighted_mean": weighted(statistics.weighted_mean),
    "weighted_mean_normalised": weighted(
        statistics.weighted_mean, self_normalised=True
    ),
    "weighted_quantile": weighted(statistics.weighted_quantile, 0.99),
    "weighted_expected_shortfall": weighted(
        statistics.weighted_expected_shortfall, 0.99
    ),
    "control_variate": lambda x: (
        statistics.control_variate(x, np.arange(float(len(x))), 1.0).mean
    ),
    "variance_parts": lambda x: (
        statistics.variance_parts(np.stack([x, x], axis=1)).mean
    ),
    "convergence": lambda x: statistics.convergence(x, fewest=2)[-1],
}
CURVES = {
    "survival_curve": statistics.survival_curve,
    "tail_exponent": statistics.tail_exponent,
    "enough": lambda x: statistics.enough(x, 0.1),
    "effective_sample_size": statistics.effective_sample_size,
}
EVERY = ESTIMATORS | CURVES


@pytest.fixture(params=EVERY)
def every(request):
    return EVERY[request.param]


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return ESTIMATORS[request.param]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_placed(every, bad):
    values = np.ones(10)
    values[[3, 7]] = bad
    with pytest.raises(InputError, match=r"\[3.*\] is -?(nan|inf) and .* more are not"):
        every(values)


def test_a_bad_value_is_placed_in_its_row():
    values = np.ones((2, 5))
    values[1, 4] = np.nan
    with pytest.raises(InputError, match=r"values\[1, 4\] is nan .* find out why"):
        statistics.mean(values)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_scenarios_are_refused(every, count):
    with pytest.raises(
        InputError, match=r"at least \d|control is|between 2 and|simulate"
    ):
        every(np.ones(count))


@pytest.mark.parametrize("count", [3, 3_001])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e9])
def test_equal_values_are_exactly_known(estimator, count, value):
    found = estimator(np.full(count, value))
    assert found.low == found.value == found.high
    assert found.standard_error == 0


@pytest.mark.parametrize("level", [0.0, 1.0, 99.0, np.nan])
def test_levels_are_shares(level):
    values = np.arange(10.0)
    for estimator in (
        statistics.quantile,
        statistics.value_at_risk,
        statistics.expected_shortfall,
        lambda x, p: statistics.weighted_quantile(x, x, p),
    ):
        with pytest.raises(InputError, match=r"between 0 and 1, such as 0\.99"):
            estimator(values, level)


def test_other_messages_say_the_fix():
    x, y = np.arange(5.0), np.arange(4.0)
    for match, call in {
        r"first 5, second 4\).*same scenarios": lambda: statistics.paired_difference(
            x, y
        ),
        r"values 5, weights 4": lambda: statistics.weighted_mean(x, y),
        r"values 5, control 4": lambda: statistics.control_variate(x, y, 0.0),
        r"control is 1\.0 in every": lambda: statistics.control_variate(
            x, np.ones(5), 1.0
        ),
        r"control_mean is nan": lambda: statistics.control_variate(x, x, np.nan),
        r"weights\[0\] is -1\.0.*importance_weights": lambda: statistics.weighted_mean(
            x, x - 1
        ),
        r"one must be positive": lambda: statistics.weighted_mean(x, 0 * x),
        r"tilt less": lambda: statistics.importance_weights(x, x - 1_000),
        r"hits is empty": lambda: statistics.probability(np.zeros(0, bool)),
        r"no value is positive": lambda: statistics.survival_curve(-x),
        r"choose a row": lambda: one_row("x", np.ones((2, 3))),
        r"only one value is positive": lambda: statistics.tail_exponent(x - 3),
        r"tail is 0": lambda: statistics.tail_exponent(x, tail=0),
        r"half_width is 0\.0: it must be above 0": lambda: statistics.enough(x, 0.0),
        r"fewest is 6: it must be between 2 and the 5": lambda: statistics.convergence(
            x, fewest=6
        ),
        r"several paths on each": lambda: statistics.variance_parts(np.ones((1, 4))),
    }.items():
        with pytest.raises(InputError, match=match):
            call()


@pytest.fixture(scope="module")
def million():
    return np.random.default_rng(0).exponential(size=1_000_000)


def test_a_million_scenarios_take_seconds_and_little_memory(every, million):
    tracemalloc.start()
    try:
        start = time.perf_counter()
        every(million)
        taken = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Measured 0.01 to 0.5 s on one idle core, the most for `convergence`.
    assert taken < 5
    # The samples are 8 MB: a few copies and a batch of resamples, not a resample of all.
    assert peak < 15 * million.nbytes


@pytest.mark.parametrize("seed", range(60))
def test_degenerate_samples_have_finite_ordered_intervals(seed, monkeypatch):
    """Ties, huge and tiny numbers, few scenarios: no warning and no NaN."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    draw = np.random.default_rng(seed)
    count = int(draw.integers(2, 30))
    values = draw.choice([0, 0, 0, 0.1, 1, -5, 1e9], count)
    weights = draw.choice([0, 0, 1e-300, 1, 1e5], count)
    weights[0] = 1e-300
    nested = draw.choice([0, 0, 1, 2, 1e6], (count, 2))
    for found in (
        statistics.paired_difference(values, draw.permutation(values)),
        statistics.value_at_risk(values, 0.9),
        statistics.expected_shortfall(values, 0.9),
        statistics.weighted_mean(values, weights),
        statistics.weighted_mean(values, weights, self_normalised=True),
        statistics.weighted_quantile(values, weights, 0.9),
        *statistics.variance_parts(nested),
    ):
        assert np.isfinite([found.value, found.standard_error]).all()
        assert -np.inf < found.low <= found.high < np.inf
