"""Who imports what: a load generator loads only what it needs."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COLLECTOR = sorted(f"soakwatch.collector.{file.stem}" for file in (ROOT / "collector").glob("[!_]*.py"))

SLOW = {
    *("numpy", "scipy", "matplotlib", "plotly"),
    *("github", "grafana_api", "influxdb_client", "sqlalchemy", "psycopg"),
    *("apscheduler", "cronsim", "typer"),
}


def modules_after(code: str) -> set[str]:
    """Names of all modules that a fresh Python has loaded after `code`."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(output.stdout))


def ours(modules: set[str]) -> set[str]:
    """Our packages among `modules`."""
    return {module.split(".")[1] for module in modules if module.startswith("soakwatch.")}


def foreign(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_a_locust_worker_with_the_plugin_loads_nothing_that_only_analysis_needs() -> None:
    loaded = modules_after("import locust.main\nimport soakwatch.collector.plugin")
    assert ours(loaded) == {"collector", "core", "store"}
    assert not foreign(loaded) & SLOW


def test_a_locust_worker_that_writes_into_an_sqlite_store_loads_nothing_of_the_ledger(tmp_path: Path) -> None:
    settings = f"Configuration(store=StoreSection(path={str(tmp_path / 'soakwatch.db')!r}))"
    loaded = modules_after(
        "import locust.main\nimport soakwatch.collector.plugin\n"
        "from soakwatch.core.configuration import Configuration\n"
        "from soakwatch.core.store_settings import StoreSection\n"
        f"from soakwatch.store.opening import create_store\nwith create_store({settings}) as store: store.write([])"
    )
    assert not foreign(loaded) & SLOW
    assert not [module for module in loaded if "ledger" in module]


def test_the_launcher_loads_no_more_than_the_plugin() -> None:
    loaded = modules_after("import soakwatch.collector.launcher")
    assert ours(loaded) == {"collector", "core", "store"}
    assert not foreign(loaded) & SLOW


def test_the_collector_imports_nothing_of_ours_but_core_and_store() -> None:
    loaded = modules_after("import locust\n" + "\n".join(f"import {module}" for module in COLLECTOR))
    assert ours(loaded) == {"collector", "core", "store"}


def test_the_core_imports_nothing_of_ours_and_the_store_only_the_core() -> None:
    names = {name: sorted(file.stem for file in (ROOT / name).glob("[!_]*.py")) for name in ("core", "store")}
    imports = {name: "\n".join(f"import soakwatch.{name}.{stem}" for stem in stems) for name, stems in names.items()}
    assert ours(modules_after(imports["core"])) == {"core"}
    assert ours(modules_after(imports["store"])) == {"core", "store"}


def test_the_plugin_comes_to_locust_after_its_monkey_patching() -> None:
    """gevent warns when ssl or threading were loaded before it patched them; Python raises it as an error here."""
    script = (
        "import locust.main, soakwatch.collector.plugin\n"
        "from gevent import monkey; print(monkey.is_module_patched('ssl'))"
    )
    command = [sys.executable, "-W", "error::gevent.monkey.MonkeyPatchWarning", "-c", script]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout == "True\n"


def test_what_is_decided_about_grafana_knows_no_way_to_it() -> None:
    decided = ("publishing", "dashboard_mark", "annotation_plan", "annotation_wishes")
    loaded = modules_after("\n".join(f"import soakwatch.grafana.{module}" for module in decided))
    assert not foreign(loaded) & {"grafana_api", "requests", "urllib3"}


def test_one_module_alone_knows_the_library_for_grafanas_api() -> None:
    sources = [
        path for folder in ("core", "store", "grafana", "scheduler", "cli") for path in (ROOT / folder).glob("*.py")
    ]
    knowing = [path.name for path in sources if "grafana_api" in path.read_text(encoding="utf-8")]
    assert knowing == ["api.py"]
