"""A part of the report: words, charts and tables; or why it is not there."""

from typing import NamedTuple

from adl_jax.inert import shown
from adl_jax.monte_carlo import Results
from adl_jax.policy import AbstractPolicy
from adl_jax.report.chart import Chart, Table


class Section(NamedTuple):
    """What a chapter shows.

    **Fields:** `missing`: one sentence where it cannot be computed; `listing`: text that
    is shown as it is, by title; `picked`: charts of which a reader picks one.
    """

    name: str
    title: str
    says: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    listing: tuple[tuple[str, str], ...] = ()
    picked: "Picked | None" = None
    missing: str = ""


class Picked(NamedTuple):
    """Charts alike, one for each choice of a scenario and a policy.

    **Fields:** `scenarios`: a label each; `policies`: names; `charts[i][j]`: of scenario i
    and policy j; `scenario`, `policy`: the places of those that are shown first.
    """

    scenarios: tuple[str, ...]
    policies: tuple[str, ...]
    charts: tuple[tuple[Chart, ...], ...]
    scenario: int
    policy: int

    @property
    def first(self) -> Chart:
        """The chart that is shown before a reader chooses."""
        return self.charts[self.scenario][self.policy]


class Run(NamedTuple):
    """A run that is reported on.

    **Fields:** `lead`: the policy that is looked into, see `gather.leading`;
    `policies`: rebuilt from the configuration.
    """

    results: Results
    lead: str
    policies: dict[str, AbstractPolicy]

    def colour(self, policy: str) -> int:
        """The policy's place in the colours."""
        return self.results.policies.index(policy)


def named(text: str) -> str:
    """A name from outside in a sentence: inert, and of its own direction of writing."""
    return f"\u2068{shown(text)}\u2069"
