"""What must not be in a clone: traces of one machine, secrets, Windows line ends."""

import re

import pytest
from repository import ROOT, files, name, read

# Everyone's addresses. A mirror, a proxy or an internal host of whoever wrote a file is not among them.
PUBLIC = {
    "localhost", "127.0.0.1", "host", "prometheus", "github.com", "docs.docker.com", "deb.debian.org", "maven.apache.org",
    "www.rabbitmq.com", "ssl-config.mozilla.org", "docs.pytest.org", "letsencrypt.org", "eff-certbot.readthedocs.io", "bford.info",
    "your-domain.com", "jaeger", "json-schema.org", "schemathesis.readthedocs.io", "rustup.rs", "www.postgresql.org", "www.w3.org",
    "repo.maven.apache.org", "nginx", "alertmanager", "log-store", "docs.victoriametrics.com",
}


def texts():
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield name(path), content.decode()


def test_the_files_are_found():
    names = {name(path) for path in files()}
    assert {"sun", ".env.example", "rust/Dockerfile", "blazing_sun/src/main.rs", ".ci/run"} <= names
    assert not [n for n in names if n.endswith(".env") or n.startswith(("secrets/", "blazing_sun/target/", ".git/"))]


def test_no_path_of_one_machine():
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        # A cache mount is a path inside a build. This file has to spell out what it looks for.
        if re.search(r"(?<!target=)(?<![\w.])/(root|work|home/(?!rust\b))/?", line) and path != name(THIS)
    ]
    assert found == []


THIS = ROOT / "stack/static/test_tracked_files.py"


def is_public(host):
    # RFC 5737 and RFC 2606 keep these for examples.
    return host in PUBLIC or host.startswith("192.0.2.") or host.endswith(".example") or host in {"example.org", "example.com"}


def test_every_address_is_public():
    found = {(host.lower(), path) for path, text in texts() for host in re.findall(r"https?://([A-Za-z0-9][A-Za-z0-9._-]*)", text)}
    assert {(host, path) for host, path in found if not is_public(host.rstrip("."))} == set()


def test_no_image_comes_from_a_private_registry():
    images = re.findall(r"(?m)^[A-Z_]+_IMAGE=(.*)$", read(".env.example"))
    assert {image.split("/")[0] for image in images if "." in image.partition("/")[0] and "/" in image} == {"ghcr.io"}


def test_line_ends_are_unix():
    assert [path for path, text in texts() if "\r" in text] == []
    assert "eol=lf" in read(".gitattributes")


@pytest.mark.parametrize("path", [".env", "secrets", "blazing_sun/.env", "blazing_sun/target"])
def test_what_is_made_at_run_time_is_ignored(path):
    assert re.search(rf"(?m)^/{re.escape(path)}/?$", read(".gitignore"))


def test_no_private_key():
    assert [path for path, text in texts() if re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----", text)] == []


def test_the_build_context_of_the_application_holds_no_secret_and_no_history():
    lines = read(".dockerignore").splitlines()
    assert lines[[l for l in range(len(lines)) if lines[l] and not lines[l].startswith("#")][0]] == "*", "nothing but what is named"
    assert "blazing_sun/.env" in lines and "blazing_sun/target" in lines
