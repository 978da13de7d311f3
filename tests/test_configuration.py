"""Configuration: file, then environment; what is wrong names itself, its place, and what would be right."""

import inspect
import re
from pathlib import Path

import pytest

from soakwatch.core import errors
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import FILE_NAME, load_configuration
from soakwatch.core.errors import ConfigurationError, ExitCode, SoakwatchError
from soakwatch.core.settings import ServiceRule


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, file: str = FILE_NAME) -> Path:
    Path(file).write_text(text, encoding="utf-8")
    return Path(file)


def problems(path: Path | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)
    return str(caught.value).splitlines()


def the_problem(path: Path | None = None) -> str:
    (line,) = problems(path)
    return line


# What it is made of


def test_without_a_file_and_an_environment_the_defaults_count() -> None:
    configuration = load_configuration()
    assert configuration == Configuration()
    assert configuration.environment == "default"
    assert configuration.store.path == Path("soakwatch.db")
    assert configuration.collector.window == 10
    assert configuration.collector.max_series == 2000
    assert configuration.service == ()


def test_the_file_here_is_read() -> None:
    write(
        """
        environment = "perf"
        [store]
        path = "kept/here.db"
        [collector]
        window = 2.5
        [[service]]
        name = "cart"
        endpoint = "/cart*"
        [[service]]
        name = "rest"
        [[objective]]
        service = "cart"
        bound = "p95 < 0.3 s"
        [[require]]
        endpoint = "/pay"
        """
    )
    configuration = load_configuration()
    assert configuration.environment == "perf"
    assert configuration.store.path == Path("kept/here.db")
    assert configuration.collector.window == 2.5
    assert configuration.collector.max_series == 2000
    assert configuration.service == (ServiceRule(name="cart", endpoint="/cart*"), ServiceRule(name="rest"))
    assert configuration.objective[0].bound == "p95 < 300 ms"
    assert configuration.require[0].endpoint == "/pay"


def test_a_named_file_counts_before_the_variable_and_the_variable_before_the_file_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("environment = 'here'")
    assert load_configuration().environment == "here"
    monkeypatch.setenv("SOAKWATCH_CONFIG", str(write("environment = 'by variable'", "variable.toml")))
    assert load_configuration().environment == "by variable"
    assert load_configuration(write("environment = 'by name'", "named.toml")).environment == "by name"


def test_the_environment_overrides_the_file_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    write('environment = "file"\ntest = "file"\n[collector]\nwindow = 2\nmax_series = 7')
    monkeypatch.setenv("SOAKWATCH_ENVIRONMENT", "variable")
    monkeypatch.setenv("SOAKWATCH_COLLECTOR__WINDOW", "3")
    configuration = load_configuration()
    assert (configuration.environment, configuration.test) == ("variable", "file")
    assert (configuration.collector.window, configuration.collector.max_series) == (3, 7)


def test_lists_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAKWATCH_SERVICE", '[{"name": "cart", "endpoint": "/cart*"}]')
    assert load_configuration().service == (ServiceRule(name="cart", endpoint="/cart*"),)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    write("environment = 'file'")
    monkeypatch.setenv("SOAKWATCH_ENVIRONMENT", "")
    monkeypatch.setenv("SOAKWATCH_CONFIG", "")
    assert load_configuration().environment == "file"


def test_variables_of_others_and_of_our_tests_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SOAKWATCH_TEST_INFLUXDB_URL", "SOAKWATCHER", "LOCUST_USERS", "OTHER_SOAKWATCH_X"):
        monkeypatch.setenv(variable, "x")
    assert load_configuration() == Configuration()


# What is wrong


@pytest.mark.parametrize(
    ("text", "place", "right"),
    [
        ("enviroment = 'x'", "soakwatch.toml: enviroment", "did you mean 'environment'?"),
        ("[collector]\nmax_serie = 5", "soakwatch.toml: collector.max_serie", "did you mean 'max_series'?"),
        ("[store]\nqqq = 'x'", "soakwatch.toml: store.qqq", "known are kind, path"),
        ("[[service]]\nname = 'x'\nendpiont = '/x'", "soakwatch.toml: service[0].endpiont", "'endpoint'?"),
        ("[comparision]\nalpha = 0.1", "soakwatch.toml: comparision", "did you mean 'comparison'?"),
        ("qqq = 1", "soakwatch.toml: qqq", "known are environment, test"),
    ],
)
def test_an_unknown_key_names_itself_its_place_and_what_may_be_meant(text: str, place: str, right: str) -> None:
    write(text)
    problem = the_problem()
    assert problem.startswith(f"{place}: unknown key; ")
    assert right in problem


@pytest.mark.parametrize(
    ("text", "place", "right"),
    [
        ("[collector]\nwindow = 0", "collector.window", "greater than or equal to 0.5, not 0"),
        ("[collector]\nwindow = 'ten'", "collector.window", "unable to parse string as a number, not 'ten'"),
        ("[collector]\nmax_series = 2.5", "collector.max_series", "valid integer"),
        ("environment = ''", "environment", "at least 1 character, not ''"),
        ("environment = 5", "environment", "valid string, not 5"),
        ("[[service]]\nendpoint = '/x'", "service[0].name", "this key is needed"),
        ("[[objective]]\nbound = 'p95 < 300'", "objective[0].bound", "write it as 'p95 < 300 ms'"),
        ("[[objective]]\nbound = 'p95 < 5 %'", "objective[0].bound", "in ms or s"),
        ("store = 'soakwatch.db'", "store", "not 'soakwatch.db'"),
        ("[comparison]\nalpha = 0.9", "comparison.alpha", "less than 0.5, not 0.9"),
        ("http = 9178", "http", "it must be a section: keys and their values"),
        ("[maintenance]\ncron = '0 3 * * *'", "maintenance", "write each of them under [[maintenance]]"),
        ("[soak]\nname = 'x'", "soak", "write each of them under [[soak]]"),
        ("[[soak]]\nname = 'x'\nlocustfile = 'x.py'\nusers = 1\nuser_classes = 'A'", "soak[0].user_classes", "a list"),
        ("[schedule]\nissues = 0", "schedule.issues", "or a cron expression such as '*/5 * * * *', not 0"),
        ("[schedule]\nspool = true", "schedule.spool", "a number of seconds from 1 to 86400, or a cron expression"),
        ("[schedule]\nissues = '0 0 31 2 *'", "schedule.issues", "a cron expression such as '*/5 * * * *', not '0 0"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_key_its_place_and_what_would_be_right(text: str, place: str, right: str) -> None:
    write(text)
    problem = the_problem()
    assert problem.startswith(f"soakwatch.toml: {place}: ")
    assert right in problem


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("SOAKWATCH_ENVIROMENT", "x", "unknown key 'enviroment'; did you mean 'environment'?"),
        ("SOAKWATCH_COLECTOR__WINDOW", "5", "unknown key 'colector'; did you mean 'collector'?"),
        ("SOAKWATCH_COLLECTOR__WINDOWS", "5", "unknown key; did you mean 'window'?"),
        ("SOAKWATCH_COLLECTOR__WINDOW", "0", "greater than or equal to 0.5, not '0'"),
        ("SOAKWATCH_COLLECTOR__MAX_SERIES", "many", "valid integer"),
        ("SOAKWATCH_COLLECTOR", "5", "it must be a section: keys and their values"),
        ("SOAKWATCH_COLLECTOR", "window=5", "not JSON: "),
        ("SOAKWATCH_SERVICE", "cart", "not JSON: "),
        ("SOAKWATCH_ENVIRONMENT", "a\udcffb", "valid string"),
    ],
)
def test_a_wrong_variable_names_itself_and_what_would_be_right(
    variable: str, value: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    problem = the_problem()
    assert problem.startswith(f"environment variable {variable}: ")
    assert right in problem


def test_a_wrong_variable_is_named_also_when_the_file_has_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    write("[collector]\nwindow = 10\nmax_series = 0")
    monkeypatch.setenv("SOAKWATCH_COLLECTOR__WINDOW", "0")
    assert [line.partition(": input")[0] for line in problems()] == [
        "environment variable SOAKWATCH_COLLECTOR__WINDOW",
        "soakwatch.toml: collector.max_series",
    ]


def test_a_wrong_part_of_a_variable_with_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAKWATCH_SERVICE", '[{"name": "cart"}, {"name": ""}]')
    assert the_problem().startswith("environment variable SOAKWATCH_SERVICE: service[1].name: ")


def test_all_problems_are_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write("enviroment = 'x'\n[collector]\nwindow = 0\n[[objective]]\nbound = 'fast'\n")
    monkeypatch.setenv("SOAKWATCH_TESTS", "x")
    monkeypatch.setenv("SOAKWATCH_COLLECTOR__MAX_SERIES", "0")
    found = problems()
    assert len(found) == 5
    for name in ("enviroment", "collector.window", "objective[0].bound", "SOAKWATCH_TESTS", "COLLECTOR__MAX_SERIES"):
        assert sum(name in line for line in found) == 1


def test_a_missing_file_is_named_with_what_to_do() -> None:
    assert the_problem(Path("perf.toml")) == "perf.toml: no such file; `soakwatch init` writes one"


def test_a_file_that_the_variable_names_and_that_is_missing_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAKWATCH_CONFIG", "nowhere.toml")
    assert the_problem().startswith("nowhere.toml: no such file")


@pytest.mark.parametrize("content", [b"environment = ", b"a = 1\na = 2", b"\xff\xfe", b"environment: perf"])
def test_a_file_that_is_not_toml_is_named(content: bytes) -> None:
    Path(FILE_NAME).write_bytes(content)
    assert the_problem().startswith("soakwatch.toml: not TOML: ")


def test_a_file_that_cannot_be_read_is_named() -> None:
    Path("folder.toml").mkdir()
    assert the_problem(Path("folder.toml")) == "folder.toml: cannot be read: Is a directory"


# Exit codes


def test_what_the_user_got_wrong_is_exit_code_2() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(Path("nowhere.toml"))
    assert caught.value.exit_code is ExitCode.USAGE


def documented_codes() -> dict[str, int]:
    """The tree in the docstring, which gives each class its code."""
    assert errors.__doc__ is not None
    return {name: int(code) for name, code in re.findall(r"^ +(\w+) +(\d)(?: |$)", errors.__doc__, re.MULTILINE)}


def defined_codes() -> dict[str, int]:
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SoakwatchError)]
    return {kind.__name__: int(kind.exit_code) for kind in classes if hasattr(kind, "exit_code")}


def test_every_error_has_the_exit_code_of_the_documented_tree() -> None:
    assert defined_codes() == documented_codes()
    assert {"UsageError", "ConfigurationError", "StoreUnavailable", "StoreRefused"} <= set(documented_codes())


def test_the_exit_codes_are_what_the_documentation_promises() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "FINE": 0, "REGRESSION": 1, "USAGE": 2, "UNREACHABLE": 3, "UNDECIDED": 4,
    }  # fmt: skip


def test_a_step_of_the_detector_must_hold_whole_windows(tmp_path: Path) -> None:
    file = tmp_path / "soakwatch.toml"
    file.write_text("[detector]\nstep = 5\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="a step of 5 s does not hold whole windows of 10 s"):
        load_configuration(file)
    file.write_text("[detector]\nstep = 5\n[collector]\nwindow = 2.5\n", encoding="utf-8")
    assert load_configuration(file).detector.step == 5.0
