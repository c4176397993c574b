import pytest

from adl_jax.statistics import bootstrap


@pytest.fixture
def few_groups(monkeypatch):
    """Groups of several scenarios each also in small samples, and faster resampling."""
    monkeypatch.setattr(bootstrap, "GROUPS", 150)
    monkeypatch.setattr(bootstrap, "RESAMPLES", 2_000)
