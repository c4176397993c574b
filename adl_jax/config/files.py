"""Configurations from files and by name, and back to text."""

import functools
import hashlib
import json
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adl_jax.config.configuration import Configuration, repeated
from adl_jax.config.problems import explained, nearest, refusal, short
from adl_jax.inert import shown
from adl_jax.registry import Registry
from adl_jax.result import InputError


_FOLDER = files("adl_jax") / "data" / "configurations"
_LARGEST_FILE = 100_000
configurations: Registry[str] = Registry("configuration", str, "adl_jax.configurations")
"""Texts in TOML by name."""


def built_in_names() -> tuple[str, ...]:
    """The configurations that come with the package."""
    names = [entry.name for entry in _FOLDER.iterdir()]
    return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))


def _built_in(name: str) -> str:
    return (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")


for _name in built_in_names():
    configurations.register(_name, functools.partial(_built_in, _name))


def load(path_or_name: str | Path) -> Configuration:
    """Reads a configuration.

    **Arguments:** `path_or_name`: a TOML file, or the name of a configuration that is
    built in or a plug-in's, where there is no such file.

    **Raises:** `InputError` with everything that is wrong, by line and key.

    ```python
    >>> from adl_jax.config import load
    >>> load("default").crash.returns.fall
    0.14

    ```
    """
    path, name = Path(path_or_name), str(path_or_name)
    if _is_file(path):
        return parse(_text_of(path), str(path))
    if name in configurations.built_in:
        return parse(configurations[name](), f"built-in configuration {name}")
    if name in configurations:
        return parse(configurations[name](), f"configuration {shown(name)}")
    raise InputError(
        f"{short(name)}: no such file, and no built-in configuration of that name; "
        f"there are: {', '.join(map(shown, configurations))}; "
        f"fix: {nearest(name, configurations)}"
    )


def parse(text: str, source: str) -> Configuration:
    """Reads a configuration from TOML text.

    **Arguments:** `source`: where it is from, for the messages.

    **Raises:** `InputError` with everything that is wrong, by line and key.
    """
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise refusal(source, [_syntax(str(error), text)]) from None
    return _validated(data, source, text)


def _syntax(said: str, text: str) -> str:
    """What tomllib said, with the line first."""
    what, _, place = said.removesuffix(")").partition(" (at ")
    line = f"line {text.rstrip().count(chr(10)) + 1}"  # At the end of the document.
    where = place if place.startswith("line") else line if place else "the file"
    fix = "write key = value, text in quotes, lists in [...], one key a line"
    if what.startswith(("Cannot overwrite", "Cannot declare")):
        fix = "give each key and each [table] once"
    return f"{where}: no TOML, {what[:1].lower()}{what[1:]}; fix: {fix}"


def changed(configuration: Configuration, **changes: Any) -> Configuration:
    """A configuration with some keys changed, validated again.

    **Arguments:** `changes`: keys of the top level. A `dict` changes some keys of a
    table; anything else, lists included, replaces what is there.

    **Raises:** `InputError` with everything that is wrong, by key.

    ```python
    >>> from adl_jax.config import changed, load
    >>> changed(load("default"), scenarios=8, book={"accounts": 100}).book.accounts
    100

    ```
    """
    merged = _merged(as_dict(configuration), changes)
    return _validated(merged, "changed configuration", "")


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return old | {
        name: _merged(old[name], value)
        if isinstance(value, dict) and isinstance(old.get(name), dict)
        else value
        for name, value in new.items()
    }


def _validated(data: dict[str, Any], source: str, text: str) -> Configuration:
    try:
        return Configuration.model_validate(data)
    except ValidationError as error:
        problems = explained(error, text, Configuration, repeated(data))
        raise refusal(source, problems) from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name that no file could have.
        return False


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(
                f"{path}: larger than {_LARGEST_FILE} bytes; fix: give a configuration"
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not in UTF-8 ({error.reason}); fix: save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; fix: give a file that can be read"
        ) from None


def as_dict(configuration: Configuration) -> dict[str, Any]:
    """Every key that has a value, defaults included, as plain numbers, text and lists."""
    return configuration.model_dump(mode="json", exclude_none=True)


def configuration_hash(configuration: Configuration) -> str:
    """A hash of what a configuration means, whatever its order and format: 64 digits."""
    text = json.dumps(
        as_dict(configuration), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def to_toml(configuration: Configuration) -> str:
    """The whole configuration as TOML, every default written out.

    **Invariants:** `parse(to_toml(configuration), "")` equals `configuration`.
    """
    return "\n".join(_written(as_dict(configuration), "")).lstrip() + "\n"


def _written(table: dict[str, Any], prefix: str) -> Iterable[str]:
    """Lines of a table: its own values first, which TOML demands, then the inner ones."""
    inner: list[str] = []
    for name, value in table.items():
        if isinstance(value, dict):
            if not value:
                continue
            inner += ["", f"[{prefix}{name}]", *_written(value, f"{prefix}{name}.")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                inner += ["", f"[[{prefix}{name}]]", *_written(one, f"{prefix}{name}.")]
        else:
            # JSON's text, numbers, true, false and lists of them are TOML's too.
            yield f"{name} = {json.dumps(value)}"
    yield from inner
