"""The protected upstream of docs/extending.md, as printed there: who is let in, and what it is told."""

import html
import json
import re
import textwrap
import urllib.parse

import pytest

from members import Member, post
from services import site, sql, wait_until_healthy

# An upstream that says what it was sent. It listens inside nginx's container alone.
ECHO = "127.0.0.1:8099"
ECHO_SERVER = f"""
server {{
  listen {ECHO};
  location / {{
    default_type application/json;
    return 200 '{{"path":"$request_uri","host":"$http_host","id":"$http_x_user_id","role":"$http_x_user_role",\
"cookie":"$http_cookie","authorization":"$http_authorization","address":"$http_x_real_ip",\
"for":"$http_x_forwarded_for","forwarded":"$http_forwarded","proto":"$http_x_forwarded_proto"}}';
  }}
}}
"""
FORGED = {
    "X-User-Id": "forged", "X-User-Role": "admin", "X_User_Id": "forged", "X-Real-IP": "203.0.113.9",
    "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9",
    "Host": "localhost:6666",
}


def snippet(stack, path, upstream):
    """What the document tells to write, for a path and an upstream."""
    section = (stack.root / "docs/extending.md").read_text().split("\n## A protected upstream\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"(?ms)^ *```nginx\n(.*?)^ *```$", section)
    assert "<service>:<port>" in block and "/reports/" in block
    return textwrap.indent(textwrap.dedent(block).replace("<service>:<port>", upstream).replace("reports", path), "  ")


@pytest.fixture(scope="module", autouse=True)
def protected(stack):
    """/reports/ leads to the echo and /measures/ to Prometheus, both for people who are signed in."""
    template = stack.root / "nginx/default.conf.template"
    before = template.read_text()
    above = "  location /grafana/ {"
    assert before.count(above) == 1
    written = snippet(stack, "reports", ECHO) + snippet(stack, "measures", "prometheus:9090")
    try:
        template.write_text(before.replace(above, written + above) + ECHO_SERVER)
        stack.compose("restart", "nginx")
        wait_until_healthy(stack, "nginx")
        yield
    finally:
        template.write_text(before)
        stack.compose("restart", "nginx")
        wait_until_healthy(stack, "nginx")


@pytest.fixture(scope="module")
def member(stack):
    return Member(stack)


def test_a_program_without_a_session_is_refused(stack):
    for headers in ({}, FORGED, {"Cookie": "__Host-session=forged"}, {"Authorization": "Bearer forged"}):
        answer = site(stack, "/reports/page", headers=headers)
        assert answer.status == 401 and answer.headers.get_content_type() == "application/problem+json"
        assert answer.json()["type"] == "/problems/not_signed_in" and answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Strict-Transport-Security"] and answer.headers["X-Content-Type-Options"]


def test_a_browser_without_a_session_is_led_to_the_page_to_sign_in_and_back(stack):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path, back in {
        "/reports/page?of=2026": "/reports/page?of=2026", "/reports/page?of=2026&by=month": "/reports/page",
        "/reports/a%0d%0aSet-Cookie:%20x=y": "/",
    }.items():
        answer = site(stack, path, headers=browser)
        assert (answer.status, answer.headers["Location"]) == (303, f"/sign-in?next={back}"), path
        assert "Set-Cookie" not in answer.headers
    page = site(stack, "/sign-in?next=/reports/page")
    assert page.status == 200 and 'value="/reports/page"' in html.unescape(page.body)


def test_who_is_signed_in_reaches_a_service_of_the_network(stack, member):
    answer = site(stack, "/measures/-/healthy", headers={"Cookie": member.sign_in()})
    assert answer.status == 200 and "Healthy" in answer.body


def test_the_upstream_is_told_who_it_is_and_nothing_that_a_client_made_up(stack, member):
    (account,) = sql(stack, f"SELECT id FROM users WHERE email = '{member.address}'").split()
    answer = site(stack, "/reports/a%20page?of=2026", headers={**FORGED, "Cookie": member.sign_in()})
    assert answer.status == 200, answer.body
    told = json.loads(answer.body)
    assert (told["id"], told["role"]) == (account, "user")
    assert "forged" not in answer.body and "203.0.113.9" not in answer.body
    assert told["address"] == told["for"] != "" and told["forwarded"] == "" and told["proto"] == "https"
    assert told["host"] == urllib.parse.urlsplit(stack.env("APP_URL")).netloc
    assert told["path"] == "/a%20page?of=2026"


def test_the_upstream_gets_nothing_to_sign_in_with(stack, member):
    access, _ = member.sign_in_as_a_program()
    for credentials in ({"Cookie": f"other=1; {member.sign_in()}"}, {"Cookie": "other=1", "Authorization": f"Bearer {access}"}):
        told = site(stack, "/reports/", headers=credentials)
        assert told.status == 200, told.body
        assert told.json()["id"] and told.json()["cookie"] == told.json()["authorization"] == ""


def test_a_session_that_has_ended_opens_nothing(stack, member):
    cookie = {"Cookie": member.sign_in()}
    assert site(stack, "/reports/", headers=cookie).status == 200
    assert post(stack, "/api/v1/auth/sign-out", headers=cookie).status == 204
    assert site(stack, "/reports/", headers=cookie).status == 401


def test_the_question_cannot_be_asked_from_outside(stack, member):
    assert site(stack, "/_validate", headers={"Cookie": member.sign_in()}).status == 404


def test_while_the_application_is_away_nobody_is_let_in(stack, member):
    cookie = {"Cookie": member.sign_in()}
    container = stack.container("rust")
    stack.run("docker", "kill", container)
    try:
        answer = site(stack, "/reports/", headers=cookie)
        assert answer.status == 503 and answer.headers["Retry-After"] and answer.json()["status"] == 503
    finally:
        stack.run("docker", "start", container)
        wait_until_healthy(stack, "rust")
