#!/usr/bin/env python3
"""embed.py NAME FILE OUT.c: a file as a C array NAME[] and NAME_size."""
import sys

name, src, dst = sys.argv[1:]
data = open(src, "rb").read()
rows = [", ".join(f"{b:#04x}" for b in data[i:i + 16]) for i in range(0, len(data), 16)]
open(dst, "w").write(f'#include "stub/blobs.h"\n\nconst uint8_t {name}[{len(data)}] = {{\n    ' + ",\n    ".join(rows) +
                     f"}};\nconst size_t {name}_size = sizeof {name};\n")
