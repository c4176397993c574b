"""Batches: the process is Hawkes by the time-rescaling theorem, and its moments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from adl_jax.scenario import Hawkes


def compensator(times, base, branching, decay):
    """Integral of the intensity up to each event, written out event by event."""
    excess, last, total, out = branching * base / (1 - branching), 0.0, 0.0, []
    for time in times:
        wait = time - last
        total += base * wait + excess / decay * (1 - np.exp(-decay * wait))
        excess = excess * np.exp(-decay * wait) + branching * decay
        last = time
        out.append(total)
    return np.array(out)


@pytest.mark.parametrize("branching", [0.0, 0.3, 0.66, 0.9])
def test_rescaled_times_are_a_unit_poisson_process(branching, getkey):
    process = Hawkes(branching=branching, most=4_000)
    times = np.asarray(process.times(getkey(), jnp.asarray(1e6)))
    assert (np.diff(times) > 0).all()
    steps = np.diff(
        compensator(times, float(process.base_rate), branching, float(process.decay))
    )
    assert stats.kstest(steps, stats.expon.cdf).pvalue > 1e-3
    # Independent of one another too.
    error = 1 / np.sqrt(steps.size)
    assert abs(stats.spearmanr(steps[1:], steps[:-1]).statistic) < 4 * error


def test_the_branching_ratio_is_in_the_counts(getkey):
    """Mean mu T / (1 - n), and Fano factor near 1 / (1 - n)^2 over a long time."""
    process, seconds = Hawkes(most=1_200), jnp.asarray(3_000.0)
    times = jax.vmap(lambda key: process.times(key, seconds))(
        jax.random.split(getkey(), 3_000)
    )
    count = np.asarray((times < seconds).sum(axis=1))
    assert count.max() < 1_200
    n = float(process.branching)
    mean = float(process.base_rate) * 3_000 / (1 - n)
    assert abs(count.mean() - mean) < 4 * count.std() / np.sqrt(3_000)
    fano = count.var() / count.mean()
    # A variance's relative error is sqrt(2 / 3000); the edge of the interval takes
    # 1 / (decay (1 - n) T) = 3.5 % off.
    assert abs(fano * (1 - n) ** 2 - 1) < 4 * np.sqrt(2 / 3_000) + 0.04


def test_every_round_has_the_stationary_mean(getkey):
    process = Hawkes()
    marks = jax.vmap(lambda key: process.sample(key, 16, jnp.float64))(
        jax.random.split(getkey(), 20_000)
    )
    mean = float(process.base_rate * process.round_seconds / (1 - process.branching))
    error = np.asarray(marks).std(axis=0) / np.sqrt(20_000)
    assert (np.abs(np.asarray(marks).mean(axis=0) - mean) < 4.5 * error).all()


def test_neighbouring_rounds_are_clustered(getkey):
    draws = {}
    for branching in (0.0, 0.66):
        process = Hawkes(branching=branching)
        marks = jax.vmap(lambda key, process=process: process.sample(key, 16, float))(
            jax.random.split(getkey(), 4_000)
        )
        marks = np.asarray(marks)
        draws[branching] = stats.spearmanr(
            marks[:, 1:].ravel(), marks[:, :-1].ravel()
        ).statistic
    assert abs(draws[0.0]) < 4 / np.sqrt(60_000)
    assert draws[0.66] > 0.15


def test_marks_have_a_mean_of_one_and_a_largest_value(getkey):
    # One batch a draw: the base rate is so high that the first batch comes at once.
    process = Hawkes(base_rate=1e6, branching=0.0, most=1)
    marks = jax.vmap(lambda key: process.sample(key, 1, jnp.float64))(
        jax.random.split(getkey(), 50_000)
    )
    marks = np.asarray(marks)[:, 0]
    assert abs(marks.mean() - 1) < 4 * marks.std() / np.sqrt(50_000)
    # The median batch hits 2 markets of a mean of 13.6, the largest 110.
    np.testing.assert_allclose(np.median(marks), 2 / 13.6, rtol=0.05)
    np.testing.assert_allclose(marks.max(), 110 / 13.6, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"branching": 1.0}, "branching"),
        ({"base_rate": 0.0}, "base_rate"),
        ({"decay": -1.0}, "decay"),
        ({"mark_largest": 0.0}, "mark_largest"),
        ({"mark_log_sd": np.inf}, "mark_log_sd"),
        ({"most": 0}, "most"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Hawkes(**change)
