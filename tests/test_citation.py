"""The citation file is one that tools read, and names this version."""

from pathlib import Path

import yaml

import adl_jax


CITATION = yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text())
# What the schema of the Citation File Format 1.2.0 requires.
REQUIRED = {"cff-version", "message", "title", "authors"}
REQUIRED_OF_A_REFERENCE = {"type", "title", "authors"}


def assert_are_people_or_entities(authors):
    assert authors
    for author in authors:
        assert set(author) in ({"name"}, {"family-names", "given-names"})


def test_it_has_what_the_format_requires():
    assert set(CITATION) >= REQUIRED
    assert CITATION["cff-version"] == "1.2.0"
    assert_are_people_or_entities(CITATION["authors"])
    for reference in CITATION["references"]:
        assert set(reference) >= REQUIRED_OF_A_REFERENCE
        assert_are_people_or_entities(reference["authors"])


def test_it_is_of_this_version_and_licence():
    assert CITATION["version"] == adl_jax.__version__
    licence = (Path(__file__).parents[1] / "LICENSE").read_text()
    assert licence.startswith(f"{CITATION['license']} License")
    assert CITATION["authors"][0]["name"] in licence


def test_papers_and_data_are_cited():
    cited = {reference["url"] for reference in CITATION["references"]}
    assert cited == {
        "https://arxiv.org/abs/2602.15182",
        "https://arxiv.org/abs/2512.01112",
        "https://github.com/pluriholonomic/autodeleveraging-analysis",
        "https://github.com/ConejoCapital/HyperReplay",
    }
