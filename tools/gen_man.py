#!/usr/bin/env python3
"""A manual page for each command of runsc, from what `runsc help COMMAND` says.  usage: gen_man.py RUNSC DIRECTORY"""
import os
import re
import subprocess
import sys


def run(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, text=True, check=True).stdout


def roff(text):
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"), flags=re.M)


def page(name, text):
    usage, _, rest = text.partition("\n")
    what, _, flags = rest.partition("\nFlags:\n")
    out = [f'.TH RUNSC\\-{name.upper()} 8 "" "cvisor" "System administration"', ".SH NAME",
           f"runsc\\-{roff(name)} \\- {roff(what.strip().splitlines()[0])}", ".SH SYNOPSIS",
           f".B {roff(usage.removeprefix('Usage: '))}", ".SH DESCRIPTION", roff(what.strip())]
    if flags:
        out.append(".SH FLAGS")
        for m in re.finditer(r"^  (-\S+)(?: (\w+))?\n((?:        .*\n?)+)", flags, re.M):
            out += [".TP", f".BI {roff(m[1])}" + (f' " {roff(m[2])}"' if m[2] else ""), roff(" ".join(m[3].split()))]
    out += [".SH SEE ALSO", ".BR runsc (8)"]
    return "\n".join(out) + "\n"


def main(runsc, directory):
    os.makedirs(directory, exist_ok=True)
    names = re.findall(r"^  ([a-z][a-z-]*)\s", run(runsc, "help"), re.M)
    if len(names) < 10:
        raise SystemExit(f"gen_man: the commands are not where they should be: {names}")
    for name in names:
        with open(os.path.join(directory, f"runsc-{name}.8"), "w", encoding="utf-8") as f:
            f.write(page(name, run(runsc, "help", name)))


main(*sys.argv[1:])
