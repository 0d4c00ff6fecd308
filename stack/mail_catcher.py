"""What the development mail catcher holds: Mailpit, or its stand-in; or the folder that MAIL_MAILER=log writes to."""

import email
import email.policy
import json
import pathlib
import re
import urllib.error
import urllib.parse
import urllib.request


def texts(catcher, address=None):
    """The mails to an address, or all of them, as plain text."""
    if not str(catcher).startswith("http"):
        mails = (email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in pathlib.Path(catcher).glob("*.eml"))
        return [mail.get_body(("plain",)).get_content() for mail in mails if address in (None, mail["To"])]
    listing = "messages?limit=1000" if address is None else f"search?query={urllib.parse.quote(f'to:{address}')}"
    try:
        found = _get(f"{catcher}/api/v1/{listing}")["messages"]
        return [_get(f"{catcher}/api/v1/message/{mail['ID']}")["Text"] for mail in found]
    except (urllib.error.HTTPError, json.JSONDecodeError):
        found = _get(f"{catcher}/email")
        # By the envelope: a mail need not have a line that says whom it is to.
        return [mail["text"] for mail in found if address is None or address in [to["address"] for to in mail["envelope"]["to"]]]


def tokens(text):
    """The tokens of the links in a mail."""
    return re.findall(r"[?&]token=([\w.~-]+)", text)


def _get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)
