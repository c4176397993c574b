"""No learner is shown on the real rounds without a line in the log of evaluations."""

import pytest

from adl_jax import backtest, october10, october10_tables
from adl_jax.backtesting import Role, entries, fingerprint
from adl_jax.data import evaluations
from adl_jax.event import read_events


def learners(event):
    return [entry for entry in entries(event) if entry.role is Role.learner]


def test_every_learner_of_the_embedded_event_is_logged():
    logged = {line.configuration: line for line in evaluations()}
    for entry in learners(october10()):
        assert fingerprint(entry.policy) in logged, (
            f"{entry.name} is a new configuration: run experiments/real_rounds.py"
        )


def test_every_learner_of_the_public_tables_is_logged_with_its_score(oct10):
    logged = {line.configuration: line for line in evaluations()}
    event = october10_tables(oct10)
    result = backtest(event, learners(event))
    for score in result.scores:
        line = logged[score.configuration]
        # To rounding: a score may differ in its last digits between machines.
        assert float(line.tracking_percent_of_bound) == pytest.approx(
            score.tracking_percent_of_bound, abs=2e-4
        )
        assert line.policy == score.entry.name


def test_every_learner_of_the_accounts_sample_is_logged(oct10):
    # Headlines stand with every allocation there, which are configurations of their own.
    logged = {line.configuration for line in evaluations()}
    event = read_events(oct10 / "adl_detailed_sample.csv", october10())
    for entry in learners(event):
        assert fingerprint(entry.policy) in logged, entry.name


def test_the_log_names_each_configuration_once():
    configurations = [line.configuration for line in evaluations()]
    assert configurations
    assert len(set(configurations)) == len(configurations)
