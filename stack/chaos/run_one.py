"""One run: a world, load, faults, healing, draining, checking."""

import dataclasses
import pathlib
import shutil
import threading
import time
import traceback

from chaos import engine, mails, place, proxy
from chaos.checks import check
from chaos.drain import drain
from chaos.faults import Injector
from chaos.findings import Findings
from chaos.load import Acknowledged, Client
from chaos.plan import Plan
from chaos.world import World, await_services

CLIENTS = 4
# How long load goes on at most, and how long draining may take.
LOAD_SECONDS, DRAIN_SECONDS = 90, 90
# With a mistake made, much of what is under way never ends.
DRAIN_SECONDS_WITH_MISTAKE = 40


@dataclasses.dataclass
class Outcome:
    """What came of a run."""

    plan: Plan
    faults: int
    acknowledged: int
    refused: int
    settled: int
    findings: Findings
    figures: dict[str, int]
    drained: float
    seconds: float
    evidence: pathlib.Path
    # What was done, and where nobody came by.
    done: list[str]
    unreached: list[str]


def run(plan: Plan, home: pathlib.Path, mistake: str | None = None) -> Outcome:
    """Runs a plan."""
    began, since = time.monotonic(), str(int(time.time()))
    name = f"chaos_{plan.seed}" + (f"_{mistake.replace('-', '_')}" if mistake else "")
    evidence = home / "evidence" / name
    shutil.rmtree(evidence, ignore_errors=True)
    evidence.mkdir(parents=True)
    world = World(name, home / "rooms", plan.solo, mistake)
    world.make()
    mails.forget()
    acknowledged = Acknowledged()
    injector = Injector(world, plan, lambda: acknowledged.count)
    clients = [Client(f"c{plan.seed}x{number}", f"{plan.seed} {number}", evidence, acknowledged) for number in range(CLIENTS)]
    findings, figures, drained = Findings(), {}, 0.0
    try:
        world.start(injector.points())
        for client in clients:
            client.sign_up()
        for client in clients:
            client.move_in()
        acknowledged.count = 0
        workers = load(clients, injector, plan)
        # From the end of the last fault to the end of the last thing under way.
        healed = time.monotonic()
        heal()
        for worker in workers:
            worker.join(60)
        _, left = drain(world, DRAIN_SECONDS_WITH_MISTAKE if mistake else DRAIN_SECONDS)
        drained = time.monotonic() - healed
        injector.end()
        await_services()
        findings, figures = check(world, clients, left)
    except Exception:
        findings.add("wrong", "the run broke off: " + traceback.format_exc())
    finally:
        injector.closed.set()
        injector.end()
        keep(evidence, plan, injector, since)
        world.stop()
    for what in injector.failed:
        findings.add("wrong", f"a fault could not be made: {what}")
    outcome = Outcome(
        plan, len(injector.done), acknowledged.count, sum(client.numbers["refused"] for client in clients),
        sum(client.numbers["settled"] for client in clients), findings, figures, drained, time.monotonic() - began, evidence,
        injector.done, injector.unreached,
    )
    if findings.none:
        world.remove()
        shutil.rmtree(evidence)
    else:
        (evidence / "findings").write_text("\n".join(findings.lines(1000)) + "\n")
    return outcome


def load(clients, injector: Injector, plan: Plan) -> list[threading.Thread]:
    """Lets the clients work while faults come, until enough is written and the faults have come and gone. Returns the clients
    that may still be settling what is unknown."""
    stop = threading.Event()
    threads = [threading.Thread(target=client.work, args=[stop], daemon=True) for client in clients]
    injector.start()
    for thread in threads:
        thread.start()
    end = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < end and (injector.count() < plan.writes or not injector.exhausted):
        time.sleep(0.05)
    injector.heal()
    stop.set()
    for client in clients:
        client.deadline = time.monotonic() + 30
    return threads


def heal() -> None:
    """Everything runs and everything comes through, whatever faults have left."""
    proxy.heal_all()
    states = engine.states((*place.SERVICES, *place.ROLES))
    if paused := [service for service, state in states.items() if state == "paused"]:
        engine.resume(*paused)
    if ended := [service for service, state in states.items() if state not in ("running", "paused")]:
        engine.start(*ended)


def keep(evidence: pathlib.Path, plan: Plan, injector: Injector, since: str) -> None:
    """Writes down what was planned, what was done, and what every container said."""
    (evidence / "plan").write_text("\n".join([*plan.lines(), "", "done:", *injector.done, *injector.failed]) + "\n")
    for service in (*place.ROLES, *place.SERVICES):
        (evidence / f"{service}.log").write_text(engine.logs(service, since))
