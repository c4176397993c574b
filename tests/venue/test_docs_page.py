"""The page on venues says what the table of facts says."""

from pathlib import Path

from adl_jax.venue import venue_facts


PAGE = Path(__file__).parents[2] / "docs" / "venues.md"


def rules_row(name, facts):
    weight = f", by {facts['weight']}" if facts["weight"] else ""
    cells = [
        f"`{name}`",
        facts["settlement"],
        facts["price_rule"],
        facts["trigger"],
        facts["score"],
        f"`{facts['allocation']}`{weight}",
        f"{facts['confidence']}, {facts['as_of']}"
        + (" (**incomplete**)" if facts["incomplete"] == "yes" else ""),
    ]
    return "| " + " | ".join(cells) + " |"


def doubts_row(name, facts):
    return f"| `{name}` | {facts['ambiguity']} | {facts['approximation']} |"


def test_every_row_is_on_the_page():
    lines = PAGE.read_text().splitlines()
    missing = [
        row
        for name, facts in venue_facts().items()
        for row in (rules_row(name, facts), doubts_row(name, facts))
        if row not in lines
    ]
    assert not missing


def test_no_row_is_left_of_a_venue_that_is_gone():
    rows = [
        line.split("`")[1]
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `")
    ]
    assert sorted(rows) == sorted(2 * list(venue_facts()))


def test_no_cell_breaks_the_tables():
    for facts in venue_facts().values():
        assert not any("|" in text or "\n" in text for text in facts.values())
