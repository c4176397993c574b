"""From a configuration with a table `[train]` to what `train` is given."""

from collections.abc import Iterable
from typing import NamedTuple

from adl_jax.config import Configuration, build, changed
from adl_jax.config.policies import PolicySection
from adl_jax.config.problems import nearest
from adl_jax.config.train import FamilySection
from adl_jax.policy import AbstractPolicy
from adl_jax.result import InputError
from adl_jax.train.objective import AbstractObjective, objectives
from adl_jax.train.problem import AbstractProblem, Simulated
from adl_jax.train.settings import Settings


class Training(NamedTuple):
    """Arguments of `train`, and the section that made the policy."""

    policy: AbstractPolicy
    section: PolicySection
    problems: dict[str, AbstractProblem]
    objective: AbstractObjective
    validation: dict[str, AbstractProblem]
    settings: Settings
    leaves: tuple[str, ...]


_SETTINGS = (
    *("steps", "batch_size", "learning_rate", "largest_gradient", "validate_every"),
    *("validation_scenarios", "patience", "largest_skipped", "remember"),
)


def training_of(configuration: Configuration) -> Training:
    """Builds what a configuration says is to be trained.

    **Raises:** `InputError` without a table `[train]`, for a policy that is not there, and
    for a family that is no possible configuration, naming it.
    """
    section = configuration.train
    if section is None:
        raise InputError(
            "the configuration has no table [train]; fix: add one with policy = the name "
            "of one of its policies"
        )
    named = {policy.name: policy for policy in configuration.policies}
    if section.policy not in named:
        raise InputError(
            f"key train.policy: no policy named {section.policy!r}; fix: "
            f"{nearest(section.policy, named)}"
        )
    given = section.objective
    return Training(
        policy=build(configuration).policies[section.policy],
        section=named[section.policy],
        problems=_families(configuration, "families", section.families),
        objective=objectives[given.kind](**given.numbers()),
        validation=_families(configuration, "validation", section.validation),
        settings=Settings(**{name: getattr(section, name) for name in _SETTINGS}),
        leaves=section.leaves,
    )


def _families(
    configuration: Configuration, of: str, families: Iterable[FamilySection]
) -> dict[str, AbstractProblem]:
    problems: dict[str, AbstractProblem] = {}
    for family in families:
        try:
            own = changed(configuration, **family.changes)
            problems[family.name] = Simulated(build(own).scenario)
        except InputError as error:
            raise InputError(
                f"key train.{of}, family {family.name!r}: {error}"
            ) from None
    return problems
