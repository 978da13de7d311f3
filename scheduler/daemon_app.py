"""The daemon's HTTP application: which path answers what."""

from collections.abc import Callable, Sequence

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from soakwatch.scheduler.alert_notice import alerts_of
from soakwatch.scheduler.daemon_health import Health, liveness, readiness
from soakwatch.scheduler.daemon_inbox import LARGEST, taken
from soakwatch.scheduler.daemon_metrics import DaemonMetrics
from soakwatch.scheduler.daemon_view import DaemonView
from soakwatch.scheduler.deploy_notice import deploy_of
from soakwatch.scheduler.http_answer import answer, says

ALERTS = "/alerts"
DEPLOYS = "/deploys"
ALIVE = "/healthz"
READY = "/readyz"
METRICS = "/metrics"


def daemon_app(view: DaemonView, token: str, clock: Callable[[], float]) -> Flask:
    """What the daemon answers: to anybody how it is, and to those who know `token` that it was told something.

    Where `token` is empty nobody may tell it anything.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    metrics = DaemonMetrics(view)
    app.add_url_rule(ALIVE, view_func=lambda: _health(liveness(view.report(), view.vital)), endpoint=ALIVE)
    app.add_url_rule(READY, view_func=lambda: _health(_readiness(view)), endpoint=READY)
    app.add_url_rule(METRICS, view_func=lambda: _scraped(metrics), endpoint=METRICS)
    _let_tell(app, view, token, clock)
    app.register_error_handler(HTTPException, _refused)
    return app


def _let_tell(app: Flask, view: DaemonView, token: str, clock: Callable[[], float]) -> None:
    def take_alerts(body: bytes) -> str:
        told = alerts_of(body, clock())
        view.take_alerts(told)
        return f"{_counted(told)} taken"

    def take_deploy(body: bytes) -> str:
        deploy = deploy_of(body, view.environment, clock())
        view.take_deploy(deploy)
        return "the deploy was taken"

    for path, take in ((ALERTS, take_alerts), (DEPLOYS, take_deploy)):
        app.add_url_rule(path, view_func=lambda take=take: taken(request, token, take), methods=["POST"], endpoint=path)


def _readiness(view: DaemonView) -> Health:
    return readiness(view.report(), view.vital, view.lease_trouble())


def _health(health: Health) -> Response:
    return says(200 if health.is_well else 503, *health.sentences)


def _scraped(metrics: DaemonMetrics) -> Response:
    return answer(*metrics.page(request.headers.get("Accept", "")))


def _counted(told: Sequence[object]) -> str:
    return "1 alert was" if len(told) == 1 else f"{len(told)} alerts were"


def _refused(error: HTTPException) -> Response:
    """The answer to what is nothing that can be asked; it shows nothing of what was sent."""
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return says(405, f"only {allowed} can be used here", headers={"Allow": allowed})
    if isinstance(error, NotFound):
        return says(404, f"there are {ALIVE}, {READY} and {METRICS}; {ALERTS} and {DEPLOYS} take what is sent by POST")
    return says(error.code or 500, "this cannot be answered; the daemon's log may say why")
