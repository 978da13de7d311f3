"""scheduler: what is run when, and where; four scenarios in sequence, on this machine or each in a container.

It starts Locust and looks after it until it has ended, however that comes about. It never measures anything itself:
that is the collector's, inside Locust, and Locust's own files.
"""
