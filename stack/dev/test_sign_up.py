"""One true flow, through the whole stack: sign-up, event, job, mail, audit, activation."""

import json
import re
import uuid

import pytest

from members import PASSWORD, mails, post, tokens


def audit(stack, address):
    query = f"SELECT type FROM audit_log JOIN users ON subject = users.id WHERE email = '{address}' ORDER BY sequence"
    return stack.exec("postgres", "psql", "-U", stack.env("POSTGRES_USER"), "-d", stack.env("POSTGRES_DB"), "-Atc", query).stdout.split()


@pytest.fixture(scope="module")
def signed_up(stack):
    """An address that has signed up, and the text of the mail it got."""
    address = f"{uuid.uuid4().hex}@example.org"
    answer = post(stack, "/api/v1/auth/sign-up", {"email": address, "password": PASSWORD})
    assert answer.status == 202, answer.body
    (text,) = stack.wait_for("the mail", lambda: mails(stack, address))
    return address, answer, text


def test_the_mails_link_opens_a_page_that_activates_nothing_by_itself(stack, signed_up):
    address, _, text = signed_up
    (link,) = re.findall(r"https://\S+/activate\?token=\S+", text)
    assert link.startswith(stack.env("APP_URL"))
    page = stack.http(link)
    assert page.status == 200 and "<form" in page.body
    assert stack.wait_for("the audit", lambda: audit(stack, address)) == ["user.created.v1"]


def test_the_account_is_activated_once_and_every_event_is_audited(stack, signed_up):
    address, _, text = signed_up
    token = tokens(text)[0]
    assert post(stack, "/api/v1/auth/activate", {"token": token}).status == 200
    assert post(stack, "/api/v1/auth/activate", {"token": token}).json()["type"] == "/problems/bad_link"
    assert stack.wait_for("the audit", lambda: audit(stack, address) == ["user.created.v1", "user.activated.v1"])


def test_the_events_lie_in_kafka_under_the_accounts_key(stack, signed_up):
    address = signed_up[0]
    query = f"SELECT id FROM users WHERE email = '{address}'"
    account = stack.exec("postgres", "psql", "-U", stack.env("POSTGRES_USER"), "-d", stack.env("POSTGRES_DB"), "-Atc", query).stdout.strip()
    records = stack.exec(
        "kafka", "/opt/kafka/bin/kafka-console-consumer.sh", "--bootstrap-server", "localhost:9092", "--topic", "user.events",
        "--from-beginning", "--timeout-ms", "8000", "--property", "print.key=true", check=False,
    ).stdout.splitlines()
    own = [json.loads(line.split("\t", 1)[1]) for line in records if line.startswith(account)]
    assert [event["type"] for event in own] == ["user.created.v1", "user.activated.v1"]
    assert {event["subject"] for event in own} == {account}
    assert address not in "".join(records) and PASSWORD not in "".join(records)


def test_a_known_address_gets_the_same_answer_and_another_mail(stack, signed_up):
    address, first, _ = signed_up
    again = post(stack, "/api/v1/auth/sign-up", {"email": address.upper(), "password": PASSWORD})
    assert (again.status, again.body) == (first.status, first.body)
    texts = stack.wait_for("the second mail", lambda: len(mails(stack, address)) == 2 and mails(stack, address))
    assert "token=" not in texts[0] or "token=" not in texts[1]


def test_the_five_lines_of_the_readme_do_what_they_show(stack):
    text = (stack.root / "README.md").read_text()
    (block,) = re.findall(r"(?ms)^```bash\n(curl -k https://localhost/api/v1/auth/sign-up.*?)^```$", text)
    assert len(block.splitlines()) == 5
    ports = {"https://localhost/": f"https://localhost:{stack.env('HTTPS_PORT')}/", "localhost:8025": f"localhost:{stack.env('MAILPIT_PORT')}"}
    for shown, here in ports.items():
        block = block.replace(shown, here)
    said = stack.shell(f"set -e\n{block}").stdout
    assert '"status":"accepted"' in said and '"status":"active"' in said
    assert "user.created.v1" in said and "user.activated.v1" in said


def test_sign_ups_go_on_while_both_brokers_are_away_and_arrive_when_they_are_back(stack):
    addresses = [f"{uuid.uuid4().hex}@example.org" for _ in range(5)]
    stack.compose("stop", "kafka", "rabbitmq")
    try:
        for address in addresses:
            assert post(stack, "/api/v1/auth/sign-up", {"email": address, "password": PASSWORD}).status == 202
        assert stack.site("/health/ready").json()["dependencies"] == {"postgres": "up", "redis": "up", "rabbitmq": "degraded", "kafka": "degraded"}
        assert [audit(stack, address) for address in addresses] == [[]] * 5
    finally:
        stack.compose("start", "kafka", "rabbitmq")
    for address in addresses:
        stack.wait_for("the mail", lambda a=address: len(mails(stack, a)) == 1)
        stack.wait_for("the audit", lambda a=address: audit(stack, a) == ["user.created.v1"])
