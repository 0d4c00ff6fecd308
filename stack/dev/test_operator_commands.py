"""Each command that docs/messaging.md prints for an operator, typed as it stands there, on a stack where something is wrong."""

import json
import re
import subprocess
import uuid

import pytest

from members import Member
from services import produce, sql

# Numbers, ids and names stand for the reader's own.
PLACES = {"7": "letter", "<id>": "job", "<consumer>": "consumer"}
FENCE = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)


def printed(root):
    """The commands of the document, without their comments; those of the fault runs take a stack of their own."""
    lines = "".join(FENCE.findall((root / "docs/messaging.md").read_text())).splitlines()
    return {re.sub(r"\s+#.*", "", line) for line in lines if not line.startswith("./sun chaos")}


class Operator:
    """Types what the document prints, and remembers what was typed."""

    def __init__(self, stack):
        self.stack, self.typed = stack, set()

    def begin(self, line):
        """Notes that a printed line is typed."""
        assert line in printed(self.stack.root), f"docs/messaging.md does not print: {line}"
        self.typed.add(line)

    def type(self, line, code=0, seconds=60, stdin=None, **places):
        """What a printed line says. `code` is how it has to end."""
        self.begin(line)
        for place, name in PLACES.items():
            if name in places:
                line = re.sub(rf"(?<= ){re.escape(place)}$", str(places[name]), line)
        words = line if line.startswith("./sun") else f"docker compose exec -T rust {line}"
        done = self.stack.shell(words, check=False, timeout=seconds, stdin=stdin)
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def operator(stack):
    # So that something was published.
    Member(stack)
    return Operator(stack)


@pytest.fixture(scope="module")
def letter(stack):
    """The number of a dead letter: an event of a type that no build knows."""
    id, subject = str(uuid.uuid4()), str(uuid.uuid4())
    produce(stack, "user.events", json.dumps({
        "specversion": "1.0", "id": id, "source": "/elsewhere", "type": "user.vanished.v9", "subject": subject, "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json", "correlationid": "a test", "sequence": 1, "data": {},
    }))
    ask = f"SELECT seq FROM dead_letters WHERE event_id = '{id}' AND consumer = 'notify' AND state = 'failed'"
    return stack.wait_for("a dead letter", lambda: sql(stack, ask))


def a_job(stack, name, due):
    id = str(uuid.uuid4())
    sql(stack, "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at) "
               f"VALUES ('{id}', '{name}', '{{}}', 5, 'ready', 1, now() + interval '{due}', 'a test', now())")
    return id


def test_a_dead_letter_is_found_looked_at_tried_again_and_given_up(stack, operator, letter):
    listed = operator.type("blazing_sun events dead-letters list")
    assert re.search(rf"^ *{letter}  notify +failed .*user\.vanished\.v9", listed, re.M), listed
    assert '"user.vanished.v9"' in operator.type("blazing_sun events dead-letters show 7", letter=letter)
    # Its cause is not mended: no build knows the type.
    assert "0, 1 still wait" in operator.type("blazing_sun events dead-letters replay 7", code=1, letter=letter)
    assert "still wait" in operator.type("blazing_sun events dead-letters replay --all", code=1)
    operator.type("blazing_sun events dead-letters discard 7", letter=letter)
    listed = operator.type("blazing_sun events dead-letters list")
    assert not re.search(rf"^ *{letter} ", listed, re.M), listed
    for rest in sql(stack, "SELECT seq FROM dead_letters WHERE state IN ('failed', 'parked', 'unreadable')").split():
        operator.type("blazing_sun events dead-letters discard 7", letter=rest)


def test_a_failed_job_is_found_looked_at_tried_again_and_given_up(stack, operator):
    failed = a_job(stack, "no_such_job", "0")
    stack.wait_for("a failed job", lambda: sql(stack, f"SELECT id FROM jobs WHERE id = '{failed}' AND state = 'failed'"))
    assert re.search(r"^no_such_job +.*failed", operator.type("blazing_sun jobs stats"), re.M)
    assert failed in operator.type("blazing_sun jobs list --state failed")
    assert '"history"' in operator.type("blazing_sun jobs show <id>", job=failed)
    before = sql(stack, f"SELECT jsonb_array_length(history) FROM jobs WHERE id = '{failed}'")
    assert "1 will be tried again" in operator.type("blazing_sun jobs retry <id>", job=failed)
    ask = f"SELECT id FROM jobs WHERE id = '{failed}' AND state = 'failed' AND jsonb_array_length(history) > {before}"
    stack.wait_for("another attempt", lambda: sql(stack, ask))
    waits = a_job(stack, "purge_expired", "1 day")
    assert waits in operator.type("blazing_sun jobs discard <id>", job=waits)
    sql(stack, f"DELETE FROM jobs WHERE id IN ('{failed}', '{waits}')")


def test_what_a_consumer_lost_is_missed_and_filled(stack, operator):
    operator.type("blazing_sun events verify --fill")
    assert "Nothing is missing." in operator.type("blazing_sun events verify")
    # As if its effect had never been: the newest event that an account caused.
    gone = sql(stack, "DELETE FROM audit_log WHERE event_id = (SELECT id FROM event_log ORDER BY position DESC LIMIT 1) RETURNING event_id")
    sql(stack, f"DELETE FROM inbox WHERE consumer = 'audit' AND event_id = '{gone}'")
    assert "audit" in operator.type("blazing_sun events verify", code=1)
    assert "audit" in operator.type("blazing_sun events verify --since 6h", code=1)
    assert "Nothing is missing any more." in operator.type("blazing_sun events verify --fill")
    assert sql(stack, f"SELECT count(*) FROM audit_log WHERE event_id = '{gone}'") == "1"
    assert "Nothing is missing." in operator.type("blazing_sun events verify --since 6h")


def test_looking_filling_and_remaking(stack, operator):
    assert re.search(r"looked at [1-9]\d* events", operator.type("blazing_sun events replay audit"))
    assert "reports is rebuilt" in operator.type("blazing_sun events rebuild <consumer>", consumer="reports")
    assert "purge_expired" in operator.type("blazing_sun schedule list")
    job = operator.type("blazing_sun schedule run purge_expired").split()[-1]
    stack.wait_for("the job of the schedule", lambda: sql(stack, f"SELECT id FROM jobs WHERE id = '{job}' AND state = 'done'"))
    kinds = [json.loads(line)["type"] for line in operator.type("blazing_sun events tail --topic system.events --last 20").splitlines()]
    assert "system.health_check.v1" in kinds and all(kind.startswith("system.") for kind in kinds)


def test_events_are_followed_as_they_come(stack, operator):
    line = "blazing_sun events tail --follow"
    operator.begin(line)
    words = ["docker", "compose", "exec", "-T", "rust", "timeout", "60", *line.split(), "--last", "1"]
    member = Member(stack)
    following = subprocess.Popen(words, cwd=stack.root, stdout=subprocess.PIPE, text=True)
    try:
        # The newest there is: it has begun to follow.
        newest = json.loads(following.stdout.readline())
        member.sign_in()
        assert json.loads(following.stdout.readline())["id"] != newest["id"]
    finally:
        following.kill()
        following.wait(timeout=10)


def test_what_waits_who_leads_and_how_far_everybody_is(stack, operator):
    for line in sorted(line for line in printed(stack.root) if line.startswith("./sun psql")):
        assert re.search(r"^-+\+-", operator.type(line), re.M)
    leases = next(line for line in printed(stack.root) if "FROM leases" in line)
    assert re.search(r"relay .*\| t", operator.type(leases))
    groups = operator.type("./sun kafka groups --describe --all-groups")
    assert all(re.search(rf"\b{consumer}\b", groups) for consumer in ("audit", "feed", "notify", "reports")), groups
    assert re.search(r"^jobs\s+\d+\s+[1-9]", operator.type("./sun rabbitmqctl list_queues name messages consumers"), re.M)
    assert "audit" in operator.type("./sun kafka groups --list")
    assert "PartitionCount" in operator.type("./sun kafka topics --describe")


def test_records_are_produced_and_consumed(stack, operator):
    mark = uuid.uuid4().hex
    operator.type("./sun kafka produce --topic user.events", stdin=mark + "\n")
    line = "./sun kafka consume --topic user.events --from-beginning"
    operator.begin(line)
    assert mark in stack.run(*line.split(), "--timeout-ms", "15000").stdout
    # It is no event: what could not be read is given up again.
    ask = "SELECT seq FROM dead_letters WHERE state = 'unreadable'"
    consumers = len(sql(stack, "SELECT DISTINCT consumer FROM inbox UNION SELECT 'feed'").split())
    stack.wait_for("a dead letter of each consumer", lambda: len(sql(stack, ask).split()) >= min(consumers, 3))
    for letter in sql(stack, ask).split():
        operator.type("blazing_sun events dead-letters discard 7", letter=letter)


def test_every_printed_command_was_typed(stack, operator):
    assert printed(stack.root) - operator.typed == set()
