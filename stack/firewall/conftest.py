"""What the firewall tests need: root, UFW and iptables. Missing it fails them with one line; it never skips them."""

import os
import shutil
import subprocess

import pytest
from world import SERVER, World


@pytest.fixture(scope="session")
def machine():
    if os.geteuid() != 0:
        pytest.fail("the firewall tests make network namespaces and need root: sudo python3 -m pytest stack/firewall", pytrace=False)
    if all(shutil.which(tool, path="/usr/sbin:/sbin") for tool in ("ufw", "iptables", "ip6tables")):
        return
    # Installed in a network namespace without a network: not even a package's script can reach this machine's firewall.
    apt = ["apt-get", "install", "-y", "-qq"]
    for command in (["apt-get", "update", "-qq"], [*apt, "--download-only", "ufw", "iptables"],
                    ["unshare", "--net", *apt, "--no-download", "ufw", "iptables"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        if done.returncode:
            pytest.fail(f"ufw or iptables is missing, and `{' '.join(command)}` failed: {done.stderr.strip()}", pytrace=False)


@pytest.fixture
def world(machine, tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


# Once with an interface that Docker's own bridges could be mistaken for.
@pytest.fixture(scope="module", params=["eth0", "br-lan"])
def internet(machine, request, tmp_path_factory):
    made = World(tmp_path_factory.mktemp("internet"), outside=request.param)
    made.connect_everybody()
    made.start_docker()
    made.before = {version: made.outsider.reaches(address, 5432) for version, address in SERVER.items()}
    made.setup()
    yield made
    made.close()
