"""A policy in one file: its numbers, what it was made from, and how it was trained."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import equinox as eqx

from adl_jax._types import as_dtype
from adl_jax.config.policies import PolicySection
from adl_jax.policy import AbstractPolicy
from adl_jax.result import InputError
from adl_jax.tables import written_whole


FORMAT = "adl_jax policy 1"
_Tree = TypeVar("_Tree")
_LONGEST_HEADER = 100_000_000


def save_policy(
    path: Path | str,
    policy: AbstractPolicy,
    *,
    section: PolicySection | None = None,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Writes a policy into one file, whole or not at all.

    **Arguments:**

    - `section`: how a configuration makes the policy, so that it can be loaded without
        one to compare with.
    - `record`: plain values to keep with it: how it was trained.
    """
    header = {
        "format": FORMAT,
        "structure": structure_of(policy),
        "policy": None if section is None else section.model_dump(mode="json"),
        "record": dict(record or {}),
    }
    with written_whole(Path(path)) as temporary, temporary.open("wb") as file:
        write_header(file, header)
        eqx.tree_serialise_leaves(file, policy)


def load_policy(
    path: Path | str, like: AbstractPolicy | None = None
) -> tuple[AbstractPolicy, dict[str, Any]]:
    """Reads a policy that `save_policy` wrote.

    **Arguments:** `like`: a policy of the same structure, whose numbers do not matter; not
    needed where the file says how a configuration makes it.

    **Returns:** the policy and its record.

    **Raises:** `InputError` for a file that is none, and for one of another structure,
    with the first thing that differs.

    ```python
    >>> import tempfile, pathlib, adl_jax
    >>> from adl_jax.train import load_policy, save_policy
    >>> policy = adl_jax.Policy(adl_jax.severity.ConstantRate(0.02), adl_jax.ProRata())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "mine.policy"
    ...     save_policy(path, policy, record={"seed": 0})
    ...     again, record = load_policy(path, like=policy)
    >>> print(again.severity.rate, record)
    0.02 {'seed': 0}

    ```
    """
    path = Path(path)
    with open_to_read(path) as file:
        header = read_header(file, FORMAT, path)
        if like is None:
            if header["policy"] is None:
                raise InputError(
                    f"{path}: says nothing of how its policy is made; fix: give like = a "
                    "policy of the same structure"
                )
            like = PolicySection.model_validate(header["policy"]).build()
            like = _as_saved(like, header["structure"])
        check_structure(like, header["structure"], path)
        return read_leaves(file, like, path), header["record"]


def structure_of(tree: Any) -> list[str]:
    """Classes, fields, shapes and dtypes, line by line, without numbers."""
    return eqx.tree_pformat(tree, short_arrays=True).splitlines()


def check_structure(tree: Any, saved: list[str], path: Path) -> None:
    """Refuses a tree that a file cannot be read into, with what differs first."""
    here = structure_of(tree)
    if here == saved:
        return
    for old, new in zip([*saved, "(nothing)"], [*here, "(nothing)"], strict=False):
        if old != new:
            raise InputError(
                f"{path}: holds another structure: {old.strip()!r} where this policy has "
                f"{new.strip()!r}; fix: load it with the policy it was saved from"
            )


def write_header(file: BinaryIO, header: Mapping[str, Any]) -> None:
    """One line of JSON before the leaves."""
    text = json.dumps(header, allow_nan=False, separators=(",", ":"))
    file.write(text.encode() + b"\n")


def read_header(file: BinaryIO, expected: str, path: Path) -> dict[str, Any]:
    """The line of JSON; an `InputError` where the file is of another kind."""
    try:
        header = json.loads(file.readline(_LONGEST_HEADER))
        kind = header["format"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a file of {expected!r}") from None
    if kind != expected:
        raise InputError(f"{path}: is {kind!r}, not {expected!r}")
    return header


def read_leaves(file: BinaryIO, like: _Tree, path: Path) -> _Tree:
    """The leaves after the header."""
    try:
        return eqx.tree_deserialise_leaves(file, like)
    except (RuntimeError, ValueError, EOFError, OSError) as error:
        raise InputError(
            f"{path}: cannot be read to its end ({error}); fix: write it again"
        ) from None


def open_to_read(path: Path) -> BinaryIO:
    """The file, or an `InputError` that says why not."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; fix: check the path") from None


def _as_saved(policy: AbstractPolicy, saved: list[str]) -> AbstractPolicy:
    """In the dtype that was saved: a configuration does not say it of its policies."""
    for dtype, short in {"float32": "f32[", "float64": "f64["}.items():
        if any(short in line for line in saved):
            return as_dtype(policy, dtype)
    return policy
