"""The alerts: each says how bad it is, what it means and what to do, and is shown to fire and to keep quiet."""

import re

import pytest
import yaml

from repository import ROOT, read

RULES = sorted((ROOT / "prometheus/rules").glob("*.yml"))
# It always fires: there is nothing it could keep quiet about.
ALWAYS = "Watchdog"


def load(path):
    return yaml.safe_load(path.read_text())


def rules(path):
    return [rule for group in load(path)["groups"] for rule in group["rules"]]


ALERTS = [(path.stem, rule) for path in RULES for rule in rules(path) if "alert" in rule]
NAMES = [rule["alert"] for _, rule in ALERTS]


def runbook():
    """{alert: what is said of it} of the chapter "Alerts"."""
    chapter = re.search(r"(?ms)^## Alerts\n(.*?)(?=^## )", read("docs/operations.md"))[1]
    _, *entries = re.split(r"(?m)^### (.*)\n", chapter)
    return dict(zip(entries[::2], entries[1::2], strict=True))


def cases(subject):
    """(alert, whether it is to fire) of each case that the tests of a subject state."""
    tests = load(ROOT / f"prometheus/tests/{subject}_test.yml")["tests"]
    return [(case["alertname"], bool(case.get("exp_alerts"))) for test in tests for case in test.get("alert_rule_test", [])]


def test_the_alerts_are_found():
    assert len(NAMES) > 50
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize(("subject", "rule"), ALERTS, ids=NAMES)
def test_an_alert_says_how_bad_it_is_and_what_it_means(subject, rule):
    assert rule["labels"]["severity"] in ({"none"} if rule["alert"] == ALWAYS else {"critical", "warning"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
    # One line of a mail, and sentences that follow it.
    assert "\n" not in rule["annotations"]["summary"] and not rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")


def test_every_alert_has_an_entry_in_the_runbook_and_every_entry_an_alert():
    assert sorted(runbook()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_says_where_to_look_or_what_to_do(name):
    assert re.search(r"```bash\n|`[^`]+`|\]\(#|\]\(\w+\.md", runbook()[name])


def test_every_rules_file_has_its_tests():
    tests = {path.name: load(path)["rule_files"] for path in (ROOT / "prometheus/tests").iterdir()}
    assert tests == {f"{path.stem}_test.yml": [f"../rules/{path.name}"] for path in RULES}


@pytest.mark.parametrize(("subject", "rule"), ALERTS, ids=NAMES)
def test_an_alert_is_shown_to_fire_and_to_keep_quiet(subject, rule):
    stated = {fires for name, fires in cases(subject) if name == rule["alert"]}
    assert stated == ({True} if rule["alert"] == ALWAYS else {True, False})


def test_no_case_is_about_an_alert_that_does_not_exist():
    assert {name for path in RULES for name, _ in cases(path.stem)} == set(NAMES)


def test_the_objectives_are_those_that_are_written():
    """The table's percentages are the budgets that are recorded."""
    budgets = {rule["labels"]["objective"]: rule["expr"] for rule in rules(ROOT / "prometheus/rules/objectives.yml") if rule.get("record") == "objective:budget:ratio"}
    chapter = re.search(r"(?ms)^## Objectives\n(.*?)(?=^## )", read("docs/operations.md"))[1]
    written = {what: float(part) / 100 for what, part in re.findall(r"(?m)^\| \d+(?:\.\d+)? % of (.*?) \|.*\| ([\d.]+) %:", chapter)}
    assert written == {
        "requests succeed": float(budgets["requests"][7:-1]),
        "requests are answered within 250 ms (p99 under 250 ms)": float(budgets["duration"][7:-1]),
        "events have their effect within 5 s": float(budgets["events"][7:-1]),
    }
    rates = dict(re.findall(r"(?m)^\| \[(\w+)\]\(#\w+\) \| ([\d.]+) \|", chapter))
    recorded = {rule["alert"]: re.search(r"> ([\d.]+)", rule["expr"])[1] for rule in rules(ROOT / "prometheus/rules/objectives.yml") if "alert" in rule}
    assert rates == recorded
