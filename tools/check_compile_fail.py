#!/usr/bin/env python3
"""Programs of tests/borders that must not compile. Each file says on its first line with which compilers and how:
    /* FAIL gcc clang-19: regular expression of the error */
It compiles as it stands, so that only the part under #ifdef VIOLATION can be the reason, and fails with -DVIOLATION."""
import argparse
import os
import re
import subprocess

import borders

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-O1", "-c", "-o", "/dev/null"]


def build(compiler, path, includes, *extra):
    flags = FLAGS + (["-Wthread-safety"] if "clang" in compiler else [])
    return subprocess.run([compiler, *flags, *includes, *extra, path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    a = p.parse_args()
    r = borders.Results()
    includes = ["-I" + os.path.join(borders.ROOT, "src"), "-I" + os.path.join(a.build, "src")]
    folder = os.path.join(borders.ROOT, "tests", "borders")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".c"):
            continue
        path = os.path.join(folder, name)
        head = re.match(r"/\* FAIL ([\w. -]+): (.*) \*/", open(path, encoding="utf-8").readline())
        if not head:
            r.check(name, ["no FAIL line"])
            continue
        for compiler in head[1].split():
            good = build(compiler, path, includes)
            r.check(f"{name} {compiler}: compiles without the violation", good.stdout.splitlines()[:5] if good.returncode else [])
            bad = build(compiler, path, includes, "-DVIOLATION")
            problems = bad.stdout.splitlines() if bad.returncode else []
            r.bites(f"{name} {compiler}", problems, head[2])
    r.end()


if __name__ == "__main__":
    main()
