"""Links of an issue: to Grafana, to what was changed, and the commands that show more."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, findings_worst_first
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.reporter.escaping import Markdown, clean, code, shorten
from soakwatch.reporter.evidence import Evidence

SERVICE_DASHBOARD = "soakwatch-service"
"""Fixed uid of the dashboard of a service and its endpoints."""

_BEFORE, _AFTER = 3_600.0, 1_800.0
"""Seconds around an incident that Grafana shows."""

_COMMIT = re.compile(r"[0-9a-f]{7,40}", re.IGNORECASE)
_LONGEST_WORD = 300
"""Characters of a word for a shell."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where links lead: Grafana's address, or nothing, and that of the repository's pages, or nothing."""

    grafana: str = ""
    repository: str = ""


_PUBLIC_API, _PUBLIC_PAGES = "https://api.github.com", "https://github.com"


def pages_of(api_url: str) -> str:
    """Where the pages are of the GitHub whose API is at `api_url`: an Enterprise server has it below its pages."""
    return _PUBLIC_PAGES if api_url == _PUBLIC_API else api_url.removesuffix("/api/v3")


def links_of(incident: Incident, evidence: Evidence, places: Places) -> Iterator[Markdown]:
    """Each link with what it shows."""
    if places.grafana:
        yield Markdown(f"[Grafana at that time]({_grafana(incident, places.grafana, evidence.until)})")
    previous, deploy = evidence.previous, incident.deploy_before
    if places.repository and previous is not None and deploy is not None and _comparable(previous, deploy):
        address = f"{places.repository}/compare/{previous.commit}...{deploy.commit}"
        yield Markdown(f"[What that deploy changed]({address})")
    if (run := evidence.run) is not None:
        yield Markdown(f"Run {code(run.id)} of test {code(run.test)}, in which it was seen last")


def commands_of(incident: Incident, run: Run | None) -> Iterator[str]:
    """Lines for a shell that show more; whatever they hold is one quoted word, without line breaks and backticks."""
    yield f"soakwatch incidents show {incident.fingerprint}"
    if run is not None:
        yield shlex.join(["soakwatch", "runs", "show", _word(run.id)])


def load_command(run: Run | None) -> str:
    """A line for a shell that makes the load of `run` again, quoted alike; empty where too little is known of it."""
    if run is None or not run.users:
        return ""
    words = ["soakwatch", "run", "--", "--headless", "--users", str(run.users), "--run-time", "10m"]
    words += ["--spawn-rate", f"{run.spawn_rate:g}"] if run.spawn_rate else []
    for option, value in (("--locustfile", run.locustfile), ("--host", run.host)):
        words += [option, _word(value)] if value else []
    words += ["--soakwatch-test", _word(run.test), "--soakwatch-environment", _word(run.environment)]
    return shlex.join(words)


def _word(text: str) -> str:
    # nothing ends a block of code but backticks at the beginning of a line, and no line begins with a quoted word
    return shorten(clean(text).replace("`", "'"), _LONGEST_WORD)


def _comparable(previous: Deploy, deploy: Deploy) -> bool:
    return bool(_COMMIT.fullmatch(previous.commit) and _COMMIT.fullmatch(deploy.commit))


def _grafana(incident: Incident, address: str, until: float) -> str:
    worst = findings_worst_first(incident.findings)[0].series
    service = "All" if incident.service == WHOLE_SERVICE else incident.service
    query = {
        "from": str(int((incident.onset.start - _BEFORE) * 1000)),
        "to": str(int((until + _AFTER) * 1000)),
        "var-env": incident.environment,
        "var-test": worst.test,
        "var-service": service,
        "var-endpoint": "All" if worst.endpoint == WHOLE_SERVICE else worst.endpoint,
    }
    shortened = {key: shorten(value) for key, value in query.items()}
    # quoted wholly: a parenthesis would end the link
    return f"{address}/d/{SERVICE_DASHBOARD}?{urlencode(shortened, quote_via=quote, safe='', errors='replace')}"
