"""What must not be in a log: addresses of people, and whatever opens an account. Looked for by what the stack itself knows."""

import hashlib
import re

from members import mails, tokens
from services import setting, sql

ADDRESS = re.compile(r"[^\s\"'<>=,;:()\[\]{}\\|/&?]+@[\w-]+(?:\.[\w-]+)+")
# A word that is long enough to be a token.
WORD = re.compile(r"[\w.~-]{20,}")
SHAPES = {
    "an access token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\."),
    "a cookie": re.compile(r"__Host-\w+=\w"),
    "a bearer token": re.compile(r"(?i)\bbearer [\w.-]{16,}"),
    "a link's token": re.compile(r"[?&]token=[\w-]"),
}


class Traces:
    """Everything that the database and the mail catcher know of the people who were here, and what one test adds."""

    def __init__(self, stack, secrets):
        self.secrets = dict(secrets)
        columns = sql(stack, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND "
                             "data_type = 'text' AND column_name LIKE '%email%' AND table_name IN (SELECT tablename FROM pg_tables)")
        self.addresses = set()
        for table, column in (line.split("|") for line in columns.splitlines()):
            self.addresses |= set(sql(stack, f'SELECT DISTINCT lower("{column}") FROM "{table}" WHERE "{column}" IS NOT NULL').splitlines())
        hashes = sql(stack, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name LIKE '%hash%'")
        self.hashes = set()
        for table, column in (line.split("|") for line in hashes.splitlines()):
            self.hashes |= set(sql(stack, f"SELECT encode(\"{column}\", 'hex') FROM \"{table}\" WHERE \"{column}\" IS NOT NULL").splitlines())
        self.links = {token for text in mails(stack) for token in tokens(text)}
        self.own = {setting(stack, "PGADMIN_DEFAULT_EMAIL").lower()}

    def found(self, text):
        """What of it stands in a text, and where."""
        # pgAdmin has an account of its own, which may have the address of one here.
        lines = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("pgadmin-"))
        found = {f"{name}: {match[0]!r}" for name, shape in SHAPES.items() for match in shape.finditer(lines)}
        for address in {word.lower().rstrip(".") for word in ADDRESS.findall(lines)}:
            if address in self.addresses or address.endswith("@example.org"):
                found.add(f"an address: {address}")
        for word in set(WORD.findall(lines)):
            if word in self.links:
                found.add(f"a link's token: {word}")
            if hashlib.sha256(word.encode()).hexdigest() in self.hashes:
                found.add(f"a token that opens something: {word}")
        found |= {f"{name}: {value}" for name, value in self.secrets.items() if value in lines}
        return sorted(found)
