#!/usr/bin/env python3
"""gen_near.py SYSCALLS.DEF OUT.c: the stub's table of what to copy for which call (near.py)."""
import sys

import near

calls, _ = near.near(sys.argv[1])
kinds = [()] + sorted({tuple(v) for v in calls.values()})
out = ["/* Made by gen_near.py. */", '#include "stub/stub.h"', "",
       f"const unsigned stub_near_calls = {max(calls) + 1};", f"const uint8_t stub_near_kind[{max(calls) + 1}] = {{"]
out += [f"    [{nr}] = {kinds.index(tuple(ops))}," for nr, ops in sorted(calls.items())]
out += ["};", f"const struct stub_near_op stub_near_ops[{len(kinds)}][{near.OPS_MAX}] = {{"]
out += ["    {" + ", ".join("{%d, %d, %d, 0, %d}" % op for op in k) + "}," if k else "    {{0}}," for k in kinds]
out += ["};", ""]
open(sys.argv[2], "w", encoding="ascii").write("\n".join(out))
