"""Locust's options count more than the environment, which counts more than the file."""

from argparse import Namespace
from pathlib import Path

import pytest

from soakwatch.collector.options import with_options
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ConfigurationError


def test_an_option_counts_more_than_the_environment_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "soakwatch.toml"
    file.write_text('environment = "file"\nversion = "file"\ncommit = "file"\n', encoding="utf-8")
    monkeypatch.setenv("SOAKWATCH_ENVIRONMENT", "variable")
    monkeypatch.setenv("SOAKWATCH_VERSION", "variable")
    monkeypatch.setenv("SOAKWATCH_COLLECTOR__WINDOW", "7")
    options = Namespace(soakwatch_environment="option", soakwatch_window=2.0)
    found = with_options(load_configuration(file), options)
    assert (found.environment, found.version, found.commit) == ("option", "variable", "file")
    assert found.collector.window == 2.0


def test_a_wrong_option_names_itself() -> None:
    with pytest.raises(ConfigurationError, match=r"--soakwatch-window: .* greater than or equal to 0\.5, not 0\.1"):
        with_options(load_configuration(), Namespace(soakwatch_window=0.1))
