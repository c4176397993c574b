import numpy as np
import pytest
from scipy import stats

from adl_jax import statistics
from tests.statistics.repeated import assert_covers, repeat


MANY = 1_000_000
# Distribution, and its expected shortfall in closed form.
CLOSED_FORMS = {
    "exponential": (stats.expon(), lambda p: 1 - np.log(1 - p)),
    "normal": (stats.norm(), lambda p: stats.norm.pdf(stats.norm.ppf(p)) / (1 - p)),
    "pareto": (stats.pareto(4), lambda p: 4 / 3 * (1 - p) ** (-1 / 4)),
}


@pytest.fixture(scope="module", params=CLOSED_FORMS)
def case(request):
    distribution, shortfall = CLOSED_FORMS[request.param]
    draw = np.random.default_rng(0)
    return distribution, shortfall, distribution.ppf(draw.random(MANY))


@pytest.mark.parametrize("level", statistics.LEVELS)
def test_closed_forms(case, level):
    distribution, closed_form, values = case
    risk = statistics.value_at_risk(values, level)
    truth = distribution.ppf(level)
    assert abs(risk.value - truth) < 4 * risk.standard_error
    assert risk.low <= risk.value <= risk.high
    error = np.sqrt(level * (1 - level) / MANY) / distribution.pdf(truth)
    np.testing.assert_allclose(risk.standard_error, error, rtol=0.15)

    shortfall = statistics.expected_shortfall(values, level)
    assert abs(shortfall.value - closed_form(level)) < 4 * shortfall.standard_error
    np.testing.assert_allclose(
        shortfall.half_width, 1.96 * shortfall.standard_error, rtol=0.1
    )


@pytest.mark.parametrize("level", statistics.LEVELS)
def test_the_error_of_expected_shortfall_in_closed_form(level):
    # Manistre and Hancock (2005): both the tail's variance and ES - VaR are 1 here.
    values = np.random.default_rng(0).exponential(size=MANY)
    error = np.sqrt((1 + level) / (MANY * (1 - level)))
    found = statistics.expected_shortfall(values, level)
    np.testing.assert_allclose(found.standard_error, error, rtol=0.1)


def test_expected_shortfall_by_hand():
    values = np.arange(1.0, 11)
    # The worst 15 % of ten scenarios are the worst and half of the second worst.
    found = statistics.expected_shortfall(values, 0.85)
    np.testing.assert_allclose(found.value, (10 + 9 / 2) / 1.5)
    np.testing.assert_allclose(statistics.expected_shortfall(values, 0.8).value, 9.5)
    np.testing.assert_allclose(statistics.expected_shortfall(values, 0.99).value, 10)


def test_value_at_risk_has_the_ends_of_resamples():
    values = np.random.default_rng(0).exponential(size=150)
    found = statistics.value_at_risk(values, 0.9)
    resamples = np.random.default_rng(1).choice(values, (40_000, 150))
    at_risk = np.sort(resamples, axis=1)[:, 134]
    for end, share in ((found.low, 0.025), (found.high, 0.975)):
        assert (at_risk < end).mean() < share + 0.004
        assert (at_risk <= end).mean() > share - 0.004


def test_value_at_risk_is_covered():
    experiment = lambda draw: statistics.value_at_risk(
        draw.exponential(size=2_000), 0.95
    )
    assert_covers(experiment, np.log(20), times=1_000)


@pytest.mark.usefixtures("few_groups")
def test_expected_shortfall_is_covered():
    experiment = lambda draw: statistics.expected_shortfall(
        draw.exponential(size=2_000), 0.95
    )
    assert_covers(experiment, 1 + np.log(20))


def test_survival_is_exact_where_it_is_given():
    values = np.random.default_rng(0).pareto(0.8, 5_000)
    values[:2_000] = 0
    threshold, probability = statistics.survival_curve(values, points=30)
    assert set(threshold) <= set(values)
    assert (np.diff(threshold) > 0).all()
    np.testing.assert_array_equal(
        probability.value, [(values >= each).mean() for each in threshold]
    )
    assert threshold[0] == values[values > 0].min()
    assert probability[0].value == 0.6
    assert threshold[-1] == values.max()
    assert probability[len(threshold) - 1].value == 1 / 5_000
    middle = probability[15]
    assert middle == statistics.probability(values >= threshold[15])
    # Evenly in logarithm, as far as there are values.
    assert np.diff(np.log(threshold[5:20])).std() < 0.05


def test_survival_of_few_values_is_all_of_them():
    threshold, probability = statistics.survival_curve(np.array([0, 1.0, 1.0, 8.0]))
    assert threshold.tolist() == [1, 8]
    assert probability.value.tolist() == [0.75, 0.25]


def test_hill_by_hand():
    found = statistics.tail_exponent(np.array([0, 1, 2, 4, 8.0]), tail=2)
    np.testing.assert_allclose(found.exponent.value, 2 / (np.log(2) + np.log(4)))
    np.testing.assert_allclose(
        found.exponent.standard_error, found.exponent.value / np.sqrt(2)
    )
    assert found.threshold == 2


@pytest.mark.parametrize("alpha", [0.8, 1.5, 3.0])
def test_hill_covers_pareto_tails(alpha):
    experiment = lambda draw: (
        statistics.tail_exponent(1 + draw.pareto(alpha, 10_000)).exponent
    )
    assert_covers(experiment, alpha)


@pytest.mark.parametrize(
    ("alpha", "mean_trusted", "error_trusted"),
    [(0.8, False, False), (1.0, False, False), (1.5, True, False), (3.0, True, True)],
)
def test_what_is_trusted(alpha, mean_trusted, error_trusted):
    values = 1 + np.random.default_rng(0).pareto(alpha, 100_000)
    found = statistics.tail_exponent(values)
    assert found.mean_is_trusted == mean_trusted
    assert found.standard_error_is_trusted == error_trusted


def test_why_the_flag_is_there():
    # Pareto tails of exponent 1.2: a mean of 6, which intervals of means miss.
    done = repeat(lambda draw: statistics.mean(1 + draw.pareto(1.2, 5_000)), 6)
    assert done.coverage < 0.7


def test_values_without_a_tail_are_trusted():
    for values in (np.zeros(50), np.full(50, 3.0), -np.arange(50.0)):
        found = statistics.tail_exponent(values)
        assert found.exponent.value == np.inf
        assert found.mean_is_trusted
        assert found.standard_error_is_trusted
