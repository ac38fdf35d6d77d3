#!/usr/bin/env python3
"""Undefined symbols of each static library against its layers and tools/libc_pure.allow; only host enters the host kernel:
no other library has the system call instruction or names syscall(). With proofs that violations are found."""
import argparse
import fnmatch
import os
import re
import subprocess
import tempfile

import borders

ENTERS = {"syscall", "__syscall", "__syscall_cancel", "vsyscall"}


def read_allow(path):
    sections, current = {}, None
    for line in open(path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line:
            current += line.split()
    return sections


def symbols(lib):
    """(object of definition or use, symbol) pairs: defined names, undefined names."""
    out = subprocess.run(["nm", "--format=posix", "-A", lib], check=True, stdout=subprocess.PIPE, text=True,
                         stderr=subprocess.DEVNULL).stdout
    defined, undefined = set(), set()
    for line in out.splitlines():
        m = re.match(r".*\[([^]]+)\]: (\S+) (\S)", line)
        if not m:
            continue
        if m[3] in "Uw":
            undefined.add((m[1], m[2]))
        elif m[3] not in "tdbr":
            defined.add(m[2])
    return defined, undefined


def instructions(lib):
    """Functions that hold an instruction which enters the kernel."""
    out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", lib], check=True, stdout=subprocess.PIPE, text=True).stdout
    found, where = set(), "?"
    for line in out.splitlines():
        m = re.match(r"[0-9a-f]+ <([^>]+)>:", line)
        if m:
            where = m[1]
        elif re.search(r":\s+(syscall|sysenter|int\s+\$0x80|svc\s)", line):
            found.add(where)
    return found


def check_library(layers, allow, layer, lib, defined_by_layer):
    rules = layers.libc.get(layer)
    if rules is None:
        return [f"{layer}: no `libc` rule in layers.txt"]
    problems = []
    _, undefined = symbols(lib)
    provided = set()
    for below in layers.below(layer):
        provided |= defined_by_layer.get(below, set())
    patterns = [p for section in rules for p in allow.get(section, [])]
    for obj, name in sorted(undefined):
        if name in ENTERS and "raw" not in rules:
            problems.append(f"{layer}: {obj} names {name}: only src/host enters the host kernel")
        elif name in provided or "any" in rules:
            continue
        elif not any(fnmatch.fnmatchcase(name, p) for p in patterns):
            problems.append(f"{layer}: {obj} needs {name}, which neither its layers nor {'+'.join(rules)} provide")
    if "raw" not in rules:
        problems += [f"{layer}: {f}() holds a system call instruction" for f in sorted(instructions(lib))]
    return problems


def planted(layers, allow, r):
    """Compiles small violations and wants each to be found."""
    cases = [
        ("sentry", "libc call", "#include <unistd.h>\nlong f(void) { return read(0, 0, 0); }", r"needs read"),
        ("sentry", "heap", "#include <stdlib.h>\nvoid *f(int n) { return malloc(n); }", r"needs malloc"),
        ("base", "a layer above", "int host_read(void); int f(void) { return host_read(); }", r"needs host_read"),
        ("wire", "syscall()", "long syscall(long, ...); long f(void) { return syscall(39); }", r"names syscall"),
        ("gofer", "raw instruction", 'long f(void) { long r; __asm__ volatile("syscall" : "=a"(r) : "a"(39)'
         ' : "rcx", "r11", "memory"); return r; }', r"f\(\) holds a system call instruction"),
    ]
    with tempfile.TemporaryDirectory() as tmp:
        for layer, what, text, wanted in cases:
            c, o, a = (os.path.join(tmp, "x" + e) for e in (".c", ".o", ".a"))
            with open(c, "w", encoding="utf-8") as f:
                f.write(text)
            if os.path.exists(a):
                os.unlink(a)
            subprocess.run(["gcc", "-c", c, "-o", o], check=True)
            subprocess.run(["ar", "rcs", a, o], check=True)
            problems = check_library(layers, allow, layer, a, {"host": {"host_read"}})
            r.bites(f"{layer}: {what}", problems, wanted)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    a = p.parse_args()
    r = borders.Results()
    layers = borders.Layers(os.path.join(borders.ROOT, "layers.txt"))
    allow = read_allow(os.path.join(borders.ROOT, "tools", "libc_pure.allow"))
    libs = {}
    for layer in layers.libc:
        lib = os.path.join(a.build, "src", f"lib{layer}.a")
        if os.path.exists(lib):
            libs[layer] = lib
        elif os.path.exists(os.path.join(borders.ROOT, "src", layer)):
            r.check(f"{layer}: library", [f"{lib} is not built"])
    defined = {layer: symbols(lib)[0] for layer, lib in libs.items()}
    for layer, lib in libs.items():
        r.check(f"{layer}: symbols", check_library(layers, allow, layer, lib, defined))
    planted(layers, allow, r)
    r.end()


if __name__ == "__main__":
    main()
