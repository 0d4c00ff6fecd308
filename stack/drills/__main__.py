"""Breaks each service in turn and looks who tells it. See README.md.

    python3 -m drills [service...]
"""

import sys
import time

from drills import stack
from drills.traffic import Traffic
from drills.watch import Prometheus

# Which alerts have to fire when a service is killed. The exporters' own targets stay up: they say that the service is down.
EXPECTED = {
    "postgres": {"PostgreSQLDown", "ApplicationNotReady"},
    "redis": {"RedisDown", "DependencyDown"},
    "rabbitmq": {"TargetDown", "DependencyDown"},
    "kafka": {"TargetDown", "DependencyDown", "OutboxOld"},
    "rust": {"ApplicationDown"},
    "nginx": {"NginxDown"},
    "mailpit": {"MailsFail"},
    "alertmanager": {"TargetDown", "NotificationsDropped"},
    "postgres-exporter": {"TargetDown"},
}
# What may fire besides: consequences, each of which is true.
CONSEQUENCES = {
    "postgres": {"ServerErrors", "LeaseWithoutLeader", "LeaseChanges", "DependencyDown", "TargetDown"},
    "rabbitmq": {"JobsOverdue", "JobsWithoutWorker", "TargetGone"},
    "kafka": {"RelayProducerResets", "KafkaNoController", "KafkaGroupWithoutMembers", "TargetGone"},
    "rust": {"TargetDown", "TargetGone", "KafkaGroupWithoutMembers", "JobsWithoutWorker"},
    "nginx": {"TargetDown", "TargetGone"},
    "mailpit": {"JobsFail", "FailedJobs", "NotificationsFail", "DependencyDown"},
}
# Alerts of the budgets, of restarts and of the log follow from any breakage, and stay for as long as their windows are.
AFTERMATH = {
    "ErrorBudgetBurnsFast", "ErrorBudgetBurns", "ErrorBudgetBurnsSlowly", "ErrorBudgetBurnsToday", "ApplicationRestarts", "ErrorsInTheLog", "MailsFail",
    "JobsFail",
}
# The longest of the rules waits five minutes for more than one failed mail.
BROKEN, QUIET, LOOK = 480, 600, 2


def drill(service, prometheus, traffic):
    """Breaks one service; a row of the table, and what was wrong."""
    expected, allowed = EXPECTED[service], EXPECTED[service] | CONSEQUENCES.get(service, set()) | AFTERMATH
    before = prometheus.firing()
    traffic.counted()
    print(f"drill: {service} is killed", flush=True)
    stack.kill(service)
    began, seen, shown = time.monotonic(), {}, []
    while expected - seen.keys() and time.monotonic() - began < BROKEN:
        time.sleep(LOOK)
        for alert in prometheus.firing() - before - seen.keys():
            seen[alert] = time.monotonic() - began
            print(f"drill:   {alert} after {seen[alert]:.0f} s", flush=True)
    shown = prometheus.overview()
    went, failed = traffic.counted()
    started = stack.start(service)
    began = time.monotonic()
    while (left := prometheus.firing() - AFTERMATH - before) and time.monotonic() - began < QUIET:
        time.sleep(LOOK)
    quiet = time.monotonic() - began
    faults = [f"{service}: {alert} did not fire within {BROKEN} s" for alert in sorted(expected - seen.keys())]
    faults += [f"{service}: {alert} fired and nobody expected it" for alert in sorted(seen.keys() - allowed)]
    faults += [f"{service}: {alert} still fires {QUIET} s after it was back" for alert in sorted(left)]
    told = ", ".join(f"{alert} {after:.0f} s" for alert, after in sorted(seen.items(), key=lambda pair: pair[1]))
    row = f"| {service} | {told} | {'; '.join(shown)} | {failed} of {went + failed} | {started:.0f} s | {quiet:.0f} s |"
    return row, faults


def main(services):
    unknown = set(services) - EXPECTED.keys()
    if unknown:
        raise SystemExit(f"drill: there is no drill for {', '.join(sorted(unknown))} (there are: {', '.join(EXPECTED)})")
    there, values = stack.states(), stack.settings()
    missing = [service for service in EXPECTED.keys() | {"prometheus"} if there.get(service) not in ("healthy", "running")]
    if missing:
        raise SystemExit(f"drill: not running, or not healthy: {', '.join(sorted(missing))} (see README.md)")
    port = values.get("HTTPS_PORT") or "443"
    prometheus = Prometheus(f"http://localhost:{values['PROMETHEUS_PORT']}")
    if not prometheus.works():
        raise SystemExit("drill: the alert Watchdog does not fire, so no other would: is Prometheus just starting?")
    if firing := prometheus.firing():
        raise SystemExit(f"drill: something is wrong already: {', '.join(sorted(firing))}")
    rows, faults = [], []
    with Traffic(f"https://localhost:{port}", f"http://localhost:{values['MAILPIT_PORT']}") as traffic:
        try:
            for service in services or EXPECTED:
                row, found = drill(service, prometheus, traffic)
                rows.append(row)
                faults += found
        finally:
            # Also of a run that is broken off.
            print("\n| Killed | Alerts, and after how long | What Overview showed | Rounds of work that failed | Healthy after | Quiet after |")
            print("|---|---|---|---|---|---|")
            print("\n".join(rows), flush=True)
    for fault in faults:
        print(f"drill: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
