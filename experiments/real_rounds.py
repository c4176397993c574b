"""Evaluates every learner on the real rounds and logs each new configuration.

    python experiments/real_rounds.py [--data DIR]

A configuration is logged once: evaluated again it gives the same number. A change of a
default is a new configuration. `tests/test_evaluations.py` fails while one is missing.
"""

import argparse
import datetime
from pathlib import Path

import jax

import adl_jax
from adl_jax import Policy
from adl_jax.data import evaluations
from adl_jax.severity import ConstantRate, Fixed


LOG = Path(__file__).with_name("real_rounds.log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the public tables")
    folder = parser.parse_args().data
    jax.config.update("jax_enable_x64", True)
    events = [adl_jax.october10()]
    if folder is not None:
        events.append(adl_jax.october10_tables(folder))
        sample = folder / "adl_detailed_sample.csv"
        events.append(adl_jax.read_events(sample, adl_jax.october10()))
    for event in events:
        log_new(adl_jax.backtest(event))


def log_new(result: adl_jax.Backtest) -> None:
    """Appends every learner of a backtest that the log does not hold yet."""
    logged = {line.configuration for line in evaluations()}
    today = datetime.date.today().isoformat()
    for score in result.scores:
        if score.configuration in logged or not learns(score.entry.policy):
            continue
        line = (
            f"{today},{score.entry.name},{score.configuration},"
            f"{score.tracking_percent_of_bound:.4f}"
        )
        with LOG.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line)


def learns(policy: adl_jax.AbstractPolicy) -> bool:
    """Whether a policy's severity changes with what it has seen."""
    return isinstance(policy, Policy) and not isinstance(
        policy.severity, Fixed | ConstantRate
    )


if __name__ == "__main__":
    main()
