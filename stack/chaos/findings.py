"""What a check found: of which kind, and what exactly."""

import collections
import dataclasses

KINDS = ("lost", "duplicated", "inverted", "wrong")


@dataclasses.dataclass
class Findings:
    """All findings of a run; none is what is hoped for."""

    found: dict[str, list[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))

    def add(self, kind: str, what: str) -> None:
        """One more."""
        assert kind in KINDS, kind
        self.found[kind].append(what)

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        return len(self.found[kind])

    @property
    def none(self) -> bool:
        """Whether there are none."""
        return not any(self.found.values())

    def lines(self, most: int = 8):
        """The first of each kind."""
        for kind in KINDS:
            yield from (f"{kind}: {what}" for what in self.found[kind][:most])
            if len(self.found[kind]) > most:
                yield f"{kind}: and {len(self.found[kind]) - most} more"
