"""Every code block of the README and the docs runs; the README keeps its promises."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import jax
import pytest

import adl_jax


ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(adl_jax.__path__, "adl_jax.")
    if module.name != "adl_jax.__main__"
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


def test_files_named_as_checks_exist():
    text = (ROOT / "docs" / "checks.md").read_text()
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", text))
    missing = {
        name
        for name in named
        if not any((ROOT / place / name).exists() for place in ("", "tests"))
    }
    assert len(named) > 30
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
