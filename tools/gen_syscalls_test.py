#!/usr/bin/env python3
"""Tests of gen_syscalls.py: what it makes of good rows, and that it refuses bad ones."""
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gen_syscalls.py")
GOOD = '''/* SYS(not a row) */
SYS(read, X86(0) ARM(63), ARGS(FD, BUF_OUT, SIZE), FULL, "", "tests/rw.c")
SYS(open, X86(2), ARGS(PATH),
    PARTIAL, "a \\"quoted\\" note", "tests/open.c")
SYS(getpid, X86(39) ARM(172), ARGS(), ENOSYS, "", "")
'''


class GenSyscalls(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def tool(self, *args):
        p = subprocess.run([sys.executable, TOOL, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return p.returncode, p.stdout

    def test_numbers(self):
        self.write("t.def", GOOD)
        self.assertEqual(self.tool("numbers", "--arch", "ARM", self.path("t.def"), self.path("n.h"))[0], 0)
        text = self.read("n.h")
        self.assertIn("LINUX_SYS_getpid = 172,", text)
        self.assertNotIn("open", text)

    def test_table_compiles(self):
        self.write("t.def", GOOD)
        inc = "sentry/syscalls"
        self.write(inc + "/syscall.h", "#pragma once\n#include <stdint.h>\nstruct task; struct sys_args;\n"
                   "typedef int64_t (*syscall_fn)(struct task *, const struct sys_args *);\n")
        h, c = self.path(inc + "/syscall_table.h"), self.path("t.c")
        self.assertEqual(self.tool("table", self.path("t.def"), h, c)[0], 0)
        self.assertIn("int64_t sys_open(", self.read(inc + "/syscall_table.h"))
        self.assertNotIn("sys_getpid", self.read(inc + "/syscall_table.h") + self.read("t.c"))
        self.assertIn('[39] = {"getpid", 0, {SYSARG_NONE}, 0, SYSCALL_ENOSYS}', self.read("t.c"))
        p = subprocess.run(["gcc", "-Wall", "-Werror", "-fsyntax-only", "-I" + self.dir.name, c])
        self.assertEqual(p.returncode, 0)

    def test_unchanged_output_is_left_alone(self):
        self.write("t.def", GOOD)
        self.tool("numbers", self.path("t.def"), self.path("n.h"))
        os.utime(self.path("n.h"), (1, 1))
        self.tool("numbers", self.path("t.def"), self.path("n.h"))
        self.assertEqual(os.stat(self.path("n.h")).st_mtime, 1)

    def test_status_page(self):
        self.write("t.def", GOOD)
        page = self.path("s.md")
        self.assertNotEqual(self.tool("status", "--check", self.path("t.def"), page)[0], 0)
        self.assertEqual(self.tool("status", self.path("t.def"), page)[0], 0)
        self.assertEqual(self.tool("status", "--check", self.path("t.def"), page)[0], 0)
        self.assertIn('| open | 2 |  | partial | a "quoted" note | tests/open.c |', self.read("s.md"))

    def test_untested(self):
        self.write("t.def", GOOD)
        self.write("tests/rw.c", "read(fd, buf, 1);")
        self.write("tests/open.c", "reopen();")
        status, out = self.tool("untested", self.path("t.def"), self.dir.name)
        self.assertEqual(status, 1)
        self.assertEqual(out, "open: not named in tests/open.c\n1 implemented calls without a test\n")

    def test_bad_rows(self):
        for text, why in (
                ('SYS(x, X86(1), ARGS(FD), DONE, "", "")', "status DONE"),
                ('SYS(x, ARGS(FD), FULL, "", "")', "not a row"),
                ('SYS(x, X86(1), ARGS(fd), FULL, "", "")', "argument kind"),
                ('SYS(x, X86(1), ARGS(A,A,A,A,A,A,A), FULL, "", "")', "more than 6"),
                ('SYS(x, X86(1), ARGS(), FULL, "", "")\nSYS(x, X86(2), ARGS(), FULL, "", "")', "twice"),
                ('SYS(x, X86(1), ARGS(), FULL, "", "")\nSYS(y, X86(1), ARGS(), FULL, "", "")', "twice"),
                ('SYS(x, X86(1), ARGS(', "does not end")):
            self.write("t.def", text)
            status, out = self.tool("status", self.path("t.def"), self.path("s.md"))
            self.assertNotEqual(status, 0, text)
            self.assertIn(why, out)


if __name__ == "__main__":
    unittest.main()
