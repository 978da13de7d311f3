"""`soakwatch grafana`: dashboards and annotations for Grafana, and a look at dashboards without it."""

import typer

from soakwatch.cli.grafana_annotate import annotate
from soakwatch.cli.grafana_export import export
from soakwatch.cli.grafana_preview import preview
from soakwatch.cli.grafana_publish import publish

grafana_app = typer.Typer(
    no_args_is_help=True, help="Send dashboards and annotations to Grafana, or look at dashboards without it."
)

grafana_app.command()(publish)
grafana_app.command()(export)
grafana_app.command()(annotate)
grafana_app.command()(preview)
