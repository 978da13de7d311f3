"""Opening: from the configuration to a store."""

from soakwatch.core.configuration import Configuration
from soakwatch.core.store_settings import StoreKind
from soakwatch.store.contract import WindowStore
from soakwatch.store.projection import NoDashboards, Projection
from soakwatch.store.sqlite import SqliteStore
from soakwatch.store.sqlite_file import PATIENCE


def open_store(configuration: Configuration) -> WindowStore:
    """Open the configured store, which exists. Raises StoreUnavailable."""
    if configuration.store.kind is StoreKind.INFLUXDB:
        return _influxdb(configuration)
    return SqliteStore.open(configuration.store.path, retention=configuration.retention.seconds)


def create_store(configuration: Configuration, patience: float = PATIENCE) -> WindowStore:
    """Open the configured store to write; an SQLite file is made where there is none. Raises StoreUnavailable.

    `patience` is how many seconds a write to SQLite waits for other processes.
    """
    if configuration.store.kind is StoreKind.INFLUXDB:
        return _influxdb(configuration)
    return SqliteStore.create(configuration.store.path, patience, configuration.retention.seconds)


def open_projection(configuration: Configuration) -> Projection:
    """Where dashboards find what is decided: Grafana reads InfluxDB only. Raises ConfigurationError."""
    if configuration.store.kind is not StoreKind.INFLUXDB:
        return NoDashboards()
    from soakwatch.store.influx_projection import InfluxProjection

    return InfluxProjection.connect(configuration.store, configuration.retention.seconds)


def _influxdb(configuration: Configuration) -> WindowStore:
    # influxdb_client brings numpy, and must come after gevent's patching where Locust runs
    from soakwatch.store.influxdb import InfluxStore

    return InfluxStore.connect(configuration.store, configuration.retention.seconds)
