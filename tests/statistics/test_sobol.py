import numpy as np
import pytest
from scipy import stats

from adl_jax import statistics


def test_points_are_standard_normals():
    points = statistics.sobol_normals(5, 1 << 12, seed=0)
    assert points.shape == (1 << 12, 5)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(points.T), np.eye(5), atol=0.02)
    # Over seeds even a single point is one.
    single = [statistics.sobol_normals(1, 1, seed)[0, 0] for seed in range(400)]
    assert stats.kstest(single, "norm").pvalue > 0.01


def test_seeds_repeat_and_differ():
    first = statistics.sobol_normals(2, 64, seed=1)
    np.testing.assert_array_equal(first, statistics.sobol_normals(2, 64, seed=1))
    assert (first != statistics.sobol_normals(2, 64, seed=2)).all()


def test_replications_are_unbiased_and_far_less_noisy():
    loss = lambda normals: np.exp(normals.sum(axis=1) / 2)
    truth = np.exp(4 / 8)
    sobol = [
        loss(statistics.sobol_normals(4, 1_024, seed)).mean() for seed in range(60)
    ]
    draw = np.random.default_rng(0)
    plain = [loss(draw.normal(size=(1_024, 4))).mean() for _ in range(60)]
    assert np.std(sobol) < np.std(plain) / 4
    found = statistics.mean(np.array(sobol))
    assert abs(found.value - truth) < 4 * found.standard_error


@pytest.mark.parametrize(("count", "better"), [(1_000, 1_024), (3, 4), (0, 1)])
def test_counts_that_are_no_power_of_two_are_refused(count, better):
    with pytest.raises(ValueError, match=f"count is {count}.*take {better}$"):
        statistics.sobol_normals(2, count, seed=0)


def test_every_power_of_two_is_taken():
    for power in range(8):
        points = statistics.sobol_normals(1, 2**power, seed=0)
        assert len(points) == 2**power
        assert np.isfinite(points).all()


def test_too_many_dimensions_are_refused():
    with pytest.raises(ValueError, match="between 1 and 21201"):
        statistics.sobol_normals(21_202, 2, seed=0)
