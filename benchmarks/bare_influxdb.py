"""A bare InfluxDB: a server of the benchmark's own, asked by http.client and nothing else."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from pydantic import SecretStr

from soakwatch.core.retention import FOR_EVER, Retention
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.influx_buckets import Bucket, Buckets

INSTALL = Path(__file__).parents[1] / "tests" / "install-influxd"
"""Prints where InfluxDB is, and builds it first if need be."""

ORG, TOKEN = "soak", "a-token-of-the-benchmark"
PATIENCE = 60.0
SETTLED = 4
"""So many looks, a second apart, must show the same size."""

_BLOCK = 1 << 20
_BLOCK_OF_DISK = 512
"""Bytes of what st_blocks counts, whatever the file system's own blocks are."""

COLD = "1s"
"""After so long without a write the server puts what it has into its compressed files, and these into one."""


class BareClient:
    """Asks a server over one connection, without any library of InfluxDB's."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=600)
        self._headers = {"Authorization": f"Token {TOKEN}"}

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        """Give the answer's body."""
        return b"".join(self._answer(method, path, body, headers or {}))

    def drain(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int:
        """Read the answer and forget it; how many bytes it had."""
        return sum(map(len, self._answer(method, path, body, headers or {})))

    def query(self, flux: str) -> int:
        """Drain the answer to a query; how many bytes it had."""
        body = json.dumps({"query": flux, "dialect": {"annotations": [], "header": True}}).encode()
        return self.drain("POST", f"/api/v2/query?org={ORG}", body, {"Content-Type": "application/json"})

    def _answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Iterator[bytes]:
        self._connection.request(method, path, body, {**self._headers, **headers})
        answer = self._connection.getresponse()
        while block := answer.read(_BLOCK):
            if answer.status >= http.client.MULTIPLE_CHOICES:
                raise RuntimeError(f"InfluxDB answers {answer.status} to {method} {path}: {block[:300]!r}")
            yield block


@dataclass(frozen=True, slots=True)
class Server:
    """An InfluxDB that is running, with nobody else on it."""

    url: str
    folder: Path

    def client(self) -> BareClient:
        """A connection of one's own."""
        return BareClient(self.url)

    def make_store(self, name: str, retention: Retention = FOR_EVER) -> StoreSection:
        """Make the buckets of a store called `name`, and give the configuration with which it is opened."""
        for bucket in Buckets.of(name, retention):
            self.make_bucket(bucket)
        return self.section(name)

    def section(self, name: str, url: str = "") -> StoreSection:
        """The configuration of the store called `name`, reached over `url` if one is given."""
        kind, token = StoreKind.INFLUXDB, SecretStr(TOKEN)
        return StoreSection(kind=kind, url=url or self.url, org=ORG, bucket=name, token=token, timeout=300)

    def make_bucket(self, bucket: Bucket) -> None:
        """Make `bucket`."""
        rules = [] if bucket.keep is None else [{"type": "expire", "everySeconds": bucket.keep}]
        wanted = {"orgID": self._org(), "name": bucket.name, "retentionRules": rules}
        self.client().ask("POST", "/api/v2/buckets", json.dumps(wanted).encode())

    def bucket_id(self, name: str) -> str:
        """The id of the bucket called `name`, which is also the name of its folder."""
        (found,) = json.loads(self.client().ask("GET", f"/api/v2/buckets?name={quote(name)}"))["buckets"]
        return str(found["id"])

    def map_database(self, bucket: str) -> None:
        """Let InfluxQL, which dashboards ask in, know the bucket as a database."""
        mapping = {"orgID": self._org(), "bucketID": self.bucket_id(bucket), "database": bucket}
        wanted = {**mapping, "retention_policy": "autogen", "default": True}
        self.client().ask("POST", "/api/v2/dbrps", json.dumps(wanted).encode())

    def compacted_size(self, bucket: str) -> int:
        """Bytes that the files of `bucket` take on disk once all of it is compacted; waits for that."""
        folder, deadline = self.bucket_id(bucket), time.monotonic() + PATIENCE
        sizes = [self._size(folder)]
        while time.monotonic() < deadline:
            time.sleep(1.0)
            sizes.append(self._size(folder))
            if self._write_ahead(folder) == 0 and len(set(sizes[-SETTLED:])) == 1 and len(sizes) >= SETTLED:
                return sizes[-1]
        raise RuntimeError(f"InfluxDB has not compacted bucket {bucket!r} after {PATIENCE:.0f} s")

    def _size(self, bucket_id: str) -> int:
        return sum(path.stat().st_blocks * _BLOCK_OF_DISK for path in self._files(bucket_id))

    def _write_ahead(self, bucket_id: str) -> int:
        return sum(path.stat().st_size for path in self._files(bucket_id) if path.suffix == ".wal")

    def _files(self, bucket_id: str) -> list[Path]:
        return [path for path in self.folder.glob(f"engine/*/{bucket_id}/**/*") if path.is_file()]

    def _org(self) -> str:
        return str(json.loads(self.client().ask("GET", f"/api/v2/orgs?org={ORG}"))["orgs"][0]["id"])


@contextmanager
def running_server() -> Iterator[Server]:
    """Run an InfluxDB with data in a temporary folder, and end it."""
    with TemporaryDirectory() as name:
        folder, url = Path(name), f"http://127.0.0.1:{_free_port()}"
        process = subprocess.Popen(_command(folder, url), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _set_up(url)
            yield Server(url, folder)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _command(folder: Path, url: str) -> list[str]:
    *_, binary = subprocess.run([INSTALL], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    files = ["--bolt-path", f"{folder}/i.bolt", "--sqlite-path", f"{folder}/i.sqlite", "--engine-path"]
    return [
        *(binary, *files, f"{folder}/engine", "--http-bind-address", url.removeprefix("http://")),
        *("--reporting-disabled", "--log-level", "error", "--storage-cache-snapshot-write-cold-duration", COLD),
        *("--storage-compact-full-write-cold-duration", COLD),
    ]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _set_up(url: str) -> None:
    user = {"username": "benchmark", "password": "of-no-use-elsewhere", "org": ORG, "bucket": "first", "token": TOKEN}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            BareClient(url).ask("POST", "/api/v2/setup", json.dumps(user).encode())
        except (OSError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
