"""A plain locustfile for the demo target: three services, eight endpoints, 4.5 requests per second and user.

    locust -f demo/locustfile.py --host http://127.0.0.1:PORT --headless --users 24 --spawn-rate 24

Posts carry no body: the client would send it in a segment of its own, which Nagle's algorithm and delayed
acknowledgements hold back for 40 ms at times, and that is not the service's fault.

With users in multiples of eight, every endpoint gets the same share of the requests: 13.5 per second with 24 users.
"""

from random import uniform
from time import perf_counter

from locust import FastHttpUser, SequentialTaskSet, task


class PacedUser(FastHttpUser):
    """Starts a request every 0.12 to 0.324 seconds, however long the answers take.

    Like Locust's constant_pacing, so that slow answers do not lower the load, but users drift apart: with a constant
    period all that were spawned together would fire together for the whole test.
    """

    abstract = True
    due = 0.0

    def wait_time(self) -> float:
        """Seconds until the next request is due."""
        now = perf_counter()
        self.due = max(now, (self.due or now) + uniform(0.12, 0.324))
        return self.due - now


class APIGatewayUser(PacedUser):
    """Somebody in front of the shop."""

    weight = 3

    @task
    class Round(SequentialTaskSet):
        """All endpoints in turn."""

        @task
        def users(self) -> None:
            """List users."""
            self.client.get("/api/users", name="api_gateway: /api/users")

        @task
        def orders(self) -> None:
            """Place an order."""
            self.client.post("/api/orders", name="api_gateway: /api/orders")

        @task
        def search(self) -> None:
            """Search the catalogue; the query is not part of the name."""
            self.client.get("/api/search?q=locust", name="api_gateway: /api/search")


class RAGServiceUser(PacedUser):
    """An application that asks its documents."""

    weight = 3

    @task
    class Round(SequentialTaskSet):
        """All endpoints in turn."""

        @task
        def query(self) -> None:
            """Ask a question."""
            self.client.post("/rag/query", name="rag_service: /rag/query")

        @task
        def embed(self) -> None:
            """Embed a text."""
            self.client.post("/rag/embed", name="rag_service: /rag/embed")

        @task
        def documents(self) -> None:
            """List documents."""
            self.client.get("/rag/documents", name="rag_service: /rag/documents")


class MCPServerUser(PacedUser):
    """An agent with tools."""

    weight = 2

    @task
    class Round(SequentialTaskSet):
        """All endpoints in turn."""

        @task
        def tools(self) -> None:
            """Call a tool."""
            self.client.post("/mcp/tools", json={"tool": "search", "arguments": {}}, name="mcp_server: /mcp/tools")

        @task
        def resources(self) -> None:
            """List resources."""
            self.client.get("/mcp/resources", name="mcp_server: /mcp/resources")
