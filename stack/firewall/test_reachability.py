"""Who reaches whom once firewall-setup.sh has run, over IPv4 and IPv6, and after everything that reloads a firewall."""

import pytest
from world import NGINX, OUTSIDER, POSTGRES, SERVER, World

both = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


def refused_by_docker_user(world, version, address, port):
    """A time-out alone proves little: the packet must have ended in one of the rules."""
    before = world.dropped(version)
    return not world.outsider.reaches(address, port) and world.dropped(version) > before


@both
def test_without_it_a_published_port_is_open_to_everybody(internet, version):
    assert internet.before[version]


@both
@pytest.mark.parametrize("port", [80, 443])
def test_http_and_https_reach_the_container(internet, version, port):
    assert internet.outsider.reaches(SERVER[version], port)


@both
def test_another_published_port_is_closed(internet, version):
    assert refused_by_docker_user(internet, version, SERVER[version], 5432)


@both
def test_it_is_the_published_port_that_counts_and_not_the_containers(internet, version):
    assert refused_by_docker_user(internet, version, SERVER[version], 8888)


@both
@pytest.mark.parametrize("port", [5432, 80])
def test_a_route_straight_to_a_container_is_closed(internet, version, port):
    address = POSTGRES if port == 5432 else NGINX
    assert refused_by_docker_user(internet, version, address[version], port)


@both
def test_the_hosts_ssh_is_open_and_its_other_ports_are_closed(internet, version):
    assert internet.outsider.reaches(SERVER[version], 22)
    assert not internet.outsider.reaches(SERVER[version], 9999)


@both
def test_containers_reach_each_other_and_the_internet(internet, version):
    assert internet.nginx.reaches(POSTGRES[version], 5432)
    assert internet.nginx.reaches(OUTSIDER[version], 7000)


@both
def test_the_host_reaches_its_containers_and_its_own_loopback(internet, version):
    assert internet.server.reaches(POSTGRES[version], 5432)
    assert internet.server.reaches(SERVER[version], 5432)
    assert internet.server.reaches("127.0.0.1", 15672)


def guarded(world):
    for version in (4, 6):
        assert world.outsider.reaches(SERVER[version], 80)
        assert world.outsider.reaches(SERVER[version], 22)
        assert refused_by_docker_user(world, version, SERVER[version], 5432)
        assert world.nginx.reaches(OUTSIDER[version], 7000)


def test_it_outlives_a_reload_of_ufw_and_a_restart_of_docker(internet):
    before = internet.rules()
    internet.server.run("ufw", "reload")
    assert internet.rules() == before
    internet.start_docker()
    guarded(internet)


def test_it_outlives_a_reboot(internet):
    server = internet.namespace()
    internet.mount_its_settings(server)
    internet.boot(server)
    assert internet.outsider.reaches(SERVER[4], 9999), "the new kernel must come up without rules"
    server.run("/lib/ufw/ufw-init", "start")
    internet.start_docker()
    guarded(internet)


def test_a_bridge_with_a_name_of_its_own_is_guarded_too(machine, tmp_path):
    world = World(tmp_path, bridge="apps")
    try:
        world.connect_everybody()
        world.start_docker()
        world.setup()
        guarded(world)
    finally:
        world.close()
