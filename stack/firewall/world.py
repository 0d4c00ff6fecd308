"""A small internet in network namespaces: a server with UFW and Docker's chains, two containers, and somebody outside.

The machine that runs the tests is left alone: the server has its own firewall (network namespace) and its own /etc/ufw,
/etc/default and /run (mount namespace). Everything is gone when the processes that hold the namespaces end, which they
do with this one.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "firewall-setup.sh"
OUTSIDER = {4: "203.0.113.2", 6: "2001:db8::2"}
SERVER = {4: "203.0.113.1", 6: "2001:db8::1"}
NGINX = {4: "172.28.0.12", 6: "fd00:28::12"}
POSTGRES = {4: "172.28.0.11", 6: "fd00:28::11"}
# Published ports: host port, container, container port. 8888 tells the port asked for from the container's.
PUBLISHED = [(80, NGINX, 8000), (443, NGINX, 8443), (5432, POSTGRES, 5432), (8888, NGINX, 80)]
IPTABLES = {4: "iptables", 6: "ip6tables"}

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


class Namespace:
    """A network and mount namespace, held open by a `cat` that ends when its input closes."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.holder.stdout.readline() == b"ready\n", "unshare made no namespace"
        self.pid = self.holder.pid
        self.sockets = []
        # No duplicate address detection: for a second it would keep IPv6 from working.
        self.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
        self.run("ip", "link", "set", "lo", "up")

    def close(self):
        for opened in self.sockets:
            opened.close()
        self.holder.communicate(timeout=10)

    def command(self, *words):
        return ["nsenter", "-t", str(self.pid), "--net", "--mount", *words]

    def run(self, *words, check=True, **options):
        done = subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60, **options)
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    def inside(self, work):
        """Calls `work` on a thread of this network; a socket stays in the network it was made in."""

        def moved():
            handle = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
            assert LIBC.setns(handle, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            os.close(handle)
            return work()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(moved).result()

    def listen(self, *ports, address=""):
        """The kernel completes connections by itself, so nobody has to accept them."""
        family = socket.AF_INET if address else socket.AF_INET6
        for port in ports:
            self.sockets.append(
                self.inside(lambda port=port: socket.create_server((address, port), family=family, dualstack_ipv6=not address))
            )

    def reaches(self, address, port):
        def attempt():
            try:
                socket.create_connection((address, port), timeout=0.5).close()
                return True
            except OSError:
                return False

        return self.inside(attempt)


class World:
    def __init__(self, folder, outside="eth0", bridge="br-0123456789ab"):
        self.folder = folder
        self.spaces = []
        self.server = self.namespace()
        self.give_it_a_pristine_ufw()
        self.script = folder / SCRIPT.name
        shutil.copy(SCRIPT, self.script)
        self.outside_name, self.bridge = outside, bridge

    def namespace(self):
        self.spaces.append(Namespace())
        return self.spaces[-1]

    def close(self):
        for space in self.spaces:
            space.close()

    def give_it_a_pristine_ufw(self):
        """As the package installs it, whatever this machine made of it; but with the careless policy of letting all in."""
        ufw, default = self.folder / "ufw", self.folder / "default"
        shutil.copytree("/etc/ufw", ufw)
        for rules in Path("/usr/share/ufw/iptables").glob("*.rules"):
            shutil.copy(rules, ufw)
        (ufw / "ufw.conf").write_text("ENABLED=no\nLOGLEVEL=low\n")
        default.mkdir()
        settings = Path("/etc/default/ufw").read_text().splitlines()
        settings = [line for line in settings if not line.startswith(("IPV6=", "DEFAULT_INPUT_POLICY="))]
        (default / "ufw").write_text("\n".join([*settings, "IPV6=yes", 'DEFAULT_INPUT_POLICY="ACCEPT"', ""]))
        self.mount_its_settings(self.server)

    def mount_its_settings(self, server):
        server.run("mount", "--bind", self.folder / "ufw", "/etc/ufw")
        server.run("mount", "--bind", self.folder / "default", "/etc/default")
        server.run("mount", "-t", "tmpfs", "tmpfs", "/run")

    def setup(self, *arguments, check=True, wrapper=(), **variables):
        """Runs firewall-setup.sh on the server, by default without the SSH session the tests may run in."""
        environment = {"PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", **variables}
        return self.server.run(*wrapper, str(self.script), *arguments, check=check, env=environment)

    def files(self):
        found = [path for top in ("ufw", "default") for path in sorted((self.folder / top).rglob("*")) if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_uid) for path in found}

    def rules(self):
        """What the kernel holds, without comments (they carry the time) and counters."""
        saved = [self.server.run(f"{tool}-save").stdout for tool in IPTABLES.values()]
        return [line.split(" [")[0] for text in saved for line in text.splitlines() if not line.startswith("#")]

    def dropped(self, version):
        """Packets that the DROP rules for containers have taken."""
        lines = self.server.run(IPTABLES[version], "-nvxL", "DOCKER-OUTSIDE").stdout.splitlines()
        return sum(int(line.split()[0]) for line in lines if " DROP " in line)

    # ---- Network --------------------------------------------------------------------------------------------------

    def connect_everybody(self):
        self.outsider, self.nginx, self.postgres = self.namespace(), self.namespace(), self.namespace()
        self.outsider.listen(7000)
        self.nginx.listen(8000, 8443, 80)
        self.postgres.listen(5432)
        self.boot(self.server)

    def boot(self, server):
        """Cables, addresses and forwarding of a server that was just switched on."""
        self.server = server
        for name, value in {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}.items():
            server.run("sysctl", "-qw", f"{name}={value}")
        server.run("ip", "link", "add", self.bridge, "type", "bridge")
        self.address(server, self.bridge, "172.28.0.1/16", "fd00:28::1/64")
        self.cable(self.outsider, self.outside_name)
        self.address(server, self.outside_name, f"{SERVER[4]}/24", f"{SERVER[6]}/64")
        self.address(self.outsider, "eth0", f"{OUTSIDER[4]}/24", f"{OUTSIDER[6]}/64")
        self.outsider.run("ip", "route", "add", "172.28.0.0/16", "via", SERVER[4])
        self.outsider.run("ip", "route", "add", "fd00:28::/64", "via", SERVER[6])
        for number, (container, addresses) in enumerate(((self.nginx, NGINX), (self.postgres, POSTGRES))):
            self.cable(container, f"veth{number}")
            server.run("ip", "link", "set", f"veth{number}", "master", self.bridge, "up")
            self.address(container, "eth0", f"{addresses[4]}/16", f"{addresses[6]}/64")
            container.run("ip", "route", "add", "default", "via", "172.28.0.1")
            container.run("ip", "route", "add", "default", "via", "fd00:28::1")
        server.listen(22, 9999)
        server.listen(15672, address="127.0.0.1")

    def cable(self, other, name):
        """From the server to eth0 of another; a new cable takes the place of the old one."""
        other.run("ip", "link", "delete", "eth0", check=False)
        self.server.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(other.pid))

    @staticmethod
    def address(space, interface, *addresses):
        space.run("ip", "link", "set", interface, "up")
        for address in addresses:
            space.run("ip", "address", "add", address, "dev", interface)

    def start_docker(self):
        """The chains an engine makes when it starts, in its way: DOCKER-USER is made if missing and never cleared."""
        for version, tool in IPTABLES.items():
            subnet = {4: "172.28.0.0/16", 6: "fd00:28::/64"}[version]
            loopback = {4: "127.0.0.0/8", 6: "::1"}[version]
            self.server.run(tool, "-N", "DOCKER-USER", check=False)
            self.server.run(tool, "-D", "FORWARD", "-j", "DOCKER-USER", check=False)
            filters = [":FORWARD DROP", ":DOCKER -", ":DOCKER-FORWARD -"]
            filters += ["-I FORWARD -j DOCKER-FORWARD", "-I FORWARD -j DOCKER-USER"]
            nat = [":DOCKER -", "-F PREROUTING", "-F OUTPUT", "-F POSTROUTING"]
            nat += ["-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"]
            nat += [f"-A OUTPUT ! -d {loopback} -m addrtype --dst-type LOCAL -j DOCKER"]
            nat += [f"-A POSTROUTING -s {subnet} ! -o {self.bridge} -j MASQUERADE"]
            for port, container, target in PUBLISHED:
                to = container[version] if version == 4 else f"[{container[version]}]"
                nat += [f"-A DOCKER ! -i {self.bridge} -p tcp --dport {port} -j DNAT --to-destination {to}:{target}"]
                filters += [f"-A DOCKER -d {container[version]} ! -i {self.bridge} -o {self.bridge} -p tcp --dport {target} -j ACCEPT"]
            filters += [f"-A DOCKER ! -i {self.bridge} -o {self.bridge} -j DROP"]
            filters += [f"-A DOCKER-FORWARD -o {self.bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"]
            filters += [f"-A DOCKER-FORWARD -o {self.bridge} -j DOCKER", f"-A DOCKER-FORWARD -i {self.bridge} -j ACCEPT"]
            text = "\n".join(["*nat", *nat, "COMMIT", "*filter", *filters, "COMMIT", ""])
            self.server.run(f"{tool}-restore", "--noflush", input=text)
