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
from adl_jax.backtesting import Role
from adl_jax.data import evaluations


LOG = Path(__file__).with_name("real_rounds.log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the public tables")
    folder = parser.parse_args().data
    jax.config.update("jax_enable_x64", True)
    event = adl_jax.october10_tables(folder) if folder else adl_jax.october10()
    logged = {line.configuration for line in evaluations()}
    today = datetime.date.today().isoformat()
    for score in adl_jax.backtest(event).scores:
        if score.entry.role is not Role.learner or score.configuration in logged:
            continue
        line = (
            f"{today},{score.entry.name},{score.configuration},"
            f"{score.tracking_percent_of_bound:.4f}"
        )
        with LOG.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line)


if __name__ == "__main__":
    main()
