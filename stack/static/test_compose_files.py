"""The Compose files as Compose resolves them: valid in every mode and profile, and hardened in every service."""

import re

import pytest
from repository import EXPORTERS, LOGS, MODES, OFF, PROFILES, SERVICES, compose, each_service, example, resolved

# The spec's nine, Alertmanager's, and the log store's two. `nginxssl` keeps the certificates, which the spec leaves in the container.
VOLUMES = {
    "pgdata", "redisdata", "rabbitmqdata", "kafkadata", "cargo-cache", "target-cache", "prometheusdata", "grafanadata",
    "pgadmindata", "alertmanagerdata", "logstoredata", "logpositions",
}
# Published beside 80 and 443: loopback only. The spec's ports, and 9094, 8025, 9093, 9428 and 16686 of our own.
IN_PROD = {
    "rabbitmq": {15672}, "kafka-ui": {8080}, "pgadmin": {5050}, "prometheus": {9090}, "alertmanager": {9093}, "log-store": {9428},
    "jaeger": {16686},
}
IN_DEV = {**IN_PROD, "rabbitmq": {15672, 5672}, "postgres": {5432}, "redis": {6379}, "kafka": {9094}, "rust": {9999}, "mailpit": {8025}}


def service(mode, name):
    return resolved(mode)["services"][name]


# ---- valid ----


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("profiles", ["", *PROFILES, ",".join(PROFILES), "*"], ids=lambda p: p or "none")
def test_compose_accepts_the_files(mode, profiles):
    done = compose(mode, "config", "-q", profiles=profiles)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "a warning is a mistake too"


@pytest.mark.parametrize("mode", MODES)
def test_the_core_runs_without_any_profile(mode):
    services = set(compose(mode, "config", "--services", profiles="").stdout.split())
    assert services >= {"rust", "postgres", "redis", "rabbitmq", "kafka", "nginx"} and not services & set(PROFILES)


@pytest.mark.parametrize("mode", MODES)
def test_a_profile_is_called_as_its_one_service_or_as_what_several_are_together(mode):
    profiles = {name: s["profiles"] for name, s in resolved(mode)["services"].items() if s.get("profiles")}
    together = {**dict.fromkeys(EXPORTERS, "exporters"), **dict.fromkeys(LOGS, "logs"), "jaeger": "tracing"}
    assert profiles == {name: [together.get(name, name)] for name in profiles}
    assert {profile for (profile,) in profiles.values()} == set(PROFILES) - ({"mailpit"} if mode == "prod" else set())
    assert set(together) <= set(profiles)


def test_the_example_turns_on_every_profile_but_those_that_ask_for_a_decision():
    assert set(example()["COMPOSE_PROFILES"].split(",")) == set(PROFILES) - OFF


def test_the_example_picks_the_overlay_by_mode():
    assert example()["COMPOSE_FILE"] == "docker-compose.yml:docker-compose.${BUILD_ENV}.yml"


@pytest.mark.parametrize("name", ["POSTGRES_USER", "POSTGRES_DB", "REDIS_USER", "RABBITMQ_USER", "KAFKA_CLUSTER_ID"])
def test_a_missing_variable_is_named(name):
    done = compose("dev", "config", "-q", **{name: ""})
    assert done.returncode != 0
    assert name in done.stderr and "is missing in .env" in done.stderr


# ---- what the spec says of the whole ----


def test_the_project_is_called_rust_and_containers_are_named_by_compose():
    for mode in MODES:
        assert resolved(mode)["name"] == "rust"
        assert [name for name, s in resolved(mode)["services"].items() if "container_name" in s] == []


def test_the_ten_services_have_the_specs_addresses():
    for mode in MODES:
        addresses = {name: s["networks"]["devnet"]["ipv4_address"] for name, s in resolved(mode)["services"].items() if name in SERVICES}
        assert addresses == {name: f"172.28.0.{10 + i}" for i, name in enumerate(SERVICES)}


def test_dynamic_addresses_stay_away_from_the_static_ones():
    (network,) = resolved("dev")["networks"]["devnet"]["ipam"]["config"]
    assert network == {"subnet": "172.28.0.0/16", "ip_range": "172.28.128.0/17", "gateway": "172.28.0.1"}


def test_the_volumes_are_the_specs_and_those_of_the_documents():
    assert set(resolved("dev")["volumes"]) == VOLUMES | {"nginxssl"}
    # In production the application's files have volumes instead of the checkout, and nothing is compiled in a container.
    assert set(resolved("prod")["volumes"]) == VOLUMES - {"cargo-cache", "target-cache"} | {"nginxssl", "storage-public", "storage-private"}


def test_services_start_in_the_specs_order():
    waits = {name: {d for d, how in s.get("depends_on", {}).items() if how["condition"] == "service_healthy"} for name, s in resolved("prod")["services"].items()}
    assert {name: waits[name] for name in SERVICES} == {
        "postgres": set(), "redis": set(), "rabbitmq": set(), "kafka": set(), "prometheus": set(),
        "rust": {"postgres", "redis", "rabbitmq", "kafka"},
        "nginx": {"rust"}, "kafka-ui": {"kafka"}, "pgadmin": {"postgres"}, "grafana": {"prometheus"},
    }


# ---- every service ----


# Their images hold one program, and that one checks nothing.
@pytest.mark.parametrize(("mode", "name"), [pair for pair in each_service() if pair[1] not in ("nginx-exporter", "log-collector")])
def test_a_service_has_a_healthcheck_that_runs_a_program(mode, name):
    check = service(mode, name)["healthcheck"]
    assert not check.get("disable")
    # CMD-SHELL would put the line through a shell, and a password in it would break it or show in `inspect`.
    assert check["test"][0] == "CMD"
    assert not [word for word in check["test"] if "PASSWORD" in word.upper()]
    # The engine refuses start_interval without it.
    assert check["start_interval"] and check["start_period"]


@pytest.mark.parametrize(("mode", "name"), each_service())
def test_a_service_comes_back_after_a_crash_and_a_reboot(mode, name):
    assert service(mode, name)["restart"] == "unless-stopped"


@pytest.mark.parametrize(("mode", "name"), each_service())
def test_a_services_log_is_rotated(mode, name):
    assert service(mode, name)["logging"] == {"driver": "json-file", "options": {
        "max-size": "10m", "max-file": "5", "labels": "com.docker.compose.project,com.docker.compose.service", "tag": "{{.Name}}",
    }}


@pytest.mark.parametrize(("mode", "name"), each_service())
def test_a_service_has_no_more_rights_than_it_needs(mode, name):
    it = service(mode, name)
    assert it["security_opt"] == ["no-new-privileges:true"]
    assert it["cap_drop"] == ["ALL"]
    assert set(it.get("cap_add", [])) == ({"CHOWN", "SETUID", "SETGID"} if name == "nginx" else set())
    assert not it.get("privileged") and "network_mode" not in it and "pid" not in it
    assert not [v for v in it.get("volumes", []) if "docker.sock" in v["source"]]


@pytest.mark.parametrize(("mode", "name"), each_service())
def test_a_service_runs_on_a_read_only_system(mode, name):
    # In development cargo writes to its home; the sources are the developer's own.
    assert service(mode, name).get("read_only", False) is ((mode, name) != ("dev", "rust"))


def test_the_host_is_seen_by_one_service_which_is_nobody_and_cannot_write():
    for mode in MODES:
        seen = {name: {v["source"] for v in s.get("volumes", []) if v["source"] in ("/", "/proc", "/sys")} for name, s in resolved(mode)["services"].items()}
        assert {name: sources for name, sources in seen.items() if sources} == {"node-exporter": {"/", "/proc", "/sys"}}
        it = service(mode, "node-exporter")
        assert it["user"] == "65534:65534" and all(v["read_only"] for v in it["volumes"])


def test_the_engines_files_are_seen_by_one_service_which_is_off_and_cannot_write():
    for mode in MODES:
        seen = {name for name, s in resolved(mode)["services"].items() for v in s.get("volumes", []) if v["source"] == example()["CONTAINER_LOGS"]}
        assert seen == {"log-collector"} and service(mode, "log-collector")["profiles"] == ["logs"]


@pytest.mark.parametrize("mode", MODES)
def test_no_exporter_runs_as_root_or_is_published(mode):
    for name in EXPORTERS:
        it = service(mode, name)
        assert it["user"] == "65534:65534" and "ports" not in it, name
        # (A service that another waits for could not be turned off.)
        assert not [other for other, s in resolved(mode)["services"].items() if name in s.get("depends_on", {})]


# In development rustc and the linker run in the application's container, and take what the machine has.
@pytest.mark.parametrize(("mode", "name"), [pair for pair in each_service() if pair != ("dev", "rust")])
def test_a_service_has_a_memory_limit(mode, name):
    limits = service(mode, name).get("deploy", {}).get("resources", {}).get("limits", {})
    assert int(limits.get("memory", 0)) > 0


@pytest.mark.parametrize(("mode", "name"), each_service())
def test_configuration_is_mounted_read_only(mode, name):
    writable = [v["source"] for v in service(mode, name).get("volumes", []) if v["type"] == "bind" and not v.get("read_only")]
    assert all(mode == "dev" and name == "rust" and re.search(r"/(blazing_sun|docs)$", source) for source in writable), writable


# ---- what the outside reaches ----


@pytest.mark.parametrize(("mode", "allowed"), [("dev", IN_DEV), ("prod", IN_PROD)])
def test_only_nginx_publishes_beyond_loopback(mode, allowed):
    for name, it in resolved(mode)["services"].items():
        ports = it.get("ports", [])
        if name == "nginx":
            assert {int(p["published"]) for p in ports} == {80, 443}
            continue
        assert {p.get("host_ip") for p in ports} <= {"127.0.0.1"}, name
        assert {int(p["published"]) for p in ports} == allowed.get(name, set()), name


# ---- secrets ----


def is_secret(variable):
    return variable.endswith(("_PASSWORD", "_KEY"))


def test_production_gives_no_password_by_environment():
    passwords = {variable: f"sentinel-{i}" for i, variable in enumerate(v for v in example() if is_secret(v))}
    done = compose("prod", "config", "--format", "json", **passwords)
    assert done.returncode == 0, done.stderr
    assert "sentinel" not in done.stdout
    for name, it in resolved("prod")["services"].items():
        given = {key: value for key, value in it.get("environment", {}).items() if is_secret(key.removesuffix("_FILE"))}
        assert given == {f"{secret['source']}_FILE": f"/run/secrets/{secret['source']}" for secret in it.get("secrets", [])}, name


def test_every_password_has_a_secret_file_in_production_and_every_secret_is_used():
    secrets = {name: s["file"].removeprefix(s["file"].split("secrets/")[0]) for name, s in resolved("prod")["secrets"].items()}
    assert secrets == {variable: f"secrets/{variable}" for variable in example() if is_secret(variable)}
    used = {secret["source"] for it in resolved("prod")["services"].values() for secret in it.get("secrets", [])}
    assert used == set(secrets)
