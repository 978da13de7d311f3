"""The lease of a daemon, as far as the daemon itself knows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers import ledger_at

from soakwatch.core.errors import StoreUnavailable
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with ledger_at(str(tmp_path / "ledger.db")) as ledger:
        yield ledger


def test_a_daemon_knows_for_whom_it_waits_only_while_the_ledger_says_so(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, waits = Tenure(ledger, holder="one"), Tenure(ledger, holder="two")
    works.take()
    with pytest.raises(StoreUnavailable, match="one keeps this ledger"):
        waits.take()
    assert waits.waits_for == "one"

    def fails(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as away:
        away.setattr(ledger, "acquire", fails)
        with pytest.raises(StoreUnavailable, match="away"):
            waits.take()
        assert waits.waits_for == ""
    works.release()
    waits.take()
    assert waits.leads
    assert waits.waits_for == ""
