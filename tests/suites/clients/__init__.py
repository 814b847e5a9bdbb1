"""The suites of other clients: a file each, with `fetch`, `prepare` and `run`."""
