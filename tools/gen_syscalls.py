#!/usr/bin/env python3
"""Everything that is made from src/abi/syscalls.def.

Row:  SYS(name, X86(n) ARM(n), ARGS(KIND, ...), STATUS, "note", "tests/guest/x.c")
      X86 or ARM may be missing; STATUS is FULL, PARTIAL, HOST, STUB or ENOSYS.
      A handler sys_NAME exists exactly if the status is FULL or PARTIAL.

gen_syscalls.py numbers DEF OUT.h             enum of LINUX_SYS_x for one machine
gen_syscalls.py table DEF OUT.h OUT.c         prototypes, argument kinds, dispatch array
gen_syscalls.py status DEF [--check] OUT.md   the status page
gen_syscalls.py untested DEF ROOT             implemented calls that no test file names (exit 1 if any)
"""
import argparse
import os
import re
import sys

STATUSES = ("FULL", "PARTIAL", "HOST", "STUB", "ENOSYS")
HANDLED = ("FULL", "PARTIAL")
ROW = re.compile(
    r'^SYS\(\s*(?P<name>\w+)\s*,\s*(?P<nrs>(?:(?:X86|ARM)\(\d+\)\s*)+),\s*ARGS\((?P<args>[^)]*)\)\s*,'
    r'\s*(?P<status>\w+)\s*,\s*"(?P<note>(?:[^"\\]|\\.)*)"\s*,\s*"(?P<test>[^"]*)"\s*\)$')


class Row:
    def __init__(self, line, where):
        m = ROW.match(line)
        if not m:
            sys.exit(f"{where}: not a row: {line}")
        self.name = m["name"]
        self.nr = {a: int(n) for a, n in re.findall(r"(X86|ARM)\((\d+)\)", m["nrs"])}
        self.args = [a.strip() for a in m["args"].split(",") if a.strip() and a.strip() != "NONE"]
        self.status, self.note, self.test = m["status"], m["note"], m["test"]
        if self.status not in STATUSES:
            sys.exit(f"{where}: {self.name}: status {self.status} is none of {' '.join(STATUSES)}")
        if len(self.args) > 6:
            sys.exit(f"{where}: {self.name}: more than 6 arguments")
        for a in self.args:
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*", a):
                sys.exit(f"{where}: {self.name}: argument kind {a!r}")

    @property
    def handled(self):
        return self.status in HANDLED


def read_rows(path):
    text = open(path, encoding="utf-8").read()
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    rows, pending, start = [], "", 0
    for n, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"//.*", "", line).strip()
        if not line or line.startswith("#"):
            continue
        if not pending:
            start = n
        pending = (pending + " " + line).strip()
        if pending.endswith(")"):
            rows.append(Row(pending, f"{path}:{start}"))
            pending = ""
    if pending:
        sys.exit(f"{path}:{start}: row does not end")
    seen = set()
    for r in rows:
        for key in [r.name] + list(r.nr.items()):
            if key in seen:
                sys.exit(f"{path}: {key} twice")
            seen.add(key)
    return rows


def write(path, text):
    """Leaves an unchanged file alone, so that nothing is built again."""
    if os.path.exists(path) and open(path, encoding="utf-8").read() == text:
        return
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


HEAD = "/* Generated from src/abi/syscalls.def by tools/gen_syscalls.py. */\n"


def cmd_numbers(a):
    rows = [r for r in read_rows(a.definition) if a.arch in r.nr]
    rows.sort(key=lambda r: r.nr[a.arch])
    out = HEAD + "#ifndef CVISOR_ABI_SYSCALL_NR_H\n#define CVISOR_ABI_SYSCALL_NR_H\n\nenum linux_syscall_nr {\n"
    out += "".join(f"    LINUX_SYS_{r.name} = {r.nr[a.arch]},\n" for r in rows)
    out += f"    LINUX_SYS_MAX = {rows[-1].nr[a.arch] if rows else 0},\n}};\n\n#endif\n"
    write(a.header, out)


def cmd_table(a):
    every = read_rows(a.definition)
    rows = sorted((r for r in every if a.arch in r.nr), key=lambda r: r.nr[a.arch])
    kinds = sorted({k for r in every for k in r.args})
    size = rows[-1].nr[a.arch] + 1 if rows else 1
    h = HEAD + """#ifndef CVISOR_SENTRY_SYSCALL_TABLE_H
#define CVISOR_SENTRY_SYSCALL_TABLE_H

#include "sentry/syscalls/syscall.h"

#include <stdint.h>

/* How an argument is shown by --strace. */
enum syscall_arg_kind {
    SYSARG_NONE,
"""
    h += "".join(f"    SYSARG_{k},\n" for k in kinds)
    h += "    SYSARG_KINDS,\n};\n\nenum syscall_status { SYSCALL_NONE, " + ", ".join("SYSCALL_" + s for s in STATUSES)
    h += " };\n" + f"""
struct syscall_row {{
    const char *name;   /* NULL: no such number */
    syscall_fn handler; /* NULL: -ENOSYS */
    uint8_t args[6];    /* enum syscall_arg_kind */
    uint8_t nargs;
    uint8_t status;     /* enum syscall_status */
}};

#define SYSCALL_TABLE_SIZE {size}
extern const struct syscall_row syscall_table[SYSCALL_TABLE_SIZE];

"""
    h += "".join(f"int64_t sys_{r.name}(struct task *t, const struct sys_args *a);\n" for r in rows if r.handled)
    h += "\n#endif\n"
    write(a.header, h)

    c = HEAD + '#include "sentry/syscalls/syscall_table.h"\n\n'
    c += "const struct syscall_row syscall_table[SYSCALL_TABLE_SIZE] = {\n"
    for r in rows:
        handler = f"sys_{r.name}" if r.handled else "0"
        args = ", ".join("SYSARG_" + k for k in r.args) or "SYSARG_NONE"
        c += f'    [{r.nr[a.arch]}] = {{"{r.name}", {handler}, {{{args}}}, {len(r.args)}, SYSCALL_{r.status}}},\n'
    c += "};\n"
    write(a.source, c)


def status_page(rows):
    count = {s: sum(r.status == s for r in rows) for s in STATUSES}
    out = ["# System calls", "",
           "Generated from `src/abi/syscalls.def` by `tools/gen_syscalls.py`; do not edit.", "",
           "| status | meaning | calls |", "|---|---|---|",
           f"| full | behaves as Linux, all flags and errors | {count['FULL']} |",
           f"| partial | the note says what is missing | {count['PARTIAL']} |",
           f"| host | the host's own, let through by the stubs' filter | {count['HOST']} |",
           f"| stub | known, not implemented: ENOSYS, programs cope | {count['STUB']} |",
           f"| ENOSYS | not implemented | {count['ENOSYS']} |", "",
           "| call | x86-64 | arm64 | status | note | test |", "|---|---|---|---|---|---|"]
    for r in sorted(rows, key=lambda r: (r.nr.get("X86", 10000), r.nr.get("ARM", 0))):
        status = r.status if r.status == "ENOSYS" else r.status.lower()
        note = r.note.replace("|", "\\|").replace('\\"', '"')
        out.append(f"| {r.name} | {r.nr.get('X86', '')} | {r.nr.get('ARM', '')} | {status} | {note} | "
                   f"{r.test if r.handled or r.status == 'HOST' else ''} |")
    return "\n".join(out) + "\n"


def cmd_status(a):
    page = status_page(read_rows(a.definition))
    if not a.check:
        write(a.page, page)
    elif not os.path.exists(a.page) or open(a.page, encoding="utf-8").read() != page:
        sys.exit(f"{a.page} is not current: run `make docs`")


def untested(rows, root):
    missing = []
    for r in rows:
        if not r.handled:
            continue
        path = os.path.join(root, r.test)
        if not r.test or not os.path.exists(path):
            missing.append((r.name, "no test file" if not r.test else f"{r.test} does not exist"))
        elif not re.search(rf"\b(SYS_|__NR_|NR_)?{r.name}\b", open(path, encoding="utf-8").read()):
            missing.append((r.name, f"not named in {r.test}"))
    return missing


def cmd_untested(a):
    missing = untested(read_rows(a.definition), a.root)
    for name, why in missing:
        print(f"{name}: {why}")
    print(f"{len(missing)} implemented calls without a test")
    sys.exit(1 if missing else 0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="cmd", required=True)
    for name, fn, outs in (("numbers", cmd_numbers, ["header"]), ("table", cmd_table, ["header", "source"]),
                           ("status", cmd_status, ["page"]), ("untested", cmd_untested, ["root"])):
        s = sub.add_parser(name)
        s.set_defaults(fn=fn)
        s.add_argument("definition")
        if name in ("numbers", "table"):
            s.add_argument("--arch", choices=("X86", "ARM"), default="X86")
        if name == "status":
            s.add_argument("--check", action="store_true")
        for o in outs:
            s.add_argument(o)
    a = p.parse_args()
    a.fn(a)


if __name__ == "__main__":
    main()
