import numpy as np
import pytest

from adl_jax import statistics
from tests.statistics.repeated import assert_covers, repeat


def nested(draw, books=100, paths=8, between=4.0, within=9.0):
    book = draw.normal(0, np.sqrt(between), (books, 1))
    return 5 + book + draw.normal(0, np.sqrt(within), (books, paths))


@pytest.mark.usefixtures("few_groups")
def test_known_variances_are_covered():
    truths = {
        "mean": 5,
        "between_books": 4,
        "within_books": 9,
        "share_of_books": 4 / 13,
    }
    draws = (np.random.default_rng([1, index]) for index in range(300))
    experiments = [statistics.variance_parts(nested(draw)) for draw in draws]
    for name, truth in truths.items():
        found = iter(experiments)
        experiment = lambda _, found=found, name=name: getattr(next(found), name)
        # Intervals of variances are known to be somewhat short.
        done = assert_covers(experiment, truth, times=300, low=0.9)
        if name != "share_of_books":
            # Unbiased, where nothing is held to 0.
            assert abs(done.bias) < 4


def test_it_is_the_analysis_of_variance():
    values = nested(np.random.default_rng(0), books=7, paths=3)
    found = statistics.variance_parts(values)
    grand = values.mean()
    square_between = 3 * ((values.mean(axis=1) - grand) ** 2).sum() / 6
    square_within = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum() / 14
    np.testing.assert_allclose(found.within_books.value, square_within)
    np.testing.assert_allclose(
        found.between_books.value, (square_between - square_within) / 3
    )
    np.testing.assert_allclose(found.mean.value, grand)


def test_the_error_of_the_mean_is_between_books():
    paths_as_if_independent = lambda draw: statistics.mean(nested(draw).ravel())
    assert repeat(paths_as_if_independent, 5).coverage < 0.8
    assert_covers(lambda draw: statistics.mean(nested(draw).mean(axis=1)), 5)


def test_designs_are_compared_by_their_error():
    found = statistics.variance_parts(nested(np.random.default_rng(0), books=400))
    np.testing.assert_allclose(
        found.standard_error(400, 8), found.mean.standard_error, rtol=1e-9
    )
    truth = np.sqrt(4 / 50 + 9 / (50 * 20))
    np.testing.assert_allclose(found.standard_error(50, 20), truth, rtol=0.1)
    assert found.standard_error(400, 8) < found.standard_error(40, 80)


def test_no_difference_between_books_is_held_to_zero():
    draw = np.random.default_rng(3)
    found = [
        statistics.variance_parts(draw.normal(size=(20, 5))).between_books
        for _ in range(20)
    ]
    assert min(each.value for each in found) == 0
    assert min(each.low for each in found) == 0
    assert max(each.value for each in found) > 0


def test_books_that_do_not_vary_within():
    values = np.repeat(np.random.default_rng(0).normal(size=(50, 1)), 4, axis=1)
    found = statistics.variance_parts(values)
    np.testing.assert_allclose(found.between_books.value, values[:, 0].var(ddof=1))
    assert found.within_books == statistics.mean(np.zeros(50))
    assert found.share_of_books.value == 1


def test_two_books_of_two_paths_do_not_fail():
    found = statistics.variance_parts(np.array([[1.0, 3.0], [2.0, 4.0]]))
    assert found.between_books.value == 0
    assert found.within_books.value == 2
