"""demo: something to measure, the means to break it, and a simulator for where there is nothing to measure.

A small target with three services and injectable faults, and a locustfile for it. The target listens on the loopback
interface only, and knows nothing of Locust or of the rest of soakwatch; the locustfile does not import soakwatch.
"""
