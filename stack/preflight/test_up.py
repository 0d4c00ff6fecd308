"""`./sun up` on a machine or a .env that will not do: one clear line, a failure, and nothing changed."""

import os
import pathlib
import shutil
import socket
import stat
import subprocess

import pytest


def test_with_nothing_wrong_it_writes_env_and_goes_on_to_build(checkout):
    done = checkout.run()
    assert done.changes, done.lines  # what the other tests never see: the engine was asked for something
    env = checkout.folder / ".env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    owner = checkout.folder.stat()
    assert f"\nHOST_UID={owner.st_uid}\nHOST_GID={owner.st_gid}\n" in env.read_text()


# ---- the machine ----


def test_a_port_in_use_is_named_with_its_process(checkout):
    port = int(checkout.setting("HTTPS_PORT"))
    with socket.create_server(("127.0.0.1", port)):
        name = pathlib.Path("/proc/self/comm").read_text().strip()
        checkout.up_refuses(f"port {port} is in use by {name} (pid {os.getpid()})", "HTTPS_PORT")


def test_a_listener_on_another_address_is_not_in_the_way_of_a_loopback_port(checkout):
    with socket.create_server(("127.0.0.2", int(checkout.setting("PGADMIN_PORT")))):
        assert checkout.run().changes


def test_a_subnet_taken_by_another_network_is_named(checkout):
    taken = checkout.subnet.replace(".0.0/16", ".200.0/24")
    name = f"{checkout.project}-other"
    subprocess.run(["docker", "network", "create", "--subnet", taken, name], check=True, stdout=subprocess.DEVNULL)
    try:
        checkout.up_refuses(checkout.subnet, f"the Docker network {name} ({taken})", "DEVNET_")
    finally:
        subprocess.run(["docker", "network", "rm", name], check=True, stdout=subprocess.DEVNULL)


def test_too_little_memory(checkout):
    checkout.up_refuses("2048 MB of memory", "4000", FAKE_MEMORY="2048000000")


def test_a_single_processor(checkout):
    checkout.up_refuses("1 processor", "needs 2", FAKE_MEMORY="8000000000", FAKE_CPUS="1")


def test_a_file_that_the_containers_users_cannot_read(checkout):
    closed = checkout.folder / "redis/redis.conf"
    closed.parent.mkdir()
    closed.touch(mode=0o600)
    checkout.up_refuses("redis/redis.conf", "chmod -R go+rX")


def test_logs_that_are_elsewhere(checkout):
    checkout.write_env(COMPOSE_PROFILES="logs", CONTAINER_LOGS="/nowhere")
    checkout.up_refuses("/containers", "CONTAINER_LOGS", "profile logs")


def test_too_little_disk(checkout):
    df = checkout.bin / "df"
    df.write_text("#!/bin/sh\necho header\necho 'disk 9000000 6000000 3000000 66% /'\n")
    df.chmod(0o755)
    checkout.up_refuses("3 GB left", "needs 10", FAKE_MEMORY="8000000000")


def test_an_engine_too_old(checkout):
    checkout.up_refuses("engine is 20.10.24+dfsg1", "25 or newer", FAKE_ENGINE="20.10.24+dfsg1")


@pytest.mark.parametrize("version", ["1.29.2", "v2.27.1"])
def test_a_compose_too_old(checkout, version):
    checkout.up_refuses(f"Compose is {version}", "2.28 or newer", FAKE_COMPOSE=version)


def test_no_engine_and_not_root(checkout):
    # Everything the machine has, but docker.
    programs = checkout.bin.parent / "without-docker"
    programs.mkdir()
    for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for program in pathlib.Path(folder).glob("*"):
            if not program.name.startswith("docker") and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    command = ["./sun", "up"]
    if os.getuid() == 0:
        command = [shutil.which("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    scratch = programs.parent / "scratch"
    scratch.mkdir()
    scratch.chmod(0o1777)
    checkout.up_refuses("no container engine", "docs.docker.com", command=command, PATH=str(programs), TMPDIR=str(scratch),
                        HOME="/nonexistent")


def test_everything_missing_is_told_at_once(checkout):
    port = int(checkout.setting("HTTP_PORT"))
    before = checkout.snapshot()
    with socket.create_server(("127.0.0.1", port)):
        done = checkout.run(FAKE_MEMORY="2048000000")
    assert done.code != 0 and done.changes == "" and checkout.snapshot() == before
    assert [str(port) in done.lines[0], "memory" in done.lines[1], len(done.lines)] == [True, True, 2], done.lines


# ---- .env ----


@pytest.mark.parametrize("name", ["POSTGRES_USER", "POSTGRES_PASSWORD", "KAFKA_CLUSTER_ID", "BUILD_ENV", "COMPOSE_FILE"])
def test_a_missing_variable_is_named(checkout, name):
    checkout.write_env(**{name: None})
    checkout.up_refuses(f"{name} is missing in .env")


@pytest.mark.parametrize("name, value", [
    ("BUILD_ENV", "devel"), ("HTTP_PORT", "99999"), ("HTTP_PORT", "0"), ("KAFKA_PORT", "9092a"), ("HOST_UID", "me"),
    ("RUST_IP", "10.1"), ("RUST_IP", "192.0.2.7"), ("DEVNET_SUBNET", "10.0.0.0"), ("DEVNET_IP_RANGE", "10.0.0.0/64"),
])
def test_a_malformed_variable_is_named_with_its_value(checkout, name, value):
    checkout.write_env(**{name: value})
    checkout.up_refuses(name, value)


def test_a_port_given_twice(checkout):
    port = checkout.setting("HTTPS_PORT")
    checkout.write_env(HTTP_PORT=port)
    checkout.up_refuses(f"port {port} is given twice")


def test_an_address_given_twice(checkout):
    address = checkout.setting("POSTGRES_IP")
    checkout.write_env(REDIS_IP=address)
    checkout.up_refuses("REDIS_IP", address)


@pytest.mark.parametrize("line", [
    "REDIS PASSWORD", "=hunter2", "REDIS_PASSWORD: hunter2", 'REDIS_PASSWORD="hunter2', "REDIS_PASSWORD=x$hunter2", "REDIS_PASSWORD=${hunter2",
])
def test_a_line_that_cannot_be_read_is_named_by_number_and_not_shown(checkout, line):
    checkout.write_env()
    env = checkout.folder / ".env"
    lines = env.read_text().splitlines()
    lines.insert(40, line)
    env.write_text("\n".join(lines) + "\n")
    checkout.up_refuses(".env, line 41:")
    assert "hunter2" not in "".join(checkout.run().lines)


def test_prod_refuses_the_passwords_of_the_example(checkout):
    own = {name: "mine" for name in ("APP_KEY", "ADMIN_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD", "KAFKA_UI_PASSWORD", "PGADMIN_DEFAULT_PASSWORD", "GRAFANA_PASSWORD", "MONITORING_PASSWORD")}
    checkout.write_env(BUILD_ENV="prod", ADMIN_EMAIL="me@mine.example", **own)
    checkout.up_refuses("POSTGRES_PASSWORD", "still the one of .env.example")


def test_prod_refuses_an_empty_password(checkout):
    own = {name: "mine" for name in ("APP_KEY", "ADMIN_PASSWORD", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "KAFKA_UI_PASSWORD", "PGADMIN_DEFAULT_PASSWORD", "GRAFANA_PASSWORD", "MONITORING_PASSWORD")}
    checkout.write_env(BUILD_ENV="prod", ADMIN_EMAIL="me@mine.example", REDIS_PASSWORD="", **own)
    checkout.up_refuses("REDIS_PASSWORD is missing")


@pytest.mark.parametrize("name", ["ADMIN_EMAIL", "ADMIN_PASSWORD"])
def test_prod_refuses_the_administrator_of_the_example(checkout, name):
    passwords = ("APP_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD", "KAFKA_UI_PASSWORD", "PGADMIN_DEFAULT_PASSWORD", "GRAFANA_PASSWORD", "MONITORING_PASSWORD")
    own = {"ADMIN_EMAIL": "me@mine.example", "ADMIN_PASSWORD": "mine", **{password: "mine" for password in passwords}}
    del own[name]
    checkout.write_env(BUILD_ENV="prod", **own)
    checkout.up_refuses(name, "still the one of .env.example")


def test_prod_goes_without_an_administrator(checkout):
    passwords = ("APP_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD", "KAFKA_UI_PASSWORD", "PGADMIN_DEFAULT_PASSWORD", "GRAFANA_PASSWORD", "MONITORING_PASSWORD")
    checkout.write_env(BUILD_ENV="prod", ADMIN_EMAIL="", ADMIN_PASSWORD="", **{password: "mine" for password in passwords})
    done = checkout.run()
    assert done.changes, done.lines
    assert (checkout.folder / "secrets" / "ADMIN_PASSWORD").read_text() == ""


def test_prod_writes_each_password_to_a_file_byte_for_byte(checkout):
    password = r"""p@ss|w&rd#$%'" x\ """
    quoted = "'" + password.replace("'", r"\'") + "'"
    own = {name: quoted for name in ("APP_KEY", "ADMIN_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD", "KAFKA_UI_PASSWORD", "PGADMIN_DEFAULT_PASSWORD", "GRAFANA_PASSWORD", "MONITORING_PASSWORD")}
    checkout.write_env(BUILD_ENV="prod", ADMIN_EMAIL="me@mine.example", **own)
    done = checkout.run()
    assert done.changes, done.lines
    secrets = checkout.folder / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    for name in own:
        assert (secrets / name).read_text() == password
        assert stat.S_IMODE((secrets / name).stat().st_mode) == 0o444
    assert (secrets / "MAIL_PASSWORD").read_text() == ""
    assert password not in "".join(done.lines)


# ---- certificates ----


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pems")
    for name in ("a", "b"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                        "-days", "2", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, stderr=subprocess.DEVNULL)
    # Only `openssl ca` makes a certificate whose time is over.
    (folder / "index").touch()
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nnew_certs_dir={folder}\nrand_serial=yes\n"
                                   "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    subprocess.run(["openssl", "req", "-new", "-key", folder / "a.key", "-subj", "/CN=x", "-out", folder / "old.csr"], check=True)
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-notext", "-config", folder / "ca.cnf", "-keyfile", folder / "a.key", "-in", folder / "old.csr",
                    "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-out", folder / "old.pem"], check=True, stderr=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize("cert, key, word", [
    ("b.key", "a.key", "is not a certificate"), ("a.pem", "b.key", "is not the private key"), ("a.pem", "none", "is not the private key"),
    ("old.pem", "a.key", "has expired"),
])
def test_a_broken_certificate_pair_is_refused(checkout, pems, cert, key, word):
    checkout.write_env()
    checkout.up_refuses(word, command=["./sun", "cert", str(pems / cert), str(pems / key)])
