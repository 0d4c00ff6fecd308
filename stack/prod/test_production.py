"""The same repository with BUILD_ENV=prod: what the release image holds, what it may do, and what it gives away."""

import base64
import json
import urllib.parse

import pytest

import env_file

PASSWORDS = (
    "APP_KEY", "ADMIN_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD", "KAFKA_UI_PASSWORD", "PGADMIN_DEFAULT_PASSWORD",
    "GRAFANA_PASSWORD", "MAIL_PASSWORD", "MONITORING_PASSWORD",
)


@pytest.fixture(scope="module")
def production(stack):
    """The stack in production mode, each password its own."""
    own = {name: f"{name.lower().replace('_', '-')} of 'prod' #1$ and long enough" for name in PASSWORDS}
    env_file.make(stack.root, {"BUILD_ENV": "prod", "RUST_PROFILE": "quick", "COMPOSE_PROFILES": "pgadmin,prometheus,exporters,alertmanager", "ADMIN_EMAIL": "owner@mine.example", **own})
    stack.up(timeout=1800)
    return stack


def test_everything_is_healthy_and_the_site_answers(production):
    # (One image has nothing to check with.)
    assert {row["Health"] for service, row in production.services().items() if service != "nginx-exporter"} == {"healthy"}
    assert {row["State"] for row in production.services().values()} == {"running"}
    assert production.site("/").status == 200
    assert production.site("/health/ready").json()["status"] == "ready"


def test_the_image_holds_neither_sources_nor_a_toolchain(production):
    found = production.exec(
        "rust", "sh", "-c",
        "command -v cargo rustc gcc cc make cmake; ls /home/rust/blazing_sun; find / -xdev -name '*.rs' -o -xdev -name Cargo.toml",
        check=False,
    ).stdout
    assert found.split() == ["storage"]


def test_the_application_can_change_nothing_and_has_no_capability(production):
    host = production.inspect("rust")["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"]
    status = production.exec("rust", "cat", "/proc/1/status", "/proc/self/status").stdout
    assert set(line.split()[1] for line in status.splitlines() if line.startswith("Cap")) == {"0000000000000000"}
    assert production.exec("rust", "id", "-u").stdout.strip() == "10001"
    assert production.exec("rust", "touch", "/home/rust/blazing_sun/x", check=False).returncode != 0
    assert production.exec("rust", "touch", "/usr/local/bin/blazing_sun", check=False).returncode != 0
    # What it must write it can.
    production.exec("rust", "sh", "-c", "touch storage/app/public/x && rm storage/app/public/x")


def test_only_http_and_https_are_published_beyond_loopback(production):
    beyond = set()
    for service in production.services():
        for port, bindings in (production.inspect(service)["HostConfig"]["PortBindings"] or {}).items():
            beyond |= {(service, port) for binding in bindings if binding["HostIp"] != "127.0.0.1"}
    assert beyond == {("nginx", "80/tcp"), ("nginx", "443/tcp")}
    published = {port for row in production.services().values() for port in [p["PublishedPort"] for p in row["Publishers"] or []] if port}
    ours = {int(production.env(name)) for name in ("HTTP_PORT", "HTTPS_PORT", "RABBITMQ_MANAGEMENT_PORT", "PGADMIN_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT")}
    assert published == ours


def test_the_exporters_sign_in_with_a_password_from_a_file(production):
    url = f"http://localhost:{production.env('PROMETHEUS_PORT')}/api/v1/query?query=" + urllib.parse.quote("{__name__=~'pg_up|redis_up|nginx_up'}")

    def up():
        return {series["metric"]["__name__"]: series["value"][1] for series in production.http(url).json()["data"]["result"]}

    production.wait_for("every exporter's figures", lambda: up() == {"pg_up": "1", "redis_up": "1", "nginx_up": "1"}, 60)


def written(secret):
    """The ways a secret can look in a log or a listing."""
    return {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode(), base64.b64encode(f"app:{secret}".encode()).decode()}


def test_no_secret_shows_in_inspect_images_processes_or_logs(production):
    places = {}
    for service in production.services():
        container = production.container(service)
        image = production.inspect(service)["Image"]
        places |= {
            f"inspect of {service}": production.run("docker", "inspect", container).stdout,
            f"processes of {service}": production.run("docker", "top", container, "-eo", "pid,args").stdout,
            f"image of {service}": production.run("docker", "image", "inspect", image).stdout
            + production.run("docker", "history", "--no-trunc", image).stdout,
            f"logs of {service}": "".join(production.run("docker", "logs", container).__dict__[s] for s in ("stdout", "stderr")),
        }
    secrets = {name: production.env(name) for name in PASSWORDS}
    leaks = [(name, place) for name, secret in secrets.items() for place, text in places.items()
             if any(form in text for form in written(secret))]
    assert leaks == []
    # The search would find one: the address of the database is in the same places.
    assert production.env("POSTGRES_IP") in places["inspect of postgres"]


def test_the_secret_files_are_closed_to_other_users(production):
    folder = production.root / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    # Of the services that run, and of no others.
    assert {path.name for path in folder.iterdir()} == set(PASSWORDS) - {"KAFKA_UI_PASSWORD", "GRAFANA_PASSWORD"}
    assert (folder / "POSTGRES_PASSWORD").read_text() == production.env("POSTGRES_PASSWORD")


def test_a_changed_password_reaches_every_container_at_the_next_up(production):
    before = production.container("rust")
    production.set(POSTGRES_PASSWORD="another one", REDIS_PASSWORD="and another")
    production.up()
    assert production.container("rust") != before
    ready = production.site("/health/ready").json()
    assert ready["status"] == "ready" and "degraded" not in json.dumps(ready)


def test_it_ends_gracefully(production):
    production.compose("stop", "rust", timeout=60)
    try:
        assert production.inspect("rust")["State"]["ExitCode"] == 0
        away = production.site("/")
        assert away.status == 503 and away.headers["Retry-After"] and away.json()["status"] == 503
    finally:
        production.compose("up", "--detach", "--wait", "--no-build", "rust")


def test_a_prebuilt_binary_is_packed_as_it_is(production, tmp_path):
    production.compose("cp", "rust:/usr/local/bin/blazing_sun", str(tmp_path / "blazing_sun"))
    image = "blazing-sun-runtime-test"
    production.run("docker", "build", "--quiet", "--file", "rust/Dockerfile", "--target", "runtime", "--tag", image,
                   "--build-arg", f"RUNTIME_IMAGE={production.env('RUNTIME_IMAGE')}", "--build-arg", f"BASE_IMAGE={production.env('RUST_IMAGE')}",
                   "--build-context", f"ca-certificates={production.env('EXTRA_CA_CERTIFICATES')}",
                   "--build-context", f"binary={tmp_path}", ".")
    try:
        packed = production.run("docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", image, "--version").stdout
        assert packed == production.exec("rust", "blazing_sun", "--version").stdout
    finally:
        production.run("docker", "image", "rm", "--force", image)
