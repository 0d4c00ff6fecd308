"""Development: what is saved is built and served; what cannot be built is the last thing in the log."""

import contextlib
import re

from services import is_green, site, sql, wait_until_healthy

BUILD = 180


@contextlib.contextmanager
def edited(stack, path, change):
    """Another text in a source file, until the block ends."""
    file = stack.root / "blazing_sun" / path
    before = file.read_text()
    after = change(before)
    assert after != before
    file.write_text(after)
    try:
        yield
    finally:
        file.write_text(before)


def starts(stack):
    """How often the application has started."""
    return int(sql(stack, "SELECT count(*) FROM instances"))


def serves(stack, text):
    try:
        return text in site(stack).body
    except OSError:
        return False


def back_as_it_was(stack):
    stack.wait_for("the page as it was", lambda: serves(stack, "Blazing Sun</title>"), BUILD)
    wait_until_healthy(stack, "rust")


def test_a_saved_template_is_served(stack):
    before = starts(stack)
    try:
        with edited(stack, "templates/web/home.html", lambda text: text.replace("is running", "runs after a change")):
            stack.wait_for("the new page", lambda: serves(stack, "runs after a change"), BUILD)
    finally:
        stack.wait_for("the old page", lambda: serves(stack, "is running"), BUILD)
        wait_until_healthy(stack, "rust")
    assert starts(stack) >= before + 2


# Where the product's name stands, in the code.
NAMES = "src/web/page/templates.rs"


def rename(text):
    return text.replace('"product", "Blazing Sun"', '"product", "Blazing Moon"')


def test_a_compile_error_is_the_last_thing_in_the_log_and_mending_it_is_enough(stack):
    def last_lines(command):
        return stack.shell(f"{command} rust").stdout.splitlines()[-15:]

    try:
        with edited(stack, NAMES, lambda text: rename(text) + "\nfn broken() -> u32 { not_a_name }\n"):
            stack.wait_for("the error", lambda: "could not compile" in "\n".join(last_lines("./sun logs --tail 15")), BUILD)
            for command in ("./sun logs --tail 15", "docker compose logs --tail 15"):
                said = "\n".join(last_lines(command))
                assert "not_a_name" in said and NAMES in said, said
            assert not is_green(stack, "rust"), "what cannot be built is not healthy"
            # Mended, with the rest of the change left in.
            (file := stack.root / "blazing_sun" / NAMES).write_text(re.sub(r"\nfn broken.*\n", "", file.read_text()))
            stack.wait_for("the mended page", lambda: serves(stack, "Blazing Moon"), BUILD)
    finally:
        back_as_it_was(stack)


def test_a_changed_query_refreshes_the_metadata(stack):
    folder = stack.root / "blazing_sun/.sqlx"
    before = set(folder.iterdir())
    mark = "SELECT id, version, host, started_at, stopped_at FROM instances ORDER BY id DESC LIMIT $1"
    try:
        with edited(stack, "src/app/instances.rs", lambda text: text.replace(mark, mark.replace("LIMIT", "FETCH FIRST") + " ROWS ONLY")):
            [new] = stack.wait_for("metadata of the new query", lambda: set(folder.iterdir()) - before, BUILD)
            assert "FETCH FIRST" in new.read_text()
    finally:
        starts_before = starts(stack)
        stack.wait_for("the application as it was", lambda: starts(stack) > starts_before or is_green(stack, "rust"), BUILD)
        for file in set(folder.iterdir()) - before:
            file.unlink()
        wait_until_healthy(stack, "rust")
    assert set(folder.iterdir()) == before


def test_polling_works_where_there_are_no_file_events(stack):
    def with_polling(value):
        stack.set(CARGO_WATCH_POLL=value)
        stack.compose("up", "-d", "--no-deps", "--wait", "rust", timeout=300)

    try:
        with_polling("1")
        assert "--poll" in stack.run("docker", "top", stack.container("rust"), "-ww", "-eo", "pid,args").stdout
        with edited(stack, NAMES, rename):
            stack.wait_for("the new page", lambda: serves(stack, "Blazing Moon"), BUILD)
        back_as_it_was(stack)
    finally:
        with_polling("")
        wait_until_healthy(stack, "rust", "nginx")
