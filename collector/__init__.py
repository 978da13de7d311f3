"""collector: from Locust's events to windows on their way to a store.

It runs inside Locust: it never waits in a request, never changes Locust's exit code, and counts what it loses. It never
decides what is normal.
"""
