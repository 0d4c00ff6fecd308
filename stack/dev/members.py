"""People who sign up at the stack, for tests that need one who is signed in."""

import json
import uuid

import mail_catcher
from mail_catcher import tokens
from services import setting, site

PASSWORD = "correct horse battery"


def post(stack, path, body=None, headers=None, **options):
    """A call of the interface, as a program makes it."""
    data = b"" if body is None else json.dumps(body).encode()
    return site(stack, path, method="POST", headers={"Content-Type": "application/json", **(headers or {})}, data=data, **options)


def mails(stack, address=None):
    """What the catcher holds for an address, or for all, as text."""
    return mail_catcher.texts(f"http://localhost:{setting(stack, 'MAILPIT_PORT')}", address)


class Member:
    """Somebody with an activated account."""

    def __init__(self, stack):
        self.stack, self.address, self.password = stack, f"{uuid.uuid4().hex}@example.org", PASSWORD
        assert post(stack, "/api/v1/auth/sign-up", {"email": self.address, "password": self.password}).status == 202
        (mail,) = stack.wait_for("the mail", lambda: mails(stack, self.address))
        (self.activation,) = tokens(mail)
        activated = post(stack, "/api/v1/auth/activate", {"token": self.activation})
        assert activated.status == 200, activated.body

    def _sign_in(self, headers=None, **more):
        answer = post(self.stack, "/api/v1/auth/sign-in", {"email": self.address, "password": self.password, **more}, headers)
        assert answer.status == 200, answer.body
        return answer

    def sign_in(self, headers=None):
        """The cookie of a new session, as a browser sends it back."""
        answer = self._sign_in(headers)
        (cookie,) = [c for c in answer.headers.get_all("Set-Cookie") if c.startswith("__Host-session=")]
        return cookie.split(";")[0]

    def sign_in_as_a_program(self):
        """The access token and the refresh token of a new session."""
        tokens = self._sign_in(kind="client").json()["tokens"]
        return tokens["access_token"], tokens["refresh_token"]
