"""`soakwatch grafana`: dashboards and annotations in Grafana."""

import typer

from soakwatch.cli.grafana_annotate import annotate
from soakwatch.cli.grafana_export import export
from soakwatch.cli.grafana_publish import publish

grafana_app = typer.Typer(no_args_is_help=True, help="Send dashboards and annotations to Grafana.")

grafana_app.command()(publish)
grafana_app.command()(export)
grafana_app.command()(annotate)
