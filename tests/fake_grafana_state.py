"""What a Grafana holds, and how it changes; nothing of HTTP.

Where a rule is from: the pages of grafana.com/docs/grafana/latest/developers/http_api/ ("http_api/..."), or, for what
they do not say, a file of grafana/grafana.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from fake_grafana_requests import FindAnnotations, MakeAnnotation, PatchAnnotation, PutAnnotation, SaveDashboard

_MOST_TAGS = 500
"""conf/defaults.ini, [annotations] tags_length: bytes of all tags of an annotation, as JSON."""

_LONGEST_TAG = 100
"""pkg/services/sqlstore/migrations/tag_mig.go: characters of the key, and of the value."""


class Refused(Exception):
    """Grafana says no."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason


class WouldBreak(Exception):
    """What a client should not even try: Grafana answers it with 500, or cuts it without a word."""


@dataclass(frozen=True, slots=True)
class KeptDashboard:
    """A dashboard; `model` has its id and version, as Grafana writes them."""

    model: Mapping[str, Any]
    folder: str
    is_provisioned: bool = False

    @property
    def uid(self) -> str:
        return str(self.model["uid"])

    @property
    def version(self) -> int:
        return int(self.model["version"])


@dataclass(frozen=True, slots=True)
class KeptFolder:
    id: int
    uid: str
    title: str


@dataclass(frozen=True, slots=True)
class KeptAnnotation:
    """An annotation; times in milliseconds since the epoch."""

    id: int
    time: int
    time_end: int
    text: str
    tags: tuple[str, ...]
    dashboard: str = ""
    panel: int = 0
    created: int = 0
    updated: int = 0


@dataclass
class State:
    """All that one Grafana holds."""

    clock: Callable[[], float]
    dashboards: dict[str, KeptDashboard] = field(default_factory=dict)
    folders: dict[str, KeptFolder] = field(default_factory=dict)
    annotations: dict[int, KeptAnnotation] = field(default_factory=dict)
    data_sources: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    _last_id: int = 0

    @property
    def now(self) -> int:
        return int(self.clock() * 1000)

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def dashboard(self, uid: str) -> KeptDashboard:
        if uid not in self.dashboards:
            raise Refused(404, "Dashboard not found", "not-found")
        return self.dashboards[uid]

    def save(self, wish: SaveDashboard) -> KeptDashboard:
        """http_api/dashboard, "Create / Update dashboard"; pkg/services/dashboards/errors.go for what is refused."""
        model = wish.dashboard.model_dump(exclude_unset=True)
        there = self.dashboards.get(wish.dashboard.uid)
        if there is None and wish.dashboard.id is not None:
            raise Refused(404, "Dashboard not found", "not-found")
        if there is not None:
            self._check_save(wish, there)
        if wish.folder_uid and wish.folder_uid not in self.folders:
            raise Refused(400, "folder not found")
        made = {
            **deepcopy(model),
            "id": there.model["id"] if there else self.next_id(),
            "version": there.version + 1 if there else 1,
        }
        self.messages.append(wish.message)
        self.dashboards[wish.dashboard.uid] = KeptDashboard(made, wish.folder_uid)
        return self.dashboards[wish.dashboard.uid]

    def edit(self, uid: str, **changes: Any) -> None:
        """What somebody does to a dashboard in the browser."""
        there = self.dashboards[uid]
        model = {**deepcopy(dict(there.model)), **changes, "version": there.version + 1}
        self.dashboards[uid] = replace(there, model=model)

    def provision(self, model: Mapping[str, Any], folder: str = "") -> None:
        """What Grafana does with a file."""
        made = {**deepcopy(dict(model)), "id": self.next_id(), "version": 1}
        self.dashboards[str(model["uid"])] = KeptDashboard(made, folder, is_provisioned=True)

    def folder(self, uid: str) -> KeptFolder:
        if uid not in self.folders:
            raise Refused(404, "folder not found", "not-found")
        return self.folders[uid]

    def make_folder(self, uid: str, title: str) -> KeptFolder:
        """http_api/folder, "Create folder": 409 where it exists, by pkg/api/apierrors/folder.go also by title."""
        if uid in self.folders:
            raise Refused(409, "a folder/dashboard with the same uid already exists")
        if any(one.title == title for one in self.folders.values()):
            raise Refused(409, "a folder with the same name already exists in the current location")
        self.folders[uid] = KeptFolder(self.next_id(), uid, title)
        return self.folders[uid]

    def found(self, query: FindAnnotations) -> Iterator[KeptAnnotation]:
        """http_api/annotations, "Find Annotations", as pkg/services/annotations/annotationsimpl/xorm_store.go does it.

        The later its end, the earlier in the list. A stretch of time counts only where both of its ends are given.
        """
        newest = sorted(self.annotations.values(), key=lambda one: (one.time_end, one.time), reverse=True)
        left = query.limit
        for one in newest:
            in_time = not (query.from_ and query.to) or (one.time <= query.to and one.time_end >= query.from_)
            there = not query.dashboard_uid or one.dashboard == query.dashboard_uid
            if left and in_time and there and query.type != "alert" and _has_tags(one.tags, query.tags):
                left -= 1
                yield one

    def annotation(self, number: str) -> KeptAnnotation:
        if not number.isdigit() or int(number) not in self.annotations:
            raise Refused(404, "Could not find annotation to update")
        return self.annotations[int(number)]

    def annotate(self, wish: MakeAnnotation) -> KeptAnnotation:
        tags = [f"{key}:{value}" if value else key for key, value in _pairs(wish.tags)]
        if tags != wish.tags:
            raise WouldBreak(f"Grafana makes {tags} of {wish.tags}")
        now = self.now
        times = sorted((wish.time, wish.time_end or wish.time))
        one = KeptAnnotation(
            *(self.next_id(), times[0], times[1], wish.text, tuple(tags), wish.dashboard_uid, wish.panel_id),
            created=now,
            updated=now,
        )
        return self._keep(one)

    def amend(self, number: str, wish: PatchAnnotation | PutAnnotation) -> KeptAnnotation:
        there = self.annotation(number)
        times = sorted((wish.time or there.time, wish.time_end or there.time_end))
        tags = there.tags if wish.tags is None else tuple(wish.tags)
        text = wish.text or there.text
        return self._keep(replace(there, time=times[0], time_end=times[1], text=text, tags=tags, updated=self.now))

    def remove(self, number: str) -> None:
        del self.annotations[self.annotation(number).id]

    def _keep(self, one: KeptAnnotation) -> KeptAnnotation:
        size = 2 + sum(len(tag.encode()) + 3 for tag in one.tags)
        if size > _MOST_TAGS or any(len(part) > _LONGEST_TAG for pair in _pairs(one.tags) for part in pair):
            raise WouldBreak(f"the tags are too long: {one.tags}")
        self.annotations[one.id] = one
        return one

    def _check_save(self, wish: SaveDashboard, there: KeptDashboard) -> None:
        if there.is_provisioned:
            raise Refused(400, "Cannot save provisioned dashboard")
        if wish.dashboard.id not in {None, there.model["id"]}:
            raise Refused(400, "A dashboard with the same uid already exists")
        if wish.overwrite:
            return
        if wish.dashboard.version is None and wish.dashboard.id is None:
            raise Refused(412, "A dashboard with the same uid already exists", "name-exists")
        if wish.dashboard.version != there.version:
            raise Refused(412, "The dashboard has been changed by someone else", "version-mismatch")


def _pairs(tags: Sequence[str]) -> list[tuple[str, str]]:
    """pkg/services/tag/model.go, ParseTagPairs: what follows a second colon is lost, and so is what stands twice."""
    pairs: list[tuple[str, str]] = []
    for tag in tags:
        key, _, rest = tag.partition(":")
        pair = (key.strip(" "), rest.split(":")[0].strip(" "))
        if pair[0] and pair not in pairs:
            pairs.append(pair)
    return pairs


def _has_tags(tags: Sequence[str], wanted: Sequence[str]) -> bool:
    """All of `wanted`, as the SQL counts it.

    A tag without a value stands for its key with any value, and as many rows as are wanted must match, no more: an
    annotation with `a` and `a:b` has two that match `a`, and is not found by it.
    """
    pairs = _pairs(wanted)
    matching = sum(any(key == want and value in {"", has} for want, value in pairs) for key, has in _pairs(tags))
    return not pairs or matching == len(pairs)
