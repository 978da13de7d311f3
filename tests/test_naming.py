"""Which service and endpoint a request belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.collector.naming import MAX_LENGTH, Naming, clean_name
from soakwatch.core.series import Series
from soakwatch.core.settings import ServiceRule

HOST = "https://shop.example:8443"


def naming(*rules: ServiceRule, host: str = HOST) -> Naming:
    return Naming("perf", "soak", host, rules)


def named(*rules: ServiceRule, name: object, context: object = None, url: object = "", host: str = HOST) -> Series:
    return naming(*rules, host=host).series("GET", name, context, url)  # type: ignore[arg-type]  # users give anything


def test_a_series_carries_environment_test_and_method() -> None:
    assert named(name="/cart") == Series("perf", "soak", "shop.example:8443", "GET", "/cart")


def test_the_context_names_the_service_before_all_others() -> None:
    series = named(ServiceRule(name="by rule"), name="by_name: /query", context={"service": "by context"})
    assert (series.service, series.endpoint) == ("by context", "by_name: /query")


def test_a_rule_names_the_service_before_the_name_of_the_request() -> None:
    series = named(ServiceRule(name="by rule"), name="by_name: /query")
    assert (series.service, series.endpoint) == ("by rule", "by_name: /query")


def test_the_name_of_the_request_names_the_service_before_the_host() -> None:
    series = named(name="rag_service: /query", url="https://other.example/query")
    assert (series.service, series.endpoint) == ("rag_service", "/query")


def test_a_service_that_is_named_twice_alike_is_taken_from_the_endpoint() -> None:
    series = named(name="rag_service: /query", context={"service": "rag_service"})
    assert (series.service, series.endpoint) == ("rag_service", "/query")


def test_the_host_of_the_url_comes_before_the_host_under_test() -> None:
    assert named(name="/q", url="http://search.example/q?x=1").service == "search.example"
    assert named(name="/q", url="/q").service == "shop.example:8443"


@pytest.mark.parametrize("url", [None, "", "/path", "http://[broken", "http://host:port/", b"bytes", 5])
def test_a_request_without_any_host_is_of_the_service_unknown(url: object) -> None:
    assert named(name="/q", url=url, host="").service == "unknown"


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (ServiceRule(name="x", method="GET"), True),
        (ServiceRule(name="x", method="POST"), False),
        (ServiceRule(name="x", endpoint="/cart/*"), True),
        (ServiceRule(name="x", endpoint="/car"), False),
        (ServiceRule(name="x", host="*.example*"), True),
        (ServiceRule(name="x", host="*.test"), False),
        (ServiceRule(name="x", method="GET", endpoint="/cart/*", host="shop*"), True),
        (ServiceRule(name="x", method="GET", endpoint="/cart/*", host="search*"), False),
    ],
)
def test_a_rule_counts_when_all_of_its_patterns_match(rule: ServiceRule, matches: bool) -> None:
    assert named(rule, name="/cart/7").service == ("x" if matches else "shop.example:8443")


def test_the_first_rule_that_matches_counts() -> None:
    rules = (ServiceRule(name="first", endpoint="/c*"), ServiceRule(name="second"))
    assert named(*rules, name="/cart").service == "first"
    assert named(*rules, name="/order").service == "second"


@pytest.mark.parametrize(
    "name", ["http://host/path", "GET: ", "a b: /x", ": /x", "rag:/x", "12: /x", "/path: x", "", " "]
)
def test_a_colon_alone_makes_no_service(name: str) -> None:
    series = named(name=name)
    assert (series.service, series.endpoint) == ("shop.example:8443", name)


@pytest.mark.parametrize("context", [None, {}, {"service": None}, {"service": ""}, [], "text", 5, {"other": "x"}])
def test_a_context_without_a_service_changes_nothing(context: object) -> None:
    assert named(name="/cart", context=context).service == "shop.example:8443"


ODD = [
    "a,b \"quoted\" and 'single'",
    "line\nbreak\r\n\ttab",
    "🛒 /cart/✓",
    "null\0byte",
    "",
    " ",
    "${ENV} {{template}} %s \\",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_kept_as_they_are(name: str) -> None:
    assert named(name=name).endpoint == name


@given(st.text(alphabet=st.characters()))
def test_any_text_becomes_one_that_can_be_stored(name: str) -> None:
    text = "http://" + name
    series = naming(host=text).series(name, name, {"service": name}, text)
    for part in (series.service, series.method, series.endpoint):
        part.encode("utf-8")
        assert len(part) <= MAX_LENGTH


@pytest.mark.parametrize("where", ["name", "context", "url", "host"])
@pytest.mark.parametrize("text", ["a\ud800b", "x" * 10_240, "\udcff" * 10_240])
def test_lone_surrogates_and_ten_kilobytes_can_be_stored_wherever_they_stand(where: str, text: str) -> None:
    places: dict[str, object] = {
        "name": {"name": text},
        "context": {"name": "/q", "context": {"service": text}},
        "url": {"name": "/q", "url": f"http://{text}/q"},
        "host": {"name": "/q", "host": f"http://{text}/"},
    }
    series = named(**places[where])  # type: ignore[arg-type]  # the dictionaries above
    for part in (series.service, series.endpoint):
        part.encode("utf-8")
        assert len(part) <= MAX_LENGTH


def test_long_names_that_differ_at_the_end_stay_apart() -> None:
    assert clean_name("x" * 10_240 + "1") != clean_name("x" * 10_240 + "2")


@pytest.mark.parametrize("name", [None, 5, ("GET", "/x"), b"/bytes"])
def test_a_name_that_is_no_text_is_written_as_text(name: object) -> None:
    assert named(name=name).endpoint == str(name)
