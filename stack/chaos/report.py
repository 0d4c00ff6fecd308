"""The table."""

from chaos.findings import KINDS
from chaos.run_one import Outcome

COLUMNS = ("seed", "carrier", "faults", "acknowledged", "refused", "settled", *KINDS, "sent again", "drain s", "run s")


def head() -> str:
    """The table's head."""
    return "| " + " | ".join(COLUMNS) + " |\n|" + "---:|" * len(COLUMNS)


def line(outcome: Outcome) -> str:
    """A run's line."""
    figures = outcome.figures
    cells = (
        outcome.plan.seed, "postgres" if outcome.plan.solo else "brokers", outcome.faults, outcome.acknowledged, outcome.refused, outcome.settled,
        *(outcome.findings.count(kind) for kind in KINDS),
        f"{figures.get('records again', 0)} events, {figures.get('mails again', 0)} mails", f"{outcome.drained:.1f}", f"{outcome.seconds:.0f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"
