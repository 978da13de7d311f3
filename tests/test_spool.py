"""The spool: what was appended reads back in order, whatever the disk and the process went through."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soakwatch.collector import spool as module
from soakwatch.collector.spool import Spool

LIMIT = 1 << 30
HEADER = 12
"""Bytes of magic, length and checksum before each payload."""

payloads = st.lists(st.binary(max_size=40) | st.just(b"SWS1" * 4), max_size=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "soakwatch.db.spool"


@contextmanager
def a_spool(folder: Path, source: str = "a", limit: int = LIMIT) -> Iterator[Spool]:
    with closing(Spool(folder, source, limit)) as spool:
        yield spool


@contextmanager
def orphans_in(folder: Path) -> Iterator[list[Spool]]:
    found = Spool.orphans(folder, LIMIT)
    yield found
    for spool in found:
        spool.close()


def read_all(spool: Spool) -> list[bytes]:
    """Read and acknowledge one after the other, as delivery does."""
    read = []
    while (record := spool.oldest()) is not None:
        read.append(record.payload)
        assert spool.acknowledge(record)
    return read


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-*.spool"))


def left_by_a_dead_process(folder: Path, appended: Sequence[bytes], source: str = "a") -> None:
    """A process that ends without closing keeps its files, and the system takes its lock."""
    code = (
        "import ast, os, sys; from pathlib import Path; from soakwatch.collector.spool import Spool\n"
        "Spool(Path(sys.argv[1]), sys.argv[2], 1 << 30).append(ast.literal_eval(sys.stdin.read()))\n"
        "os._exit(0)\n"
    )
    command = [sys.executable, "-c", code, str(folder), source]
    subprocess.run(command, input=repr(list(appended)), text=True, check=True, timeout=30)


# Order


@given(st.lists(payloads, max_size=5))
@settings(deadline=None, max_examples=40)
def test_what_was_appended_reads_back_in_order(batches: list[list[bytes]]) -> None:
    with TemporaryDirectory() as folder:
        with a_spool(Path(folder)) as spool:
            for batch in batches:
                assert spool.append(batch) == []
            appended = [payload for batch in batches for payload in batch]
            assert list(spool.waiting()) == appended
            assert read_all(spool) == appended
        assert list(Path(folder).iterdir()) == []


@given(st.lists(st.sampled_from(["append", "read", "new segment"]), max_size=40))
@settings(deadline=None, max_examples=40)
def test_reading_and_appending_may_take_turns(steps: list[str]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_SIZE", 3 * (HEADER + 1))
        with a_spool(Path(folder)) as spool:
            expected: list[bytes] = []
            for number, step in enumerate(steps):
                if step == "read":
                    record = spool.oldest()
                    assert (record and record.payload) == (expected[0] if expected else None)
                    if record is not None:
                        assert spool.acknowledge(record)
                        expected.pop(0)
                else:
                    batch = [b"%d" % (number % 10)] * (1 if step == "append" else 4)
                    spool.append(batch)
                    expected += batch
            assert read_all(spool) == expected
        assert list(Path(folder).iterdir()) == []


def test_what_is_not_acknowledged_is_read_again(folder: Path) -> None:
    with a_spool(folder) as spool:
        spool.append([b"1", b"2"])
        assert spool.oldest() == spool.oldest()
        record = spool.oldest()
        assert record is not None
        assert record.payload == b"1"


def test_nothing_is_touched_before_the_first_append(folder: Path) -> None:
    with a_spool(folder) as spool:
        assert spool.oldest() is None
        assert spool.size() == 0
    assert not folder.exists()


def test_two_processes_may_not_write_the_same_spool(folder: Path) -> None:
    with a_spool(folder) as spool, a_spool(folder) as second:
        spool.append([b"1"])
        with pytest.raises(OSError, match="the spool of this source is in use"):
            second.append([b"2"])
        assert read_all(spool) == [b"1"]


# Crashes and damage


@given(payloads, payloads.filter(bool), st.data())
@settings(deadline=None, max_examples=60)
def test_what_was_appended_before_a_cut_reads_back(
    before: list[bytes], after: list[bytes], data: st.DataObject
) -> None:
    """A crash in the middle of an append cuts it at any byte."""
    with TemporaryDirectory() as folder, a_spool(Path(folder)) as spool:
        spool.append(before)
        safe = spool.size()
        spool.append(after)
        cut = data.draw(st.integers(safe, spool.size()))
        (segment,) = segments(Path(folder))
        with segment.open("r+b") as file:
            file.truncate(cut)
        read = read_all(spool)
        assert read == [*before, *after][: len(read)]
        assert len(before) <= len(read)
        assert (len(read) == len(before) + len(after)) == (cut == sum(HEADER + len(one) for one in before + after))


@pytest.mark.parametrize("cut", range(1, HEADER + 5))
def test_a_cut_at_every_byte_of_the_last_record_costs_that_record_only(folder: Path, cut: int) -> None:
    append(folder, [b"first", b"last"])
    (segment,) = segments(folder)
    with segment.open("r+b") as file:
        file.truncate(segment.stat().st_size - cut)
    with orphans_in(folder) as orphans:
        assert [read_all(orphan) for orphan in orphans] == [[b"first"]]


def test_a_spool_that_is_closed_remembers_how_far_it_was_read(folder: Path) -> None:
    with a_spool(folder) as spool:
        spool.append([b"1", b"2", b"3"])
        record = spool.oldest()
        assert record is not None
        assert spool.acknowledge(record)
    with a_spool(folder) as reading:
        assert list(reading.waiting()) == [b"2", b"3"]
    assert taken_over(folder) == {"a": [b"2", b"3"]}
    assert list(folder.iterdir()) == []


def test_several_records_are_read_and_acknowledged_together_also_from_several_segments(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 40)
    with a_spool(folder) as spool:
        for number in range(10):
            spool.append([b"%d" % number * 10])
        assert len(segments(folder)) > 3
        assert [record.payload for record in spool.oldest_together(1)] == [b"0" * 10]
        together = spool.oldest_together(60)
        assert [record.payload[:1] for record in together] == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert all(map(spool.acknowledge, together))
        assert [payload[:1] for payload in spool.waiting()] == [b"6", b"7", b"8", b"9"]


def test_a_folder_that_somebody_emptied_is_written_to_again_and_stays_locked(folder: Path) -> None:
    with a_spool(folder) as spool:
        spool.append([b"1", b"2"])
        record = spool.oldest()
        assert record is not None
        for file in folder.iterdir():
            file.unlink()
        spool.append([b"3" * 30])
        with orphans_in(folder) as others:
            assert others == []
        assert spool.acknowledge(record)
        assert read_all(spool) == [b"3" * 30]


def test_a_spool_is_dropped_as_a_whole(folder: Path) -> None:
    left_by_a_dead_process(folder, [b"1", b"2"])
    with orphans_in(folder) as (orphan,):
        orphan.drop()
        assert orphan.oldest() is None
    assert list(folder.iterdir()) == []


def append(folder: Path, appended: list[bytes]) -> None:
    with a_spool(folder) as spool:
        spool.append(appended)


def test_a_record_whose_bytes_changed_is_not_read(folder: Path) -> None:
    append(folder, [b"first", b"second"])
    (segment,) = segments(folder)
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b"second", b"secOnd"))
    with a_spool(folder) as spool:
        assert list(spool.waiting()) == [b"first"]


@pytest.mark.parametrize("place", [0, 5, 9, HEADER + 2], ids=["magic", "length", "checksum", "payload"])
def test_a_damaged_record_costs_itself_only_and_is_said_once(
    folder: Path, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    append(folder, [b"first", b"second", b"third", b"SWS1 fourth"])
    (segment,) = segments(folder)
    content = bytearray(segment.read_bytes())
    content[HEADER + len(b"first") + place] ^= 0x55
    segment.write_bytes(content)
    with a_spool(folder) as spool:
        assert list(spool.waiting()) == [b"first", b"third", b"SWS1 fourth"]
        assert read_all(spool) == [b"first", b"third", b"SWS1 fourth"]
        assert spool.damaged == HEADER + len(b"second")
    assert [str(segment) in message for message in caplog.messages] == [True]
    assert segments(folder) == []


def test_a_segment_that_its_process_removes_while_others_read_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 1)
    with a_spool(folder) as spool:
        for payload in (b"1", b"2", b"3"):
            spool.append([payload])
        reading = Spool(folder, "a", LIMIT).waiting()
        assert next(reading) == b"1"
        segments(folder)[1].unlink()
        assert list(reading) == [b"3"]


def test_a_damaged_segment_does_not_hide_the_next_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 1)
    with a_spool(folder) as spool:
        for payload in (b"1", b"2", b"3"):
            spool.append([payload])
        segments(folder)[1].write_bytes(b"damaged")
        assert list(spool.waiting()) == [b"1", b"3"]
        assert read_all(spool) == [b"1", b"3"]
    assert list(folder.iterdir()) == []


def test_a_crash_between_the_store_and_the_acknowledgement_delivers_again(folder: Path) -> None:
    left_by_a_dead_process(folder, [b"1", b"2"])
    with orphans_in(folder) as orphans:
        record = orphans[0].oldest()
        assert record is not None
        assert record.payload == b"1"
    assert taken_over(folder) == {"a": [b"1", b"2"]}
    assert list(folder.iterdir()) == []


def taken_over(folder: Path) -> dict[str, list[bytes]]:
    """What the orphans hold, read, acknowledged and closed."""
    with orphans_in(folder) as orphans:
        return {orphan.source: read_all(orphan) for orphan in orphans}


# A disk that does not play along


FILLING = """
import resource, sys
from pathlib import Path
from soakwatch.collector.spool import Spool
spool = Spool(Path(sys.argv[1]), "a", 1 << 30)
spool.append([b"x" * 500, b"y" * 300])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for _ in range(3):
    try:
        spool.append([b"z" * 100, b"z" * 100])
    except OSError as error:
        print(error.strerror, list(map(len, spool.waiting())), spool.size())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.append([b"afterwards"])
print(list(map(len, spool.waiting())))
"""


def test_an_append_that_fails_in_the_middle_leaves_earlier_and_later_records_readable(folder: Path) -> None:
    command = [sys.executable, "-c", FILLING, str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    *failed, afterwards = output.splitlines()
    assert failed == [f"File too large [500, 300] {500 + 300 + 2 * HEADER}"] * 3
    assert afterwards == "[500, 300, 10]"


NOT_TRUNCATED = """
import os, resource, sys
from pathlib import Path
from soakwatch.collector.spool import Spool
spool = Spool(Path(sys.argv[1]), "a", 1 << 30)
spool.append([b"x" * 500])
resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.RLIM_INFINITY))
def refused(descriptor, length):
    raise OSError("no truncation either")
ftruncate, os.ftruncate = os.ftruncate, refused
try:
    spool.append([b"z" * 200])
except OSError:
    os.ftruncate = ftruncate
    spool.append([b"afterwards"])
print(list(map(len, spool.waiting())), len(list(spool.folder.glob("*.spool"))), spool.damaged)
"""


def test_behind_an_append_that_could_not_be_undone_begins_a_new_segment(folder: Path) -> None:
    command = [sys.executable, "-c", NOT_TRUNCATED, str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert output.strip() == "[500, 10] 2 0"


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with a_spool(tmp_path / "file" / "spool") as spool, pytest.raises(OSError, match="file"):
        spool.append([b"1"])


# The size cap


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 200)


@pytest.mark.usefixtures("small_segments")
def test_over_the_limit_the_oldest_segment_goes_and_is_handed_back(folder: Path) -> None:
    appended = [b"%03d" % number + bytes(85) for number in range(40)]
    dropped: list[bytes] = []
    with a_spool(folder, limit=1000) as spool:
        for payload in appended:
            dropped += spool.append([payload])
            assert spool.size() <= 1000
        assert dropped
        assert dropped + read_all(spool) == appended
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("small_segments")
def test_what_is_delivered_already_is_not_handed_back_as_dropped(folder: Path) -> None:
    first, second = b"1" * 80, b"2" * 120
    with a_spool(folder, limit=500) as spool:
        spool.append([first, second])
        record = spool.oldest()
        assert record is not None
        assert spool.acknowledge(record)
        dropped = [payload for _ in range(8) for payload in spool.append([bytes(190)])]
    assert dropped[0] == second
    assert first not in dropped


@pytest.mark.usefixtures("small_segments")
def test_a_record_that_is_dropped_while_it_is_delivered_is_told(folder: Path) -> None:
    with a_spool(folder, limit=500) as spool:
        spool.append([b"1" * 190])
        record = spool.oldest()
        assert record is not None
        dropped = [payload for _ in range(5) for payload in spool.append([bytes(190)])]
        assert dropped[0] == record.payload
        assert not spool.acknowledge(record)
        assert len(read_all(spool)) == 6 - len(dropped)


def test_a_single_append_larger_than_the_limit_is_kept(folder: Path) -> None:
    with a_spool(folder, limit=100) as spool:
        assert spool.append([bytes(1000)]) == []
        assert read_all(spool) == [bytes(1000)]


# What other processes left behind


def test_the_spools_of_processes_that_died_are_taken_over(folder: Path) -> None:
    left_by_a_dead_process(folder, [b"1", b"2"], "dead")
    left_by_a_dead_process(folder, [b"3"], "also dead")
    assert taken_over(folder) == {"also dead": [b"3"], "dead": [b"1", b"2"]}
    assert list(folder.iterdir()) == []


def test_the_spool_of_a_process_that_lives_is_left_alone(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from soakwatch.collector.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 'alive', 1 << 30); spool.append([b'1'])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == "ready\n"
        left_by_a_dead_process(folder, [b"2"], "dead")
        assert taken_over(folder) == {"dead": [b"2"]}
        living.kill()
    assert taken_over(folder) == {"alive": [b"1"]}


def test_a_spool_that_may_not_be_opened_is_named_and_the_others_are_taken_over(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_a_dead_process(folder, [b"1"], "a")
    left_by_a_dead_process(folder, [b"2"], "c")
    (folder / "b.lock").mkdir()  # as another user's: the tests may run as one who may open everything
    assert taken_over(folder) == {"a": [b"1"], "c": [b"2"]}
    (message,) = caplog.messages
    assert "the spool b in" in message


def test_an_orphan_is_taken_over_by_one_only(folder: Path) -> None:
    left_by_a_dead_process(folder, [b"1"])
    with orphans_in(folder) as first, orphans_in(folder) as second:
        assert (len(first), len(second)) == (1, 0)


def test_a_process_that_just_begins_is_nobodys_orphan(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.lock").touch()  # made, and not locked yet
    with orphans_in(folder) as others, a_spool(folder) as spool:
        assert others == []
        spool.append([b"1"])
        assert read_all(spool) == [b"1"]


def test_who_looks_into_a_spool_for_a_moment_does_not_keep_its_owner_from_writing(folder: Path) -> None:
    looks = Spool(folder, "a", LIMIT)
    assert looks.take()
    leaves = threading.Timer(0.1, looks.close)
    leaves.start()
    with a_spool(folder) as spool:
        spool.append([b"1"])
        assert read_all(spool) == [b"1"]
    leaves.join()


def test_an_orphan_whose_last_record_was_cut_is_delivered_once_and_leaves_nothing(folder: Path) -> None:
    left_by_a_dead_process(folder, [b"first", b"last"])
    (segment,) = segments(folder)
    segment.write_bytes(segment.read_bytes()[:-1])
    assert taken_over(folder) == {"a": [b"first"]}
    assert list(folder.iterdir()) == []


def test_what_waits_at_the_end_stays_for_the_next_process(folder: Path) -> None:
    append(folder, [b"1", b"2"])
    assert taken_over(folder) == {"a": [b"1", b"2"]}
    assert list(folder.iterdir()) == []


def test_a_folder_that_does_not_exist_has_no_orphans(folder: Path) -> None:
    assert taken_over(folder) == {}
    assert not folder.exists()
