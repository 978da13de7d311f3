"""scheduler: what happens by itself, and the running of Locust.

The daemon with its jobs, of which detection is the largest; what it keeps up to date on GitHub and in Grafana; what it
answers over HTTP. And Locust: four scenarios in sequence, on this machine or each in a container, and soaks that the
daemon keeps running. It never measures anything itself: that is the collector's, inside Locust, and Locust's own files.
"""
