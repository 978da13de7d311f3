"""docker-compose.yml: what it promises without an engine; tests/test_stack.py runs its commands."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_file import (
    COMPOSE,
    ROOT,
    MissingVariableError,
    Service,
    interpolated,
    read_env,
    read_services,
    references,
)
from dockerfile import DAEMON_DOCKERFILE, DOCKERFILE, read_instructions
from make_env import filled, main, required
from on_this_machine import INFLUXD, PORTS

from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.environment_variables import ENVIRONMENT_PREFIX
from soakwatch.core.http_settings import HttpSection
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.scheduler.daemon_app import ALERTS, ALIVE
from soakwatch.store.influx_setup import Role

RAW: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SECRET = "only-for-this-test"  # noqa: S105  (of this test alone)
SERVICES = read_services({**read_env(EXAMPLE), **dict.fromkeys(required(COMPOSE.read_text(encoding="utf-8")), SECRET)})
ALL = [pytest.param(service, id=name) for name, service in SERVICES.items()]
ONCE = {"setup", "history", "ready"}


def test_it_keeps_the_published_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_in_the_example_and_nothing_else_is() -> None:
    assert {name for name, _, _ in references(RAW)} == set(read_env(EXAMPLE))


def test_the_example_says_the_defaults_and_no_secret() -> None:
    example = read_env(EXAMPLE)
    for name, rule, word in references(RAW):
        assert rule in {":-", ":?"}, f"{name} has neither a default nor a rule"
        assert example[name] == (word if rule == ":-" else ""), name


@pytest.mark.parametrize("name", required(COMPOSE.read_text(encoding="utf-8")))
def test_without_a_secret_it_does_not_start_and_says_what_to_do(name: str) -> None:
    given = dict.fromkeys(required(COMPOSE.read_text(encoding="utf-8")), SECRET)
    with pytest.raises(MissingVariableError, match=rf"{name}: .*`make env`.* \.env"):
        read_services({**given, name: ""})


def test_no_secret_is_written_down() -> None:
    for service in RAW["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("TOKEN$|PASSWORD$", name):
                assert [rule for _, rule, _ in references(value)] in ([":?"], [":-"]), name
                assert re.fullmatch(r"\$\{\w+(:\?[^}]*|:-)\}", value), name


def test_make_env_fills_in_what_is_missing_for_its_owner_only_and_once(tmp_path: Path) -> None:
    for name in ("docker-compose.yml", ".env.example"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    main(tmp_path)
    made = tmp_path / ".env"
    first = made.read_text(encoding="utf-8")
    assert made.stat().st_mode & 0o777 == 0o600
    variables = read_env(first)
    assert all(len(variables[name]) >= 32 for name in required(COMPOSE.read_text(encoding="utf-8")))
    assert len(set(variables.values())) > 4
    assert read_services(variables)
    main(tmp_path)
    assert made.read_text(encoding="utf-8") == first
    with pytest.raises(ValueError, match="NOBODY= is missing"):
        filled(first, ["NOBODY"])


@pytest.mark.parametrize("service", ALL)
def test_a_service_is_limited_is_started_again_and_says_whether_it_is_well(service: Service) -> None:
    limits = service.raw["deploy"]["resources"]["limits"]
    assert 0 < float(limits["cpus"]) <= 2
    assert re.fullmatch(r"[1-9]\d*[MG]", limits["memory"])
    assert "no-new-privileges:true" in service.raw["security_opt"]
    if service.name in ONCE:
        assert service.raw["restart"] == "no"
        assert service.raw["healthcheck"] == {"disable": True}
    else:
        assert service.raw["restart"] == "unless-stopped"
        assert service.health
        assert {"interval", "timeout", "retries", "start_period"} <= set(service.raw["healthcheck"])


@pytest.mark.parametrize("service", ALL)
def test_an_image_is_of_one_version_and_ours_are_built_from_the_files_here(service: Service) -> None:
    image = service.raw["image"]
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+", image)
    if image.startswith("soakwatch"):
        file = DOCKERFILE if "locust" in image else DAEMON_DOCKERFILE
        assert ROOT / service.raw["build"]["context"] / service.raw["build"]["dockerfile"] == file
        assert service.raw["cap_drop"] == ["ALL"]
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert f'version = "{image.partition(":")[2]}"' in project
    else:
        assert "build" not in service.raw


def test_influxdb_is_the_one_that_the_tests_run() -> None:
    assert INFLUXD.name == f"influxd-v{SERVICES['influxdb'].raw['image'].partition(':')[2]}"


def test_nothing_can_be_reached_from_another_machine() -> None:
    for service in SERVICES.values():
        for port in service.raw.get("ports", ()):
            address, _, inside = port.rsplit(":", 2)
            assert address == "127.0.0.1"
            assert service.name == "grafana" or int(inside) in PORTS[service.name]


def test_nothing_starts_before_what_it_needs_and_conditions_are_those_of_the_kind_of_service() -> None:
    started: set[str] = set()
    for service in SERVICES.values():
        assert set(service.needs) <= started
        for name, condition in service.needs.items():
            assert condition == ("service_completed_successfully" if name in ONCE else "service_healthy")
        started.add(service.name)
    assert before("daemon") == {"influxdb", "setup", "history"}
    assert before("ready") == set(SERVICES) - {"ready"}
    assert re.search("http://localhost:3000", SERVICES["ready"].command[-1])


def before(name: str) -> set[str]:
    """All that has to be well, or done, before a service starts."""
    needs = set(SERVICES[name].needs)
    return needs.union(*map(before, needs))


@pytest.mark.parametrize("service", ALL)
def test_what_is_mounted_exists_or_is_a_volume_that_is_declared(service: Service) -> None:
    for place, source in service.mounts.items():
        assert place.startswith("/")
        if source.startswith("."):
            assert (ROOT / source).is_dir()
        elif source:
            assert source in RAW["volumes"]


def test_every_volume_is_used_and_state_is_in_one() -> None:
    used = {source for service in SERVICES.values() for source in service.mounts.values()}
    assert set(RAW["volumes"]) == {source for source in used if source and not source.startswith(".")}
    assert SERVICES["daemon"].mounts["/data"] == "ledger"


def test_the_daemon_says_itself_whether_it_is_well_in_both_its_image_and_its_service() -> None:
    url = f"http://localhost:{HttpSection().port}{ALIVE}"
    assert list(SERVICES["daemon"].health or ())[-2:] == ["answers", url]
    (check,) = [step.rest for step in read_instructions(DAEMON_DOCKERFILE) if step.word == "HEALTHCHECK"]
    assert url in re.sub(r"\$\{SOAKWATCH_HTTP__PORT:-(\d+)\}", r"\1", check)


@pytest.mark.parametrize("service", ALL)
def test_settings_are_settings_and_mean_the_same_store(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name: value for name, value in service.environment.items() if name.startswith(ENVIRONMENT_PREFIX)}
    if not ours or service.name == "grafana":
        return
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    configuration = load_configuration(None)  # a name that is no setting is refused
    assert configuration.store.kind is StoreKind.INFLUXDB
    assert configuration.store.url == f"http://influxdb:{PORTS['influxdb'][0]}"
    assert configuration.store.org == SERVICES["influxdb"].environment["DOCKER_INFLUXDB_INIT_ORG"]
    assert configuration.store.bucket == StoreSection().bucket  # which the alert rules ask


def test_each_has_the_token_with_the_fewest_rights_that_it_can_do_with() -> None:
    script = SERVICES["setup"].command[-1]
    assert set(re.findall(r"soakwatch-(\w+)\.token", script)) == set(Role)
    roles = {"daemon": Role.DAEMON, "history": Role.DAEMON, "locust": Role.WRITER}
    for name, role in {**roles, "worker": Role.WRITER}.items():
        file = Path(SERVICES[name].environment["SOAKWATCH_STORE__TOKEN_FILE"])
        assert file == Path(f"/tokens/{role}/soakwatch-{role}.token")
        assert SERVICES[name].mounts[str(file.parent)] == f"token-{role}"
        assert [place for place in SERVICES[name].mounts if place.startswith("/tokens")] == [str(file.parent)]
    administrator = {name for name, one in SERVICES.items() if "INFLUXDB_ADMIN_TOKEN" in str(RAW["services"][name])}
    assert administrator == {"influxdb", "setup"}


def test_grafana_finds_what_it_is_provisioned_with() -> None:
    grafana = SERVICES["grafana"]
    provisioning = ROOT / "grafana" / "provisioning"
    for folder in provisioning.iterdir():
        place = f"/etc/grafana/provisioning/{folder.name}"
        assert (ROOT / grafana.mounts[place]).resolve() == folder
    files = [file.read_text(encoding="utf-8") for file in provisioning.rglob("*.yaml")]
    values = "".join(line for file in files for line in file.splitlines(keepends=True) if not line.startswith("#"))
    asked = set(re.findall(r"\$\{?(SOAKWATCH_\w+)", values))
    assert asked == {name for name in grafana.environment if name.startswith(ENVIRONMENT_PREFIX)}
    assert grafana.environment["SOAKWATCH_HTTP__URL"] == f"http://daemon:{HttpSection().port}{ALERTS}"
    (token,) = re.findall(r"\$__file\{(.+)\}", values)
    assert grafana.mounts[str(Path(token).parent)] == f"token-{Role.READER}"
    (dashboards,) = re.findall(r"^\s+path: (\S+)$", values, re.MULTILINE)
    assert (ROOT / grafana.mounts[dashboards]).resolve() == ROOT / "grafana" / "dashboards"
    home = Path(grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / grafana.mounts[str(home.parent)] / home.name).is_file()


def test_locust_runs_the_demos_locustfile_that_its_image_has() -> None:
    copied = [step.rest.split() for step in read_instructions(DOCKERFILE) if step.word == "COPY"]
    assert ["demo", "demo"] in copied
    sources = next(step.rest for step in read_instructions(DOCKERFILE) if step.word == "WORKDIR")
    for name in ("locust", "worker"):
        assert f"--locustfile={sources}/demo/locustfile.py" in SERVICES[name].command


def test_the_page_names_every_service_and_what_it_is_given() -> None:
    page = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")
    compose, provision = (
        page.partition(f"## {title}\n")[2].partition("\n## ")[0]
        for title in ("docker compose up", "Provision it yourself")
    )
    rows = re.findall(r"^\| (`.+?) \|", compose.partition("- **More load:**")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall("`([a-z]+)`", row)} == set(SERVICES)
    grafana = {name for name in SERVICES["grafana"].environment if name.startswith(ENVIRONMENT_PREFIX)}
    assert set(re.findall(r"^\| `(\w+)`", provision, re.MULTILINE)) == grafana
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", compose)) <= set(read_env(EXAMPLE))


def test_compose_files_are_interpolated_as_compose_does_it() -> None:
    given = {"A": "one", "EMPTY": ""}
    text = "${A} ${EMPTY:-two} ${MISSING:-three} $${A} ${MISSING}"
    assert interpolated({"k": [text, 4]}, given) == {"k": ["one two three ${A} ", 4]}
