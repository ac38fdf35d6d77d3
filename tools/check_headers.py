#!/usr/bin/env python3
"""Each header of src/ compiles alone, with gcc and clang, and has an include guard."""
import argparse
import concurrent.futures
import os
import platform
import re
import subprocess
import tempfile

import borders

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wvla",
         "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Werror", "-fsyntax-only", "-x", "c"]


def compile_alone(compiler, path, includes):
    p = subprocess.run([compiler, *FLAGS, *includes, "-include", path, "/dev/null"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if p.returncode == 0:
        return []
    return [f"{compiler}: " + next((l for l in p.stdout.splitlines() if "error" in l), p.stdout[:200])]


def guarded(path):
    text = open(path, encoding="utf-8").read()
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S).lstrip()
    return [] if code.startswith(("#pragma once", "#ifndef")) else [f"{path}: no include guard"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    a = p.parse_args()
    r = borders.Results()
    src = os.path.join(borders.ROOT, "src")
    includes = ["-I" + src, "-I" + os.path.join(a.build, "src")]
    headers = sorted(os.path.join(d, n) for d, _, names in os.walk(src) for n in names if n.endswith(".h")
                     and (os.path.basename(os.path.dirname(d)) != "arch" or os.path.basename(d) == platform.machine()))
    jobs = [(c, h) for h in headers for c in ("gcc", "clang-19")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [x for result in pool.map(lambda j: compile_alone(*j, includes), jobs) for x in result]
    r.check(f"{len(headers)} headers compile alone", found)
    r.check("include guards", [x for h in headers for x in guarded(h)])
    with tempfile.TemporaryDirectory() as tmp:
        bad = os.path.join(tmp, "bad.h")
        with open(bad, "w", encoding="utf-8") as f:
            f.write("struct a { uint32_t missing; };\n")
        r.bites("a header that needs another", compile_alone("gcc", bad, includes), "uint32_t")
        r.bites("a header without guard", guarded(bad), "no include guard")
    r.end()


if __name__ == "__main__":
    main()
