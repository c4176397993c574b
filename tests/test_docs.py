"""Every code block of the README and the docs runs; the README keeps its promises."""

import ast
import contextlib
import doctest
import functools
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import pytest

import adl_jax


ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.py"))
MODULES = [
    module.name
    for module in pkgutil.walk_packages(adl_jax.__path__, "adl_jax.")
    if module.name != "adl_jax.__main__"
]
# Those meant for users; `evaluate` is on the page module by module.
PACKAGES = [
    f"adl_jax.{name}"
    for name in (
        *("allocation", "backtesting", "config", "event", "io", "learned", "mirror"),
        *("monte_carlo", "projection", "report", "scenario", "severity"),
        *("statistics", "testing", "train", "vector", "venue"),
    )
]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(page, capsys):
    namespace = {}
    # A reader has jax's defaults, not this session's strictness.
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        for block in blocks(page, "python"):
            exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.name)
def test_tutorials_run(page, capsys):
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        exec(compile(page.read_text(), str(page), "exec"), {})
    plt.close("all")


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_the_main_entry_points_have_examples():
    for entry in (
        *(adl_jax.replay, adl_jax.Rounds, adl_jax.backtest),
        *(adl_jax.october10, adl_jax.severity_bound),
    ):
        assert ">>>" in entry.__doc__


def test_the_readme_has_exactly_two_set_up_commands():
    readme = (ROOT / "README.md").read_text()
    setups = [line for line in readme.splitlines() if "pip install" in line]
    assert len(setups) == 2
    assert "adl-jax replay" in setups[0]
    assert "pytest" in setups[1]


def named(path):
    """What a dotted path names; modules are found where a function has their name."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
            return functools.reduce(getattr, parts[end:], sys.modules[name])
    raise AssertionError(f"{path} names nothing")


def exported(package):
    """Names that a package gives away, `X as X`, but for modules and plain data."""
    importlib.import_module(package)
    module = sys.modules[package]
    for statement in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if alias.asname == alias.name and callable(vars(module)[alias.name]):
                    yield alias.name, vars(module)[alias.name]


def test_every_public_name_is_in_the_api():
    pages = [page.read_text() for page in (ROOT / "docs").glob("api*.md")]
    paths = re.findall(r"^::: (\S+)$", "\n".join(pages), flags=re.MULTILINE)
    assert len(set(paths)) == len(paths)
    listed = [named(path) for path in paths]
    missing = [
        f"{package}.{name}"
        for package in ("adl_jax", *PACKAGES)
        for name, value in exported(package)
        if not any(value is one for one in listed)
    ]
    assert missing == []


def test_files_named_as_checks_exist():
    text = (ROOT / "docs" / "checks.md").read_text()
    paths = set(re.findall(r"`((?:\w+/)*\w+\.py)`", text))
    missing = {
        name
        for name in paths
        if not any((ROOT / place / name).exists() for place in ("", "tests"))
    }
    assert len(paths) > 30
    assert not missing


def test_the_glossary_is_in_order_and_links_within():
    text = (ROOT / "docs" / "glossary.md").read_text()
    terms = re.findall(r"^\*\*(.+?)\*\*\{ #([\w-]+) \}:", text, flags=re.MULTILINE)
    names, anchors = zip(*terms, strict=True)
    assert list(names) == sorted(names, key=str.lower)
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= set(anchors)


def test_relative_links_and_images_exist():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
