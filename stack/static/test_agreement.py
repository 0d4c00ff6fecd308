"""What is said in more than one place is said alike: topics, queues, limits, settings, secrets."""

import json
import re
import tomllib

import pytest
from repository import EXPORTERS, MODES, PROFILES, ROOT, example, read, resolved

TOPICS = "user.events auth.events transaction.events category.events system.events events.dead_letter".split()

# Handed to the container but not read by the application: who builds it, and how.
NOT_SETTINGS = re.compile(r"BUILD_ENV|CARGO_WATCH_POLL")
# Settings that are no choice in a container, or that other parts of the stack depend on; `blazing_sun/.env` or an overlay of
# one's own still sets them.
NOT_FOR_COMPOSE = set(
    """
    BIND_ADDRESS STARTUP_TIMEOUT_SECONDS DRAIN_SECONDS SHUTDOWN_TIMEOUT_SECONDS JOBS_RESEND_SECONDS HTTP_HEADER_TIMEOUT_SECONDS
    HTTP_REQUEST_TIMEOUT_SECONDS HTTP_KEEP_ALIVE_SECONDS POSTGRES_SSLMODE POSTGRES_POOL_SIZE REDIS_PREFIX KAFKA_PREFIX KAFKA_TOPICS
    MAIL_CA_FILE MAIL_TIMEOUT_SECONDS MAIL_FOLDER MAIL_PREVIEWS DEMO_DATA
    """.split()
)


def defaults():
    return tomllib.loads(read("blazing_sun/config/default.toml"))


def documented_settings():
    """Settings with a default, and those required, which stand as comments."""
    return set(defaults()) | set(re.findall(r"(?m)^# ([A-Z0-9_]+)$", read("blazing_sun/config/default.toml")))


def queues():
    return {queue["name"]: queue for queue in json.loads(read("rabbitmq/definitions.json"))["queues"]}


# ---- Kafka and RabbitMQ ----


def test_kafka_makes_the_topics_of_the_design():
    (line,) = re.findall(r'(?m)^TOPICS="(.*)"$', read("kafka/entrypoint.sh"))
    assert line.split() == TOPICS


def test_the_application_expects_the_topics_that_kafka_makes():
    assert defaults()["KAFKA_TOPICS"].split() == TOPICS


def test_the_queues_have_the_arguments_of_the_design():
    assert set(queues()) == {"jobs", "jobs_failed"}
    assert all(queue["durable"] and not queue["auto_delete"] for queue in queues().values())
    assert queues()["jobs"]["arguments"] == {"x-queue-type": "classic", "x-max-priority": 10}
    failed = queues()["jobs_failed"]["arguments"]
    assert failed["x-queue-type"] == "classic" and failed["x-max-length"] > 0, "bounded"


def test_the_definitions_bring_the_user_its_vhost_and_its_rights():
    # Definitions that are loaded suppress the image's own default user.
    definitions = json.loads(read("rabbitmq/definitions.json"))
    (user,), (vhost,), (permission,) = definitions["users"], definitions["vhosts"], definitions["permissions"]
    assert user["password_hash"] == "${PASSWORD_HASH}" and "password" not in user
    assert (permission["user"], permission["vhost"]) == (user["name"], vhost["name"])
    assert {queue["vhost"] for queue in queues().values()} == {vhost["name"]}


# ---- the application and its surroundings ----


@pytest.mark.parametrize("mode", MODES)
def test_every_setting_that_compose_gives_the_application_is_one_it_reads(mode):
    given = {key.removesuffix("_FILE") for key in resolved(mode)["services"]["rust"]["environment"]}
    assert {key for key in given if not NOT_SETTINGS.fullmatch(key)} - documented_settings() == set()


def test_every_other_setting_of_the_application_can_be_set_in_the_stack():
    given = {key.removesuffix("_FILE") for key in resolved("prod")["services"]["rust"]["environment"]}
    assert documented_settings() - given == NOT_FOR_COMPOSE


def test_mails_are_shown_to_everybody_in_development_only():
    shown = {mode: resolved(mode)["services"]["rust"]["environment"].get("MAIL_PREVIEWS") for mode in MODES}
    assert shown == {"dev": "true", "prod": None} and defaults()["MAIL_PREVIEWS"] is False


def test_a_demo_account_is_made_in_development_only():
    allowed = {mode: resolved(mode)["services"]["rust"]["environment"].get("DEMO_DATA") for mode in MODES}
    assert allowed == {"dev": "true", "prod": None} and defaults()["DEMO_DATA"] is False


def test_private_files_outlive_the_container():
    # In development they lie in the checkout.
    rust = resolved("prod")["services"]["rust"]
    (volume,) = [v for v in rust["volumes"] if v["target"] == f"/home/rust/blazing_sun/{rust['environment']['STORAGE_FOLDER']}"]
    assert (volume["type"], volume["source"]) == ("volume", "storage-private")
    assert f"install -d -o app -g app storage/app/public {defaults()['STORAGE_FOLDER']}\n" in read("rust/Dockerfile")


def test_nginx_and_the_application_take_bodies_of_the_same_size():
    (setting,) = [key for key in defaults() if key.endswith("MAX_BODY_BYTES")]
    assert f"client_max_body_size ${{{setting}}};" in read("nginx/default.conf.template")
    given = {resolved(mode)["services"][name]["environment"].get(setting) for mode in MODES for name in ("nginx", "rust")}
    assert given == {str(defaults()[setting])} == {example()[setting]}


def test_the_defaults_of_the_application_are_those_of_the_example():
    # The hosts differ: the application's default is a server on the same machine, the stack's is a container. And nobody is an
    # administrator by default.
    different = ("RUST_LOG", "ADMIN_EMAIL", "ADMIN_PASSWORD")
    shared = [key for key in defaults() if key in example() and not key.endswith("_HOST") and key not in different]
    assert len(shared) >= 8
    assert {key: str(defaults()[key]) for key in shared} == {key: example()[key] for key in shared}
    assert defaults()["PORT"] == int(example()["APP_PORT"])


def test_compose_waits_longer_than_the_application_takes_to_end():
    grace = resolved("prod")["services"]["rust"]["stop_grace_period"]
    assert grace == "45s" and defaults()["SHUTDOWN_TIMEOUT_SECONDS"] + defaults()["DRAIN_SECONDS"] < 45


def test_nginx_closes_idle_connections_before_the_application_does():
    keep = int(re.search(r"keepalive_timeout (\d+)s;", read("nginx/nginx.conf"))[1])
    assert keep < defaults()["HTTP_KEEP_ALIVE_SECONDS"]


def test_the_entrypoint_of_rust_syncs_what_the_spec_names():
    text = read("rust/entrypoint.sh")
    for prefix in ("PORT", "POSTGRES_", "REDIS_", "RABBITMQ_", "KAFKA_", "MAIL_"):
        assert re.search(rf"\\\(.*\b{prefix}", text), prefix
    assert "DATABASE_URL" in text


def test_only_named_variables_are_filled_into_nginx():
    # nginx's own variables look the same.
    (named,) = re.findall(r"envsubst '([^']*)'", read("nginx/entrypoint.sh"))
    assert set(re.findall(r"\$\{(\w+)\}", read("nginx/default.conf.template"))) - {"NAME"} == set(re.findall(r"\$\{(\w+)\}", named))


def test_redis_has_the_limits_of_the_spec():
    text = read("redis/redis.conf")
    for line in ("maxmemory 512mb", "maxmemory-policy allkeys-lru", "appendonly yes", "appendfsync everysec"):
        assert re.search(rf"(?m)^{line}$", text), line


def test_postgres_has_the_tuning_of_the_spec():
    text = read("postgres/postgresql.conf.template")
    for line in ("shared_buffers = 512MB", "effective_cache_size = 1536MB", "maintenance_work_mem = 128MB", "max_connections = 200"):
        assert re.search(rf"(?m)^{line}$", text), line


def test_prometheus_scrapes_what_runs():
    text = read("prometheus/prometheus.yml")
    assert set(re.findall(r"targets: \[(.*)\]", text)) == {"rabbitmq:15692", "kafka:9404", "nginx:8081", "localhost:9090"}
    # Each of its containers, by their name.
    assert re.search(rf"names: \[rust\]\n +type: A\n +port: {example()['APP_PORT']}\n", text)
    assert "javaagent.jar=9404:" in read("kafka/entrypoint.sh") and "listen 8081;" in read("nginx/default.conf.template")


def test_prometheus_scrapes_every_exporter_and_each_file_is_of_a_profile():
    profiles = {path.name.split(".")[0]: path for path in (ROOT / "prometheus/profiles").glob("*.scrape.yml")}
    assert set(profiles) <= set(PROFILES)
    targets = dict(target.split(":") for target in re.findall(r"targets: \[(.*)\]", profiles["exporters"].read_text()))
    assert set(targets) == set(EXPORTERS)
    for name, port in targets.items():
        check = resolved("prod")["services"][name].get("healthcheck")
        assert not check or f"http://127.0.0.1:{port}/" in check["test"][-1], name


def test_alertmanager_inhibits_alerts_that_there_are():
    """A name that no rule has would inhibit nothing, and nobody would notice."""
    rules = "".join(path.read_text() for path in sorted((ROOT / "prometheus/rules").glob("*.yml")))
    alerts = re.findall(r"(?m)^ +- alert: (\w+)$", rules)
    named = re.findall(r"'alertname(?:=|=~|!~)\"([^\"]*)\"'", read("alertmanager/alertmanager.yml.template"))
    assert len(named) > 8
    # Each alternative, with what stands in brackets behind it.
    words = {word for names in named for word in re.findall(r"[^|(]+(?:\([^)]*\)\??)?", names)}
    assert {word for word in words if not any(re.fullmatch(word, alert) for alert in alerts)} == set()


def test_the_exporters_of_postgres_and_redis_sign_in_as_nobody_else():
    environment = {name: resolved("prod")["services"][f"{name}-exporter"]["environment"] for name in ("postgres", "redis")}
    assert environment["redis"]["REDIS_USER"] == "monitoring"
    assert environment["postgres"]["DATA_SOURCE_NAME"].startswith("postgresql://monitoring@postgres:")
    # Nobody may be called so.
    assert "monitoring" in re.search(r"case \$POSTGRES_USER in ([^)]*)\)", read("postgres/entrypoint.sh"))[1]
    assert "monitoring" in re.search(r"case \$REDIS_USER in\s+([^)]*)\)", read("redis/entrypoint.sh"))[1]


def test_the_dashboards_use_the_uid_of_the_datasource():
    assert "uid: prometheus" in read("grafana/provisioning/datasources/prometheus.yml")
    for path in (ROOT / "grafana/dashboards").glob("*.json"):
        uids = set(re.findall(r'"datasource":\s*\{[^}]*"uid":\s*"([^"]*)"', path.read_text()))
        assert uids <= {"prometheus", "-- Grafana --", "${datasource}"}, path.name
