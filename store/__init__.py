"""store: what is kept and how.

The contract of the window store, with SQLite and InfluxDB behind it; the contract of the ledger, in SQLite or
PostgreSQL; what is written for dashboards only; baselines and metrics as files. It never decides anything, and never
sees a single request.
"""
