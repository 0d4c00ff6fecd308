"""Alertmanager: an alert arrives as a mail, what follows from it does not, and the settings are the application's."""

import datetime
import json
import re
import uuid

import pytest

from conftest import AWFUL_PASSWORD
from members import mails
from services import logs, prometheus, setting


def api(stack, path, body=None):
    url = f"http://localhost:{setting(stack, 'ALERTMANAGER_PORT')}/api/v2/{path}"
    data = None if body is None else json.dumps(body).encode()
    answer = stack.http(url, method="GET" if body is None else "POST", headers={"Content-Type": "application/json"}, data=data)
    assert answer.status == 200, answer.body
    return answer.json() if answer.body else None


def raise_alerts(stack, *alerts):
    """Alerts as Prometheus raises them, which end by themselves after two minutes."""
    ends = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=2)).isoformat()
    api(stack, "alerts", [{"labels": labels, "annotations": {"summary": f"summary of {labels['alertname']}"}, "endsAt": ends} for labels in alerts])


def test_an_alert_arrives_as_a_mail(stack):
    name = f"Trial{uuid.uuid4().hex}"
    address = stack.env("ALERT_MAIL_TO") or stack.env("ADMIN_EMAIL")
    raise_alerts(stack, {"alertname": name, "severity": "critical", "job": "trial"})
    mail = stack.wait_for("the mail", lambda: [text for text in mails(stack, address) if name in text], 60)[0]
    assert f"summary of {name}" in mail and "severity=critical" in mail


def test_prometheus_hands_its_alerts_to_it(stack):
    answer = stack.http(f"http://localhost:{setting(stack, 'PROMETHEUS_PORT')}/api/v1/alertmanagers").json()["data"]
    assert [one["url"] for one in answer["activeAlertmanagers"]] == ["http://alertmanager:9093/api/v2/alerts"]
    stack.wait_for("Alertmanager's own figures", lambda: [v for _, v in prometheus(stack, 'up{job="alertmanager"}')] == [1], 60)


@pytest.mark.parametrize(("cause", "consequence"), [
    ({"alertname": "PostgreSQLDown", "severity": "critical", "job": "postgres"}, {"alertname": "ApplicationNotReady", "severity": "critical", "job": "application"}),
    ({"alertname": "PostgreSQLDown", "severity": "critical", "job": "postgres"}, {"alertname": "OutboxOld", "severity": "critical", "job": "application"}),
    ({"alertname": "ApplicationNotReady", "severity": "critical"}, {"alertname": "ErrorBudgetBurnsFast", "severity": "critical", "objective": "requests"}),
    ({"alertname": "HostDiskFull", "severity": "critical", "mountpoint": "/"}, {"alertname": "HostDiskFills", "severity": "warning", "mountpoint": "/"}),
    ({"alertname": "CertificateExpires", "severity": "critical"}, {"alertname": "CertificateExpiresSoon", "severity": "warning"}),
    ({"alertname": "Same", "severity": "critical", "job": "a"}, {"alertname": "Same", "severity": "warning", "job": "a"}),
])
def test_nobody_is_told_what_follows(stack, cause, consequence):
    world = uuid.uuid4().hex
    told = {**consequence, "world": world}
    raise_alerts(stack, {**cause, "world": world}, told)

    def inhibited():
        return [alert for alert in api(stack, "alerts") if alert["labels"] == told and alert["status"]["inhibitedBy"]]

    stack.wait_for("the inhibition", inhibited, 20)


def test_what_does_not_follow_is_told(stack):
    world = uuid.uuid4().hex
    others = [
        {"alertname": "HostDiskFills", "severity": "warning", "mountpoint": "/other", "world": world},
        {"alertname": "Same", "severity": "warning", "job": "b", "world": world},
        {"alertname": "ApplicationDown", "severity": "critical", "job": "application", "world": world},
    ]
    causes = [
        {"alertname": "HostDiskFull", "severity": "critical", "mountpoint": "/", "world": world},
        {"alertname": "Same", "severity": "critical", "job": "a", "world": world},
        {"alertname": "PostgreSQLDown", "severity": "critical", "job": "postgres", "world": world},
    ]
    raise_alerts(stack, *causes, *others)
    stack.wait_for("all of them to be sorted", lambda: all(
        alert["status"]["state"] == "active" for alert in api(stack, "alerts") if alert["labels"].get("world") == world
    ) and len([a for a in api(stack, "alerts") if a["labels"].get("world") == world]) == 6, 20)


# ---- settings ----

USUAL = {
    "ALERTMANAGER_PORT": "9093", "ALERT_MAIL_TO": "", "ADMIN_EMAIL": "admin@site.example", "MAIL_MAILER": "smtp", "MAIL_HOST": "mail.example", "MAIL_PORT": "587",
    "MAIL_USERNAME": "", "MAIL_PASSWORD": "", "MAIL_ENCRYPTION": "opportunistic", "MAIL_FROM_ADDRESS": "noreply@site.example",
}


def configuration(stack, **settings):
    """What the entrypoint makes of settings: (what it says, {name: value} of the settings in it), which amtool accepts."""
    image = stack.inspect("alertmanager")["Config"]["Image"]
    words = [word for name, value in {**USUAL, **settings}.items() for word in ("--env", f"{name}={value}")]
    line = "/usr/local/bin/entrypoint.sh --version && cat /tmp/alertmanager.yml && amtool check-config /tmp/alertmanager.yml >/dev/null"
    done = stack.run("docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", *words, "--entrypoint", "sh", image, "-ec", line, check=False)
    found = dict(re.findall(r"(?m)^[ -]*(\w+): (.*)$", done.stdout))
    return done, {name: value[1:-1].replace("''", "'") if value.startswith("'") else value for name, value in found.items()}


def test_values_survive_whatever_characters_they_have(stack):
    done, found = configuration(
        stack, MAIL_PASSWORD=AWFUL_PASSWORD, MAIL_USERNAME="o'brien|&\\@site.example", ALERT_MAIL_TO="o'brien@site.example, b@site.example",
    )
    assert done.returncode == 0, done.stderr
    assert found["smtp_auth_password"] == AWFUL_PASSWORD and found["smtp_auth_username"] == "o'brien|&\\@site.example"
    assert found["to"] == "o'brien@site.example, b@site.example" and found["smtp_smarthost"] == "mail.example:587"
    assert AWFUL_PASSWORD.strip() not in done.stdout.split("global:")[0] + done.stderr


@pytest.mark.parametrize(("encryption", "username", "starttls", "tls"), [
    ("opportunistic", "", "false", "false"), ("opportunistic", "me", "true", "false"), ("starttls", "", "true", "false"),
    ("tls", "", "true", "true"), ("none", "me", "false", "false"),
])
def test_mail_encryption_means_what_it_means_to_the_application(stack, encryption, username, starttls, tls):
    _, found = configuration(stack, MAIL_ENCRYPTION=encryption, MAIL_USERNAME=username)
    assert (found["smtp_require_tls"], found["smtp_force_implicit_tls"]) == (starttls, tls)


def test_an_encryption_that_there_is_not_is_refused(stack):
    done, _ = configuration(stack, MAIL_ENCRYPTION="ssl")
    assert done.returncode != 0 and "MAIL_ENCRYPTION is 'ssl'" in done.stderr


@pytest.mark.parametrize(("settings", "receiver"), [
    ({}, "mail"), ({"ADMIN_EMAIL": ""}, "nobody"), ({"ADMIN_EMAIL": "", "ALERT_MAIL_TO": "me@site.example"}, "mail"), ({"MAIL_MAILER": "log"}, "nobody"),
])
def test_without_anybody_to_mail_to_it_says_so(stack, settings, receiver):
    done, found = configuration(stack, **settings)
    assert done.returncode == 0, done.stderr
    assert found["receiver"] == receiver and ("mailed to nobody" in done.stdout) == (receiver == "nobody")


def test_the_mail_password_stands_in_no_log_of_it(stack):
    done, found = configuration(stack, MAIL_PASSWORD="a-password-for-mails")
    assert found["smtp_auth_password"] == "a-password-for-mails"
    assert "a-password-for-mails" not in done.stderr + done.stdout.split("global:")[0]
    assert "smtp_auth_password" not in logs(stack, "alertmanager")
