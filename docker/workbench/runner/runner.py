"""Entry point of the runner container: PID 1, frames on stdin and stdout.

The modules beside this file are imported (not run) so that their compiled
form is used when the image holds one.
"""

import sys

sys.dont_write_bytecode = True
sys.path.insert(0, __file__.rpartition("/")[0] or ".")

import supervisor  # noqa: E402

if __name__ == "__main__":
    sys.path.pop(0)
    supervisor.main()
