"""`./sun solo`: from nothing to an account without Docker, gentle ends, hard ends, and one clear line for what will not do."""

import email
import email.policy
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import urllib.request

import pytest
from place import alive, free_port, wait_for


def status(url, body=None):
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def starts(solo):
    """How many starts the database remembers, and how many of them ended gracefully."""
    return solo.sql("SELECT count(*), count(stopped_at) FROM instances")


# ---- from nothing to an account ----


def test_what_it_prints_leads_to_an_account(fresh):
    running = fresh.ready()
    (line,) = running.said("Sign up")
    (mails,) = [pathlib.Path(line.split()[1]) for line in running.said("Mails")]
    # Typed as it is printed.
    answer = subprocess.run(["bash", "-c", line.split("Sign up")[1]], text=True, capture_output=True, timeout=60).stdout
    assert answer.splitlines()[0].split()[1] == "202", answer
    (path,) = wait_for("the mail", lambda: list(mails.glob("*.eml")))
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    address = json.loads(shlex.split(line)[-1])["email"]
    assert mail["To"] == address
    (token,) = set(re.findall(rf"http://localhost:{fresh.port}/activate\?token=([\w.~-]+)", mail.get_body(("plain", "html")).get_content()))
    assert status(f"http://localhost:{fresh.port}/api/v1/auth/activate", {"token": token}) == 200
    account = f"SELECT * FROM users WHERE email = '{address}'"
    before = fresh.sql(account)
    assert running.interrupt() == 0
    fresh.ready()
    assert before and fresh.sql(account) == before


# ---- starts and ends ----


def test_it_ends_gently_and_begins_again_with_its_data(solo):
    running = solo.ready()
    pids = [running.application, running.postgres]
    assert status(f"http://localhost:{solo.port}/health/ready") == 200
    assert running.interrupt() == 0
    assert not [pid for pid in pids if alive(pid)]
    assert "database system is shut down" in (solo.home / "postgres.log").read_text().splitlines()[-1]
    port = (solo.home / "port").read_text()
    again = solo.ready()
    assert starts(solo) == "2|1", "the first start, and that PostgreSQL outlived the application"
    assert not again.said("making"), "a database that is there is used"
    assert (solo.home / "port").read_text() == port


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_other_ends_are_as_gentle(solo, ending):
    running = solo.ready()
    running.process.send_signal(ending)
    assert running.code() == 0
    solo.ready()
    assert starts(solo) == "2|1"


def test_a_kill_takes_everything_along_and_hinders_no_start(solo):
    running = solo.ready()
    pids = [running.application, running.postgres]
    os.kill(running.pid, signal.SIGKILL)
    solo.ready()
    assert not [pid for pid in pids if alive(pid)]
    assert starts(solo).startswith("2|")


def test_a_crash_of_everything_hinders_no_start(solo):
    running = solo.ready()
    backends = subprocess.run(["pgrep", "-P", str(running.postgres)], text=True, capture_output=True).stdout.split()
    for pid in [running.pid, running.application, running.postgres, *map(int, backends)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it went with another
    # The number of the dead may belong to anyone by now.
    file = solo.home / "postgres/postmaster.pid"
    lines = file.read_text().splitlines()
    other = subprocess.Popen(["sleep", "600"], user=file.stat().st_uid if os.getuid() == 0 else None)
    try:
        file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        solo.ready()
    finally:
        other.kill()
        other.wait()
    assert starts(solo) == "2|0"


def test_a_second_one_says_that_one_runs(solo):
    running = solo.ready()
    solo.refuses("solo runs already", f"pid {running.pid}", f"port {solo.port}")
    solo.refuses("solo runs already", f"port {solo.port}", PORT=free_port())
    assert status(f"http://localhost:{solo.port}/health/ready") == 200


def test_the_applications_exit_code_is_passed_on(solo):
    running = solo.start(LOG_FORMAT="verse")
    assert running.code(1500) == 2
    assert running.said("LOG_FORMAT") and not running.said("ready")
    assert "database system is shut down" in (solo.home / "postgres.log").read_text()


def test_without_its_postgresql_it_ends(solo):
    running = solo.ready()
    application = running.application
    os.kill(running.postgres, signal.SIGKILL)
    assert running.code() == 1
    assert running.said("sun: PostgreSQL has ended") and not alive(application)


def test_an_interrupted_build_leaves_nothing_running(solo):
    running = solo.start(**solo.with_fake_cargo(build="forever"))
    building = int(running.until("building as").split()[-1])
    postgres = running.postgres
    assert running.interrupt() == 130
    assert not alive(building) and not alive(postgres)


def test_a_failed_build_is_said(solo):
    running = solo.start(**solo.with_fake_cargo())
    assert running.code() == 1
    assert running.lines[-1] == "sun: the application could not be built"
    assert "database system is shut down" in (solo.home / "postgres.log").read_text()


def test_when_its_port_is_taken_postgresql_moves(solo):
    environment = solo.with_fake_cargo()
    solo.start(**environment).code()
    port = int((solo.home / "port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        running = solo.start(**environment)
        assert running.code() == 1 and running.lines[-1] == "sun: the application could not be built", running.lines
    assert int((solo.home / "port").read_text()) != port


# ---- the demo account ----


def test_the_demo_account_is_made_beside_it_and_signs_in_from_then_on(solo):
    running = solo.ready()
    (offer,) = running.said("Demo")
    assert "./sun solo seed" in offer
    made = solo.start("seed")
    assert made.code() == 0 and made.lines[-1].startswith("sign in as "), made.lines
    sign_in = made.lines[-1].removeprefix("sign in as ")
    email, password = sign_in.split(" / ")
    assert status(f"http://localhost:{solo.port}/api/v1/auth/sign-in", {"email": email, "password": password}) == 200
    transactions = int(solo.sql("SELECT count(*) FROM transactions"))
    assert transactions > 1000
    again = solo.start("seed", PORT=free_port())
    assert again.code() == 0 and int(solo.sql("SELECT count(*) FROM transactions")) == transactions
    running.interrupt()
    assert [line.split(None, 1)[1] for line in solo.ready().said("Demo")] == [sign_in]


def test_the_demo_account_needs_one_that_runs(solo):
    solo.refuses("solo does not run", "./sun solo", command=("./sun", "solo", "seed"))


# ---- what nobody else may have ----


def test_secrets_are_their_owners_and_on_no_command_line(solo):
    running = solo.ready()
    secrets = {path.name: path.read_text() for path in (solo.home / "secrets").iterdir()}
    assert set(secrets) == {"app_key", "postgres_password"}
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in secrets.values()) and len(set(secrets.values())) == 2
    assert stat.S_IMODE((solo.home / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE((solo.home / "secrets" / name).stat().st_mode) for name in secrets} == {0o600}
    for pid in (running.pid, running.application, running.postgres):
        shown = pathlib.Path(f"/proc/{pid}/cmdline").read_text() + pathlib.Path(f"/proc/{pid}/environ").read_text()
        assert not [name for name, secret in secrets.items() if secret in shown]
    running.interrupt()
    solo.ready()
    assert {path.name: path.read_text() for path in (solo.home / "secrets").iterdir()} == secrets


def test_postgresql_lets_in_one_role_on_loopback_and_is_not_root(solo):
    running = solo.ready()
    refused = solo.sql("SELECT 1", user="postgres", check=False)
    assert refused.returncode != 0 and "pg_hba.conf" in refused.stderr
    # Its process, folder, start, port, socket's folder and address.
    assert (solo.home / "postgres/postmaster.pid").read_text().splitlines()[4:6] == ["", "127.0.0.1"]
    assert solo.sql("SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = current_user") == "f"
    assert pathlib.Path(f"/proc/{running.postgres}").stat().st_uid != 0
    with pytest.raises(AssertionError, match="password"):
        (solo.home / "secrets/postgres_password").write_text("guessed")
        solo.sql("SELECT 1")


def test_no_env_file_of_the_checkout_redirects_the_application(solo):
    running = solo.ready()
    assert pathlib.Path(os.readlink(f"/proc/{running.application}/cwd")) == solo.home / "run"
    assert list((solo.home / "run").glob(".env*")) == []


def test_the_application_is_on_loopback_only(solo):
    running = solo.ready()
    listening = subprocess.run(["ss", "-Hltnp"], text=True, capture_output=True, timeout=60).stdout.splitlines()
    found = {line.split()[3].rpartition(":")[0] for line in listening if re.search(rf"pid=({running.application}|{running.postgres})\b", line)}
    assert found == {"127.0.0.1"}


# ---- somebody's own server ----


def test_a_server_of_ones_own_is_used(solo):
    solo.ready()
    other = solo.start(BLAZING_SUN_SOLO=solo.root / "other", PORT=free_port(), POSTGRES_HOST="127.0.0.1", POSTGRES_PORT=(solo.home / "port").read_text(),
                       POSTGRES_USER="app", POSTGRES_DB="blazing_sun", POSTGRES_PASSWORD_FILE=solo.home / "secrets/postgres_password")
    other.until("sun: ready after", 600)
    assert starts(solo) == "2|0" and other.children("postgres") == []
    assert sorted(path.name for path in (solo.root / "other").iterdir()) == ["lock", "mails", "run", "secrets"]
    assert other.interrupt() == 0


def test_a_server_that_does_not_answer_is_said_before_the_build(fresh):
    fresh.refuses("no PostgreSQL answers at 127.0.0.1:1", "POSTGRES_HOST", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="1", POSTGRES_PASSWORD="x")


def test_a_server_needs_a_password(fresh):
    with socket.create_server(("127.0.0.1", 0)) as server:
        fresh.refuses("POSTGRES_PASSWORD", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT=server.getsockname()[1])


# ---- reset ----


def test_reset_removes_what_is_its_own_and_only_that(fresh):
    fresh.start(**fresh.with_fake_cargo()).code()
    assert (fresh.home / "postgres/PG_VERSION").exists()
    (fresh.home / "notes").write_text("mine")
    fresh.refuses("nothing was removed", "reset yes", command=("./sun", "solo", "reset"))
    assert (fresh.home / "postgres/PG_VERSION").exists()
    assert fresh.start("reset", "yes").code() == 0
    assert [path.name for path in fresh.home.iterdir()] == ["notes"]
    (fresh.home / "notes").unlink()
    fresh.start("reset", "yes").code()
    assert fresh.start(**fresh.with_fake_cargo()).code() == 1
    assert (fresh.home / "postgres/PG_VERSION").exists(), "and it begins anew"


def test_reset_refuses_while_one_runs(solo):
    running = solo.start(**solo.with_fake_cargo(build="forever"))
    running.until("building as")
    solo.refuses("solo runs already", command=("./sun", "solo", "reset", "yes"))
    assert (solo.home / "postgres/PG_VERSION").exists()


# ---- what will not do ----


def test_no_cargo(fresh):
    fresh.refuses("cargo is not installed", "1.", "rustup", PATH=fresh.without("cargo"), HOME="/nonexistent", CARGO_HOME=None)


def test_a_cargo_too_old(fresh):
    wanted = re.search(r'(?m)^rust-version = "(.*)"', (fresh.folder / "blazing_sun/Cargo.toml").read_text())[1]
    fresh.refuses("cargo is 1.63.0", f"{wanted} or newer", "rustup", **fresh.with_fake_cargo("1.63.0"))


def test_the_port_is_taken(fresh):
    with socket.create_server(("127.0.0.1", fresh.port)):
        name = pathlib.Path("/proc/self/comm").read_text().strip()
        fresh.refuses(f"port {fresh.port} is in use by {name} (pid {os.getpid()})", "PORT=")


def test_everything_wrong_is_told_at_once(fresh):
    with socket.create_server(("127.0.0.1", fresh.port)):
        running = fresh.refuses(f"port {fresh.port}", lines=2, **fresh.with_fake_cargo("1.63.0"))
    assert "cargo is 1.63.0" in running.lines[1]


@pytest.mark.parametrize("port", ["0", "65536", "http", "09999", "99999999999999999999"])
def test_a_port_that_is_none(fresh, port):
    fresh.refuses(f"PORT is '{port}'", "1 to 65535", PORT=port)


def test_an_unknown_word(fresh):
    fresh.refuses("no `./sun solo start`", "reset", command=("./sun", "solo", "start"))


def test_a_folder_that_is_not_its_own(fresh):
    fresh.home.mkdir()
    (fresh.home / "mails").mkdir()
    fresh.refuses(str(fresh.home), "BLAZING_SUN_SOLO")
    fresh.refuses("data", "absolute", BLAZING_SUN_SOLO="data")


def test_data_of_a_version_that_is_gone(solo):
    (solo.home / "postgres/PG_VERSION").write_text("9\n")
    solo.refuses("PostgreSQL 9", "postgresql-9", "solo reset", **solo.with_fake_cargo())


# ---- what is missing ----

# Notes what it is asked for, and whether the cluster that Debian would make was declined at that moment.
APT = """#!/bin/sh
case " $* " in
  *" install "*) echo "$*: $(cat /etc/postgresql-common/createcluster.d/*.conf)" >>"$NOTES" ;;
  *) echo "$*" >>"$NOTES" ;;
esac
"""
APT_CACHE = "#!/bin/sh\necho '  Candidate: '$CANDIDATE\n"


def on_a_bare_machine(solo, *absent, apt=True, candidate="15+248"):
    """The machine without PostgreSQL and these programs, in a mount namespace, with an apt that installs nothing."""
    environment = solo.with_fake_cargo()
    for name, text in (("apt-get", APT), ("apt-cache", APT_CACHE)):
        if apt:
            (solo.bin / name).write_text(text)
            (solo.bin / name).chmod(0o755)
    environment["PATH"] = f"{solo.bin}:{solo.without('postgres', 'apt-get', 'apt-cache', *absent)}"
    # Programs are links into /etc/alternatives; for the rest this /etc is nobody's.
    links = solo.root / "alternatives"
    if pathlib.Path("/etc/alternatives").exists():
        shutil.copytree("/etc/alternatives", links, symlinks=True)
    hide = f"""
        for folder in /usr/lib/postgresql /usr/pgsql-*; do [ ! -d $folder ] || mount -t tmpfs none $folder; done
        mount -t tmpfs none /etc
        ln -s {links} /etc/alternatives
        exec ./sun solo"""
    notes = solo.root / "notes"
    running = solo.start(command=("unshare", "--map-root-user", "--mount", "bash", "-ec", hide), CANDIDATE=candidate, NOTES=notes, **environment)
    return running.code(), running.lines, notes.read_text().splitlines() if notes.exists() else []


def test_root_on_debian_gets_what_is_missing_without_a_cluster_nobody_asked_for(fresh):
    code, lines, notes = on_a_bare_machine(fresh, "c++", "make")
    assert lines[0] == "sun: installing g++ make postgresql"
    assert notes == ["-qq update", "-qq install -y --no-install-recommends g++ make postgresql: create_main_cluster = false"]
    # This apt installs nothing.
    assert code == 1 and "still no PostgreSQL" in lines[-1]


def test_a_distribution_whose_postgresql_is_too_old(fresh):
    code, lines, notes = on_a_bare_machine(fresh, candidate="14+238")
    assert code == 1 and "14+238" in lines[-1] and "15 or newer" in lines[-1]
    assert notes == ["-qq update"]


def test_without_apt_it_says_what_to_install(fresh):
    code, lines, notes = on_a_bare_machine(fresh, "c++", "pkg-config", apt=False)
    assert code == 1 and notes == []
    assert lines == ["sun: missing here, in Debian's names: g++ pkg-config postgresql; install them (PostgreSQL 15 or newer)"]
