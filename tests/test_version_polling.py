"""The daemon's job that asks a service for its version: what it saw is kept, whatever becomes of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from version_service import Service, serving

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.settings import DeploySection
from soakwatch.core.span import Span
from soakwatch.scheduler.version_polling import VersionPolling
from soakwatch.store.contract import WindowStore
from soakwatch.store.sqlite import SqliteStore

STORE_TROUBLE = [StoreUnavailable("away"), StoreRefused("never")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WindowStore]:
    with SqliteStore.create(tmp_path / "soakwatch.db") as store:
        yield store


def versions(store: WindowStore) -> list[tuple[float, str]]:
    return [(deploy.at, deploy.version) for deploy in store.deploys(Span(0.0, 1_000.0))]


@pytest.mark.parametrize("trouble", STORE_TROUBLE, ids=repr)
def test_a_version_that_was_seen_while_the_store_was_away_is_kept_when_it_is_back_and_one_refused_is_let_go(
    store: WindowStore, trouble: StoreUnavailable | StoreRefused, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 200.0])
    with serving(Service()) as service:
        section = DeploySection.model_validate({"service": "rag", "version_url": service.url})
        polling = VersionPolling(section, "staging", lambda: next(clock))

        def fails(_points: object) -> None:
            raise trouble

        with monkeypatch.context() as away:
            away.setattr(store, "write", fails)
            with pytest.raises(type(trouble)):
                polling.look(store, 0.0, lambda: False)
        service.body = b"1.1"
        polling.look(store, 0.0, lambda: False)
        polling.look(store, 0.0, lambda: False)
    seen_before = [(100.0, "1.0")] if isinstance(trouble, StoreUnavailable) else []
    assert versions(store) == [*seen_before, (200.0, "1.1")]
