"""What `./sun up` prints of the demo account, when all is well."""

DEMO = "demo@example.com / a password"


def demo_lines(checkout, **environment):
    done = checkout.run(**{"FAKE_RUNNING": "nginx rust", **environment})
    assert done.code == 0 and any("Application" in line for line in done.lines), done.lines
    return [line.split(None, 1)[1] for line in done.lines if line.startswith("  Demo ")]


def test_without_a_demo_account_the_command_that_makes_one_is_offered(checkout):
    assert demo_lines(checkout) == ["`./sun seed` makes an account with two years of transactions"]


def test_with_a_demo_account_its_sign_in_is_printed(checkout):
    port = checkout.setting("HTTPS_PORT")
    assert demo_lines(checkout, FAKE_DEMO=DEMO) == [f"https://localhost:{port}/   {DEMO}"]


def test_without_the_application_there_is_nobody_to_look_around_as(checkout):
    assert demo_lines(checkout, FAKE_DEMO=DEMO, FAKE_RUNNING="nginx postgres") == []


def test_in_production_it_is_not_mentioned(checkout):
    example = (checkout.folder / ".env.example").read_text()
    secrets = [line.split("=")[0] for line in example.splitlines() if "_PASSWORD=" in line and not line.startswith(("MAIL_", "#"))]
    checkout.write_env(BUILD_ENV="prod", APP_KEY="0123456789abcdef" * 4, ADMIN_EMAIL="ada@example.org", SERVER_NAME="example.org",
                       **{name: f"a-{name.lower()}-of-ones-own" for name in secrets})
    assert demo_lines(checkout, FAKE_DEMO=DEMO) == []
