"""An InfluxDB of a test's own, that may be killed and started again."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from locust_runs import free_port

from soakwatch.core.settings import RetentionSection
from soakwatch.store.influx_buckets import Buckets

PROGRAM = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "soakwatch-test-servers", "influxd-v2.7.12")


@dataclass(frozen=True)
class Server:
    """Where an InfluxDB is, and a token that may do everything there."""

    url: str
    org: str
    token: str

    def make_buckets(self, bucket: str) -> None:
        with InfluxDBClient(self.url, self.token, org=self.org) as client:
            for wanted in Buckets.of(bucket, RetentionSection().seconds):
                rules = [BucketRetentionRules("expire", wanted.keep)] if wanted.keep else []
                client.buckets_api().create_bucket(bucket_name=wanted.name, retention_rules=rules, org=self.org)

    def delete_buckets(self, beginning: str) -> None:
        with InfluxDBClient(self.url, self.token, org=self.org) as client:
            api = client.buckets_api()
            for bucket in api.find_buckets_iter():
                if bucket.name.startswith(beginning):
                    api.delete_bucket(bucket)


@dataclass
class InfluxdProcess:
    """One influxd, with its data in `folder`."""

    folder: Path
    port: int
    server: Server
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["InfluxdProcess"]:
        port = free_port()
        made = cls(folder, port, Server(f"http://127.0.0.1:{port}", "soak", "devtoken-devtoken-own"))
        folder.mkdir()
        made.start()
        made._set_up()
        try:
            yield made
        finally:
            made.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            [
                *(PROGRAM, "--bolt-path", self.folder / "bolt", "--sqlite-path", self.folder / "sqlite"),
                *("--engine-path", self.folder / "engine", "--http-bind-address", f"127.0.0.1:{self.port}"),
                *("--reporting-disabled", "--log-level", "error"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.server.url}/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("influxd does not answer")

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _set_up(self) -> None:
        content = {"username": "soak", "password": "soakwatch-soak", "org": self.server.org, "bucket": "first"}
        data = json.dumps({**content, "token": self.server.token}).encode()
        request = urllib.request.Request(
            f"{self.server.url}/api/v2/setup", data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30):
            pass
