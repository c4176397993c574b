"""experiments/README.md shows what the catalogue and the results say."""

import pytest

from experiments import readme
from experiments.paper.exhibit import RESULTS


def test_the_page_is_the_catalogue_and_the_results():
    page = readme.PAGE.read_text(encoding="utf-8")
    assert readme.written(page) == page, "run python -m experiments.readme"


def test_every_figure_is_shown_and_small():
    page = readme.PAGE.read_text(encoding="utf-8")
    figures = sorted(RESULTS.glob("*.png"))
    assert [path.stem for path in figures] == [f"figure_{n:02}" for n in range(3, 14)]
    for path in figures:
        assert f"](results/paper/{path.name})" in page
        assert path.stat().st_size < 100_000


def test_a_page_without_a_place_is_refused():
    with pytest.raises(ValueError, match="catalogue"):
        readme.written("nothing")
