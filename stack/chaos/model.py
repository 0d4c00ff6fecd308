"""What the clients know: what they sent, what was acknowledged, and what has to be there in the end. Pure: no network."""

import dataclasses


@dataclasses.dataclass
class Thing:
    """Something that a client made: an account's profile, a wallet, a category, a transaction."""

    id: str
    version: int
    content: dict
    deleted: bool = False
    # What may have become of it, if nobody ever said: content and whether it is deleted.
    maybe: tuple[dict, bool] | None = None


@dataclasses.dataclass
class Knowledge:
    """All that one client knows."""

    profile: Thing | None = None
    wallets: dict[str, Thing] = dataclasses.field(default_factory=dict)
    categories: dict[str, Thing] = dataclasses.field(default_factory=dict)
    transactions: dict[str, Thing] = dataclasses.field(default_factory=dict)
    # Addresses by what was answered to their sign-up: acked, refused, unknown.
    sign_ups: dict[str, str] = dataclasses.field(default_factory=dict)
    # Addresses that signed up more than once, because nobody said what became of it: the newest sign-up counts, the mail of an
    # older one may not come, and an account that is still pending has no event for it.
    repeated: set[str] = dataclasses.field(default_factory=set)
    # Marks of what was refused, and of creations of which nobody ever said what became of them.
    refused: set[str] = dataclasses.field(default_factory=set)
    unknown: set[str] = dataclasses.field(default_factory=set)
    # What no fault explains: an answer that contradicts what was acknowledged.
    contradictions: list[str] = dataclasses.field(default_factory=list)

    def balances(self) -> dict[str, int]:
        """What has to be in each wallet: what it began with and what moved since."""
        sums = {wallet.id: wallet.content["opening_balance"] for wallet in self.wallets.values()}
        for transaction in self.transactions.values():
            if not transaction.deleted:
                for wallet, amount in transaction.content["entries"].items():
                    sums[wallet] += amount
        return sums

    @property
    def certain(self) -> bool:
        """Whether everything was settled, so that sums are known."""
        things = [*self.transactions.values(), *self.categories.values(), *([self.profile] if self.profile else [])]
        return not self.unknown and not any(thing.maybe for thing in things)


def is_settled(status: int | None) -> bool:
    """Whether an answer says what became of a request: not if there was none, the server failed, or it is busy with the same."""
    return status is not None and status < 500 and status not in (408, 429)


def first_times(records):
    """The events of records in the order in which a consumer takes them that takes each once: (key, sequence, id)."""
    seen = set()
    for key, sequence, event in records:
        if event not in seen:
            seen.add(event)
            yield key, sequence, event


def inversions(records) -> list[str]:
    """Where an aggregate's event comes before one that happened earlier."""
    last: dict[str, tuple[int, str]] = {}
    found = []
    for key, sequence, event in first_times(records):
        if key in last and sequence <= last[key][0]:
            found.append(f"{key}: event {event} of version {sequence} comes after version {last[key][0]}")
        last[key] = (sequence, event)
    return found


def overtakers(effects) -> list[str]:
    """Where the effect of an aggregate's event was committed before that of an earlier one: of (consumer, key, version, moment) in
    the order of versions."""
    found, last = [], {}
    for consumer, key, sequence, moment in effects:
        before = last.get((consumer, key))
        if before is not None and moment < before[1]:
            found.append(f"{consumer}: {key} had version {sequence} at {moment} and version {before[0]} only at {before[1]}")
        last[consumer, key] = (sequence, moment)
    return found


def gaps(sequences: dict[str, list[int]], versions: dict[str, int]) -> tuple[list[str], list[str]]:
    """Which aggregates lack an event of a version, and which have one that is not theirs or two of one."""
    lacking, excess = [], []
    for key, version in versions.items():
        have = sequences.get(key, [])
        missing = set(range(1, version + 1)) - set(have)
        if missing:
            lacking.append(f"{key}: no event of version {sorted(missing)} of {version}")
        if len(have) != len(set(have)) or any(one > version or one < 1 for one in have):
            excess.append(f"{key}: events {sorted(have)}, and its version is {version}")
    return lacking, excess
