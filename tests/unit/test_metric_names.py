"""The dashboard, the alert rules and `docs/metrics.md` speak of the figures that there are, and of all of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.web.metric_catalogue import CATALOGUE, Kind, Metric

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARD = DEPLOY / "grafana-dashboard.json"
ALERTS = DEPLOY / "prometheus-alerts.yml"
DOCUMENT = ROOT / "docs" / "metrics.md"
OF_THE_PROCESS = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_start_time_seconds",
    "process_open_fds",
    "process_max_fds",
}
NAME = re.compile(r"\b(?:watchbill|process)_[a-z_]+")
ROWS = ["Overview", "Trades", "Watch age", "Connectors", "Actors", "Ledger"]
OF_OTHERS = {"job", "instance", "le"}  # labels that Prometheus adds


def series(metric: Metric) -> set[str]:
    """The names under which Prometheus keeps it."""
    if metric.kind is Kind.HISTOGRAM:
        return {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
    return {metric.name}


SERIES = {name: metric for metric in CATALOGUE.values() for name in series(metric)}


def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


def queries() -> Iterator[str]:
    """Every expression of the dashboard."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


def rules() -> str:
    """The alert rules without their words for people."""
    lines = ALERTS.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not re.match(r"\s*(#|summary:|description:|- alert:|- name:)", line))


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus): the alert rules are not run")
    return found


def run_promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool(), *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_a_figure_is_named_as_prometheus_has_it(metric: Metric) -> None:
    assert re.fullmatch(r"watchbill_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
    assert metric.said
    assert not metric.said.endswith(".")
    assert all(re.fullmatch(r"[a-z_]+", label) for label in metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        assert metric.name.endswith(("_seconds", "_spreads")), "its unit ends its name"


def test_each_figure_is_explained_with_its_type_and_its_labels_and_nothing_else_is() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = {
        match[1]: (match[2], set(re.findall(r"`(\w+)`", match[3])))
        for match in re.finditer(r"^\| `(\w+)` \| (\w+)([^|]*)\|", text, re.MULTILINE)
    }
    assert rows.keys() == CATALOGUE.keys()
    for name, (kind, labels) in rows.items():
        assert kind == CATALOGUE[name].kind.value, name
        assert set(CATALOGUE[name].labels) <= labels, name
    assert set(NAME.findall(text)) - CATALOGUE.keys() == OF_THE_PROCESS


@pytest.mark.parametrize("where", [DASHBOARD, ALERTS], ids=lambda path: path.name)
def test_it_speaks_only_of_figures_that_there_are(where: Path) -> None:
    text = " ".join(queries()) if where is DASHBOARD else rules()
    assert set(NAME.findall(text)) - SERIES.keys() <= OF_THE_PROCESS


def test_the_dashboard_draws_every_figure() -> None:
    drawn = set(NAME.findall(" ".join(queries())))
    assert [name for name, metric in CATALOGUE.items() if not drawn & series(metric)] == []


def test_labels_are_those_that_the_figures_have() -> None:
    for expression in [*queries(), rules()]:
        for name, inside in re.findall(r"((?:watchbill|process)_\w+)\{([^}]*)\}", expression):
            known = OF_OTHERS | (set(SERIES[name].labels) if name in SERIES else set())
            assert set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", inside)) <= known, name
    every = {label for metric in CATALOGUE.values() for label in metric.labels} | OF_OTHERS
    for expression in [*queries(), rules()]:
        for inside in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expression):
            assert {label.strip() for label in inside.split(",")} <= every, inside


def test_the_dashboard_can_be_imported_and_asks_for_its_data_source() -> None:
    made = dashboard()
    assert made["id"] is None
    assert made["uid"] == "watchbill"
    assert [panel["title"] for panel in made["panels"] if panel["type"] == "row"] == ROWS
    variables = {variable["name"]: variable for variable in made["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    ids = [panel["id"] for panel in made["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in made["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        assert panel["description"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_no_two_panels_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_example_reads_the_token_from_a_file_and_has_none() -> None:
    text = (DEPLOY / "prometheus.yml").read_text(encoding="utf-8")
    assert "credentials_file: watchbill-read-token" in text
    assert "credentials:" not in text
    assert ALERTS.name in text


def test_promtool_takes_the_alert_rules() -> None:
    done = run_promtool("check", "rules", str(ALERTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_fire_when_they_should_and_not_otherwise() -> None:
    done = run_promtool("test", "rules", "tests/unit/prometheus-alerts-test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_can_read_every_query_of_the_dashboard(tmp_path: Path) -> None:
    written = {"$__rate_interval": "1m", "$job": ".*", "$account": ".*"}
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, expression in enumerate(queries()):
        for name, value in written.items():
            expression = expression.replace(name, value)
        lines += [f"      - record: dashboard:query{number}", f"        expr: {json.dumps(expression)}"]
    file = tmp_path / "dashboard.yml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = run_promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_configuration_is_one(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "prometheus-alerts.yml"):
        shutil.copy(DEPLOY / name, tmp_path)
    (tmp_path / "watchbill-read-token").write_text("read-token")
    done = run_promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
