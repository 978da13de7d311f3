"""The deploys that the daemon knows: the version that was there is known however long ago it came."""

from pathlib import Path

from soakwatch.core.deploy import Deploy
from soakwatch.scheduler.known_deploys import KnownDeploys
from soakwatch.store.sqlite import SqliteStore

DAY = 86_400.0
NOW = 1_795_000_000.0


def named(days_ago: float, version: str) -> Deploy:
    return Deploy("staging", "*", NOW - days_ago * DAY, version, title=f"run {days_ago} days ago")


def test_runs_of_an_old_version_are_no_deploys_of_it_and_what_is_marked_late_is_known(tmp_path: Path) -> None:
    deploys = [named(days, "1.0") for days in range(300, 10, -1)]
    with SqliteStore.create(tmp_path / "soakwatch.db") as store:
        store.write(deploys)
        known = KnownDeploys(store)
        for day in range(3):
            assert known.changes(NOW + day * DAY, NOW + (day - 60) * DAY) == [deploys[0]]
        late = named(2, "1.1")
        store.write([late, named(1, "1.1")])
        assert known.changes(NOW + 4 * DAY, NOW - 56 * DAY) == [deploys[0], late]
        assert known.changes(NOW - 5 * DAY, NOW - 65 * DAY) == [deploys[0]], "also after a clock was set back"
