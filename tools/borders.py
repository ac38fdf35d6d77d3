"""What the border checks share: layers.txt, the list of checks, results as `ok NAME` and `not ok NAME` lines."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Layers:
    """layers.txt, parsed."""

    def __init__(self, path):
        self.paths, self.system, self.libc = {}, {}, {}
        for n, line in enumerate(open(path, encoding="utf-8"), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            m = re.fullmatch(r"(?:(system|libc)\s+)?([\w/]+):\s*(.*)", line)
            if not m:
                sys.exit(f"{path}:{n}: not a rule: {line}")
            table = {"system": self.system, "libc": self.libc, None: self.paths}[m[1]]
            table[m[2]] = m[3].split()

    @staticmethod
    def holds(prefix, path):
        return path == prefix or path.startswith(prefix + "/")

    def rule_for(self, directory):
        found = [p for p in self.paths if self.holds(p, directory)]
        return max(found, key=len) if found else None

    def may_include(self, directory, header):
        rule = self.rule_for(directory)
        if rule is None:
            return False
        if os.path.dirname(header) == directory:
            return True
        best, verdict = -1, False
        for p in self.paths[rule] + [rule]:
            name = p.lstrip("!")
            if self.holds(name, header) and len(name) > best:
                best, verdict = len(name), not p.startswith("!")
        return verdict

    def below(self, layer):
        """The layers whose code this one may link with, itself among them."""
        names = {p.lstrip("!").split("/")[0] for rule, prefixes in self.paths.items()
                 if self.holds(layer, rule) for p in prefixes if not p.startswith("!")}
        return names | {layer}


class Results:
    def __init__(self):
        self.failed = False

    def check(self, name, problems):
        """One result; problems is a list of lines."""
        for p in problems:
            print(f"# {p}")
        print(("not ok " if problems else "ok ") + name, flush=True)
        self.failed |= bool(problems)

    def bites(self, name, problems, wanted):
        """A proof: the violation that was planted is found, and described as wanted says."""
        missing = [] if any(re.search(wanted, p) for p in problems) else [f"not found: {wanted}; got {problems}"]
        self.check("bites: " + name, missing)

    def end(self):
        sys.exit(1 if self.failed else 0)
