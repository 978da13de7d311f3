"""Load of the three services, by itself or as the users of `soakwatch scenarios run`.

locust -f tests/load/locustfile.py APIGatewayUser --host http://localhost:8000 --users 100 --run-time 15m --headless
"""

import sys

try:
    from soakwatch.demo.locustfile import APIGatewayUser, MCPServerUser, RAGServiceUser
except ModuleNotFoundError as error:
    if not str(error.name).startswith("soakwatch"):
        raise
    sys.exit(f"{__file__}: soakwatch is not installed in {sys.prefix}; `pip install .` in its clone does that")

__all__ = ["APIGatewayUser", "MCPServerUser", "RAGServiceUser"]
