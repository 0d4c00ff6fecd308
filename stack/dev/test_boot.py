"""What stands after `./sun up`: every service, its address, its limits, and the order in which they came."""

import json

import pytest

from services import CORE, UNCHECKED, check, down_and_up, inspect, profiles_of, running, setting, wait_until_healthy

VOLUMES = {
    "pgdata", "redisdata", "rabbitmqdata", "kafkadata", "cargo-cache", "target-cache", "prometheusdata", "grafanadata",
    "pgadmindata", "nginxssl", "alertmanagerdata", "logstoredata", "logpositions",
}

# Profiles whose services have no address of their own.
DYNAMIC = {"mailpit", "exporters", "alertmanager"}


def test_every_service_is_healthy(stack):
    """`running` fails when a service of the enabled profiles has no container, unless nobody could have made it."""
    unwell = {s: row["Health"] or row["State"] for s, row in stack.services().items()
              if row["Health"] != ("" if s in UNCHECKED else "healthy") or row["State"] != "running"}
    assert not unwell
    assert set(CORE) | {"rust", "nginx", "pgadmin", "prometheus", "mailpit", "alertmanager"} <= running(stack)


def test_the_compose_file_names_the_ten_services(stack):
    configured = set(stack.compose("--profile", "*", "config", "--services").stdout.split())
    assert configured >= {*CORE, "rust", "nginx", "kafka-ui", "pgadmin", "prometheus", "grafana"}


def test_each_service_has_the_address_that_env_gives_it(stack):
    for service, container in inspect(stack).items():
        networks = container["NetworkSettings"]["Networks"]
        [(name, network)] = networks.items()
        assert name.endswith("_devnet")
        assert profiles_of(stack)[service] & DYNAMIC or network["IPAddress"] == setting(stack, service.upper().replace("-", "_") + "_IP"), service


def test_services_start_in_the_order_of_their_healthchecks(stack):
    _, times = down_and_up(stack)
    for dependency in CORE:
        assert times[dependency]["healthy"] < times["rust"]["started"], dependency
    assert times["rust"]["healthy"] < times["nginx"]["started"]
    assert times["postgres"]["healthy"] < times["pgadmin"]["started"]
    if "kafka-ui" in times:
        assert times["kafka"]["healthy"] < times["kafka-ui"]["started"]
    if "grafana" in times:
        assert times["prometheus"]["healthy"] < times["grafana"]["started"]


def test_every_container_is_confined(stack):
    for service, container in inspect(stack).items():
        host = container["HostConfig"]
        # Development compiles in this container: cargo writes to its home, and takes what it can get.
        compiles = service == "rust"
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert host["LogConfig"] == {"Type": "json-file", "Config": {
            "max-size": "10m", "max-file": "5", "labels": "com.docker.compose.project,com.docker.compose.service", "tag": "{{.Name}}",
        }}, service
        assert compiles or host["Memory"] > 0 and host["NanoCpus"] > 0, service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["CapDrop"] == ["ALL"], service
        assert set(host["CapAdd"] or []) == ({"CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"} if service == "nginx" else set()), service
        assert host["ReadonlyRootfs"] != compiles, service
        assert host["Init"] is True, service
        assert not host["Privileged"] and host["PidMode"] == "" and host["NetworkMode"].endswith("_devnet"), service


def test_only_nginx_has_a_root_user_and_only_for_its_master(stack):
    owner = setting(stack, "HOST_UID")
    for service in running(stack):
        # (Not every image has a program that tells.)
        uids = stack.run("docker", "top", stack.container(service), "-eo", "pid,uid").stdout.split()[3::2]
        assert uids and ("0" in uids) == (service == "nginx" or service == "rust" and owner == "0"), service
    workers = stack.run("docker", "top", stack.container("nginx"), "-eo", "pid,user,args").stdout.splitlines()
    assert [line for line in workers if "worker process" in line]
    assert not [line for line in workers if "worker process" in line and line.split()[1] in ("root", "0")]


def test_the_volumes_of_the_documents_exist_and_none_is_anonymous(stack):
    configured = json.loads(stack.compose("--profile", "*", "config", "--format", "json").stdout)
    assert set(configured["volumes"]) == VOLUMES
    project = configured["name"]
    mounted = set()
    for service, container in inspect(stack).items():
        for mount in container["Mounts"]:
            assert mount["Type"] in ("bind", "volume", "tmpfs"), mount
            assert "docker.sock" not in mount["Source"], service
            if mount["Type"] == "volume":
                assert mount["Name"].startswith(project + "_"), f"{service}: anonymous volume on {mount['Destination']}"
                mounted.add(mount["Name"].removeprefix(project + "_"))
    off = {"logstoredata", "logpositions"}
    assert mounted == (VOLUMES if "grafana" in running(stack) else VOLUMES - {"grafanadata"}) - off


def test_data_lies_on_the_volumes(stack):
    """Not in a folder beside them, where the next `down` would take it."""
    assert stack.exec("postgres", "sh", "-c", 'ls "/var/lib/postgresql/$PG_MAJOR/docker/PG_VERSION"').stdout
    assert "appendonlydir" in stack.exec("redis", "ls", "/data").stdout
    assert stack.exec("kafka", "ls", "/var/lib/kafka/data/kraft/meta.properties").stdout
    assert stack.exec("rabbitmq", "sh", "-c", "ls -d /var/lib/rabbitmq/mnesia/rabbit@rabbitmq").stdout


@pytest.mark.parametrize("service", ["redis", "mailpit"])
def test_a_service_whose_process_dies_is_started_again(stack, service):
    before = stack.inspect(service)["RestartCount"]
    # Every process but the first, which the engine's init is, and the shell that asks for it.
    stack.exec(service, "sh", "-c", "kill -s KILL -- -1", check=False)
    stack.wait_for("a restart", lambda: stack.inspect(service)["RestartCount"] > before, 30)
    wait_until_healthy(stack, service)
    assert check(stack, service)[0]


def test_prometheus_scrapes_every_target(stack):
    def jobs():
        answer = stack.http(f"http://localhost:{setting(stack, 'PROMETHEUS_PORT')}/api/v1/targets").json()
        return [(target["labels"]["job"], target["health"], target["lastError"]) for target in answer["data"]["activeTargets"]]

    # (One is asked once a minute.)
    stack.wait_for("every target up", lambda: {health for _, health, _ in jobs()} == {"up"}, 90)
    assert {job for job, _, _ in jobs()} == {
        "application", "rabbitmq", "rabbitmq-queues", "kafka", "certificate", "prometheus", "alertmanager",
        "postgres", "redis", "nginx", "kafka-groups", "host",
    }


def test_prometheus_can_be_neither_stopped_nor_emptied_over_http(stack):
    base = f"http://localhost:{setting(stack, 'PROMETHEUS_PORT')}"
    assert stack.http(f"{base}/-/quit", method="POST").status == 403
    assert stack.http(f"{base}/api/v1/admin/tsdb/delete_series?match[]=up", method="POST").status != 204
