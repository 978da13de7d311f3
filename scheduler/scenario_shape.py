"""The file that Locust loads beside the users', which gives its load test the shape of a scenario.

    locust -f scheduler/scenario_shape.py,demo/locustfile.py --scenario spike --scenario-seconds 60 --scenario-users 24

It comes first: of several shapes, Locust takes that of the first file.
"""

import argparse

import locust.stats
from locust import LoadTestShape, events

from soakwatch.scheduler.scenario import SCENARIOS, SizedScenario, scenario_named, stage_at

# Locust holds its CSV lines back for 10 s, too long to follow a scenario by, and all of that is lost when it is killed
locust.stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # Locust's is untyped
def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the group `scenario` to Locust's command line."""
    group = parser.add_argument_group(
        "scenario", "Options of soakwatch's scenarios; they replace --users and the like."
    )
    names = [scenario.name for scenario in SCENARIOS]
    actions = [
        group.add_argument("--scenario", choices=names, required=True, help=f"what to run: {', '.join(names)}"),
        group.add_argument("--scenario-seconds", type=float, default=60.0, metavar="<seconds>", help="how long (60)"),
        group.add_argument("--scenario-users", type=int, default=24, metavar="<users>", help="users at the peak (24)"),
        group.add_argument(
            "--scenario-elapsed", type=float, default=0.0, metavar="<seconds>", help="how much of it is over (0)"
        ),
    ]
    for action in actions:
        # Locust's own add_argument knows this argument, that of a group does not
        action.include_in_web_ui = False  # type: ignore[attr-defined]  # Locust looks for it


class ScenarioShape(LoadTestShape):
    """The users of the chosen scenario, second by second."""

    def tick(self) -> tuple[int, float] | None:
        """What Locust asks each second: users and spawn rate now, None at the end."""
        options = self.runner.environment.parsed_options if self.runner else None
        if options is None:
            return None
        sized = SizedScenario(scenario_named(options.scenario), options.scenario_seconds, options.scenario_users)
        elapsed = options.scenario_elapsed + self.get_run_time()  # type: ignore[no-untyped-call]  # Locust's
        stage = stage_at(sized.stages, elapsed)
        return None if stage is None else (stage.users, stage.spawn_rate)
