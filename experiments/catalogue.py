"""Every experiment: its command, what it needs, how long it takes, what it shows."""

import dataclasses
from enum import Enum


class Tables(Enum):
    """What an experiment does with the public tables."""

    unused = "no"
    used = "more with them"
    needed = "needed"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment.

    **Fields:**

    - `name`: of its log, and for `--only`.
    - `command`: what stands after `python`.
    - `shows`: in a few words.
    - `result`: the files that it writes, from the folder of `--out`.
    - `tables`: whether it takes `--data`.
    - `seconds`: of a full run, on two cores of a CPU that others used too; `None` where
        not recorded.
    - `quick`: the options of a small run; `None` where it has none.
    - `folder`: the folder that it writes to, inside the one of `--out`; `None` where it
        takes no `--out`.
    """

    name: str
    command: tuple[str, ...]
    shows: str
    result: tuple[str, ...]
    tables: Tables = Tables.unused
    seconds: float | None = None
    quick: tuple[str, ...] | None = ()
    folder: str | None = "."


def _exhibit(name: str, shows: str, tables: Tables, seconds: float) -> Experiment:
    return Experiment(
        name,
        ("-m", f"experiments.paper.{name}"),
        shows,
        (f"paper/{name}*",),
        tables,
        seconds,
        folder="paper",
    )


EXHIBITS = (
    _exhibit("table_1", "headline values", Tables.used, 12),
    _exhibit("table_2", "objective by policy", Tables.used, 9),
    _exhibit("table_3", "fairness weights and horizons", Tables.used, 9),
    _exhibit("figure_03", "overshoot by horizon", Tables.used, 10),
    _exhibit("figure_04", "cumulative fairness", Tables.used, 9),
    _exhibit("figure_05", "each round", Tables.used, 15),
    _exhibit("figure_06", "cumulative executed less needed", Tables.used, 13),
    _exhibit("figure_07", "cumulative tracking", Tables.used, 13),
    _exhibit("figure_08", "cumulative objective", Tables.used, 14),
    _exhibit("figure_09", "the three over the event", Tables.used, 18),
    _exhibit("figure_10", "objective over the envelope", Tables.used, 15),
    _exhibit("figure_11", "the envelope", Tables.used, 14),
    _exhibit("figure_12", "inversions, semi-synthetic", Tables.needed, 24),
    _exhibit("figure_13", "rank stability, semi-synthetic", Tables.needed, 23),
)
OURS = (
    Experiment(
        "real_rounds",
        ("experiments/real_rounds.py",),
        "every learner on the sixteen rounds; logs new configurations, in place",
        ("experiments/real_rounds.log",),
        Tables.used,
        340,
        quick=None,
        folder=None,
    ),
    Experiment(
        "propositions",
        ("experiments/propositions.py",),
        "every checkable claim of both papers on 100,000 instances",
        ("propositions.csv", "propositions.json", "regret_growth.png"),
        seconds=172,
        quick=("--instances", "5000"),
    ),
    Experiment(
        "synthetic_scores",
        ("experiments/synthetic_scores.py", "--seed", "2026"),
        "every learner on nine synthetic families, five of them chosen on",
        ("synthetic_scores.csv", "synthetic_scores.json"),
        seconds=142,
        # Fewer than its 200 episodes are too few to tell the claims apart.
    ),
    Experiment(
        "calibration",
        ("experiments/calibration.py",),
        "synthetic winners against the deleveraged accounts",
        ("calibration.csv", "calibration.json", "calibration.png"),
        Tables.needed,
        82,
        quick=("--books", "8"),
    ),
    Experiment(
        "closed_loop",
        ("experiments/closed_loop.py",),
        "who pays, in the closed loop and on the frozen path",
        ("closed_loop.csv", "closed_loop.json"),
        seconds=40,
        quick=("--scenarios", "8"),
    ),
    Experiment(
        "venues",
        ("experiments/venues.py",),
        "one crash under every venue's rules",
        ("venues.csv", "venues.json"),
        seconds=111,
        quick=("--scenarios", "8"),
    ),
    Experiment(
        "learned",
        ("experiments/learned.py", "evaluate"),
        "the frozen learned policies, evaluated again",
        ("learned.csv",),
        Tables.needed,
        320,
        quick=None,
    ),
)
EXPERIMENTS = EXHIBITS + OURS
