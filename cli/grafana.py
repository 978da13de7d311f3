"""`soakwatch grafana`: dashboards for Grafana, and a look at them without it."""

import typer

from soakwatch.cli.grafana_preview import preview

grafana_app = typer.Typer(no_args_is_help=True, help="Dashboards: look at them without Grafana.")
grafana_app.command("preview")(preview)
