"""The logs of everything that ran hold no address, no password and no token. (These tests run last.)"""

import base64
import hashlib
import hmac
import time
import urllib.parse
import uuid

import pytest

from members import Member, mails, post, tokens
from services import site
from traces import Traces

GUESS = "a wrong guess of somebody"
BROKEN = "a password in a broken body"
NEW = "another calm harbour 58"


def code(secret):
    """What an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def mailed(stack, address, path):
    """The token of the newest mail that leads to a path."""
    links = stack.wait_for(f"a mail with {path}", lambda: [text for text in mails(stack, address) if f"{path}?token=" in text])
    return tokens(links[0])[0]


@pytest.fixture(scope="module")
def secrets(stack):
    """What somebody holds and types who does nearly all that one can do with an account, by name."""
    member = Member(stack)
    held = {"a password": member.password, "another password": NEW, "a wrong password": GUESS, "a password in a broken body": BROKEN}
    held["the address"], held["a link to activate"] = member.address, member.activation
    # Wrong, broken and forged.
    assert post(stack, "/api/v1/auth/sign-in", {"email": member.address, "password": GUESS}).status == 401
    for broken in (f'{{"email": "{member.address}", "password": "{BROKEN}', f'{{"email": "{member.address}", "password": ["{BROKEN}"]}}'):
        answer = site(stack, "/api/v1/auth/sign-in", method="POST", headers={"Content-Type": "application/json"}, data=broken.encode())
        assert answer.status == 400, answer.body
    forged = held["a forged token"] = uuid.uuid4().hex * 2
    for headers in ({"Cookie": f"__Host-session={forged}"}, {"Authorization": f"Bearer {forged}"}):
        assert site(stack, "/api/v1/sessions", headers=headers).status == 401
    site(stack, f"/activate?token={forged}")
    # As a browser, with the page's form too.
    form = urllib.parse.urlencode({"email": member.address, "password": member.password, "next": ""}).encode()
    entered = site(stack, "/sign-in", method="POST", headers={"Content-Type": "application/x-www-form-urlencoded"}, data=form)
    assert entered.status == 303, entered.body
    (held["a browser's session by the page"],) = [c.split(";")[0].split("=", 1)[1] for c in entered.headers.get_all("Set-Cookie") if c.startswith("__Host-session=")]
    # As a program.
    access, refresh = member.sign_in_as_a_program()
    refreshed = post(stack, "/api/v1/auth/refresh", {"refresh_token": refresh})
    assert refreshed.status == 200, refreshed.body
    held |= {"an access token": access, "a refresh token": refresh, "the next refresh token": refreshed.json()["refresh_token"]}
    # A forgotten password.
    assert post(stack, "/api/v1/auth/forgot", {"email": member.address}).status == 202
    held["a link to reset"] = mailed(stack, member.address, "/reset")
    assert post(stack, "/api/v1/auth/reset", {"token": held["a link to reset"], "password": NEW}).status == 200
    member.password = NEW
    # What is shown once.
    cookie = member.sign_in()
    held["a browser's session"] = cookie.split("=", 1)[1]
    signed_in = {"Cookie": cookie}
    made = post(stack, "/api/v1/tokens", {"name": "for a test", "scopes": ["profile:read"], "days": 1}, signed_in)
    assert made.status == 201, made.body
    held["an API token"] = made.json()["token"]
    assert site(stack, "/api/v1/profile", headers={"Authorization": f"Bearer {held['an API token']}"}).status == 200
    new_address = held["another address"] = f"{uuid.uuid4().hex}@example.org"
    assert post(stack, "/api/v1/profile/email", {"email": new_address}, signed_in).status == 202
    for name, address in (("a link to the old address", member.address), ("a link to the new address", new_address)):
        held[name] = mailed(stack, address, "/email-change")
    setup = post(stack, "/api/v1/second-factor/authenticator", headers=signed_in)
    assert setup.status == 200, setup.body
    held["an authenticator's secret"] = setup.json()["secret"]
    confirmed = post(stack, "/api/v1/second-factor/authenticator/confirm", {"code": code(setup.json()["secret"])}, signed_in)
    assert confirmed.status == 200, confirmed.body
    held |= {f"recovery code {number}": text for number, text in enumerate(confirmed.json()["recovery_codes"])}
    asked = post(stack, "/api/v1/auth/sign-in", {"email": member.address, "password": NEW})
    challenge = held["half a sign-in"] = asked.json()["challenge"]
    (cookie,) = [c.split(";")[0] for c in asked.headers.get_all("Set-Cookie") if c.startswith("__Host-challenge=")]
    held["what ties it to a browser"] = cookie.split("=", 1)[1]
    answer = {"challenge": challenge, "recovery_code": held["recovery code 0"]}
    assert post(stack, "/api/v1/auth/second-factor", answer, {"Cookie": cookie}).status == 200
    return held


def test_nothing_that_opens_an_account_and_nobodys_address_is_in_a_log(stack, secrets):
    logs = stack.all_logs()
    assert "/api/v1/auth/second-factor" in logs and "POST" in logs, "the logs were found"
    assert Traces(stack, secrets).found(logs) == []


def test_the_search_finds_each_of_them(stack, secrets):
    """The test above can fail."""
    traces = Traces(stack, secrets)
    for name, secret in secrets.items():
        assert traces.found(f'rust-1  | {{"message":"before={secret}, after"}}\n'), name
    # Whether or not it is this test's: the database and the mails know it.
    others = Traces(stack, {})
    for name in ("the address", "another address", "a link to activate", "a link to reset", "an access token", "a browser's session", "an API token"):
        assert others.found(f'rust-1  | before="{secrets[name]}" after\n'), name
    assert others.found("nginx-1  | GET /activate?token=x Cookie: __Host-session=x\n")
    assert others.found("rust-1  | an ordinary line about /api/v1/auth/sign-in and 01a2124a-e90f-7295-af0d-0805353752fc\n") == []
