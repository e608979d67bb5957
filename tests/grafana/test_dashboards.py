"""The dashboards: up to date, within the rules of Grafana's dashboard linter, and only with metrics of the contract."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import build, palette, parts
from grafana.queries import PanelQuery, list_queries, substituted
from tests.support import ROOT, prometheus_tool
from tests.support.alert_rules import alerts
from tests.support.promql import broken_promises, selectors

Json = dict[str, Any]

FILES = sorted(build.FOLDER.glob("*.json"))
IMPORTS = sorted((build.ROOT / "import").glob("*.json"))
BOARDS: dict[str, Json] = {file.name: json.loads(file.read_text()) for file in FILES}
PANELS = [
    pytest.param(panel, id=f"{board['title']}: {panel['title']}")
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] != "row"
]
QUERIES = [pytest.param(query, id=f"{query.dashboard}: {query.panel}") for query in list_queries()]
UNITS = {
    "volt",
    "mvolt",
    "amp",
    "watt",
    "watth",
    "amph",
    "celsius",
    "percentunit",
    "s",
    "suffix:h",
    "ops",
    "Bps",
    "none",
}
NOW = {"stat", "gauge", "bargauge", "table"}
# Counters that keep their value over restarts, and are shown as they are.
METERS = {
    "generator_engine_seconds_total",
    "classic_energy_joules_total",
    "vedirect_source_joules_total",
    "modbus_cycles_total",
    "pylontech_cycles_total",
    "vedirect_cycles_total",
}

boards = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
panels = pytest.mark.parametrize("panel", PANELS)
queries = pytest.mark.parametrize("query", QUERIES)


def test_the_committed_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"]) == 0, capsys.readouterr().err
    assert {f"{file.parent.name}/{file.name}" for file in (*FILES, *IMPORTS)} == set(build.built())


def test_outdated_file_is_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0
    (tmp_path / "import" / "offgrid-site.json").write_text("{}")
    assert build.main(["--check"]) == 1
    assert "out of date: import/offgrid-site.json" in capsys.readouterr().err


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


def test_what_occurred_is_red_where_it_is_bad_and_shown_where_none_did() -> None:
    legend = "{{device}} {{flag}}"
    panel = parts.occurred("Flags", "Flags.", "aims_status", "flag", legend, bad="failed", none=("no", "x"))
    built = json.loads(json.dumps(panel.build(), cls=JSONEncoder))
    calm, found = built["targets"]
    assert (calm["legendFormat"], found["legendFormat"]) == ("{{device}} any", legend)
    assert calm["expr"].startswith("max without (flag) (aims_status{")
    assert re.match(r'\(aims_status{flag=~"failed".* == 1\) \+ 1 or aims_status{.* == 1$', found["expr"])
    shown = built["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert {number: one["color"] for number, one in shown.items()} == {"0": "x", "1": parts.BLUE, "2": parts.BAD}


def test_uids_never_change() -> None:
    uids = {
        "offgrid-site",
        "offgrid-energy",
        "offgrid-battery",
        "offgrid-solar",
        "offgrid-generator",
        "offgrid-devices",
    }
    assert {board["uid"] for board in BOARDS.values()} == uids
    assert {Path(name).stem for name in BOARDS} == uids


@pytest.mark.parametrize("file", IMPORTS, ids=lambda file: file.name)
def test_a_dashboard_for_import_differs_in_its_data_source_alone(file: Path) -> None:
    imported = json.loads(file.read_text())
    (asked,) = imported.pop("__inputs")
    assert (asked["name"], asked["pluginId"]) == ("DS_PROMETHEUS", "prometheus")
    required = imported.pop("__requires")
    shipped = json.loads(file.read_text().replace("${DS_PROMETHEUS}", "${datasource}"))
    original = BOARDS[file.name]
    assert imported["uid"] == original["uid"]
    assert shipped["panels"] == original["panels"]
    assert shipped["annotations"] == original["annotations"]
    assert {one["id"] for one in required if one["type"] == "panel"} == {
        panel["type"] for panel in original["panels"] if panel["type"] != "row"
    }
    assert "${datasource}" not in file.read_text()


@boards
def test_links_and_the_version_of_grafana(board: Json) -> None:
    links = {link["title"]: link for link in board["links"]}
    assert set(links) == {"Off-grid", "Panel", "Runbooks"}
    assert (links["Off-grid"]["type"], links["Off-grid"]["tags"]) == ("dashboards", ["offgrid"])
    assert links["Panel"]["url"] == "${actuator}/"
    assert links["Runbooks"]["url"] == "${actuator}/runbooks/README"
    assert re.search(r"For Grafana 11\.0 or later\.$", board["description"])


def test_the_wall_needs_no_scrolling() -> None:
    board = BOARDS["offgrid-site.json"]
    assert not [panel for panel in board["panels"] if panel["type"] == "row"]
    # At 1080 pixels, with Grafana's bars above, there is room for 24 rows of 38 pixels.
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) <= 24


def test_an_alert_is_shown_in_words_with_its_runbook() -> None:
    (table,) = (panel for panel in BOARDS["offgrid-site.json"]["panels"] if panel["type"] == "table")
    (words,) = (one for one in table["fieldConfig"]["overrides"] if one["matcher"]["options"] == "What is wrong")
    properties = {one["id"]: one["value"] for one in words["properties"]}
    people = set(alerts("people.yml"))
    assert people <= set(properties["mappings"][0]["options"])
    assert properties["links"][0]["url"] == "${actuator}/runbooks/${__value.raw}"


def colours(value: object) -> Iterator[str]:
    """Yield each named colour of a dashboard."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"color", "fixedColor", "iconColor"} and isinstance(inner, str):
                yield inner
            else:
                yield from colours(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from colours(inner)


@boards
def test_colours_are_readable(board: Json) -> None:
    used = {colour for colour in colours(board) if not colour.startswith("rgba")} - {"text"}
    for name in used:
        assert palette.contrast(palette.DARK[name], palette.PANEL) >= 4.5, name
        # Text on a band or a background is black or white, by contrast.
        for theme in (palette.DARK, palette.LIGHT):
            assert palette.contrast(palette.contrasting(theme[name]), theme[name]) >= 4.5, name
    for name in {parts.GOOD, parts.ATTENTION, parts.BAD}:
        assert palette.contrast(palette.LIGHT[name], palette.LIGHT_PANEL) >= 3, name


@panels
def test_a_number_is_never_coloured_text(panel: Json) -> None:
    if panel["type"] == "stat":
        assert panel["options"]["colorMode"] in {"none", "background_solid"}
    if panel["type"] == "bargauge":
        assert panel["options"]["valueMode"] == "text"


@panels
def test_legends_fit(panel: Json) -> None:
    if panel["type"] not in {"timeseries", "state-timeline"}:
        return
    legends = [re.sub(r"{{\w+}}", "sitename", target["legendFormat"]) for target in panel["targets"]]
    assert all(len(legend) <= 36 for legend in legends), legends
    if panel["type"] == "timeseries" and len(legends) > 1:
        # 7 pixels a letter and 30 for the mark; at 1920 a column has 79 pixels. Three lines at most.
        assert sum(30 + 7 * len(legend) for legend in legends) <= 3 * 79 * panel["gridPos"]["w"], legends


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
        # With one site there is nothing to choose.
        assert variable["hide"] == 2
    assert variables["actuator"]["query"] == "http://127.0.0.1:10049"


@boards
def test_alerts_and_runs_in_every_graph(board: Json) -> None:
    annotations = {annotation["name"]: annotation for annotation in board["annotations"]["list"]}
    assert set(annotations) == {"Alerts", "Commands", "Contact closed", "Faults", "Restarts", "Runs"}
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
    if panel["type"] in NOW:
        absent = panel["fieldConfig"]["defaults"]["noValue"]
        assert absent.endswith("no data" if panel["type"] != "table" else "or no rules are loaded")
        for target in panel["targets"]:
            assert (target["instant"], target["range"]) == (True, False), panel["title"]


@panels
def test_selectors_and_counters(panel: Json) -> None:
    for target in panel["targets"]:
        expression = target["expr"]
        for selector in selectors(substituted(expression)):
            matchers = {(matcher.name, matcher.value) for matcher in selector.matchers.matchers}
            if selector.name == "ALERTS":  # alerts about Prometheus itself have the job of none of ours
                assert ("site", ".*") in matchers
                continue
            assert {("job", ".+"), ("instance", ".+"), ("site", ".*")} <= matchers, expression
            if selector.name is not None and selector.name.endswith("_total") and selector.name not in METERS:
                assert re.search(rf"(rate|increase)\({selector.name}{{", expression), expression
        assert set(re.findall(r"\brate\([^[]*\[(.*?)\]", expression)) <= {"$__rate_interval"}, expression
        assert "$" not in re.sub(r"\$(__rate_interval|__range|job|instance|site)\b", "", expression)


@queries
def test_a_query_reads_only_metrics_of_the_contract(query: PanelQuery) -> None:
    assert list(broken_promises(query.expression)) == []


def test_legend_labels_exist() -> None:
    for board in BOARDS.values():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                names = {selector.name for selector in selectors(substituted(target["expr"]))}
                for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                    known = [name for name in names if not list(broken_promises(f'{name}{{{label}=~".+"}}'))]
                    assert set(known) - {"up"} or names == {"up"}, (panel["title"], label)


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
