#!/usr/bin/env python3
"""Makes from calls.def: the wrappers (header, source), the program that builds the filters (filter_build), the page (doc)."""
import re
import sys

PROCS = ("SENTRY", "SENTRY_NET", "SENTRY_DIRECT", "SENTRY_WRITE", "SENTRY_PTRACE", "SENTRY_UDS", "GOFER", "GOFER_UDS", "RUNSC")
WIDE = ("unsigned long", "size_t", "off_t", "uint64_t")
# One program each: name -> processes whose rules it holds.
FILTERS = {
    "sentry": ("SENTRY",),
    "sentry_net": ("SENTRY", "SENTRY_NET"),
    "sentry_direct": ("SENTRY", "SENTRY_DIRECT"),
    "sentry_net_direct": ("SENTRY", "SENTRY_NET", "SENTRY_DIRECT"),
    "sentry_write": ("SENTRY", "SENTRY_DIRECT", "SENTRY_WRITE"),
    "sentry_net_write": ("SENTRY", "SENTRY_NET", "SENTRY_DIRECT", "SENTRY_WRITE"),
}
FILTERS.update({name + "_ptrace": procs + ("SENTRY_PTRACE",) for name, procs in FILTERS.items()})
FILTERS.update({name + "_uds": procs + ("SENTRY_UDS",) for name, procs in FILTERS.items()})
FILTERS["gofer"] = ("GOFER",)
FILTERS["gofer_uds"] = ("GOFER", "GOFER_UDS")


def fail(message):
    sys.exit("calls.def: " + message)


def split(text):
    """Splits at commas outside parentheses and strings."""
    out, depth, quoted, cur = [], 0, False, ""
    for c in text:
        if c == '"':
            quoted = not quoted
        if not quoted:
            depth += (c == "(") - (c == ")")
            if c == "," and depth == 0:
                out.append(cur.strip())
                cur = ""
                continue
        cur += c
    if cur.strip():
        out.append(cur.strip())
    return out


def inside(text, word):
    if not (text.startswith(word + "(") and text.endswith(")")):
        fail("expected %s(...): %s" % (word, text))
    return text[len(word) + 1 : -1]


class Call:
    def __init__(self, name, ret, params):
        self.name, self.ret, self.rules, self.starts = name, ret, [], []
        self.params = []
        for p in split(params):
            if p == "void":
                continue
            m = re.fullmatch(r"(.*?)(\w+)", p)
            self.params.append((m.group(1).strip(), m.group(2)))

    def index(self, name):
        for i, (_, n) in enumerate(self.params):
            if n == name:
                return i
        fail("%s has no argument %s" % (self.name, name))

    def is_wide(self, i):
        t = self.params[i][0]
        return t.endswith("*") or t in WIDE

    def prototype(self):
        args = ", ".join(t + ("" if t.endswith("*") else " ") + n for t, n in self.params) or "void"
        return "%s host_%s(%s)" % (self.ret, self.name, args)


def conditions(call, where):
    """WHERE(...) -> list of alternatives, each a list of (argument, op, value, value2) as C expressions."""
    if where == "ANY":
        return [[]]
    alternatives = [[]]
    for term in split(inside(where, "WHERE")):
        op, _, rest = term.partition("(")
        parts = split(rest[:-1])
        arg, _, mask = (x.strip() for x in parts[0].partition("&"))
        i = call.index(arg)
        full = "UINT64_MAX" if call.is_wide(i) else "0xffffffffull"
        if op in ("EQ", "IN"):
            tests = [(i, "SCMP_CMP_MASKED_EQ", mask or full, v) for v in parts[1:]]
        elif op == "MASK":
            tests = [(i, "SCMP_CMP_MASKED_EQ", parts[1], parts[2])]
        elif op == "LE":
            tests = [(i, "SCMP_CMP_LE", parts[1], "0")]
        else:
            fail("unknown condition " + op)
        alternatives = [a + [t] for a in alternatives for t in tests]
    return alternatives


def load(path):
    text = re.sub(r"/\*.*?\*/", "", open(path, encoding="utf-8").read(), flags=re.S)
    calls = {}
    for line in text.splitlines():
        line = line.strip()
        if not line:
            continue
        kind, _, rest = line.partition("(")
        f = split(rest[:-1])
        if kind == "HOSTCALL":
            if f[0] in calls:
                fail("twice: " + f[0])
            calls[f[0]] = Call(f[0], f[1], inside(f[2], "ARGS"))
            continue
        if f[0] not in calls:
            fail("no HOSTCALL for " + f[0])
        call = calls[f[0]]
        procs = f[1].split()
        if any(p not in PROCS for p in procs):
            fail("%s: unknown process %s" % (call.name, f[1]))
        if kind == "ALLOW":
            call.rules.append((f[1], "ALLOW", conditions(call, f[2]), f[2], f[3].strip('"')))
        elif kind == "DENY":
            call.rules.append((f[1], f[2], [[]], "ANY", f[3].strip('"')))
        elif kind == "START":
            call.starts.append((procs, f[2].strip('"')))
        else:
            fail("unknown row " + kind)
    return calls


def gen_header(calls):
    out = ["/* Made by gen_calls.py from calls.def. Each returns the result or -errno. */", "#pragma once",
           '#include "host/host_types.h"', ""]
    for c in calls.values():
        out.append(("NODISCARD " if c.ret != "void" else "") + c.prototype() + ";")
    return "\n".join(out) + "\n"


# They cannot fail, or do not come back.
FAULT_IF = {"futex": "(op & 127) == 0 || (op & 127) == 9", "wait4": "!(options & 1)"}  # those that wait
NO_FAULT = ("exit", "exit_group", "rt_sigreturn", "restart_syscall", "sched_yield", "getpid", "gettid", "set_tid_address")


def gen_source(calls, arch, faults="false"):
    out = ["/* Made by gen_calls.py from calls.def. */", '#include "host/calls.h"', "", "#include <sys/syscall.h>", "",
           '#include "host/arch/%s/raw.h"' % arch, ""]
    if faults == "true":
        out += ['#include "host/fault.h"', ""]
        out += ["const char *const host_call_names[HOST_CALLS_MAX] = {%s, [HOST_CALL_ARENA] = \"arena\"};"
                % ", ".join('"%s"' % c for c in calls), ""]
    for i, c in enumerate(calls.values()):
        args = "".join(", (long)" + n for _, n in c.params)
        fault = ""
        if faults == "true" and c.name not in NO_FAULT:
            fault = ("    long fault = (%s) ? host_fault(%d, __builtin_return_address(0)) : 0;\n"
                     "    if (fault)\n        return (%s)fault;\n" % (FAULT_IF.get(c.name, "1"), i, c.ret))
        out.append("%s\n{\n%s    return (%s)raw_call%d(SYS_%s%s);\n}\n"
                   % (c.prototype(), fault, c.ret, len(c.params), c.name, args))
    return "\n".join(out)


def filter_rules(calls, procs):
    """Rows of `struct rule` for the rules of these processes."""
    for c in calls.values():
        rows = [r for r in c.rules if r[0] in procs]
        if any(alt == [] and act == "ALLOW" for _, act, alts, _, _ in rows for alt in alts):
            yield "{SCMP_ACT_ALLOW, SCMP_SYS(%s), 0, {{0}}}" % c.name
            continue
        for _, act, alts, _, _ in rows:
            action = "SCMP_ACT_ALLOW" if act == "ALLOW" else "SCMP_ACT_ERRNO(%s)" % act
            for alt in alts:
                tests = ", ".join("TEST(%d, %s, (uint64_t)(%s), (uint64_t)(%s))" % t for t in alt)
                yield "{%s, SCMP_SYS(%s), %d, {%s}}" % (action, c.name, len(alt), tests or "{0}")


def gen_filter_build(calls):
    out = ["/* Made by gen_calls.py from calls.def; run at build time, prints the filters as C arrays. */",
           '#include "host/filter_build.h"', ""]
    number = {}  # each rule once: there are many filters
    lists = {name: [number.setdefault(r, len(number)) for r in filter_rules(calls, procs)] for name, procs in FILTERS.items()}
    out.append("static const struct rule rules[] = {\n    %s};\n" % ",\n    ".join(number))
    for name, chosen in lists.items():
        out.append("static const uint16_t rules_%s[] = {%s};\n" % (name, ", ".join(map(str, chosen))))
    out.append("int main(void)\n{")
    for name in FILTERS:
        out.append('    filter_print("filter_%s", rules, rules_%s, sizeof rules_%s / sizeof rules_%s[0]);' % (name, name, name, name))
    out.append("    return 0;\n}")
    return "\n".join(out) + "\n"


def gen_doc(calls):
    out = ["# What each process may ask of the host kernel", "",
           "Made by `src/host/gen_calls.py` from `src/host/calls.def`; do not edit. A call that no row allows kills the process.",
           "SENTRY_NET is added by `--network=host`, SENTRY_DIRECT by `--directfs`, SENTRY_WRITE by it when a host directory is mounted",
           "writable without an overlay, SENTRY_PTRACE on the platform of that name, SENTRY_UDS by `--host-uds` and `--host-fifo`, GOFER_UDS by",
           "`--host-uds`.", ""]
    for proc in PROCS[:-1]:
        rows = [(c, r) for c in calls.values() for r in c.rules if r[0] == proc]
        out += ["## %s: %d calls" % (proc, len({c.name for c, _ in rows})), "", "| call | allowed if | why |", "|---|---|---|"]
        for c, (_, act, _, where, why) in rows:
            cond = "never: " + act if act != "ALLOW" else "always" if where == "ANY" else "`%s`" % inside(where, "WHERE").replace("|", "\\|")
            out.append("| %s | %s | %s |" % (c.name, cond, why))
        out.append("")
    out += ["## Before the filter stands (start phase), and in runsc, which has none", "", "| call | who | why |", "|---|---|---|"]
    for c in calls.values():
        for procs, why in c.starts:
            out.append("| %s | %s | %s |" % (c.name, " ".join(procs), why))
    return "\n".join(out) + "\n"


def main():
    kind, source, target = sys.argv[1:4]
    make = {"header": gen_header, "source": gen_source, "filter": gen_filter_build, "doc": gen_doc}[kind]
    with open(target, "w", encoding="utf-8") as f:
        f.write(make(load(source), *sys.argv[4:]))


main()
