"""Entry point of the runner container: PID 1, frames on stdin and stdout."""

import sys

sys.dont_write_bytecode = True
# Started with -I, so that nothing of the environment or the workspace is
# imported: this folder is not on the path by itself.
sys.path.append(__file__.rpartition("/")[0] or ".")

from labs_runner import supervisor  # noqa: E402

if __name__ == "__main__":
    supervisor.main()
