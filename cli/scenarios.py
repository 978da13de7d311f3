"""`soakwatch scenarios`: four load tests in sequence, on this machine or each in a container."""

import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.scenario_views import followed, outcome_table, stage_table
from soakwatch.cli.terminal import notes, print_json, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import FILE_NAME, load_configuration
from soakwatch.core.environment_variables import FILE_VARIABLE
from soakwatch.core.errors import ExitCode, ServiceUnavailable, UsageError
from soakwatch.scheduler.docker import DOCKERFILE, IMAGE, DockerGenerator, build_command, require_daemon
from soakwatch.scheduler.generator import Generator, Site, presentable
from soakwatch.scheduler.host import HostGenerator
from soakwatch.scheduler.interruption import Interruption
from soakwatch.scheduler.readiness import Target
from soakwatch.scheduler.scenario import SCENARIOS, SizedScenario, scenario_named
from soakwatch.scheduler.sequence import Ended, Pace, ScenarioSequence
from soakwatch.store.execution_metadata import ExecutionMetadata, ExecutionOutcome, render_metadata

scenarios_app = typer.Typer(
    no_args_is_help=True, help="Run four load tests in sequence: baseline, api, spike, soak; or list them."
)

UsersOption = Annotated[int, typer.Option("--users", "-u", min=1, help="Users at the peak.")]
SecondsOption = Annotated[float, typer.Option("--seconds", min=5, help="Length of each scenario.")]
SoakSecondsOption = Annotated[
    float | None, typer.Option("--soak-seconds", min=5, help="Length of soak, where it differs.", show_default=False)
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Only this scenario; may be given several times.", show_default=False),
]
ImageOption = Annotated[str, typer.Option("--image", help="Image of docker/Dockerfile.locust.")]
DockerProgramOption = Annotated[
    str, typer.Option("--docker-bin", help="The docker program, or one that understands the same: podman.")
]


@scenarios_app.command("list")
def list_scenarios(
    users: UsersOption = 24,
    seconds: SecondsOption = 60,
    soak_seconds: SoakSecondsOption = None,
    json_: JsonOption = False,
) -> None:
    """List the scenarios, and how many users each has when.

    Example:

        soakwatch scenarios list --users 100 --seconds 900
    """
    scenarios = _sized(None, users, seconds, soak_seconds)
    if json_:
        print_json([_document(sized) for sized in scenarios])
    else:
        results.print(stage_table(scenarios))


@scenarios_app.command("run")
def run_scenarios(
    host: Annotated[str, typer.Option("--host", "-H", help="Address of the target.")] = "http://localhost:8000",
    locustfile: Annotated[
        Path | None,
        typer.Option("--locustfile", "-f", help="The users [default: those of the demo].", show_default=False),
    ] = None,
    only: OnlyOption = None,
    users: UsersOption = 24,
    seconds: SecondsOption = 60,
    soak_seconds: SoakSecondsOption = None,
    cool_down: Annotated[float, typer.Option("--cool-down", min=0, help="Seconds between two scenarios.")] = 5,
    ready_path: Annotated[
        str, typer.Option("--ready-path", help="What the target is asked for, before /.")
    ] = "/healthz",
    ready_timeout: Annotated[
        float, typer.Option("--ready-timeout", min=0, help="Seconds until it must answer; 0 does not ask.")
    ] = 30,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("soakwatch-scenarios"),
    test: Annotated[
        str | None,
        typer.Option("--test", help="Begins the tests' names [default: the configured one, or the locustfile's name]."),
    ] = None,
    docker: Annotated[bool, typer.Option("--docker", help="Run Locust in a container for each scenario.")] = False,
    image: ImageOption = IMAGE,
    docker_program: DockerProgramOption = "docker",
    config: ConfigOption = None,
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, and run nothing.")] = False,
    json_: JsonOption = False,
) -> None:
    """Run the scenarios, one after the other, and keep Locust's files and each run.

    Before each the target must answer a GET with anything below 500. Locust's files of a scenario go to a folder of
    its name in --out, beside test_execution_metadata.json; its run goes to the store, as the test <test>-<scenario>, so
    that it compares with earlier runs of the same scenario. A scenario in which requests fail has not failed.

    Ctrl-C lets Locust write what it has, and starts no further scenario; a second one kills it. The exit code is 0
    when all scenarios completed, and 3 when one failed, was interrupted or could not start.

    Examples:

        soakwatch scenarios run --host https://staging.example.com

        soakwatch scenarios run --only baseline --only api --users 48 --seconds 300 -f tests/load/locustfile.py

        soakwatch scenarios run --docker --host http://localhost:8000 --out nightly

        soakwatch scenarios run --only soak --seconds 14400
    """
    target = Target.parse(host, ready_path)
    scenarios = _sized(only, users, seconds, soak_seconds)
    site = _site(host, locustfile, out, test, config, store)
    generator: Generator = DockerGenerator(site, image, docker_program) if docker else HostGenerator(site)
    if dry_run:
        (_print_commands_as_json if json_ else _print_commands)(generator, scenarios)
        return
    ends = _run(ScenarioSequence(site, target, generator, Pace(cool_down, ready_timeout)), scenarios)
    if json_:
        executions = tuple(end.execution for end in ends)
        print_json(json.loads(render_metadata(ExecutionMetadata(executions=executions))))
    else:
        results.print(outcome_table(ends, str(out)))
    completed = all(end.execution.outcome is ExecutionOutcome.COMPLETED for end in ends)
    raise typer.Exit(ExitCode.FINE if completed else ExitCode.UNREACHABLE)


@scenarios_app.command("build")
def build(
    context: Annotated[Path, typer.Argument(help="A clone of soakwatch.")] = Path(),
    image: ImageOption = IMAGE,
    docker_program: DockerProgramOption = "docker",
) -> None:
    """Build the image that `scenarios run --docker` runs, from the sources of soakwatch.

    Example:

        soakwatch scenarios build --image registry.example.com/soakwatch-locust
    """
    if not (context / DOCKERFILE).is_file():
        raise UsageError(f"there is no {context / DOCKERFILE}; name a clone of soakwatch, or run this in one")
    require_daemon(docker_program)
    built = subprocess.run(build_command(docker_program, image, context), check=False)  # noqa: S603  (the user's docker)
    if built.returncode:
        raise ServiceUnavailable(f"{docker_program} build ended with exit code {built.returncode}; it says above why")
    notes.print(f"built {image}", markup=False)


def _sized(only: Sequence[str] | None, users: int, seconds: float, soak_seconds: float | None) -> list[SizedScenario]:
    wanted = {scenario_named(name).name for name in only or ()}
    lengths = {"soak": soak_seconds or seconds}
    return [
        SizedScenario(scenario, lengths.get(scenario.name, seconds), users)
        for scenario in SCENARIOS
        if not wanted or scenario.name in wanted
    ]


def _site(
    host: str, locustfile: Path | None, out: Path, test: str | None, config: Path | None, store: str | None
) -> Site:
    configuration = load_configuration(config)
    file = locustfile or _demo_locustfile()
    if not file.is_file():
        raise UsageError(f"there is no locustfile {file}; --locustfile names one")
    named = config or Path(os.environ.get(FILE_VARIABLE) or FILE_NAME)
    return Site(
        host=host,
        locustfile=file.absolute(),
        folder=out.absolute(),
        test=test or configuration.test or file.stem,
        keeping=_with_absolute_path(with_store(configuration, store)),
        configuration=named.absolute() if named.is_file() else None,
    )


def _with_absolute_path(configuration: Configuration) -> Configuration:
    store = configuration.store
    return configuration.model_copy(update={"store": store.model_copy(update={"path": store.path.absolute()})})


def _demo_locustfile() -> Path:
    # not imported: Locust would patch this process for gevent
    from soakwatch import demo

    return Path(demo.__path__[0]) / "locustfile.py"


def _run(sequence: ScenarioSequence, scenarios: Sequence[SizedScenario]) -> list[Ended]:
    interruption = Interruption()
    with interruption.watched(), closing(sequence.run(scenarios, interruption)) as events:
        return followed(events, scenarios)


def _print_commands(generator: Generator, scenarios: Sequence[SizedScenario]) -> None:
    for sized in scenarios:
        command = shlex.join(presentable(generator.command(sized)))
        results.print(f"# {sized.name}\n{command}", markup=False, soft_wrap=True)


def _print_commands_as_json(generator: Generator, scenarios: Sequence[SizedScenario]) -> None:
    print_json([{"scenario": sized.name, "command": presentable(generator.command(sized))} for sized in scenarios])


def _document(sized: SizedScenario) -> dict[str, Any]:
    return {
        "scenario": sized.name,
        "description": sized.scenario.description,
        "user_classes": list(sized.scenario.user_classes),
        "stages": [
            {"until": stage.until, "users": stage.users, "spawn_rate": stage.spawn_rate} for stage in sized.stages
        ],
    }
