import numpy as np
import pytest
from scipy import stats

from adl_jax import statistics
from tests.statistics.repeated import assert_covers, repeat


SHIFT = 2.5
RARE = stats.norm.sf(SHIFT)
AT_RISK = stats.norm.ppf(0.99)
SHORTFALL = stats.norm.pdf(AT_RISK) / 0.01


def tilted(draw, shift=SHIFT, count=1_000):
    """Normals with mean `shift`, and what they count for as standard normals."""
    values = draw.normal(shift, 1, count)
    weights = statistics.importance_weights(
        stats.norm.logpdf(values), stats.norm.logpdf(values, loc=shift)
    )
    return values, weights


def test_weights_of_a_shifted_normal():
    values, weights = tilted(np.random.default_rng(0))
    np.testing.assert_allclose(weights, np.exp(SHIFT**2 / 2 - SHIFT * values))


def test_impossible_values_count_for_nothing():
    weights = statistics.importance_weights(
        np.array([-np.inf, 0.0]), np.log(np.array([0.5, 0.5]))
    )
    assert weights.tolist() == [0, 2]


def test_effective_sample_size():
    assert statistics.effective_sample_size(np.full(7, 0.3)) == 7
    assert statistics.effective_sample_size(np.array([1e200, 0, 0])) == 1
    np.testing.assert_allclose(
        statistics.effective_sample_size(np.array([1.0, 2.0])), 9 / 5
    )
    # In closed form for a shifted normal: n exp(-shift^2).
    _, weights = tilted(np.random.default_rng(0), shift=0.5, count=1_000_000)
    size = statistics.effective_sample_size(weights)
    np.testing.assert_allclose(size, 1e6 * np.exp(-0.25), rtol=0.02)


@pytest.mark.usefixtures("few_groups")
def test_rare_probabilities_are_unbiased_and_covered():
    def experiment(draw):
        values, weights = tilted(draw)
        return statistics.weighted_probability(values > SHIFT, weights)

    done = assert_covers(experiment, RARE)
    assert abs(done.bias) < 4
    brute = repeat(
        lambda draw: statistics.probability(draw.normal(size=1_000) > SHIFT), RARE
    )
    assert abs(brute.bias) < 4
    assert done.spread < brute.spread / 4


@pytest.mark.usefixtures("few_groups")
@pytest.mark.parametrize(("shift", "self_normalised"), [(SHIFT, False), (0.8, True)])
def test_tails_are_covered(shift, self_normalised):
    def shortfall(draw):
        return statistics.weighted_expected_shortfall(
            *tilted(draw, shift, 3_000), 0.99, self_normalised=self_normalised
        )

    def quantile(draw):
        return statistics.weighted_quantile(
            *tilted(draw, shift, 3_000), 0.99, self_normalised=self_normalised
        )

    assert_covers(shortfall, SHORTFALL, times=300)
    assert_covers(quantile, AT_RISK)


@pytest.mark.usefixtures("few_groups")
@pytest.mark.parametrize("self_normalised", [False, True])
def test_means_are_covered(self_normalised):
    experiment = lambda draw: statistics.weighted_mean(
        *tilted(draw, 0.5), self_normalised=self_normalised
    )
    done = assert_covers(experiment, 0)
    # The self-normalised mean is biased by order 1/n, a tenth of this.
    assert abs(done.bias) < 4


def test_importance_agrees_with_brute_force():
    draw = np.random.default_rng(0)
    plain = draw.normal(size=1_000_000)
    values, weights = tilted(draw, count=100_000)
    pairs = [
        (
            statistics.weighted_quantile(values, weights, 0.99),
            statistics.value_at_risk(plain, 0.99),
        ),
        (
            statistics.weighted_expected_shortfall(values, weights, 0.99),
            statistics.expected_shortfall(plain, 0.99),
        ),
        (
            statistics.weighted_probability(values > 3, weights),
            statistics.probability(plain > 3),
        ),
    ]
    for weighted, brute in pairs:
        error = np.hypot(weighted.standard_error, brute.standard_error)
        assert abs(weighted.value - brute.value) < 4 * error
        # A tenth of the scenarios do better.
        assert weighted.standard_error < brute.standard_error


@pytest.mark.parametrize("self_normalised", [False, True])
def test_equal_weights_change_nothing(self_normalised):
    values, same = np.random.default_rng(0).exponential(size=500), np.ones(500)
    how = {"self_normalised": self_normalised}
    mean = statistics.weighted_mean(values, same, **how)
    plain = statistics.mean(values)
    np.testing.assert_allclose(mean.value, plain.value)
    np.testing.assert_allclose(mean.standard_error, plain.standard_error, rtol=2e-3)
    quantile = statistics.weighted_quantile(values, same, 0.9, **how)
    assert quantile.value == statistics.quantile(values, 0.9).value
    shortfall = statistics.weighted_expected_shortfall(values, same, 0.9, **how)
    np.testing.assert_allclose(
        shortfall.value, statistics.expected_shortfall(values, 0.9).value
    )


def test_a_factor_of_the_density_cancels_when_normalised():
    values, weights = tilted(np.random.default_rng(0), 0.5)
    for estimator in (
        lambda w: statistics.weighted_mean(values, w, self_normalised=True),
        lambda w: statistics.weighted_quantile(values, w, 0.9, self_normalised=True),
    ):
        one, other = estimator(weights), estimator(8 * weights)
        np.testing.assert_allclose(
            [one.value, one.low, one.high], [other.value, other.low, other.high]
        )


def test_probabilities_stay_probabilities():
    hits = np.arange(50) > 1
    weights = np.where(hits, 1.02, 3.0)
    found = statistics.weighted_probability(hits, weights)
    assert found.high <= 1
    rare = statistics.weighted_probability(np.arange(50) == 0, np.full(50, 0.1))
    assert rare.low >= 0


def test_constants_are_exact_when_normalised():
    _, weights = tilted(np.random.default_rng(0))
    found = statistics.weighted_mean(np.full(1_000, 0.1), weights, self_normalised=True)
    assert (found.low, found.value, found.high) == (0.1, 0.1, 0.1)
    plain = statistics.weighted_mean(np.full(1_000, 0.1), weights)
    assert plain.low < 0.1 < plain.high


def test_what_was_never_seen_may_still_happen():
    weights = np.random.default_rng(3).lognormal(0.0, 0.1, 4000)
    none = statistics.weighted_probability(np.zeros(4000, bool), weights)
    assert (none.value, none.low) == (0, 0)
    # The exact Poisson limit for no events is 3.689.
    assert none.high == pytest.approx(3.689 * weights.max() / 4000, rel=1e-3)


def test_a_probability_is_one_at_most():
    weights = np.random.default_rng(4).lognormal(0.02, 0.1, 4000)
    certain = statistics.weighted_probability(np.ones(4000, bool), weights)
    assert certain.low <= certain.value <= certain.high == 1
