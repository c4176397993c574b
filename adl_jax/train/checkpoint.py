"""Training in a folder: where it stands, so that it can go on from there."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import pandas as pd
from jaxtyping import Array

from adl_jax.result import InputError
from adl_jax.tables import write_table, written_whole
from adl_jax.train.policy_file import (
    open_to_read,
    read_header,
    read_leaves,
    write_header,
)
from adl_jax.train.step import State


FORMAT = "adl_jax training 1"
CHECKPOINT, CURVE, POLICY = "training.checkpoint", "curve", "trained.policy"


class Standing(NamedTuple):
    """Where a training stands after a validation.

    - `state`: the steps' own; `best`: what was trained when the validation was lowest.
    - `curve`: a row a step, plain numbers; `validations`: one a validation, by family.
    - `best_value`, `best_step`: the lowest mean over families, and when.
    - `waited`: validations since.
    """

    state: State
    best: dict[str, Array]
    curve: list[dict[str, Any]]
    validations: list[dict[str, Any]]
    best_value: float
    best_step: int
    waited: int


def write_checkpoint(
    folder: Path, standing: Standing, identity: Mapping[str, Any]
) -> None:
    """Writes where a training stands, whole, and its curve as a table."""
    header = {
        "format": FORMAT,
        "identity": dict(identity),
        "curve": standing.curve,
        "validations": standing.validations,
        "best_value": standing.best_value,
        "best_step": standing.best_step,
        "waited": standing.waited,
    }
    with written_whole(folder / CHECKPOINT) as temporary, temporary.open("wb") as file:
        write_header(file, header)
        eqx.tree_serialise_leaves(file, (standing.state, standing.best))
    write_table(pd.DataFrame(standing.curve), folder / CURVE)
    write_table(pd.DataFrame(standing.validations), folder / "validation")


def read_checkpoint(
    folder: Path, state: State, identity: Mapping[str, Any]
) -> Standing | None:
    """Where a training in a folder stands; `None` where there is none.

    **Arguments:** `state`: of the same structure.

    **Raises:** `InputError` for a training of something else, with what differs.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    with open_to_read(path) as file:
        header = read_header(file, FORMAT, path)
        for name, value in header["identity"].items():
            if identity.get(name) != value:
                raise InputError(
                    f"{path}: a training with another {name}: {value!r}, not "
                    f"{identity.get(name)!r}; fix: choose another folder, or go on with "
                    "what it was started with"
                )
        state, best = read_leaves(file, (state, state.raw), path)
    names = ("curve", "validations", "best_value", "best_step", "waited")
    return Standing(state, best, **{name: header[name] for name in names})


def claim(folder: Path, resume: bool) -> None:
    """Refuses a folder that holds a training, or cannot hold one.

    **Raises:** `InputError`.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder; fix: choose another")
    if not resume and (folder / CHECKPOINT).exists():
        raise InputError(
            f"{folder}: holds a training already; fix: go on with it (resume), or choose "
            "another folder"
        )
