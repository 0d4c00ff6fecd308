"""`.env.example`: the spec's variables with the spec's values, and none that the Compose files do not use."""

import re

import pytest
from repository import SERVICES, example, read, used_variables

# Variables that Compose itself reads, or that only choose which Compose file is read.
NOT_FOR_THE_FILES = {"BUILD_ENV", "COMPOSE_FILE"}
# For who packs a binary that is already built, for the tests of production, and what Compose sets itself; a person's .env has no use for them.
NOT_FOR_PEOPLE = {"RUST_TARGET", "RUST_BINARY", "RUST_PROFILE", "COMPOSE_PROJECT_NAME"}

# The block "Root .env" of spec/blazing-sun-infrastructure.md, without its MAIL_* (below).
SPEC = """
BUILD_ENV=dev
APP_PORT=9999
POSTGRES_IP=172.28.0.11
POSTGRES_USER=app
POSTGRES_PASSWORD=app
POSTGRES_DB=blazing_sun
POSTGRES_HOST=postgres
POSTGRES_PORT=5432
PGADMIN_IP=172.28.0.19
PGADMIN_PORT=5050
PGADMIN_DEFAULT_EMAIL=admin@blazingsun.app
PGADMIN_DEFAULT_PASSWORD=pgadmin_secret_password
REDIS_IP=172.28.0.13
REDIS_HOST=redis
REDIS_PORT=6379
REDIS_USER=app
REDIS_PASSWORD=redis_secret_password
REDIS_DB=0
RABBITMQ_HOST=rabbitmq
RABBITMQ_PORT=5672
RABBITMQ_MANAGEMENT_PORT=15672
RABBITMQ_USER=app
RABBITMQ_PASSWORD=rabbitmq_secret_password
RABBITMQ_VHOST=/
KAFKA_IP=172.28.0.17
KAFKA_HOST=kafka
KAFKA_PORT=9092
KAFKA_CONTROLLER_PORT=9093
KAFKA_BROKER_ID=1
KAFKA_CLUSTER_ID=MkU3OEVBNTcwNTJENDM2Qk
KAFKA_NUM_PARTITIONS=3
KAFKA_LOG_RETENTION_HOURS=168
KAFKA_UI_IP=172.28.0.18
KAFKA_UI_PORT=8080
KAFKA_UI_CLUSTER_NAME=blazing-sun
KAFKA_UI_USER=admin
KAFKA_UI_PASSWORD=kafka_ui_secret_password
MAIL_MAILER=smtp
MAIL_FROM_ADDRESS=noreply@blazingsun.app
MAIL_FROM_NAME=BlazingSun
GRAFANA_USER=admin
GRAFANA_PASSWORD=admin
"""

# The spec has Mailtrap here, which needs an account; the stack brings a mail catcher of its own.
CHANGED = {"MAIL_HOST": "mailpit", "MAIL_PORT": "1025", "MAIL_USERNAME": "", "MAIL_PASSWORD": ""}


@pytest.mark.parametrize("line", SPEC.split())
def test_a_variable_of_the_spec_has_the_specs_value(line):
    variable, value = line.split("=", 1)
    assert example().get(variable) == value


def test_mail_goes_to_the_catcher_until_someone_says_otherwise():
    assert {variable: example().get(variable) for variable in CHANGED} == CHANGED
    assert "MAIL_HOST=sandbox.smtp.mailtrap.io" in read(".env.example"), "how to have what the spec has"


def test_every_variable_of_the_compose_files_can_be_found_in_the_example():
    assert set(used_variables()) - set(example()) == NOT_FOR_PEOPLE


def test_every_variable_of_the_example_is_used():
    assert set(example()) - set(used_variables()) == NOT_FOR_THE_FILES


def test_no_variable_stands_in_the_example_twice():
    names = re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=", read(".env.example"))
    assert len(names) == len(set(names))


def test_the_defaults_in_the_compose_files_are_the_examples_values():
    # A default that is empty, or one for each mode (RUST_LOG), says nothing about the example.
    said = {variable: defaults - {None} for variable, defaults in used_variables().items() if variable in example()}
    different = {
        variable: (defaults, example()[variable])
        for variable, defaults in said.items()
        if example()[variable] and not all(d == example()[variable] or d == "is missing in .env" for d in defaults)
    }
    assert different == {}


def test_a_password_has_no_default_that_would_hide_its_absence():
    passwords = {variable: defaults for variable, defaults in used_variables().items() if variable.endswith(("_PASSWORD", "_KEY"))}
    assert len(passwords) >= 8
    assert set().union(*passwords.values()) <= {None, "is missing in .env"}


def test_the_addresses_are_the_specs():
    addresses = {service: f"172.28.0.{10 + i}" for i, service in enumerate(SERVICES)}
    assert {service: example()[f"{service.upper().replace('-', '_')}_IP"] for service in SERVICES} == addresses
