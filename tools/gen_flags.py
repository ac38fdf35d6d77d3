#!/usr/bin/env python3
"""docs/flags.md: what each global flag of gVisor's runsc is here.  usage: gen_flags.py flags.def OUTPUT"""
import re
import sys

STATUS = {"WORKS": "works", "LATER": "accepted with a warning, without effect yet", "OBSOLETE": "accepted, as there: nothing to do"}
HEAD = """# Global flags

Made from `src/runsc/flags.def`. Names and values are those of gVisor's `runsc`, so that configurations of engines work
unchanged; so are defaults, but `--oci-seccomp` is on here, and `--platform` is chosen. A flag that neither knows is an error. The commands' own flags: `runsc help COMMAND`.
Annotations `dev.gvisor.flag.NAME` of config.json set a flag for one container: those that give nobody more than the configuration does (debugging, `host-uds`,
`mount-cgroup-v2`, `oci-seccomp` on, `overlay2` in memory or in the root itself); any with `--allow-flag-override`.

| flag | default | here | |
|---|---|---|---|
"""


def main(source, output):
    rows = []
    with open(source, encoding="utf-8") as f:
        for m in re.finditer(r'^FLAG\(\w+, "([^"]*)", (\w+), "([^"]*)", (\w+), "([^"]*)"\)', f.read(), re.M):
            name, _, default, status, text = m.groups()
            text = text.replace("|", "\\|")
            rows.append((list(STATUS).index(status), name, f"| `--{name}` | {f'`{default}`' if default else ''} | {STATUS[status]} | {text} |\n"))
    if not rows:
        raise SystemExit("gen_flags: no flags found")
    with open(output, "w", encoding="utf-8") as f:
        f.write(HEAD + "".join(r[2] for r in sorted(rows)))


main(*sys.argv[1:])
