"""Dockerfiles and the scripts inside the images: pinned bases, no upgrades, plain POSIX sh that any base image runs."""

import os
import re
import subprocess

import pytest

from chaos import place
from repository import BUILT, ROOT, example, files, instructions, name, read, resolved

SERVICE_DOCKERFILES = [f"{service}/Dockerfile" for service in BUILT]
DOCKERFILES = [name(path) for path in files() if path.name.startswith("Dockerfile")]
ENTRYPOINTS = [name(path) for path in files() if path.name == "entrypoint.sh"]
HEALTHCHECKS = [name(path) for path in files() if path.name == "healthcheck"]
# A part that another script reads says which shell it is for, instead of a first line.
PARTS = [name(path) for path in files() if path.suffix == ".sh" and path.read_bytes().startswith(b"# shellcheck shell=")]
SCRIPTS = [name(path) for path in files() if path.suffix == ".sh" or (not path.suffix and path.read_bytes().startswith(b"#!"))]
SCRIPTS = [path for path in SCRIPTS if path not in PARTS]


# ---- Dockerfiles ----


def test_every_service_has_its_folder():
    assert [path for path in SERVICE_DOCKERFILES if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", SERVICE_DOCKERFILES)
def test_a_dockerfile_starts_with_its_base_image_pinned_as_in_the_example(path):
    image = example()[path.split("/")[0].upper().replace("-", "_") + "_IMAGE"]
    assert instructions(path)[0] == f"ARG BASE_IMAGE={image}"
    assert any(line.startswith("FROM ${BASE_IMAGE}") for line in instructions(path))


def test_every_image_in_the_example_has_a_version():
    images = {variable: value for variable, value in example().items() if variable.endswith("_IMAGE")}
    assert len(images) >= 12
    assert [value for value in images.values() if not re.search(r":v?[0-9]|:[a-z]+-slim$", value)] == []


@pytest.mark.parametrize("path", DOCKERFILES)
def test_a_dockerfile_neither_floats_nor_upgrades(path):
    text = "\n".join(instructions(path))
    assert ":latest" not in text
    assert not re.search(r"\b(apt|apt-get|apk)\b[^&|;]*\b(dist-upgrade|full-upgrade|upgrade)\b", text)
    fetched = re.findall(r"(?m)^ADD\b.*\bhttps?:.*$", text)
    assert [line for line in fetched if not re.search(r"--checksum=sha256:[0-9a-f]{64} ", line)] == [], "nothing is fetched without a checksum"


@pytest.mark.parametrize("path", DOCKERFILES)
def test_a_dockerfile_holds_no_secret(path):
    assert not re.search(r"(?m)^(ARG|ENV)\b.*(PASSWORD|SECRET|TOKEN)", "\n".join(instructions(path)))


@pytest.mark.parametrize("path", SERVICE_DOCKERFILES)
def test_a_container_does_not_run_as_root(path):
    users = [line.split()[1] for line in instructions(path) if line.startswith("USER ")]
    if path == "nginx/Dockerfile":
        # Its master opens keys that only root may read; its workers, which talk to the world, are somebody else.
        assert users == [] and re.search(r"(?m)^user nginx;", read("nginx/nginx.conf"))
    else:
        assert users and users[-1] != "root"


def test_the_development_container_runs_as_the_owner_of_the_checkout():
    assert resolved("dev")["services"]["rust"]["user"] == f"{example()['HOST_UID']}:{example()['HOST_GID']}"


def test_the_stand_ins_have_the_versions_of_the_official_images():
    assert example()["KAFKA_IMAGE"].endswith(":" + re.search(r"<kafka.version>(.*)</kafka.version>", read("offline/kafka/pom.xml"))[1])
    assert f"ARG PGADMIN_VERSION={example()['PGADMIN_IMAGE'].split(':')[1]}" in read("offline/pgadmin/Dockerfile")
    assert f"ARG VERSION={place.variables('', '')['TOXIPROXY_IMAGE'].split(':')[1]}" in read("offline/toxiproxy/Dockerfile")
    assert f"PG_MAJOR={example()['POSTGRES_IMAGE'].split(':')[1]}" in read("offline/postgres/Dockerfile")


# ---- scripts ----


@pytest.mark.parametrize("path", ENTRYPOINTS)
def test_an_entrypoint_is_strict_posix_sh(path):
    lines = read(path).splitlines()
    assert lines[0] == "#!/bin/sh"
    code = [line for line in lines if line and not line.startswith("#")]
    assert code[0] == "set -eu", "before anything else"
    assert subprocess.run(["dash", "-n", ROOT / path], capture_output=True).returncode == 0


@pytest.mark.parametrize("path", ENTRYPOINTS)
def test_an_entrypoint_hands_over_to_the_service(path):
    code = re.sub(r"\\\n\s*", " ", read(path)).splitlines()
    assert [line for line in code if line.strip()][-1].startswith("exec "), "signals must reach the service itself"


@pytest.mark.parametrize("path", ENTRYPOINTS)
def test_an_entrypoint_prints_no_password(path):
    printing = [line for line in read(path).splitlines() if re.match(r"\s*(echo|say|stop|printf)\b", line) and "|" not in line and ">" not in line]
    assert [line for line in printing if re.search(r"\$\{?[A-Za-z_]*password", line, re.I)] == []


@pytest.mark.parametrize("path", HEALTHCHECKS)
def test_a_healthcheck_starts_no_virtual_machine(path):
    text = re.sub(r"(?m)^#.*$", "", read(path))
    assert not re.search(r"\b(java|kafka-[a-z-]+\.sh|rabbitmqctl|rabbitmq-diagnostics)\b", text)


@pytest.mark.parametrize("path", sorted({*SCRIPTS, *HEALTHCHECKS}))
def test_a_script_can_be_run(path):
    content = (ROOT / path).read_bytes()
    assert content.startswith((b"#!/bin/sh\n", b"#!/usr/bin/env bash\n"))
    assert os.access(ROOT / path, os.X_OK)
    assert re.search(rb"(?m)^(set -euo? ?|exec )", content), "a failing command must not go unnoticed"


@pytest.mark.parametrize("path", PARTS)
def test_a_part_of_a_script_is_read_and_not_run(path):
    assert not os.access(ROOT / path, os.X_OK)
    others = [read(other) for other in SCRIPTS] + [read(other) for other in PARTS if other != path]
    assert any(path in text or path.rsplit("/", 1)[1] in text for text in others), "by nobody"


def test_git_knows_which_files_can_be_run():
    # In a copy without history there is only the working tree, which the test above looks at.
    listed = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, text=True, capture_output=True).stdout
    modes = {path: mode for mode, path in re.findall(r"(?m)^(\d+) \w+ \d\t(.*)$", listed)}
    assert [path for path in {*SCRIPTS, *HEALTHCHECKS} if modes.get(path, "100755") != "100755"] == []
