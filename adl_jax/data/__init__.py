"""Facts with their sources, and the log of evaluations on the real rounds."""

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Evaluation(NamedTuple):
    """One evaluation of a learner on the real rounds, made while developing."""

    date: str
    policy: str
    configuration: str
    tracking_percent_of_bound: str


def evaluations() -> list[Evaluation]:
    """Every evaluation of a learner on the real rounds that was made while developing.

    The sixteen rounds have been seen, so no score on them is blind; how many
    configurations were tried is printed beside the scores.
    """
    installed = files("adl_jax") / "data" / "real_rounds.log"
    # An editable install has the log where it is written.
    source = Path(__file__).parents[2] / "experiments" / "real_rounds.log"
    log = installed if installed.is_file() else source
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8").splitlines()
    return [Evaluation(*line.split(",")) for line in lines if line]
