import functools

import numpy as np
import pytest

from adl_jax import statistics
from tests.statistics.repeated import repeat


def test_half_widths_fall_as_one_over_the_root():
    values = np.random.default_rng(0).exponential(size=100_000)
    table = statistics.convergence(values)
    assert table.count[0] == 100
    assert table.count[-1] == 100_000
    slope = np.polyfit(np.log(table.count), np.log(table.half_width), 1)[0]
    assert abs(slope + 0.5) < 0.05
    assert table[len(table) - 1] == statistics.mean(values)
    assert table[3] == statistics.mean(values[: table.count[3]])


def test_heavy_tails_do_not_converge():
    values = np.random.default_rng(0).pareto(0.8, 100_000)
    table = statistics.convergence(values)
    assert table.half_width[-1] > table.half_width[0]


def test_any_estimator_converges():
    values = np.random.default_rng(0).exponential(size=20_000)
    at_risk = functools.partial(statistics.value_at_risk, level=0.9)
    table = statistics.convergence(values, at_risk, fewest=500, points=4)
    assert len(table) == 4
    assert table[3] == at_risk(values)


@pytest.mark.parametrize(("relative", "target"), [(False, 0.2), (True, 0.02)])
def test_enough_is_when_the_interval_is_narrow(relative, target):
    values = np.random.default_rng(0).normal(10, 2, 5_000)
    half = lambda count: statistics.mean(values[:count]).half_width
    stop = next(
        count
        for count in range(1_000, 5_001, 100)
        if statistics.enough(values[:count], target, relative=relative)
    )
    assert half(stop) <= 0.2
    tight = target / 3
    assert not statistics.enough(values[:2_000], tight, relative=relative)
    needed = statistics.scenarios_needed(
        statistics.mean(values[:2_000]), tight, relative
    )
    truth = (1.96 * 2 / (0.2 / 3)) ** 2
    np.testing.assert_allclose(needed, truth, rtol=0.1)


def test_a_rare_event_that_has_not_happened_is_not_known():
    assert not statistics.enough(np.zeros(100_000), 1e-3)
    assert not statistics.enough(np.zeros(100_000), 1e-3, relative=True)
    assert statistics.scenarios_needed(
        statistics.mean(np.zeros(100)), 0.1, relative=True
    ) == float("inf")


def test_too_few_scenarios_are_never_enough():
    values = np.random.default_rng(0).normal(size=1_000)
    assert statistics.enough(values, 10.0)
    assert not statistics.enough(values[:-1], 10.0)


def test_intervals_cover_when_stopped_by_their_width():
    def experiment(draw):
        values = draw.exponential(size=8_000)
        counts = range(1_000, 8_001, 500)
        stop = next(n for n in counts if statistics.enough(values[:n], 0.04))
        return statistics.mean(values[:stop])

    assert 0.92 <= repeat(experiment, 1).coverage <= 0.98
