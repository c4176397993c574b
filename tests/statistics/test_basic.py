import numpy as np
import pytest
from scipy import stats

from adl_jax import statistics
from adl_jax.statistics import bootstrap
from adl_jax.statistics.basic import rank_error
from tests.statistics.repeated import assert_covers


def draws(seed=0):
    return np.random.default_rng(seed)


def test_the_mean_is_students():
    values = draws().normal(3, 2, 50)
    found = statistics.mean(values)
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], reference)
    np.testing.assert_allclose(found.standard_error, stats.sem(values))
    assert found.value == values.mean()
    assert found.count == 50


def test_means_of_skewed_values_are_covered():
    done = assert_covers(lambda draw: statistics.mean(draw.exponential(size=200)), 1)
    assert abs(done.bias) < 4


def test_float32_is_summed_in_float64():
    values = draws().random(100_000).astype(np.float32) + np.float32(1e4)
    assert statistics.mean(values) == statistics.mean(values.astype(float))


def test_rows_are_policies():
    values = draws().exponential(size=(3, 400))
    for estimator in (
        statistics.mean,
        lambda x: statistics.quantile(x, 0.9),
        lambda x: statistics.value_at_risk(x, 0.9),
        lambda x: statistics.expected_shortfall(x, 0.9),
        lambda x: statistics.paired_difference(x, values[0]),
        lambda x: statistics.probability(x > 1),
    ):
        together = estimator(values)
        assert len(together) == 3
        for i in range(3):
            assert together[i] == estimator(values[i])


def test_pairing_cancels_common_noise():
    draw = draws()
    crash = draw.exponential(size=500)
    first, second = (crash + 0.01 * draw.normal(size=500) for _ in range(2))
    paired = statistics.paired_difference(first, second)
    separate = np.hypot(
        statistics.mean(first).standard_error, statistics.mean(second).standard_error
    )
    assert paired.standard_error < separate / 50
    assert paired.low < 0 < paired.high
    assert statistics.paired_difference(first + 1, second).low > 0.9


@pytest.mark.usefixtures("few_groups")
def test_paired_differences_are_covered_in_groups():
    def experiment(draw):
        crash = draw.exponential(size=600)
        return statistics.paired_difference(crash, draw.exponential(size=600) / 2)

    done = assert_covers(experiment, 0.5)
    assert abs(done.bias) < 4


def test_the_interval_is_scipys_bca():
    values = draws().lognormal(size=300)
    found = statistics.paired_difference(values, np.zeros(300))
    reference = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, batch=2_000, rng=draws(1)
    ).confidence_interval
    ends = np.array([found.low, found.high])
    np.testing.assert_allclose(ends, reference, atol=0.2 * found.standard_error)
    # And not the symmetric one.
    assert found.high - found.value > 1.1 * (found.value - found.low)


def test_groups_give_the_interval_of_single_scenarios(monkeypatch):
    values, none = draws().exponential(size=4_000), np.zeros(4_000)
    grouped = statistics.paired_difference(values, none)
    monkeypatch.setattr(bootstrap, "GROUPS", 4_000)
    single = statistics.paired_difference(values, none)
    tolerance = 0.2 * grouped.standard_error
    np.testing.assert_allclose(
        [grouped.low, grouped.high], [single.low, single.high], atol=tolerance
    )


def test_intervals_repeat_with_the_seed():
    values = draws().exponential(size=(2, 300))
    assert statistics.paired_difference(*values) == statistics.paired_difference(
        *values
    )
    other = statistics.paired_difference(*values, seed=1)
    assert statistics.paired_difference(*values) != other


@pytest.mark.parametrize("hit", [0, 1, 7, 250, 499, 500])
def test_probability_is_scipys_wilson(hit):
    hits = np.arange(500) < hit
    found = statistics.probability(hits)
    reference = stats.binomtest(hit, 500).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose([found.low, found.high], reference, atol=1e-12)
    assert found.low <= found.value == hit / 500 <= found.high


def test_rare_probabilities_are_covered():
    experiment = lambda draw: statistics.probability(draw.random(500) < 0.01)
    assert_covers(experiment, 0.01, times=1_000)


def test_quantiles_are_order_statistics():
    values = draws().permutation(np.arange(1.0, 1_001))
    found = statistics.quantile(values, 0.95)
    assert found.value == 950
    below = stats.binom(1_000, 0.95)
    # The truth lies between order statistics l and u where l <= below < u.
    covered = below.cdf(found.high - 1) - below.cdf(found.low - 1)
    narrower = below.cdf(found.high - 2) - below.cdf(found.low)
    assert narrower < 0.95 <= covered


@pytest.mark.parametrize("level", [0.05, 0.5, 0.95, 0.29, 0.999])
def test_quantile_values_are_numpys(level):
    values = draws().normal(size=1_000)
    reference = np.sort(values)[round(level * 1_000) - 1]
    assert statistics.quantile(values, level).value == reference
    assert statistics.value_at_risk(values, level).value == reference


def test_quantiles_are_covered():
    experiment = lambda draw: statistics.quantile(draw.exponential(size=2_000), 0.99)
    assert_covers(experiment, np.log(100), times=1_000)


def test_too_few_scenarios_bound_a_quantile_on_one_side_only():
    values = np.arange(1.0, 101)
    high = statistics.quantile(values, 0.99)
    assert (high.value, high.high) == (99, np.inf)
    assert np.isfinite(high.low)
    low = statistics.quantile(values, 0.01)
    assert (low.value, low.low) == (1, -np.inf)


def test_rank_error_is_that_of_resamples():
    ordered = np.sort(draws().exponential(size=80))
    resamples = np.sort(draws(1).choice(ordered, (20_000, 80)), axis=1)
    np.testing.assert_allclose(
        rank_error(ordered, 72), resamples[:, 71].std(), rtol=0.03
    )


def test_an_estimate_reads_well():
    one = statistics.mean(np.array([1e6, 2e6, 4e6]))
    assert repr(one) == (
        "Estimate(2.33333e+06 [-1.46125e+06, 6.12792e+06], standard error 8.819e+05, "
        "3 scenarios)"
    )
    both = statistics.stack([one, one])
    assert repr(both).count("3 scenarios") == 2
    assert both[1] == one
    np.testing.assert_allclose(one.half_width, (one.high - one.low) / 2)
    assert one.shifted(1e6).low == one.low + 1e6
