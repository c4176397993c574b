import numpy as np
import pytest
from scipy import stats

from adl_jax import statistics
from tests.statistics.repeated import assert_covers, repeat


def correlated(draw, correlation=0.9, count=100):
    """Values of mean 2 and variance 1, and a control of mean 3."""
    control = draw.normal(size=count)
    rest = np.sqrt(1 - correlation**2) * draw.normal(size=count)
    return 2 + correlation * control + rest, 3 + control


def test_it_is_least_squares():
    values, control = correlated(np.random.default_rng(0))
    found = statistics.control_variate(values, control, 3.0)
    line = stats.linregress(control - 3, values)
    np.testing.assert_allclose(found.mean.value, line.intercept)
    np.testing.assert_allclose(found.mean.standard_error, line.intercept_stderr)
    np.testing.assert_allclose(found.coefficient.value, line.slope)
    np.testing.assert_allclose(found.coefficient.standard_error, line.stderr)
    np.testing.assert_allclose(found.r_squared, line.rvalue**2)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_the_variance_falls_by_what_is_explained(correlation):
    def controlled(draw):
        return statistics.control_variate(*correlated(draw, correlation), 3.0).mean

    done = assert_covers(controlled, 2, times=1_000)
    plain = repeat(
        lambda draw: statistics.mean(correlated(draw, correlation)[0]), 2, times=2_000
    )
    assert abs(done.bias) < 4
    # A ratio of variances over 1,000 experiments is known to some 6 %.
    ratio = (done.spread / plain.spread) ** 2
    np.testing.assert_allclose(ratio, 1 - correlation**2, rtol=0.15)


def test_coefficients_are_covered():
    experiment = lambda draw: (
        statistics.control_variate(*correlated(draw), 3.0).coefficient
    )
    assert_covers(experiment, 0.9)


def test_a_perfect_control_leaves_no_error():
    control = np.random.default_rng(0).normal(size=50)
    found = statistics.control_variate(1 + 2 * control, control, 0.0)
    np.testing.assert_allclose(found.mean.value, 1)
    assert found.mean.standard_error < 1e-15
    np.testing.assert_allclose(found.r_squared, 1)
