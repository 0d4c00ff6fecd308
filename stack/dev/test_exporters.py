"""What the exporters show, what their accounts may read and what they may not, and who reaches their figures."""

import ssl
import time
import uuid

import pytest

from services import from_inside, kafka, produce, prometheus, setting, site, sql


def as_monitoring(stack, text):
    """A statement over the network as the exporter's role."""
    line = 'IFS= read -r PGPASSWORD; export PGPASSWORD; exec psql -XqAt "host=postgres user=monitoring dbname=$POSTGRES_DB" -c "$1"'
    return stack.exec("postgres", "sh", "-c", line, "sh", text, stdin=stack.env("MONITORING_PASSWORD") + "\n", check=False)


def redis_as_monitoring(stack, *words):
    line = 'IFS= read -r REDISCLI_AUTH; export REDISCLI_AUTH; exec redis-cli --user monitoring "$@"'
    done = stack.exec("redis", "sh", "-c", line, "sh", *words, stdin=stack.env("MONITORING_PASSWORD") + "\n", check=False)
    return done.stdout + done.stderr


# ---- what they show ----


@pytest.mark.parametrize("query", [
    "pg_up", "redis_up", "nginx_up", "kafka_brokers", "kafka_controller_kafkacontroller_activecontrollercount",
    "count(node_boot_time_seconds)", "count(pg_stat_statements_calls_total) > bool 0", "count(jvm_memory_used_bytes) > bool 0",
])
def test_an_exporter_reaches_what_it_watches(stack, query):
    stack.wait_for(query, lambda: [value for _, value in prometheus(stack, query)] == [1], 60)


def test_the_certificates_end_is_the_one_of_the_certificate_that_is_served(stack):
    served = ssl.get_server_certificate(("localhost", int(setting(stack, "HTTPS_PORT"))))
    end = stack.run("openssl", "x509", "-noout", "-enddate", stdin=served).stdout.strip().removeprefix("notAfter=")
    query = "tls_certificate_not_after_timestamp_seconds"
    stack.wait_for(query, lambda: [value for _, value in prometheus(stack, query)] == [ssl.cert_time_to_seconds(end)], 90)


def test_another_certificate_has_another_end(stack, tmp_path):
    """`./sun cert` makes nginx serve another one."""
    for path in ("cert.pem", "key.pem"):
        stack.compose("cp", f"nginx:/etc/nginx/ssl/active/{path}", str(tmp_path / f"old-{path}"))
    name = setting(stack, "SERVER_NAME")
    try:
        stack.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", f"/CN={name}",
                  "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"))
        stack.run("./sun", "cert", str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))

        def days():
            shown = from_inside(stack, "http://nginx:8081/certificate") or "0"
            return (float(shown.split()[-1]) - time.time()) / 86400

        stack.wait_for("the end of the new certificate", lambda: 8.9 < days() < 9.1, 30)
    finally:
        stack.run("./sun", "cert", str(tmp_path / "old-cert.pem"), str(tmp_path / "old-key.pem"))


def test_a_group_that_is_behind_shows_by_how_much(stack):
    name = f"behind-{uuid.uuid4().hex}"
    kafka(stack, "topics", "--create", "--topic", name, "--partitions", "1")
    try:
        for record in "abc":
            produce(stack, name, record)
        kafka(stack, "console-consumer", "--topic", name, "--group", name, "--from-beginning", "--max-messages", "1", "--timeout-ms", "15000")
        query = f'kafka_consumergroup_lag{{consumergroup="{name}", topic="{name}", partition="0"}}'
        stack.wait_for(query, lambda: [value for _, value in prometheus(stack, query)] == [2], 60)
        query = f'kafka_server_brokertopicmetrics_messagesin_total{{topic="{name}"}}'
        stack.wait_for(query, lambda: [value for _, value in prometheus(stack, query)] == [3], 60)
    finally:
        kafka(stack, "consumer-groups", "--delete", "--group", name)
        kafka(stack, "topics", "--delete", "--topic", name)


# ---- what they may ----


def test_the_monitoring_role_reads_statistics(stack):
    assert int(as_monitoring(stack, "SELECT count(*) FROM pg_stat_statements").stdout) > 0
    # Of everybody: without the right to, the texts of others are hidden.
    assert as_monitoring(stack, "SELECT count(*) FROM pg_stat_statements WHERE query = '<insufficient privilege>'").stdout == "0\n"
    assert as_monitoring(stack, "SELECT sum(n_tup_ins) > 0 FROM pg_stat_user_tables").stdout == "t\n"


def test_the_monitoring_role_reads_no_row_of_any_table(stack):
    tables = sql(stack, """
        SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_toast'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')""").splitlines()
    assert len(tables) > 20
    readable = sql(stack, """
        SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE CASE relkind WHEN 'S' THEN has_sequence_privilege('monitoring', pg_class.oid, 'SELECT, USAGE')
              ELSE has_any_column_privilege('monitoring', pg_class.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END
          AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_toast'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')""")
    assert readable == ""
    # And so it is: each refuses.
    refused = as_monitoring(stack, "SELECT email FROM users LIMIT 1")
    assert refused.returncode != 0 and "permission denied for table users" in refused.stderr


@pytest.mark.parametrize("statement", [
    "CREATE TABLE mine (a int)", "CREATE TEMPORARY TABLE mine (a int)", "CREATE ROLE another", "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> 'monitoring'",
    "SELECT pg_stat_statements_reset()", "ALTER SYSTEM SET work_mem = '1GB'", "SET ROLE postgres",
])
def test_the_monitoring_role_changes_nothing(stack, statement):
    refused = as_monitoring(stack, statement)
    assert refused.returncode != 0 and "permission denied" in refused.stderr, refused.stdout + refused.stderr


def test_the_monitoring_role_is_nothing_more(stack):
    roles = sql(stack, "SELECT r.rolname FROM pg_auth_members JOIN pg_roles r ON r.oid = roleid JOIN pg_roles m ON m.oid = member WHERE m.rolname = 'monitoring'")
    assert roles == "pg_monitor"
    columns = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit"
    assert sql(stack, f"SELECT {columns} FROM pg_roles WHERE rolname = 'monitoring'") == "f|f|f|f|f|5"


def test_the_monitoring_user_of_redis_reads_figures_and_nothing_else(stack):
    assert "redis_version:" in redis_as_monitoring(stack, "INFO")
    for words in (
        ["GET", "x"], ["SET", "x", "1"], ["KEYS", "*"], ["SCAN", "0"], ["DBSIZE"], ["CONFIG", "GET", "*"], ["CONFIG", "SET", "maxmemory", "1"],
        ["CLIENT", "LIST"], ["SLOWLOG", "GET"], ["SLOWLOG", "RESET"], ["MONITOR"], ["ACL", "LIST"], ["PUBLISH", "x", "1"], ["FLUSHALL"],
        ["EVAL", "return 1", "0"], ["SHUTDOWN"],
    ):
        assert "NOPERM" in redis_as_monitoring(stack, *words), words


# ---- who reaches them ----


@pytest.mark.parametrize("path", ["/certificate", "/stub_status"])
def test_nginxs_figures_stay_inside_the_network(stack, path):
    assert from_inside(stack, f"http://nginx:8081{path}")
    # By the ports that are published, whatever name is asked for.
    assert site(stack, path).status == 404
    assert site(stack, path, headers={"Host": "nginx:8081"}).status in (404, 421)
    assert stack.http(f"http://localhost:{setting(stack, 'HTTP_PORT')}{path}").status == 308
    assert "8081/tcp" not in stack.inspect("nginx")["HostConfig"]["PortBindings"]
    # Nor is everybody there answered: this address is none of the network's.
    image = stack.inspect("prometheus")["Config"]["Image"]
    beside = ["docker", "run", "--rm", "--network", f"container:{stack.container('nginx')}", "--entrypoint", "wget", image, "-O", "-"]
    assert "403" in stack.run(*beside, f"http://127.0.0.1:8081{path}", check=False).stderr


def test_no_exporter_is_reached_from_the_host(stack):
    for service in ("postgres-exporter", "redis-exporter", "nginx-exporter", "kafka-exporter", "node-exporter"):
        assert not stack.inspect(service)["HostConfig"]["PortBindings"], service
    assert set(stack.inspect("kafka")["HostConfig"]["PortBindings"]) == {f"{setting(stack, 'KAFKA_HOST_PORT')}/tcp"}


# ---- what is turned off ----


@pytest.mark.parametrize(("profiles", "files"), [
    ("", ""), ("pgadmin,exporters", "exporters.scrape.yml"), ("alertmanager", "alertmanager.scrape.yml alertmanager.targets.yml"), ("exporters-of-mine", ""),
])
def test_what_is_turned_off_is_no_target(stack, profiles, files):
    image = stack.inspect("prometheus")["Config"]["Image"]
    line = "/usr/local/bin/entrypoint.sh --version >/dev/null && ls /tmp/profiles"
    there = stack.run("docker", "run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", "--env", f"PROFILES={profiles}", "--entrypoint", "sh", image, "-c", line)
    assert there.stdout.split() == files.split()


def test_the_configuration_of_prometheus_is_valid_with_everything_on(stack):
    assert "SUCCESS" in stack.exec("prometheus", "promtool", "check", "config", "/etc/prometheus/prometheus.yml").stdout
