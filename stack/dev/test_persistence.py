"""What was stored stays stored: through `down` and `up`, and when every store is killed at once."""

from services import CORE, Kept, down_and_up, wait_until_healthy


def test_down_and_up_lose_nothing(stack):
    missing, _ = down_and_up(stack)
    assert missing == {}


def test_killing_every_store_loses_nothing(stack):
    kept = Kept(stack)
    try:
        stack.run("docker", "kill", *(stack.container(service) for service in CORE))
        stack.compose("up", "-d", "--no-recreate", *CORE)
        wait_until_healthy(stack, *CORE)
        assert kept.missing() == {}
    finally:
        kept.remove()
    wait_until_healthy(stack, "rust")
