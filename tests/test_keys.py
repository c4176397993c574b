"""No key is used twice, checked by jax where keys are drawn from.

jax's check makes all tracing a quarter slower, so that it is on here alone: every place
of the package that draws from a key is reached from one of these.
"""

import dataclasses

import jax
import pytest
from jax.errors import KeyReuseError

import adl_jax
from adl_jax import Policy
from adl_jax.allocator import RandomOrder
from adl_jax.scenario import scenarios
from adl_jax.severity import ConstantRate, Fixed
from adl_jax.train import Mean, Settings, stack_events, train
from adl_jax.venue import Response
from tests.conftest import make_rounds


SEED = 20251010
LOTS = Policy(Fixed(1.0), RandomOrder())


@pytest.fixture(autouse=True)
def check_keys():
    with jax.debug_key_reuse(True):
        yield


def test_a_key_that_is_used_twice_is_found():
    @jax.jit
    def twice(key):
        return jax.random.uniform(key) + jax.random.normal(key)

    with pytest.raises(KeyReuseError):
        twice(jax.random.key(SEED))


@pytest.mark.parametrize("name", list(scenarios))
def test_a_crash_uses_each_key_once(name):
    scenario = scenarios[name](num_accounts=20)
    reacts = Response(trades=0.8, closes=0.2, withdraws=0.3)
    venue = dataclasses.replace(scenario.venue, response=reacts)
    scenario = dataclasses.replace(scenario, venue=venue)
    adl_jax.monte_carlo(jax.random.key(SEED), scenario, {"lots": LOTS}, 2)


def test_a_replay_uses_each_key_once():
    rounds = make_rounds(0, rounds=3)
    adl_jax.replay(rounds, LOTS, key=jax.random.key(SEED))


def test_a_training_uses_each_key_once():
    event = stack_events(make_rounds(0, rounds=3))
    settings = Settings(steps=2, batch_size=1, validate_every=1, validation_scenarios=1)
    train(
        jax.random.key(SEED),
        Policy(ConstantRate(0.01), adl_jax.ProRata()),
        {"one": event},
        Mean(unit=1.0),
        {"one": event},
        settings=settings,
    )
