"""Whether all is as the clients know it: asked of PostgreSQL, Kafka and the catcher of mails, not of the application."""

import collections
import json

import psycopg

from chaos import mails, topics
from chaos.drain import WANTED
from chaos.findings import Findings
from chaos.load import Client
from chaos.model import Thing, gaps, inversions, overtakers
from chaos.world import World

# Topics whose events tell a version each.
VERSIONED = ("user.events", "transaction.events", "category.events")


def check(world: World, clients: list[Client], left: dict[str, int]) -> tuple[Findings, dict[str, int]]:
    """What is wrong, and figures of what is not: how often something was sent again."""
    findings, figures = Findings(), {}
    for what, count in left.items():
        findings.add("lost", f"{count} still under way: {what}")
    with world.connect() as connection:
        for client in clients:
            for what in client.known.contradictions:
                findings.add("wrong", what)
            check_client(connection, client, findings)
        check_events(connection, clients, findings)
        check_consumers(connection, findings)
        check_jobs(connection, clients, findings, figures)
        check_sums(connection, findings)
        if not world.solo:
            topics.check(world, connection, findings, figures)
        check_rebuild(world, connection, findings)
        check_feeds(connection, clients, findings)
    check_leaders(world, findings)
    return findings, figures


def rows(connection: psycopg.Connection, question: str, *values):
    """All that is answered."""
    return connection.execute(question, values or None).fetchall()


# ---- every acknowledged write is there, and no refused one


def check_client(connection, client: Client, findings: Findings) -> None:
    """What a client wrote, against the tables."""
    known, owner = client.known, client.known.profile.id
    profiles = {owner: ({"name": name}, version) for name, version in rows(connection, "SELECT name, version FROM users WHERE id = %s", owner)}
    compare("profile", {owner: known.profile}, profiles, {}, findings)

    (book,) = rows(connection, "SELECT id FROM books WHERE owner_id = %s", owner)[0]
    there = {
        str(id): ({"note": note, "date": str(date), "entries": dict(entries), "category": category and str(category)}, version)
        for id, note, date, version, entries, category in rows(connection, """
            SELECT x.id, x.note, x.date, x.version,
                   (SELECT jsonb_object_agg(wallet_id, amount) FROM entries WHERE transaction_id = x.id),
                   (SELECT max(category_id::text) FROM lines WHERE transaction_id = x.id)
            FROM transactions x WHERE book_id = %s AND kind = 'normal'""", book)
    }
    trash = {str(id): version for id, version in rows(connection, "SELECT transaction_id, version FROM trash WHERE book_id = %s", book)}
    compare("transaction", known.transactions, there, trash, findings, known.unknown, "note")
    for id, (content, _) in there.items():
        if content["note"] in known.refused:
            findings.add("wrong", f"transaction {id} was refused and is there: {content}")
    for id, thing in known.transactions.items():
        if thing.deleted and trash.get(id) != thing.version + 1:
            findings.add("lost", f"transaction {id} was deleted and is not in the trash as version {thing.version + 1}: {trash.get(id)}")

    there = {str(id): ({"name": name}, version) for id, name, version in rows(connection, "SELECT id, name, version FROM categories WHERE book_id = %s", book)}
    mine = {id: row for id, row in there.items() if id in known.categories or row[0]["name"].startswith(client.name + "-")}
    compare("category", known.categories, mine, {}, findings, known.unknown, "name")

    accounts = collections.Counter(email for (email,) in rows(connection, "SELECT email FROM users WHERE email = ANY(%s)", list(known.sign_ups)))
    for address, state in known.sign_ups.items():
        if state == "acked" and accounts[address] != 1:
            findings.add("lost" if not accounts[address] else "duplicated", f"{accounts[address]} accounts of {address}, whose sign-up was acknowledged")
        if state == "refused" and accounts[address]:
            findings.add("wrong", f"the sign-up of {address} was refused, and there is an account")
    if known.certain:
        balances = {str(id): balance for id, balance in rows(connection, "SELECT id, balance FROM wallets WHERE book_id = %s", book)}
        if balances != known.balances():
            findings.add("wrong", f"{client.name}: balances are {balances}, and were to be {known.balances()}")


def compare(what, known: dict[str, Thing], there, gone, findings, unknown=frozenset(), mark=None) -> None:
    """Things as a client knows them, against those that are there, each with its content and version."""
    for id, thing in known.items():
        may_be = [(None, None) if thing.deleted else (thing.content, thing.version)]
        if thing.maybe:
            content, deleted = thing.maybe
            may_be.append((None, None) if deleted else (content, thing.version + 1))
        if there.get(id, (None, None)) not in may_be:
            findings.add("lost", f"{what} {id} is {there.get(id)}, and was to be {' or '.join(map(str, may_be))}")
    for id, (content, _) in there.items():
        if id not in known and content.get(mark) not in unknown:
            findings.add("duplicated", f"{what} {id} is of no acknowledged write: {content}")


# ---- every event, once, in its order


def check_events(connection, clients, findings: Findings) -> None:
    """The log: an event for each version of each aggregate, and no other; none of anything that is not there."""
    logged = rows(connection, "SELECT id, topic, key, (body::json ->> 'sequence')::bigint FROM event_log ORDER BY position")
    ids = collections.Counter(id for id, *_ in logged)
    for id, count in ids.items():
        if count > 1:
            findings.add("duplicated", f"event {id} is in the log {count} times")
    for topic, versions in {
        "user.events": "SELECT id, version FROM users",
        "category.events": "SELECT id, version FROM categories",
        "transaction.events": "SELECT id, version FROM transactions UNION ALL SELECT transaction_id, version FROM trash",
    }.items():
        sequences = collections.defaultdict(list)
        for _, where, key, sequence in logged:
            if where == topic:
                sequences[str(key)].append(sequence)
        there = {str(id): version for id, version in rows(connection, versions)}
        if topic == "user.events":
            there |= dict.fromkeys(repeated(connection, clients), 1)
        if topic == "category.events":
            # Deleted ones leave no row; their last event is one more than the last version that was acknowledged.
            for client in clients:
                there |= {id: thing.version + 1 for id, thing in client.known.categories.items() if thing.deleted}
                there |= {id: max(sequences[id], default=1) for id, thing in client.known.categories.items() if thing.maybe and id not in there}
        lacking, excess = gaps(sequences, there)
        for what in lacking:
            findings.add("lost", f"{topic} {what}")
        for what in excess:
            findings.add("duplicated", f"{topic} {what}")
        for key in set(sequences) - set(there):
            findings.add("wrong", f"{topic} tells of {key} (versions {sequences[key]}), which is not there")
    for what in inversions([(f"{topic} {key}", sequence, id) for id, topic, key, sequence in logged if topic in VERSIONED]):
        findings.add("inverted", f"log: {what}")


def check_consumers(connection, findings: Findings) -> None:
    """Each consumer had each event once: its inbox, and what its effect left."""
    for consumer, types in WANTED.items():
        taken = {id for (id,) in rows(connection, "SELECT event_id FROM inbox WHERE consumer = %s", consumer)}
        wanted = {id for (id,) in rows(connection, "SELECT id FROM event_log WHERE %s::text[] IS NULL OR type = ANY(%s)", types and list(types), types and list(types))}
        for id in wanted - taken:
            findings.add("lost", f"{consumer} has not had event {id}")
        for id in taken - wanted:
            findings.add("wrong", f"{consumer} has had event {id}, which was never published")
    for what in overtakers(rows(connection, """
        SELECT consumer, topic || ' ' || key, (body::json ->> 'sequence')::bigint AS sequence, pg_xact_commit_timestamp(inbox.xmin)
        FROM inbox JOIN event_log ON event_log.id = event_id WHERE topic = ANY(%s) ORDER BY 1, 2, 3""", list(VERSIONED))):
        findings.add("inverted", what)
    logged = dict(rows(connection, "SELECT id, body::json ->> 'sequence' FROM event_log"))
    audited = dict(rows(connection, "SELECT event_id, sequence::text FROM audit_log"))
    for id in logged.keys() - audited.keys():
        findings.add("lost", f"event {id} is not in the audit log")
    for id in audited.keys() - logged.keys():
        findings.add("wrong", f"event {id} is in the audit log and was never published")
    for seq, consumer, state, error in rows(connection, "SELECT seq, consumer, state, error FROM dead_letters"):
        findings.add("duplicated" if "duplicate key" in error else "wrong", f"dead letter {seq} of {consumer}, {state}: {error[:200]}")
    # One mail for each sign-in with a new device, as a job of the event.
    news = {id for (id,) in rows(connection, "SELECT id FROM event_log WHERE type = 'auth.sign_in.v1' AND (body::json #>> '{data,new_device}')::boolean")}
    caused = collections.Counter(id for (id,) in rows(connection, "SELECT causation_id FROM jobs WHERE name = 'send_email' AND causation_id IS NOT NULL"))
    for id in news:
        if caused[id] != 1:
            findings.add("lost" if not caused[id] else "duplicated", f"event {id} led to {caused[id]} mails, not 1")


# ---- every job, done


def repeated(connection, clients: list[Client]) -> set[str]:
    """The accounts that were signed up for more than once, and not activated since."""
    addresses = [address for client in clients for address in client.known.repeated]
    return {str(id) for (id,) in rows(connection, "SELECT id FROM users WHERE email = ANY(%s)", addresses)}


def check_jobs(connection, clients, findings: Findings, figures) -> None:
    """Every job is done and none failed; each mail has come, with the Message-ID of its job."""
    for name, state, count in rows(connection, "SELECT name, state, count(*) FROM jobs WHERE state <> 'done' GROUP BY name, state"):
        findings.add("lost", f"{count} jobs {name} are {state}")
    # Of each account that was signed up for again, the newest mail.
    jobs = {str(id) for (id,) in rows(connection, """
        SELECT id FROM jobs WHERE name = 'send_email' AND state = 'done' AND payload #>> '{data,user_id}' <> ALL(%s)
        UNION ALL
        (SELECT DISTINCT ON (payload #>> '{data,user_id}') id FROM jobs
         WHERE name = 'send_email' AND state = 'done' AND payload #>> '{data,user_id}' = ANY(%s)
         ORDER BY payload #>> '{data,user_id}', id DESC)""", *[list(repeated(connection, clients))] * 2)}
    came = mails.received()
    for job in jobs:
        if not came[job]:
            findings.add("lost", f"the mail of job {job} has not come")
    figures["mails again"] = sum(came[job] - 1 for job in jobs if came[job])
    figures["attempts again"] = rows(connection, "SELECT coalesce(sum(attempt - 1), 0) FROM jobs WHERE state = 'done'")[0][0]


# ---- sums and read models


def check_sums(connection, findings: Findings) -> None:
    """Balances are the sums of their entries."""
    for id, balance, total in rows(connection, """
        SELECT id, balance, (SELECT coalesce(sum(amount), 0) FROM entries WHERE wallet_id = wallets.id) AS total
        FROM wallets WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE wallet_id = wallets.id)"""):
        findings.add("wrong", f"wallet {id} holds {balance}, and its entries sum up to {total}")


MODELS = ("report_categories", "report_wallets")


def check_rebuild(world: World, connection, findings: Findings) -> None:
    """The read model that can be rebuilt is what a rebuild makes."""
    before = read_models(connection)
    world.command("events", "rebuild", "reports")
    after = read_models(connection)
    for table in MODELS:
        for row in before[table] ^ after[table]:
            findings.add("lost" if row in after[table] else "wrong", f"{table}: {'lacks' if row in after[table] else 'has'} {row}")


def read_models(connection) -> dict[str, set[str]]:
    """Every row of the read models."""
    return {table: {json.dumps(row, sort_keys=True) for (row,) in rows(connection, f"SELECT to_jsonb(t) FROM {table} t")} for table in MODELS}


# As many things as a feed has.
KEPT = 1000


def check_feeds(connection, clients: list[Client], findings: Findings) -> None:
    """What people are shown of what happened is what was logged of them: nothing else, each once, the newest first."""
    for client in clients:
        owner = client.known.profile.id
        logged = [str(id) for (id,) in rows(connection, """
            SELECT id FROM event_log WHERE topic IN ('user.events', 'auth.events') AND key = %s
                OR topic IN ('transaction.events', 'category.events') AND body::json #>> '{data,book_id}' = (SELECT id::text FROM books WHERE owner_id = %s)
            ORDER BY id DESC LIMIT %s""", owner, owner, KEPT)]
        shown = client.feed()
        for id in set(logged) - set(shown):
            findings.add("lost", f"the feed of {client.name} does not show event {id}")
        for id in set(shown) - set(logged):
            findings.add("wrong", f"the feed of {client.name} shows event {id}, which is not theirs")
        if len(set(shown)) != len(shown):
            findings.add("duplicated", f"the feed of {client.name} shows {len(shown) - len(set(shown))} things again")
        if shown != sorted(shown, reverse=True):
            findings.add("inverted", f"the feed of {client.name} is not in its order")


def check_leaders(world: World, findings: Findings) -> None:
    """Of each lease, one process says that it leads."""
    for lease in ("relay", "schedule"):
        leaders = world.leaders(lease)
        if len(leaders) != 1:
            findings.add("wrong", f"leaders of {lease}: {', '.join(leaders) or 'none'}")
