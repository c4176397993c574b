"""Names that other distributions add: what works, what is refused, and what it harms."""

import json
import os
import subprocess
import sys
import tomllib

import pytest
from typer.testing import CliRunner

from adl_jax import registry
from adl_jax.allocator import allocations
from adl_jax.backtesting import semi_synthetic_entries
from adl_jax.cli import app
from adl_jax.config import load, parse
from adl_jax.config.policies import PolicySection
from adl_jax.live import policy_named
from adl_jax.registry import PluginError, Registry, installed_plugins, plugin_versions
from adl_jax.result import InputError
from adl_jax.severity import severities
from adl_jax.venue import venues
from tests.conftest import CACHE


CODE = """
from typing import ClassVar

import adl_jax
from adl_jax import Commitment, Information, as_float
from adl_jax.venue import Venue
from adl_jax.venue.presets import okx
import equinox as eqx
import jax


class Part(adl_jax.AbstractSeverity):
    information: ClassVar = Information.deficit
    share: jax.Array = eqx.field(default=0.5, converter=as_float)
    rounds: int = eqx.field(default=3, static=True)

    def __check_init__(self):
        if not 0 <= self.share <= 1:
            raise ValueError("share is outside [0, 1]")

    def init(self, observation):
        return observation.deficit * 0

    def commit(self, state, observation):
        return Commitment(budget=self.share * observation.deficit)

    def learn(self, state, observation, record):
        return state


def no_fund(max_leverage=20.0):
    return okx(max_leverage)


def storm():
    return "scenarios = 7"


def leaves():
    raise SystemExit("no licence")


needs_more = lambda share: Part(share)
number = 3
"""
ENTRIES = """
[adl_jax.severities]
part = their_parts:Part
zero = their_parts:Part
lost = their_parts:Missing
gone = no_such_module_anywhere:Part
wrong = their_parts:storm
plain = their_parts:number
exits = their_parts:leaves
more = their_parts:needs_more

[adl_jax.allocations]
broken = no_such_module_anywhere:Part

[adl_jax.venues]
no_fund = their_parts:no_fund

[adl_jax.configurations]
storm = their_parts:storm

[adl_jax.severity]
typo = their_parts:Part
"""


def install(folder, name, entries):
    """What pip leaves behind of a distribution, by hand."""
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2")
    (info / "entry_points.txt").write_text(entries)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path with one plug-in, and no memory of it afterwards."""
    (tmp_path / "their_parts.py").write_text(CODE)
    install(tmp_path, "their-parts", ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield tmp_path
    forget()


def forget():
    sys.modules.pop("their_parts", None)
    registry._declared.cache_clear()
    for one in registry._OPEN.values():
        one._loaded.clear()


def test_a_plug_in_is_known_by_name_and_imported_when_it_is_looked_up(site):
    assert "part" in severities
    assert list(severities)[len(severities.built_in)] == "part"
    assert "part" not in severities.built_in
    assert severities["part"]().share == 0.5
    # Of what is in use, whatever else was looked up before.
    theirs, ours = policy_named("part/queue"), policy_named("full/queue")
    assert plugin_versions({"a": theirs, "b": ours}) == {"their-parts": "1.2"}
    assert plugin_versions(ours, {"a": ours}) == {}
    assert type(policy_named("part/queue").severity).__name__ == "Part"
    with pytest.raises(KeyError, match=r"no severity named 'parts'.*zero, .*, part, "):
        severities["parts"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lost", "AttributeError: module 'their_parts' has no attribute 'Missing'"),
        ("gone", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("wrong", "TypeError: it made str, no AbstractSeverity"),
        ("plain", "TypeError: it is int, no class or function"),
        ("exits", "SystemExit: no licence"),
        ("more", "TypeError: .*missing 1 required positional argument: 'share'"),
    ],
)
def test_what_is_broken_is_named_with_the_reason_and_the_fix(site, name, why):
    with pytest.raises(PluginError, match=why) as caught:
        severities[name]
    message = str(caught.value)
    assert message.startswith(f"severity '{name}', entry point ")
    assert " of their-parts 1.2, cannot be used: " in message
    assert message.endswith("; fix: repair it, or pip uninstall their-parts")
    with pytest.raises(
        InputError, match=f"key policies.1..severity: severity '{name}'"
    ):
        parse(f'[[policies]]\nname = "a"\nseverity = "{name}"', "file")


def test_a_venue_has_to_take_what_venues_take(site):
    with pytest.raises(
        PluginError, match="unexpected keyword argument 'notional_scale'"
    ):
        venues["no_fund"]


def test_built_in_names_win_and_the_clash_is_reported(site):
    assert severities["zero"] is severities.built_in["zero"]
    (clash,) = [p for p in installed_plugins() if p.name == "zero"]
    assert clash.problem.endswith(
        "a severity that is built in has that name, and wins; fix: give the entry point "
        "another name"
    )


def test_every_entry_point_is_listed_with_its_state(site):
    found = {plugin.name: plugin for plugin in installed_plugins()}
    assert set(found) == {
        *("part", "zero", "lost", "gone", "wrong", "plain", "more"),
        *("exits", "broken", "no_fund", "storm", "typo"),
    }
    assert {name for name, one in found.items() if not one.problem} == {"part", "storm"}
    assert "there is no group adl_jax.severity; fix: use " in found["typo"].problem
    assert found["part"].value == "their_parts:Part"


def test_what_is_broken_harms_nothing_else(site):
    assert policy_named("queue").allocation == allocations.built_in["queue"]()
    rows = [entry.name for entry in semi_synthetic_entries()]
    assert rows == [f"semi_synthetic/{name}" for name in allocations.built_in]
    assert load("default").policies
    with pytest.raises(PluginError, match="allocation 'broken', entry point"):
        policy_named("broken")


def test_doctor_lists_plug_ins(site, monkeypatch):
    monkeypatch.setattr("adl_jax.doctor.wrong_sizes", list)
    monkeypatch.setattr("adl_jax.doctor.float32_error", lambda: 0.0)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith("plug-in")]
    assert len(lines) == 12
    assert f"{'plug-in':24} part in adl_jax.severities, their-parts 1.2: works" in lines
    found = json.loads(CliRunner().invoke(app, ["doctor", "--format", "json"]).stdout)
    assert found["healthy"]
    assert sum(not plugin["problem"] for plugin in found["plugins"]) == 2


def test_two_distributions_with_one_name(site):
    install(site, "more-parts", "[adl_jax.severities]\npart = their_parts:Part\n")
    forget()
    both = "their-parts and more-parts|more-parts and their-parts"
    with pytest.raises(PluginError, match=f"({both}) both have one of that name"):
        severities["part"]
    assert [p.problem != "" for p in installed_plugins() if p.name == "part"] == [
        True
    ] * 2


def test_a_plug_ins_own_numbers_can_be_set(site):
    section = PolicySection.model_validate(
        {"name": "a", "severity": "part", "severity_parameters": {"share": 1}}
    )
    assert section.severity_parameters == {"share": 1.0, "rounds": 3}
    assert section.build().severity.share == 1


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ("{ shares = 0.2 }", "no such parameter of 'part'; fix: did you mean 'share'"),
        ("{ rounds = 0.5 }", "must be a whole number"),
        ("{ share = true }", "must be a number"),
        (
            "{ share = 2.0 }",
            "'part' refuses them: ValueError: share is outside .0, 1.; fix: change",
        ),
    ],
)
def test_a_plug_ins_wrong_numbers_are_refused(site, numbers, message):
    text = (
        f'[[policies]]\nname = "a"\nseverity = "part"\nseverity_parameters = {numbers}'
    )
    with pytest.raises(InputError, match=message):
        parse(text, "file")


def test_configurations_by_name(site):
    assert load("storm").scenarios == 7
    with pytest.raises(
        InputError, match=r"there are: .*default.*, storm; fix: did you"
    ):
        load("storms")


def test_a_registry_without_a_group_has_no_plug_ins():
    closed = Registry("closed")
    closed.register("one", dict)
    assert list(closed) == ["one"]
    assert closed.plugins() == []


THIRD_PARTY = """
import sys
import pytest
from adl_jax.cli import main

sys.argv = ["adl-jax", "simulate", "crash.toml", "--scenarios", "2", "--format", "json"]
try:
    main()
except SystemExit as end:
    assert not end.code
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests"]))
"""


def test_the_template_as_a_third_party_uses_it(tmp_path):
    """From the command to a run and its own tests, in a process that has only installed
    it.
    """
    project = tmp_path / "project"
    assert (
        CliRunner().invoke(app, ["template", str(project), "--plugin"]).exit_code == 0
    )
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    groups = described["entry-points"].items()
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in names.items())
        for group, names in groups
    ]
    install(project / "src", described["name"], "\n".join(lines))
    crash = project / "crash.toml"
    crash.write_text(crash.read_text().partition('[[policies]]\nname = "full"')[0])
    environment = os.environ | {
        "PYTHONPATH": str(project / "src"),
        "JAX_COMPILATION_CACHE_DIR": str(CACHE),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        # Everything is small: compiling is what takes time.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", THIRD_PARTY],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    result, said = json.JSONDecoder().raw_decode(done.stdout)
    assert done.stdout[said:].strip().splitlines()[-1].startswith("2 passed")
    manifest = result["manifest"]
    assert manifest["policies"] == ["zero", "halving"]
    assert manifest["configuration"]["venue"]["preset"] == "my_venue"
    assert manifest["versions"]["my-adl"] == "1.2"


def test_the_template_overwrites_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text("mine")
    done = CliRunner().invoke(app, ["template", str(tmp_path), "--plugin"])
    assert done.exit_code == 2
    assert "pyproject.toml: is there already; fix: choose another folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
