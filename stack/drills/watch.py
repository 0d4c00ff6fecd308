"""What somebody who looks would see: the alerts that fire, and the panels of the Overview dashboard that are not green."""

import json
import urllib.parse
import urllib.request

from drills.stack import ROOT

# What Grafana would fill in itself.
VARIABLES = {"$__rate_interval": "1m"}
GREEN = "green"


class Prometheus:
    """A running Prometheus."""

    def __init__(self, address):
        self.address = address

    def _get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.address}{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def firing(self):
        """The names of the alerts that fire. The one that always does proves that alerts work at all."""
        alerts = self._get("/api/v1/alerts")["alerts"]
        names = {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
        return names - {"Watchdog"}

    def works(self):
        """Whether the alert fires that always has to."""
        return bool(self.values('ALERTS{alertname="Watchdog", alertstate="firing"}'))

    def values(self, query):
        """[(labels, value)] of an instant query."""
        found = self._get("/api/v1/query", query=query)["result"]
        return [(series["metric"], float(series["value"][1])) for series in found]

    def overview(self):
        """What the panels with one big number or a list of states show that is not green."""
        shown = []
        for panel in json.loads((ROOT / "grafana/dashboards/overview.json").read_text())["panels"]:
            if panel["type"] != "stat":
                continue
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            for target in panel["targets"]:
                for labels, value in self.values(filled(target["expr"])):
                    colour = colour_of(steps, value)
                    if colour != GREEN:
                        name = "/".join(value for label, value in labels.items() if label not in ("__name__", "objective"))
                        shown.append(f"{panel['title']}: {name or f'{value:g}'} {colour}")
        return shown


def filled(query):
    """A query with Grafana's variables in place."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return query


def colour_of(steps, value):
    """The colour of the highest step that a value reaches."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return reached[-1]
