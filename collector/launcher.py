"""Run Locust with the plugin and an untouched locustfile: `python -m soakwatch.collector.launcher ARGUMENTS...`."""

import sys

import locust.main  # first: it patches the standard library for gevent

import soakwatch.collector.plugin  # noqa: F401  (registers itself)


def main() -> None:
    """Be Locust, with the arguments of this process; ends it with Locust's exit code."""
    sys.argv[0] = "locust"
    locust.main.main()


if __name__ == "__main__":
    main()
