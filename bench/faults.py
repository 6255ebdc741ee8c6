#!/usr/bin/env python3
"""How many faults were tried on labs' services while their checks went on, and how many verdicts were wrong.

    faults.py LABS [LAB ...]        the labs named, all of them when left out

A service is killed from outside (an error, and never the learner's failure), shut down by what the learner hands in (a failure,
and never an error), or replaced by something that says OK to everything, beside the service or in its place (never a pass):
the rules killed, shut-down and impostor of `labs author verify`. Exits with 1 where a verdict was wrong.
"""

import json
import subprocess
import sys

RULES = {"killed": "killed from outside", "shut-down": "shut down by the submission", "impostor": "replaced by an impostor"}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    labs, *wanted = sys.argv[1:]
    rules = [word for rule in RULES for word in ("--rule", rule)]
    ran = subprocess.run(
        [labs, "author", "verify", "--anew", "--json", *rules, *wanted], stdout=subprocess.PIPE, text=True, check=False
    )
    if ran.returncode > 1:
        sys.exit(ran.returncode)
    found = json.loads(ran.stdout)["labs"]
    print(f"{'a service was':<30} {'tried':>6} {'wrong verdicts':>15}")
    wrong = 0
    for rule, what in RULES.items():
        tallies = [lab["rules"][rule] for lab in found if rule in lab["rules"]]
        tried, good = (sum(tally[key] for tally in tallies) for key in ("all", "good"))
        print(f"{what:<30} {tried:>6} {tried - good:>15}")
        wrong += tried - good
    print(f"in {len(found)} labs: {', '.join(lab['lab'] for lab in found)}")
    for lab in found:
        for breach in lab["breaches"]:
            print(f"{lab['lab']}: {breach['case']}: {breach['what']}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
