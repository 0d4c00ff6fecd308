"""Does what a plan says, when it says it, and undoes it."""

import pathlib
import threading
import time

from chaos import engine, place, proxy
from chaos.plan import Fault, Plan, Pointed
from chaos.world import World


class Injector:
    """The faults of one run."""

    def __init__(self, world: World, plan: Plan, count):
        self.world, self.plan, self.count = world, plan, count
        self.done: list[str] = []
        self.failed: list[str] = []
        self.closed = threading.Event()
        self.began = time.monotonic()
        self._threads: list[threading.Thread] = []
        # A process has one fault at a time: what is killed cannot be stopped.
        self._locks = {service: threading.Lock() for service in (*place.ROLES, *place.SERVICES)}
        self._left = list(plan.timed)
        self._waiting = list(plan.pointed)
        self._held: set[pathlib.Path] = set()
        self._stopped = False
        self._loop = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """From here on faults come, and the points of the code count."""
        self.began = time.monotonic()
        for role in place.ROLES:
            (place.room(self.world.rooms, role) / "armed").touch()
        self._loop.start()

    def heal(self) -> None:
        """Waits for the ends of all faults; no other one comes."""
        self.closed.set()
        for thread in self._threads:
            thread.join(60)

    def end(self) -> None:
        """No process is held any more."""
        self._stopped = True
        self._loop.join(5)

    @property
    def exhausted(self) -> bool:
        """Whether every fault that goes by the count has come."""
        return not self._left

    @property
    def unreached(self) -> list[str]:
        """The points that nobody came to."""
        return [str(pointed) for pointed in self._waiting]

    def points(self) -> dict[str, dict[str, int]]:
        """Where each part has to stand still."""
        found: dict[str, dict[str, int]] = {}
        for pointed in self.plan.pointed:
            found.setdefault(pointed.part, {})[pointed.point] = pointed.passes
        return found

    # ---- when

    def _watch(self):
        while not self._stopped:
            while self._left and not self.closed.is_set() and self.count() >= self._left[0].at:
                fault = self._left.pop(0).fault
                self._run(str(fault), self._commit, fault)
            for role in place.ROLES:
                for file in place.room(self.world.rooms, role).iterdir():
                    if file.name not in ("settings", "armed"):
                        self._reached(role, file)
            time.sleep(0.02)

    def _reached(self, role: str, file: pathlib.Path):
        if file in self._held:
            return
        pointed = next((pointed for pointed in self._waiting if pointed.point == file.name and role.startswith(pointed.part)), None)
        if pointed is None or self.closed.is_set():
            file.unlink(missing_ok=True)
            return
        self._waiting.remove(pointed)
        self._held.add(file)
        self._run(f"{pointed} in {role}", self._at_point, pointed, role, file)

    def _run(self, what, target, *arguments):
        def run():
            try:
                target(*arguments)
            except Exception as error:
                self.failed.append(f"{what}: {error}")

        self.done.append(f"{time.monotonic() - self.began:.1f} s, {self.count()} writes: {what}")
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    # ---- what

    def _at_point(self, pointed: Pointed, role: str, file: pathlib.Path):
        fault = pointed.fault
        time.sleep(pointed.linger)
        if fault.target == "itself":
            fault = Fault(fault.kind, role, fault.seconds)
        if fault.kind == "pause":
            # What it was about to do, it does when it wakes.
            with self._locks[role]:
                engine.pause(role)
                file.unlink(missing_ok=True)
                time.sleep(fault.seconds)
                engine.resume(role)
            return
        self._commit(fault, file)

    def _commit(self, fault: Fault, held: pathlib.Path | None = None):
        """Does it, lets go whoever was held for it, waits, and undoes it."""
        target = fault.target
        if fault.kind == "pause-leader":
            leaders = self.world.leaders(target)
            target = leaders[0] if leaders else f"{target}-1"
        with self._locks[target]:
            try:
                self._do(fault, target)
            finally:
                if held is not None:
                    held.unlink(missing_ok=True)
            time.sleep(fault.seconds)
            self._undo(fault, target)

    def _do(self, fault, target):
        match fault.kind:
            case "kill":
                engine.kill(target)
            case "pause" | "pause-leader":
                engine.pause(target)
            case "restart":
                engine.restart(target)
            case "cut":
                proxy.cut(target)
            case "delay":
                proxy.delay(target, 300)
            case "half-open":
                proxy.half_open(target)
            case "reset":
                proxy.reset(target)

    def _undo(self, fault, target):
        match fault.kind:
            case "kill":
                if target in place.ROLES:
                    self.world.settings(target)
                engine.start(target)
            case "pause" | "pause-leader":
                engine.resume(target)
            case "cut":
                proxy.mend(target)
            case "delay" | "half-open" | "reset":
                proxy.heal(target)
