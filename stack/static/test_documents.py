"""The documents: what they name exists, what they print can be typed, and their tables say what the files say."""

import functools
import re
import subprocess

import pytest

from chaos import place
from repository import DOCUMENTS, README, ROOT, SERVICES, example, files, name, read, resolved

# Made at run time, by the reader, or by `docker compose` itself.
NOT_IN_A_CLONE = re.compile(r"(blazing_sun/)?\.env|secrets/?|blazing_sun/target/?|backup\S*|your-\S+|\S*/your-\S+|docker-compose\.local\.yml")
ADDED_BY_THE_READER = re.compile(r".*<\w+>.*")

TEXTS = {name(path): path.read_text() for path in DOCUMENTS if path.exists()}


def blocks(document, *languages):
    """The fenced blocks of a document in these languages, in their order."""
    return [text for language, text in re.findall(r"(?ms)^ *```(\w*)\n(.*?)^ *```$", TEXTS[document]) if language in languages]


def prose(document):
    """The text outside fenced blocks."""
    return re.sub(r"(?ms)^ *```.*?^ *```$", "", TEXTS[document])


def commands(document):
    """Every command line of a document: in its shell blocks and between backticks."""
    lines = [line for block in blocks(document, "bash", "sh") for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    return [line.strip() for line in [*lines, *re.findall(r"`([^`\n]+)`", prose(document))]]


def said(document, word):
    """What follows `word` wherever a command of this document says it."""
    return [found for line in commands(document) for found in re.findall(rf"(?:^|[\s;|&(])(?:sudo )?{word} ([^\s|;&)]+)", line)]


def tables(document):
    """The tables of a document: for each, its rows as tuples of cells, without the head."""
    found = re.findall(r"(?m)^\|.*\|\n\|[-| :]+\|\n((?:\|.*\|\n)+)", TEXTS[document])
    return [[tuple(cell.strip().strip("`") for cell in row.strip("|").split("|")) for row in table.splitlines()] for table in found]


@functools.cache
def compose_words():
    """What `docker compose` knows."""
    text = subprocess.run(["docker", "compose", "--help"], text=True, capture_output=True, timeout=60).stdout
    return set(re.findall(r"(?m)^  ([a-z]+) ", text.split("\nCommands:\n")[1]))


def sun_words():
    """What `./sun help` lists."""
    return set(re.findall(r"\./sun ([a-z][a-z-]*)", read("sun").split("<<'HELP'")[1].split("\nHELP\n")[0])) | {"help"}


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"(?m)^#+ (.*)$", text)}


# ---- there, and short ----


def test_every_document_is_there():
    wanted = {"README.md", "offline/README.md", "stack/README.md", "docs/architecture.md", "docs/operations.md", "docs/messaging.md", "docs/security.md", "docs/extending.md", "blazing_sun/README.md"}
    assert wanted <= set(TEXTS)


def test_the_readme_begins_with_the_two_commands_and_nothing_else():
    text = README.read_text()
    first = re.search(r"(?ms)^```(\w*)\n(.*?)^```$", text)
    assert first[2] == "./sun up\n./sun test\n"
    assert text[: first.start()].count("\n") < 20, "on the first screen"


def test_every_document_of_docs_is_linked_from_the_readme():
    assert {path for path in TEXTS if path != "README.md"} <= set(re.findall(r"\]\(([^)#]+)\)", TEXTS["README.md"]))


# ---- what is named exists ----


@pytest.mark.parametrize("document", TEXTS)
def test_every_link_leads_somewhere(document):
    folder = (ROOT / document).parent
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose(document)):
        if target.startswith(("http://", "https://")):
            continue
        path = (folder / target).resolve() if target else ROOT / document
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text()), f"{target}#{anchor}"


@pytest.mark.parametrize("document", TEXTS)
def test_every_path_exists(document):
    tops = {entry.name for entry in ROOT.iterdir()}
    words = [word.strip(",.:()'\"") for span in re.findall(r"`([^`\n]+)`", prose(document)) for word in span.split()]
    words += [word.strip(",'\"") for block in blocks(document, "bash", "sh") for word in block.split()]
    for word in words:
        # Of `folder/$(date)_name` the folder.
        path = re.sub(r"[^/]*\$.*", "", word.removeprefix("./"))
        if path.split("/")[0] not in tops or not ("/" in path or "." in path) or ":" in path:
            continue
        if NOT_IN_A_CLONE.fullmatch(path) or ADDED_BY_THE_READER.fullmatch(path):
            continue
        assert list(ROOT.glob(path.rstrip("/"))), f"{document} names {word}"


@pytest.mark.parametrize("document", TEXTS)
def test_every_folder_of_a_path_is_a_clones(document):
    """A path that begins with no entry of the repository is a slip: `doc/` for `docs/`."""
    for span in re.findall(r"`([\w.-]+/[\w./-]+\.(?:sh|yml|toml|md|conf|json|template|sql|rs))`", prose(document)):
        folder = (ROOT / document).parent
        known = any((base / span).exists() for base in (ROOT, folder, ROOT / "blazing_sun"))
        assert known or NOT_IN_A_CLONE.fullmatch(span), f"{document} names {span}"


@pytest.mark.parametrize("document", TEXTS)
def test_every_variable_exists(document):
    known = set(example()) | {variable for path in files() if path.suffix in ("", ".sh", ".yml", ".toml") for variable in re.findall(r"\b[A-Z][A-Z0-9_]*\b", path.read_text(errors="ignore"))}
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]*)(?:=[^`]*)?`", prose(document))) - {"NEW_VAR_NAME"}
    assert named - known == set()


# ---- what is printed can be typed ----


@pytest.mark.parametrize("document", TEXTS)
def test_every_word_of_sun_is_one_it_knows(document):
    used = {word for word in said(document, r"\./sun")}
    assert {word for word in used if word not in sun_words() and word not in compose_words() and not word.startswith("<")} == set()


@pytest.mark.parametrize("document", TEXTS)
def test_every_word_of_compose_is_one_it_knows(document):
    used = {word for word in said(document, "docker compose") if not word.startswith(("-", "<"))}
    assert used - compose_words() == set()


@pytest.mark.parametrize("document", TEXTS)
def test_every_service_named_in_a_command_exists(document):
    known = set(resolved("dev")["services"])
    for line in commands(document):
        for word, rest in re.findall(r"(?:docker compose|\./sun) (exec|logs|restart|ps|up|stop|start|build|run)((?: [^|;&]*)?)", line):
            # Flags, and the value of those that take one; what follows the service is the container's business.
            names = [w for w in re.sub(r"--(tail|index|since|scale)[= ]\S+", "", rest).split() if not w.startswith("-")]
            names = names[:1] if word in ("exec", "run") else names
            assert all(n in known or n.startswith(("<", "[", "#")) for n in names if "#" not in rest.split(n)[0]), line


@pytest.mark.parametrize("document", TEXTS)
def test_the_shell_understands_every_block(document):
    for block in blocks(document, "bash", "sh"):
        # A placeholder is no redirection.
        typed = re.sub(r"<([\w ]+)>", r"\1", block)
        done = subprocess.run(["bash", "-n"], input=typed, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", TEXTS)
def test_every_block_says_what_it_is(document):
    assert blocks(document, "") == []


def test_every_word_of_sun_help_is_handled():
    text = read("sun")
    cases = set(re.sub(r"[|)]", " ", " ".join(re.findall(r"(?m)^  ([a-z|\s-]+\))", text))).split())
    assert sun_words() - cases - compose_words() == set()


# ---- the tables say what the files say ----


def test_the_readme_has_the_addresses_and_the_sign_ins():
    (table,) = [t for t in tables("README.md") if any("https://localhost/" in row for row in t)]
    rows = {row[0]: row[1:3] for row in table}
    of = example()
    assert rows == {
        "Application": ("https://localhost/", f"{of['ADMIN_EMAIL']} / {of['ADMIN_PASSWORD']}"),
        "RabbitMQ": (f"http://localhost:{of['RABBITMQ_MANAGEMENT_PORT']}", f"{of['RABBITMQ_USER']} / {of['RABBITMQ_PASSWORD']}"),
        "Kafka UI": (f"http://localhost:{of['KAFKA_UI_PORT']}/kafka", f"{of['KAFKA_UI_USER']} / {of['KAFKA_UI_PASSWORD']}"),
        "pgAdmin": (f"http://localhost:{of['PGADMIN_PORT']}/pgadmin", f"{of['PGADMIN_DEFAULT_EMAIL']} / {of['PGADMIN_DEFAULT_PASSWORD']}"),
        "Grafana": ("https://localhost/grafana/", f"{of['GRAFANA_USER']} / {of['GRAFANA_PASSWORD']}"),
        "Prometheus": (f"http://localhost:{of['PROMETHEUS_PORT']}", "-"),
        "Alertmanager": (f"http://localhost:{of['ALERTMANAGER_PORT']}", "-"),
        "Mail catcher": (f"http://localhost:{of['MAILPIT_PORT']}", "-"),
    }


def test_the_readme_has_the_sign_in_of_the_demo_account():
    said = dict(re.findall(r'(?m)^const (EMAIL|PASSWORD): &str = "(.*)";$', read("blazing_sun/src/app/commands/seed.rs")))
    assert set(re.findall(r"`(\S+@example\.com) / (\S+)`", TEXTS["README.md"])) == {(said["EMAIL"], said["PASSWORD"])}


def test_the_readme_names_every_folder_and_only_those():
    (table,) = [t for t in tables("README.md") if any(row[0].startswith("blazing_sun/") for row in t)]
    listed = {part.strip("` ") for row in table for part in row[0].split(",")}
    folders = {path.relative_to(ROOT).parts[0] + "/" for path in files() if len(path.relative_to(ROOT).parts) > 1}
    assert {entry for entry in listed if entry.endswith("/")} == folders - {".github/", ".ci/"}
    assert [entry for entry in listed if not (ROOT / entry).exists()] == []


def test_the_architecture_has_the_services_with_their_addresses():
    (table,) = [t for t in tables("docs/architecture.md") if any(row[0] == "rust" for row in t)]
    told = {row[0]: row[1] for row in table if row[1] != "dynamic"}
    assert {row[0] for row in table} == set(resolved("dev")["services"])
    assert told == {service: resolved("dev")["services"][service]["networks"]["devnet"]["ipv4_address"] for service in SERVICES}


def test_the_architecture_has_the_volumes():
    (table,) = [t for t in tables("docs/architecture.md") if any(row[0] == "pgdata" for row in t)]
    assert {row[0] for row in table} == set(resolved("dev")["volumes"]) | set(resolved("prod")["volumes"])


def test_the_topics_are_those_that_kafka_makes():
    (line,) = re.findall(r'(?m)^TOPICS="(.*)"$', read("kafka/entrypoint.sh"))
    (table,) = [t for t in tables("docs/messaging.md") if any(row[0] == "user.events" for row in t)]
    assert [row[0] for row in table] == line.split()


def requirements():
    """The rows of ASVS: requirement, what holds, proof."""
    rows = re.findall(r"(?m)^\| (\d+\.\d+\.\d+) \([12]\) \| (.*?) \| (.*?) \|$", TEXTS["docs/security.md"])
    assert len(rows) == len({row[0] for row in rows}) == 96
    return rows


def test_each_requirement_has_a_proof_or_a_reason():
    for requirement, holds, proof in requirements():
        assert "?" not in proof, requirement
        shown = re.search(r"`\w+`|\]\(#", proof)
        assert shown or holds == "-", f"{requirement}: {proof}"
        assert holds != "-" or len(proof.split()) > 1, requirement


def names_in(path):
    """The names of the tests in a file."""
    text = read(path)
    if path.endswith(".py"):
        return set(re.findall(r"(?m)^def (test_\w+)\(", text))
    return set(re.findall(r"#\[(?:tokio::)?test[^\]]*\]\s+(?:#\[[^\]]*\]\s+)*(?:async )?fn (\w+)\(", text))


def test_every_test_that_proves_a_requirement_is_in_its_file():
    """`file`: `test`, `test`; a file is in the application's folder or the checkout's."""
    found = 0
    for requirement, _, proof in requirements():
        file = None
        for span in re.findall(r"`([^`]+)`", proof):
            if "/" in span:
                file = span if span.startswith("stack/") else f"blazing_sun/{span}"
                assert (ROOT / file).is_file(), f"{requirement} names {span}"
            elif re.fullmatch(r"\w+_\w+", span):
                assert file and span in names_in(file), f"{requirement}: {file} has no test {span}"
                found += 1
    assert found > 150, found


def test_the_stand_ins_are_those_that_are_made():
    made = set(re.findall(r"(?m)^([A-Z_]+)_IMAGE [a-z-]+ (?:sid|trixie)(?: [a-z]+)?$", read("offline/images.sh")))
    (table,) = [t for t in tables("offline/README.md") if any("postgres" in row[0] for row in t)]
    images = {**example(), **place.variables("", "")}
    assert {row[0] for row in table} == {images[f"{variable}_IMAGE"] for variable in made} | {images["RUNTIME_IMAGE"]}


def test_the_parts_of_the_tests_are_those_that_run():
    parts = re.search(r"(?m)^all=\((.*)\)$", read("stack/test"))[1].split()
    (table,) = [t for t in tables("stack/README.md") if any(row[0] == "static" for row in t)]
    assert [row[0] for row in table] == parts
