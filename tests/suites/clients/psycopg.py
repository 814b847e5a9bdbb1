"""psycopg 3 and its pool, in Python alone. The packages hold no tests: a checkout is named."""

from clients import suite

NEEDS_SOURCE = "a checkout of psycopg"
# What the suite itself calls unreliable on a slow machine.
MARKERS = "not slow and not timing and not flakey"


def prepare(cache, checkout, _programs, _port):
    """The driver of the checkout, with the oldest versions of what it needs that its constraints name."""
    python = suite.environment(
        cache / "venv",
        *("-c", checkout / "tests/constraints.txt", checkout / "psycopg", checkout / "psycopg_pool"),
        *("anyio", "dnspython", "pproxy", "pytest", "pytest-timeout<2.2"),
    )

    def run(place):
        dsn = f"host={place.host} port={place.port} user={place.user} dbname={place.database}"
        options = ["tests", "-m", MARKERS, "--timeout=60", f"--test-dsn={dsn}"]
        return suite.pytest(python, checkout, place, options, {"PSYCOPG_IMPL": "python"})

    return run
