#!/usr/bin/env python3
"""Includes against layers.txt, and a proof that a forbidden include is found."""
import argparse
import os
import re
import tempfile

import borders

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def problems_of(layers, src, rel):
    directory = os.path.dirname(rel)
    layer = directory.split("/")[0]
    test = re.search(r"_test\.[ch]$", rel) or os.path.basename(rel) == "test.h"
    out = []
    for kind, name in INCLUDE.findall(open(os.path.join(src, rel), encoding="utf-8").read()):
        if kind == '"':
            if "/" not in name or ".." in name:
                out.append(f'src/{rel}: "{name}" is not named from src/')
            elif test:
                if name.split("/")[0] not in layers.below(layer):
                    out.append(f"src/{rel}: a test of {layer} includes {name}")
            elif not layers.may_include(directory, name):
                out.append(f"src/{rel}: {layers.rule_for(directory)} may not include {name}")
        elif not test and layer in layers.system and name not in layers.system[layer]:
            out.append(f"src/{rel}: the pure layer {layer} may not include <{name}>")
    return out


def scan(layers, src):
    out, files = [], 0
    for folder, _, names in os.walk(src):
        for n in sorted(names):
            if n.endswith((".c", ".h", ".S", ".inc")):
                files += 1
                rel = os.path.relpath(os.path.join(folder, n), src)
                if not layers.rule_for(os.path.dirname(rel)):
                    out.append(f"src/{rel}: no layer of layers.txt")
                else:
                    out += problems_of(layers, src, rel)
    return out, files


PLANTED = [
    ("base/a.h", '#include "sentry/kernel.h"\n', r"base/a\.h: base may not include sentry/kernel\.h"),
    ("abi/a.h", "#include <unistd.h>\n", r"pure layer abi may not include <unistd\.h>"),
    ("wire/a.c", '#include "host/host.h"\n', r"wire may not include host/host\.h"),
    ("sentry/vfs/a.c", '#include "host/host.h"\n', r"sentry/vfs may not include host/host\.h"),
    ("sentry/mm/a.c", '#include "sentry/platform/stubs/transport.h"\n', r"sentry may not include sentry/platform/stubs"),
    ("sentry/mm/b.c", '#include "mm.h"\n', r"not named from src/"),
    ("gofer/a.c", '#include "sentry/vfs/vfs.h"\n', r"gofer may not include sentry/vfs/vfs\.h"),
    ("nowhere/a.c", "\n", r"no layer"),
]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build")
    p.parse_args()
    r = borders.Results()
    layers = borders.Layers(os.path.join(borders.ROOT, "layers.txt"))
    problems, files = scan(layers, os.path.join(borders.ROOT, "src"))
    r.check(f"includes of {files} files follow layers.txt", problems)
    with tempfile.TemporaryDirectory() as tmp:
        for path, text, _ in PLANTED:
            os.makedirs(os.path.dirname(os.path.join(tmp, path)), exist_ok=True)
            with open(os.path.join(tmp, path), "w", encoding="utf-8") as f:
                f.write(text)
        found, _ = scan(layers, tmp)
        for path, _, wanted in PLANTED:
            r.bites(path, [x for x in found if path in x], wanted)
    r.end()


if __name__ == "__main__":
    main()
