"""Which of the deploys that were marked, seen or named are changes of what is tested."""

from soakwatch.core.deploy import Deploy, changes


def deploy(at: float, version: str = "", commit: str = "", service: str = "cart", title: str = "") -> Deploy:
    return Deploy("perf", service, at, version, commit, title)


def test_a_run_that_names_the_version_that_was_there_changes_nothing() -> None:
    first, second = deploy(1, "1.0"), deploy(4, "1.1")
    assert changes([first, deploy(2, "1.0"), deploy(3, "1.0"), second, deploy(5, "1.1")]) == [first, second]


def test_going_back_to_an_earlier_version_is_a_change() -> None:
    deploys = [deploy(1, "1.0"), deploy(2, "1.1"), deploy(3, "1.0")]
    assert changes(deploys) == deploys


def test_changes_come_oldest_first_whatever_the_order_they_were_told_in() -> None:
    deploys = [deploy(3, "1.0"), deploy(1, "1.0"), deploy(2, "1.1")]
    assert changes(deploys) == [deploy(1, "1.0"), deploy(2, "1.1"), deploy(3, "1.0")]


def test_services_and_environments_change_on_their_own() -> None:
    deploys = [
        deploy(1, "1.0"),
        deploy(2, "1.0", service="order"),
        deploy(3, "1.0", service="*"),
        Deploy("staging", "cart", 4, "1.0"),
    ]
    assert changes(deploys) == deploys


def test_another_commit_of_the_same_version_is_a_change() -> None:
    deploys = [deploy(1, "1.0", "abc"), deploy(2, "1.0", "def")]
    assert changes(deploys) == deploys


def test_one_who_knows_less_than_another_does_not_make_a_change_each_time() -> None:
    seen, named = ("1.0", "abc"), ("1.0", "")
    told = [deploy(at, *(seen if at % 2 else named)) for at in range(1, 9)]
    assert changes(told) == [deploy(1, "1.0", "abc")]


def test_a_commit_that_is_told_later_is_worth_telling_once() -> None:
    told = [deploy(1, "1.0"), deploy(2, "1.0", "abc"), deploy(3, "1.0"), deploy(4, "1.0", "abc")]
    assert changes(told) == told[:2]


def test_a_new_version_without_a_commit_forgets_the_old_commit() -> None:
    deploys = [deploy(1, "1.0", "abc"), deploy(2, "1.1"), deploy(3, "1.1", "abc")]
    assert changes(deploys) == deploys


def test_events_that_were_marked_for_their_title_are_all_kept_and_change_no_version() -> None:
    index = [deploy(at, title="new index") for at in (2, 3)]
    assert changes([deploy(1, "1.0"), *index, deploy(4, "1.0")]) == [deploy(1, "1.0"), *index]
