"""Entry point of the runner container: PID 1, frames on stdin and stdout."""

import sys

sys.dont_write_bytecode = True
# Started with -I, so that nothing of the environment or the workspace is
# imported: this folder is not on the path by itself.
sys.path.append(__file__.rpartition("/")[0] or ".")

if __name__ == "__main__":
    if sys.argv[1:] == ["harness"]:
        # Started anew by the supervisor, for a process with a clock of its own.
        from labs_runner import harness, processes

        processes.serve(harness, sys.path[-1])
    else:
        from labs_runner import supervisor

        supervisor.main()
