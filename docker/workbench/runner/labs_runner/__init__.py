"""The supervisor of the runner container and the harness for Python programs."""
