"""What others can reach or read: ports, process lists, logs, and the images."""

import json
import socket

from services import inspect, leaks, logs, passwords, process_lists, running, setting


def published(stack):
    """(service, host address, host port) of every published port."""
    found = set()
    for service, container in inspect(stack).items():
        for bindings in container["NetworkSettings"]["Ports"].values():
            found |= {(service, binding["HostIp"], int(binding["HostPort"])) for binding in bindings or []}
    return found


def own_address():
    """This machine's address as others see it. (Nothing is sent: a UDP socket only looks up its route.)"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def answers(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def test_only_http_and_https_are_published_beyond_loopback(stack):
    beyond = {(service, port) for service, ip, port in published(stack) if ip not in ("127.0.0.1", "::1")}
    assert beyond == {("nginx", int(setting(stack, name))) for name in ("HTTP_PORT", "HTTPS_PORT")}


def test_only_http_and_https_answer_on_the_machines_own_address(stack):
    address = own_address()
    assert not address.startswith("127."), "this machine has no address beyond loopback to test with"
    ports = {port for _, _, port in published(stack)}
    assert {port for port in ports if answers("127.0.0.1", port)} == ports
    assert {port for port in ports if answers(address, port)} == {int(setting(stack, name)) for name in ("HTTP_PORT", "HTTPS_PORT")}


def test_no_password_stands_in_a_process_list(stack):
    known = passwords(stack)
    assert {"REDIS", "RABBITMQ", "PGADMIN_DEFAULT"} <= set(known)
    lists = process_lists(stack)
    assert "redis-server" in lists["redis"] and "nginx" in lists["nginx"]
    assert {service: found for service, text in lists.items() if (found := leaks(stack, text, known))} == {}


def test_no_password_stands_in_a_log(stack):
    known = passwords(stack)
    for service in running(stack):
        assert leaks(stack, logs(stack, service), known) == [], service


def test_no_password_stands_in_an_image(stack):
    known = passwords(stack)
    for service, container in inspect(stack).items():
        image = container["Image"]
        history = stack.run("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", image).stdout
        settings = json.dumps(json.loads(stack.run("docker", "image", "inspect", image).stdout)[0]["Config"])
        assert leaks(stack, history + settings, known) == [], service


def test_the_search_finds_a_password_in_each_of_its_forms(stack):
    """The tests above can fail."""
    known = {"X": "p@ss|w&rd"}
    for text in ("a p@ss|w&rd b", "cEBzc3x3JnJk", "YXBwOnBAc3N8dyZyZA==", "p%40ss%7Cw%26rd", "%70%40%73%73%7c%77%26%72%64"):
        assert leaks(stack, f"before {text} after", known) == ["X"], text
    assert leaks(stack, "nothing", known) == []
