"""collector: from Locust's events, or from the files that Locust leaves, to windows on their way to a store.

What runs inside Locust never waits in a request, never changes Locust's exit code, and counts what it loses. It never
decides what is normal.
"""
