"""The dashboards: up to date, within the rules of Grafana's dashboard linter, and only with metrics of the contract."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import build
from grafana.queries import PanelQuery, list_queries, substituted
from tests.support import ROOT, prometheus_tool
from tests.support.promql import broken_promises, selectors

Json = dict[str, Any]

FILES = sorted(build.FOLDER.glob("*.json"))
BOARDS: dict[str, Json] = {file.name: json.loads(file.read_text()) for file in FILES}
PANELS = [
    pytest.param(panel, id=f"{board['title']}: {panel['title']}")
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] != "row"
]
QUERIES = [pytest.param(query, id=f"{query.dashboard}: {query.panel}") for query in list_queries()]
UNITS = {"volt", "amp", "watt", "watth", "amph", "celsius", "percentunit", "s", "ops", "Bps", "none"}

boards = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
panels = pytest.mark.parametrize("panel", PANELS)
queries = pytest.mark.parametrize("query", QUERIES)


def test_the_committed_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"]) == 0, capsys.readouterr().err
    assert {file.name for file in FILES} == set(build.built())


def test_outdated_file_is_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0
    (tmp_path / "offgrid-site.json").write_text("{}")
    assert build.main(["--check"]) == 1
    assert "out of date: offgrid-site.json" in capsys.readouterr().err


@boards
def test_every_key_is_known_to_grafana(board: Json) -> None:
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415 - warns unless grafana came first

    # The model drops what it does not know, so a mistyped key does not come back.
    assert json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder)) == board


@boards
def test_dashboard_imports_and_provisions(board: Json) -> None:
    assert "__inputs" not in board
    assert board.get("id") is None
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert board["editable"] is False
    assert board["description"]
    identifiers = [panel["id"] for panel in board["panels"]]
    assert len(identifiers) == len(set(identifiers))


@boards
def test_panel_layout(board: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@boards
def test_variables(board: Json) -> None:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert variables["datasource"]["label"] == "Data source"
    for name, label, every in (("job", "Job", ".+"), ("instance", "Instance", ".+"), ("site", "Site", ".*")):
        variable = variables[name]
        assert variable["type"] == "query"
        assert variable["label"] == label
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["multi"] is True
        assert variable["allValue"] == every
        assert variable["refresh"] == 2
        selector = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert selector is not None
        assert selector[2] == name
        promql_parser.parse(selector[1])


@boards
def test_alerts_and_runs_in_every_graph(board: Json) -> None:
    annotations = {annotation["name"]: annotation for annotation in board["annotations"]["list"]}
    assert set(annotations) == {"Alerts", "Contact closed"}
    for annotation in annotations.values():
        assert annotation["datasource"]["uid"] == "${datasource}"
        assert list(broken_promises(annotation["expr"])) == []


@panels
def test_panels_have_descriptions(panel: Json) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults.get("mappings") or defaults["unit"] in UNITS
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        assert target["legendFormat"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@panels
def test_gaps_stay_gaps(panel: Json) -> None:
    if panel["type"] in {"timeseries", "state-timeline"}:
        assert panel["fieldConfig"]["defaults"]["custom"]["spanNulls"] is False
        assert "noValue" not in panel["fieldConfig"]["defaults"]


@panels
def test_no_old_value_is_shown_as_the_present_one(panel: Json) -> None:
    if panel["type"] in {"stat", "gauge", "bargauge", "table"}:
        assert panel["fieldConfig"]["defaults"]["noValue"] == "no data"
        for target in panel["targets"]:
            assert (target["instant"], target["range"]) == (True, False), panel["title"]


@panels
def test_selectors_and_counters(panel: Json) -> None:
    for target in panel["targets"]:
        expression = target["expr"]
        for selector in selectors(substituted(expression)):
            matchers = {(matcher.name, matcher.value) for matcher in selector.matchers.matchers}
            assert {("job", ".+"), ("instance", ".+"), ("site", ".*")} <= matchers, expression
            if selector.name is not None and selector.name.endswith("_total"):
                assert re.search(rf"(rate|increase)\({selector.name}{{", expression), expression
        assert re.findall(r"\brate\([^[]*\[(.*?)\]", expression) in ([], ["$__rate_interval"]), expression
        assert "$" not in re.sub(r"\$(__rate_interval|__range|job|instance|site)\b", "", expression)


@queries
def test_a_query_reads_only_metrics_of_the_contract(query: PanelQuery) -> None:
    assert list(broken_promises(query.expression)) == []


def test_legend_labels_exist() -> None:
    for board in BOARDS.values():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                names = {selector.name for selector in selectors(substituted(target["expr"]))}
                (name, *_) = names - {"up"} or names
                for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                    assert list(broken_promises(f'{name}{{{label}=~".+"}}')) == [], (panel["title"], label)


def test_every_query_parses(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:query:{number}", "expr": query.expression} for number, query in enumerate(list_queries())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    result = subprocess.run(
        [prometheus_tool("promtool"), "check", "rules", file], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(rules)} rules found" in result.stdout


def test_provisioning_files() -> None:
    folder = ROOT / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards" / "offgrid.yaml").read_text())["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    sample = yaml.safe_load((ROOT / "alerts" / "prometheus.yml").read_text())
    assert source["type"] == "prometheus"
    assert source["uid"]
    assert source["jsonData"]["timeInterval"] == sample["global"]["scrape_interval"]
