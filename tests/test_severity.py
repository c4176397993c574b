"""Severities: what each commits to, and the inequality of Proposition 1."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import adl_jax
from adl_jax import Policy, ProRata
from adl_jax.evaluate import bounds
from adl_jax.messages import severity_needed
from adl_jax.severity import (
    ConstantRate,
    Fixed,
    LastValue,
    ProjectedGradient,
    Rate,
    RunningMean,
    proposition_1_step,
    severities,
)
from adl_jax.testing import laws
from tests.conftest import make_rounds
from tests.policies import ALL


def plain_rounds(deficit, needed):
    """Rounds whose capacity never binds."""
    deficit = np.asarray(deficit, float)
    times = np.arange(len(deficit)) * 1_000
    return adl_jax.Rounds(deficit, needed, np.full(len(deficit), 1e15), times, times)


def executed(rounds, severity):
    return adl_jax.replay(rounds, Policy(severity, ProRata())).records.executed


@pytest.mark.parametrize("name", severities)
def test_every_severity_has_array_leaves_and_defaults(name):
    laws.check_numbers(severities[name]())


@pytest.mark.parametrize("name", ALL)
def test_one_trace_serves_all_numbers_of_every_policy(name):
    laws.check_one_program(ALL[name]())


def test_registries_refuse_a_name_twice_and_list_what_there_is():
    with pytest.raises(ValueError, match="named 'zero' already"):
        severities.register("zero", Fixed)
    with pytest.raises(KeyError, match=r"no severity named 'zer'.*zero, full"):
        severities["zer"]


@pytest.mark.parametrize(
    ("make", "bad"),
    [
        (Fixed, 1.5),
        (Fixed, -0.1),
        (Fixed, np.nan),
        (LastValue, 2.0),
        (ConstantRate, -0.01),
        (ConstantRate, np.inf),
        (lambda x: RunningMean(Rate(), x), -1.0),
        (ProjectedGradient, -1.0),
        (lambda x: ProjectedGradient(0.1, x), 1.5),
    ],
)
def test_parameters_out_of_range_are_refused_and_traced_ones_clipped(make, bad):
    with pytest.raises(ValueError, match=r"is (nan|inf|-?\d.*): it must be"):
        make(bad)
    rounds = make_rounds()
    traced = jax.jit(lambda x: executed(rounds, make(x)))(jnp.asarray(bad))
    assert np.isfinite(traced).all()
    assert (traced <= np.asarray(rounds.deficit) * (1 + 1e-12)).all()


def test_last_value_repeats_the_needed_severity():
    rounds = plain_rounds([10.0, 20.0, 0.0, 8.0], [5.0, 40.0, 3.0, 1.0])
    np.testing.assert_array_equal(executed(rounds, LastValue(0.1)), [1, 10, 0, 0])


def test_running_mean_rate_starts_at_its_initial_rate():
    rounds = make_rounds(deficit=np.full(5, 1e9), capacity=np.full((5, 7), 1e9),
                         capacity_total=np.full(5, 7e9))  # fmt: skip
    notional = np.asarray(rounds.closeout_notional).sum(axis=1)
    got = executed(rounds, RunningMean(Rate(), 0.02))
    assert notional[0] > 0
    np.testing.assert_allclose(got[0], 0.02 * notional[0], rtol=1e-12)
    mean = np.cumsum(rounds.needed) / np.cumsum(notional)
    np.testing.assert_allclose(got[1:], mean[:-1] * notional[1:], rtol=1e-12)


AMOUNTS = st.lists(st.floats(0, 1e8), min_size=8, max_size=8)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(AMOUNTS, AMOUNTS, st.floats(0, 1), st.floats(-2, 2))
def test_proposition_1_holds(deficit, needed, initial, log_factor):
    rounds = plain_rounds(deficit, needed)
    comparator = severity_needed(rounds.needed, rounds.deficit)
    tuned = proposition_1_step(
        (rounds.deficit**2).sum(), bounds.path_variation(comparator)
    )
    step = tuned * 10.0**log_factor
    target = comparator * rounds.deficit
    regret = jnp.abs(executed(rounds, ProjectedGradient(step, initial)) - target).sum()
    slack = 1 + 1e-12
    if step > 0:
        assert regret <= slack * bounds.fixed_step_bound(
            rounds.deficit, comparator, step
        )
    regret = jnp.abs(executed(rounds, ProjectedGradient(tuned, initial)) - target).sum()
    assert regret <= slack * bounds.severity_bound(rounds.deficit, comparator)


def test_proposition_1_bound_is_not_trivially_far():
    # One round, started at the wrong end: regret D against a bound of D.
    rounds = plain_rounds([1e6], [1e6])
    comparator = severity_needed(rounds.needed, rounds.deficit)
    regret = 1e6 - executed(rounds, ProjectedGradient(1e-6))[0]
    assert regret == bounds.severity_bound(rounds.deficit, comparator)


def test_the_running_step_is_proposition_1_with_what_is_known():
    deficit, needed = np.array([3.0, 4.0, 12.0]), np.array([3.0, 0.0, 12.0])
    rounds = plain_rounds(deficit, needed)
    state = adl_jax.replay(rounds, Policy(ProjectedGradient(), ProRata())).state
    assert state.sum_of_squares == 169
    assert state.path_variation == 2
    step = proposition_1_step(jnp.asarray(169.0), jnp.asarray(2.0))
    np.testing.assert_allclose(step, np.sqrt(5) / 13)
    assert proposition_1_step(jnp.asarray(0.0), jnp.asarray(0.0)) == 0
