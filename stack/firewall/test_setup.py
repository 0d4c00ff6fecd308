"""What firewall-setup.sh says and changes, and what it refuses."""

import subprocess
import sys

import pytest


def allowed(world):
    """The ports UFW lets in, from its own list of rules."""
    lines = world.server.run("ufw", "show", "added").stdout.splitlines()
    return {line.split()[2] for line in lines if line.startswith("ufw allow ")}


def test_a_dry_run_says_what_would_change_and_changes_nothing(world):
    files, rules = world.files(), world.rules()
    output = world.setup("--dry-run").stdout
    for line in ("allow 22/tcp (SSH)", "allow 80/tcp (HTTP)", "allow 443/tcp (HTTPS)", "refuse everything else", "after.rules",
                 "after6.rules", "switch UFW on"):
        assert f"would: {line}" in output or any(said.startswith("would: ") and line in said for said in output.splitlines())
    assert "done:" not in output
    assert (world.files(), world.rules()) == (files, rules)


def test_a_second_run_changes_nothing(world):
    first = world.setup().stdout
    assert first.endswith("Changed: 7.\n") and first.count("done:") == 7
    files, rules = world.files(), world.rules()
    for arguments in ((), ("--dry-run",)):
        output = world.setup(*arguments).stdout
        assert output.endswith("Nothing changed.\n") and "done:" not in output and "would:" not in output
        assert (world.files(), world.rules()) == (files, rules)


def test_rules_that_somebody_flushed_come_back(world):
    world.setup()
    rules = world.rules()
    world.server.run("ip6tables", "-F", "DOCKER-OUTSIDE")
    assert "done:  reload UFW" in world.setup().stdout
    assert world.rules() == rules


def test_rules_and_settings_of_other_people_stay(world):
    world.server.run("ufw", "limit", "22/tcp")
    world.server.run("ufw", "allow", "from", "192.0.2.7", "to", "any", "port", "9100")
    after = world.folder / "ufw" / "after.rules"
    theirs = after.read_text() + "# theirs\n"
    after.write_text(theirs)
    output = world.setup().stdout
    assert "kept:  22/tcp is allowed (SSH)" in output
    assert "kept:  a rule of your own: ufw allow from 192.0.2.7" in output
    assert "ufw limit 22/tcp" in world.server.run("ufw", "show", "added").stdout
    assert after.read_text().startswith(theirs)


def test_a_rule_in_docker_user_made_by_hand_is_named_before_it_goes(world):
    world.server.run("iptables", "-N", "DOCKER-USER")
    world.server.run("iptables", "-A", "DOCKER-USER", "-s", "192.0.2.7", "-j", "DROP")
    assert "would: drop a rule made by hand from DOCKER-USER: iptables -A DOCKER-USER -s 192.0.2.7/32 -j DROP" in world.setup("--dry-run").stdout


# ---- SSH ------------------------------------------------------------------------------------------------------------


def test_without_any_sign_of_ssh_port_22_is_allowed(world):
    world.setup()
    assert allowed(world) == {"22/tcp", "80/tcp", "443/tcp"}


def test_the_port_of_the_current_session_is_allowed(world):
    world.setup(SSH_CONNECTION="192.0.2.7 50000 203.0.113.1 2200")
    assert allowed(world) == {"2200/tcp", "80/tcp", "443/tcp"}


def test_the_port_of_a_session_that_sudo_hid_is_allowed(world):
    hide = ("env", "SSH_CONNECTION=192.0.2.7 50000 203.0.113.1 2201", "sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh")
    world.setup(wrapper=hide)
    assert allowed(world) == {"2201/tcp", "80/tcp", "443/tcp"}


def test_every_port_of_sshds_settings_is_allowed(world):
    (world.folder / "bin").mkdir()
    sshd = world.folder / "bin" / "sshd"
    sshd.write_text("#!/bin/sh\necho port 2222\necho listenaddress 0.0.0.0:2222\necho 'listenaddress [2001:db8::1]:2022'\necho permitrootlogin no\n")
    sshd.chmod(0o755)
    world.setup()
    assert allowed(world) == {"2222/tcp", "2022/tcp", "80/tcp", "443/tcp"}


def test_the_port_sshd_really_listens_on_is_allowed_and_a_loopback_one_is_not(world):
    listener = """
import socket, sys
open("/proc/self/comm", "w").write("sshd")
held = [socket.create_server(address) for address in (("0.0.0.0", 2223), ("127.0.0.1", 6010))]
print("ready", flush=True)
sys.stdin.read()
"""
    command = world.server.command(sys.executable, "-c", listener)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sshd:
        assert sshd.stdout.readline() == b"ready\n"
        world.setup()
        sshd.communicate(timeout=10)
    assert allowed(world) == {"2223/tcp", "80/tcp", "443/tcp"}


def test_a_way_in_stands_before_the_door_is_closed(world):
    said = [line for line in world.setup().stdout.splitlines() if line.startswith("done:")]
    assert "SSH" in said[0] and "switch UFW on" in said[-1]


@pytest.mark.parametrize("rule", ["deny 22", "reject 22/tcp", "deny 20:30/tcp", "deny 22,8000/tcp"])
def test_a_rule_that_would_lock_out_ssh_stops_it(world, rule):
    world.server.run("ufw", *rule.split())
    files, rules = world.files(), world.rules()
    done = world.setup(check=False)
    assert done.returncode == 1 and f"would lock out SSH on port 22: ufw {rule}" in done.stderr
    assert (world.files(), world.rules()) == (files, rules)


def test_a_ban_of_one_address_does_not_stop_it(world):
    world.server.run("ufw", "deny", "from", "192.0.2.7", "to", "any", "port", "22")
    assert world.setup().returncode == 0


# ---- .env -----------------------------------------------------------------------------------------------------------


def test_ports_come_from_env_and_a_port_it_no_longer_names_is_closed(world):
    env = world.folder / ".env"
    env.write_text("HTTP_PORT=8080  # a comment\r\nHTTPS_PORT='8443'\n")
    world.setup()
    assert allowed(world) == {"22/tcp", "8080/tcp", "8443/tcp"}
    assert "--ctorigdstport 8443 " in " ".join(world.rules())
    env.write_text("#HTTP_PORT=8080\nHTTPS_PORT=\n")
    assert "close 8080/tcp" in world.setup().stdout
    assert allowed(world) == {"22/tcp", "80/tcp", "443/tcp"}
    assert "--ctorigdstport 8443 " not in " ".join(world.rules())


@pytest.mark.parametrize("value", ["http", "0", "65536", "127.0.0.1:80", "80; reboot"])
def test_a_port_in_env_that_is_none_stops_it(world, value):
    (world.folder / ".env").write_text(f"HTTP_PORT={value}\n")
    files, rules = world.files(), world.rules()
    done = world.setup(check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and f"is not a port: {value}" in done.stderr
    assert (world.files(), world.rules()) == (files, rules)


# ---- Refusals -------------------------------------------------------------------------------------------------------


def test_an_unknown_option_prints_the_usage(world):
    done = world.setup("--now", check=False)
    assert done.returncode == 2 and "unknown option: --now" in done.stderr and "Usage:" in done.stderr


def test_it_refuses_without_root(world):
    # pytest's folders are closed to everybody else, so the script is shown where anyone may read it.
    world.server.run("mkdir", "/run/shown")
    world.server.run("cp", str(world.script), "/run/shown")
    world.script = "/run/shown/firewall-setup.sh"
    done = world.setup(check=False, wrapper=("setpriv", "--reuid=65534", "--clear-groups"))
    assert done.returncode == 1 and done.stderr == "firewall-setup.sh: needs root: sudo ./firewall-setup.sh\n"


def test_it_refuses_on_a_system_it_does_not_know(world):
    (world.folder / "os-release").write_text("ID=fedora\n")
    world.server.run("mount", "--bind", str(world.folder / "os-release"), "/etc/os-release")
    done = world.setup(check=False)
    assert done.returncode == 1 and "knows only Debian, Ubuntu" in done.stderr


def test_without_ufw_it_says_what_to_install(world):
    # Deleted from an overlay that only this world sees; the assertion in run() stops here if it could not be mounted.
    world.server.run("mkdir", "/run/upper", "/run/work")
    world.server.run("mount", "-t", "overlay", "overlay", "-o", "lowerdir=/usr/sbin,upperdir=/run/upper,workdir=/run/work", "/usr/sbin")
    world.server.run("rm", "/usr/sbin/ufw")
    done = world.setup(check=False)
    assert done.returncode == 1 and "ufw is missing; install it with: apt-get install ufw" in done.stderr


def test_a_damaged_block_stops_it(world):
    world.setup()
    after = world.folder / "ufw" / "after.rules"
    after.write_text(after.read_text().replace("# END blazing-sun\n", ""))
    files = world.files()
    done = world.setup(check=False)
    assert done.returncode == 1 and "a marker of the blazing-sun block" in done.stderr
    assert world.files() == files
