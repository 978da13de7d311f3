"""Deploys: marked changes of what is tested."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deploy:
    """A version of a service that was seen or marked at `at`, in seconds since the epoch.

    `service` is `*` where all services of the environment changed. `title` says what happened, or who saw it. The same
    environment, service and moment are the same deploy.
    """

    environment: str
    service: str
    at: float
    version: str = ""
    commit: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """Version and commit, or what else was marked, on one line."""
        return " ".join(part for part in (self.version, self.commit[:12]) if part) or self.title or "deploy"


def changes(deploys: Iterable[Deploy]) -> list[Deploy]:
    """Leave out what says once more what was known, or less of it: each run names its version. Oldest first.

    What has neither a version nor a commit was marked for its title; it is always a change, of something else.
    """
    known: dict[tuple[str, str], tuple[str, str]] = {}
    changed = []
    for deploy in sorted(deploys, key=lambda one: one.at):
        key, what = (deploy.environment, deploy.service), (deploy.version, deploy.commit)
        if not any(what):
            changed.append(deploy)
        elif key not in known or not _is_known(what, known[key]):
            changed.append(deploy)
            known[key] = what
    return changed


def _is_known(what: tuple[str, str], known: tuple[str, str]) -> bool:
    return all(said in {"", was} for said, was in zip(what, known, strict=True))
