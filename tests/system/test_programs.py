"""Programs that nobody here wrote, under `runsc do`: output and exit status compared with the host's.

Each script runs twice in the same kind of directory; it must print nothing that may differ from run to run.
"""
import os
import shutil
import subprocess

import pytest

from conftest import RUNSC
from programs import compare, run

HELLO = {
    "main.c": '#include "f.h"\n#include <stdio.h>\nint main(int argc, char **argv) { printf("%d %s\\n", f(argc), argv[1]); return f(2); }\n',
    "f.c": '#include "f.h"\nint f(int x) { return x * 21; }\n',
    "f.h": "int f(int);\n",
}

SCRIPTS = {
    "pipeline": ("bash", "seq 1000 | sort -rn | head -3 | tr '\\n' ' '; seq 5 | while read x; do echo $((x * x)); done | paste -sd+ | bc"),
    "here_document": ("bash", "cat <<EOF | tr a-z A-Z\nsome $((6 * 7)) text\nEOF\ncat <<<word"),
    "traps": ("bash", "trap 'echo usr1' USR1; trap 'echo bye' EXIT; kill -USR1 $$; (trap 'echo inner' TERM; kill -TERM $BASHPID; echo after); exit 5"),
    "job_control": ("bash", "set -m; sleep 100 & kill -STOP %1; until jobs -s | grep -q Stopped; do :; done; jobs -l | wc -l; kill -CONT %1; kill -KILL %1; wait %1; echo $?; (exit 3) & wait %1; echo $?"),
    "background": ("bash", "for i in 1 2 3; do (exit $i) & p[$i]=$!; done; for i in 1 2 3; do wait ${p[$i]}; echo $?; done"),
    "process_substitution": ("bash", "diff <(seq 5) <(seq 2 6); comm -12 <(seq 9) <(seq 3 12)"),
    "coproc": ("bash", "coproc tr a-z A-Z; echo hello >&${COPROC[1]}; eval \"exec ${COPROC[1]}>&-\"; cat <&${COPROC[0]}"),
    "signals_status": ("bash", "sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -SEGV $$'; echo $?; (ulimit -c 0; perl -e 'kill 9, $$'); echo $?"),
    "dash": ("dash", "x=$(printf 'a b\\nc'); set -- $x; echo $# \"$3\"; f() { local y=1; return 7; }; f; echo $?; case abc in a*c) echo yes;; esac"),
    "dash_redirect": ("dash", "exec 3>out; echo three >&3; exec 3>&-; cat out; { echo a; echo b >&2; } 2>err >out; cat err out; echo x >>out; wc -l <out"),
    "coreutils_files": ("bash", "mkdir -p a/b/c; touch a/x a/b/y; ln a/x a/z; ln -s b a/l; cp -a a d; mv d e; ls -R e; stat -c '%h %F %s' e/x e/l; rm -r a; rmdir e/b/c; ls e/b; readlink e/l"),
    "coreutils_text": ("bash", "seq 100 | shuf --random-source=<(yes) | sort -n | sha256sum; seq 20 | split -l 7 - s; wc -l s*; cat sa? | md5sum; printf 'b\\na\\nb\\n' | sort | uniq -c; cut -d: -f1 /etc/passwd | head -3; expr 6 \\* 7; factor 97 91; base64 <<<text; od -An -tx1 <<<ab; fold -w 3 <<<abcdefg; tac <(seq 3); nl <(seq 2); join <(echo a 1) <(echo a 2)"),
    "coreutils_modes": ("bash", "umask 027; touch f; mkdir d; stat -c %a f d; chmod u+x,o=r f; stat -c %a f; install -m 644 f g; stat -c %a g; touch -d 2001-02-03T04:05:06Z g; stat -c %Y g; truncate -s 5000 g; stat -c %s g; dd if=/dev/zero of=h bs=1k count=3 status=none; cmp -n 3072 h /dev/zero; echo $?; test -w f && echo w; du -b h; realpath --relative-to=/ /usr/../etc"),
    "find_grep_sed_awk": ("bash", "mkdir -p t/{a,b}; for i in 1 2 3; do echo \"line $i of file\" >t/a/$i; echo other >t/b/$i; done; find t -type f -name '[12]' | sort; grep -rc line t | sort; sed -i 's/line/LINE/' t/a/*; cat t/a/2; awk '{ s += $2 } END { print s, NR }' t/a/*; find t -newer /etc/passwd -type d | sort; find t -name 3 -exec rm {} +; ls t/a; xargs -n 2 echo <<<'1 2 3'"),
    "tar_gzip": ("bash", "mkdir p; seq 10000 >p/n; ln -s n p/l; chmod 600 p/n; tar czf p.tgz p; mkdir q; tar xzf p.tgz -C q; cmp p/n q/p/n; ls q/p; stat -c '%a %F' q/p/n q/p/l; gzip -k p/n; zcat p/n.gz | tail -1; bzip2 -c p/n | bunzip2 | md5sum; xz -c p/n | unxz | md5sum"),
    "perl": ("perl", "my %h; $h{$_ % 7}++ for 1..1000; print join(',', map { \"$_=$h{$_}\" } sort keys %h), \"\\n\"; open(my $p, '-|', 'echo from child') or die; print <$p>; close $p; my $pid = fork; if (!$pid) { exit 3 } waitpid $pid, 0; print $? >> 8, \"\\n\"; local $SIG{ALRM} = sub { die \"alarm\\n\" }; eval { alarm 1; select undef, undef, undef, 10; }; print $@; pipe my $r, my $w; print $w 'x'; close $w; print <$r>, \"\\n\";"),
    "python_subprocess": ("python3", "import subprocess as s\nprint(s.run(['tr', 'a-z', 'A-Z'], input=b'text', capture_output=True).stdout)\nprint(s.run('exit 9', shell=True).returncode)\np = s.Popen(['sleep', '100']); p.terminate(); print(p.wait())\ntry:\n    s.run(['sleep', '100'], timeout=0.2)\nexcept s.TimeoutExpired as e:\n    print('timeout')\ntry:\n    s.run(['/no/such'])\nexcept FileNotFoundError as e:\n    print(e)"),
    "python_threading": ("python3", "import threading, queue\nq, n = queue.Queue(), 0\nlock = threading.Lock()\ndef work():\n    global n\n    for _ in range(200):\n        with lock:\n            n += 1\n    q.put(1)\nts = [threading.Thread(target=work) for _ in range(50)]\n[t.start() for t in ts]; [t.join() for t in ts]\nprint(n, q.qsize())\nc = threading.Condition(); done = []\ndef w():\n    with c:\n        c.wait_for(lambda: done)\n        print('woken')\nt = threading.Thread(target=w); t.start()\nwith c:\n    done.append(1); c.notify_all()\nt.join()\nprint(threading.Event().wait(0.05))"),
    "python_multiprocessing": ("python3", "import multiprocessing as m\ndef f(x): return x * x\nif __name__ == '__main__':\n    with m.Pool(4) as p:\n        print(sum(p.map(f, range(100))))\n    q = m.Queue()\n    p = m.Process(target=q.put, args=('hi',)); p.start(); print(q.get()); p.join(); print(p.exitcode)\n    v = m.Value('i', 0)\n    def inc(v):\n        for _ in range(100):\n            with v.get_lock(): v.value += 1\n    ps = [m.Process(target=inc, args=(v,)) for _ in range(4)]\n    [p.start() for p in ps]; [p.join() for p in ps]; print(v.value)"),
    "python_asyncio": ("python3", "import asyncio\nasync def main():\n    async def f(i):\n        await asyncio.sleep(0.01 * (3 - i)); return i\n    print(await asyncio.gather(*map(f, range(3))))\n    p = await asyncio.create_subprocess_exec('echo', 'sub', stdout=asyncio.subprocess.PIPE)\n    print((await p.communicate())[0], p.returncode)\n    async def serve(r, w):\n        w.write((await r.readline()).upper()); await w.drain(); w.close()\n    s = await asyncio.start_unix_server(serve, 'sock')\n    r, w = await asyncio.open_unix_connection('sock')\n    w.write(b'line\\n'); print(await r.read()); s.close()\n    try:\n        await asyncio.wait_for(asyncio.sleep(10), 0.05)\n    except asyncio.TimeoutError: print('timeout')\nasyncio.run(main())"),
    "python_sqlite": ("python3", "import sqlite3\nd = sqlite3.connect('t.db')\nd.execute('create table t (a int, b text)')\nd.executemany('insert into t values (?, ?)', [(i, str(i)) for i in range(1000)]); d.commit()\nd.execute('pragma journal_mode=wal')\nprint(d.execute('select sum(a), count(*) from t where b like ?', ('1%',)).fetchone())\nd.close(); e = sqlite3.connect('t.db'); print(e.execute('pragma integrity_check').fetchone())"),
    "python_files": ("python3", "import os, mmap, tempfile, shutil, fcntl, stat\nwith tempfile.TemporaryDirectory(dir='.') as d:\n    p = d + '/f'; open(p, 'wb').write(b'a' * 100000)\n    with open(p, 'r+b') as f:\n        m = mmap.mmap(f.fileno(), 0); m[5:8] = b'xyz'; m.flush(); m.close()\n        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n    print(open(p, 'rb').read(10)); os.link(p, p + '2'); print(os.stat(p).st_nlink)\n    shutil.copy(p, p + '3'); os.rename(p + '3', p + '4'); print(sorted(os.listdir(d)))\n    os.truncate(p, 3); print(os.path.getsize(p + '2')); print(stat.filemode(os.stat(d).st_mode))"),
    "fork_many": ("bash", "n=0; for i in $(seq 2000); do (exit 0) && n=$((n + 1)); done; echo $n"),
    "processes_200": ("bash", "for i in $(seq 200); do sleep 100 & done; jobs -p | wc -l; kill $(jobs -p); wait; echo $?"),
    "threads_200": ("python3", "import threading\nb = threading.Barrier(201)\nts = [threading.Thread(target=b.wait) for _ in range(200)]\n[t.start() for t in ts]; print(threading.active_count()); b.wait(); [t.join() for t in ts]; print('done')"),
}

GIT = """export HOME=$PWD GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z'
git init -q -b main r && cd r && git config user.name n && git config user.email e@x
seq 100 >a; mkdir d; echo b >d/b; git add . && git commit -q -m first && git log --format='%H %s'
echo more >>a; git status --short; git diff --stat; git commit -q -am second; git log --oneline | wc -l; git checkout -q HEAD~1 && tail -1 a
git checkout -q main; git tag v1; git branch x; git gc -q; git fsck 2>/dev/null; git show --stat v1 | tail -2; git clone -q . ../c && ls ../c"""


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script(name, tmp_path):
    interpreter, text = SCRIPTS[name]
    if interpreter == "python3":
        interpreter = "/usr/bin/python3"
    assert shutil.which(interpreter), f"{interpreter} is not installed"
    compare([interpreter, "script"], tmp_path, {"script": text}, stderr=False)


def test_gcc(tmp_path):
    compare(["bash", "-c", "gcc -O2 -c main.c f.c && gcc main.o f.o -o prog && ./prog arg; echo $?; make -s -f - <<<'all: ; @echo made'"],
            tmp_path, HELLO)


def test_git(tmp_path):
    compare(["bash", "script"], tmp_path, {"script": GIT})


def test_host_files_stay(tmp_path):
    """What a program changes in the sandbox is not changed on the host."""
    f = tmp_path / "f"
    f.write_text("kept\n")
    st = os.stat(f)
    r = run([RUNSC, "--network=none", "do", "bash", "-c", f"echo new >{f}; chmod 777 {f}; cat {f}; rm {f}; mkdir {f}; ls -d {f}"], tmp_path)
    assert r == (0, f"new\n{f}\n", "")
    assert f.read_text() == "kept\n" and os.stat(f).st_mode == st.st_mode and os.stat(f).st_mtime_ns == st.st_mtime_ns


def test_stdin_pipe_and_large_output(tmp_path):
    data = b"".join(b"%d\n" % i for i in range(200000))
    r = subprocess.run([RUNSC, "--network=none", "do", "cat"], input=data, capture_output=True, timeout=60)
    assert (r.returncode, r.stdout, r.stderr) == (0, data, b"")


def test_stdout_to_file(tmp_path):
    out = tmp_path / "out"
    with open(out, "wb") as f:
        f.write(b"head\n")
        f.flush()
        subprocess.run([RUNSC, "--network=none", "do", "sh", "-c", "echo a; echo b"], stdout=f, check=True, timeout=60)
    assert out.read_bytes() == b"head\na\nb\n"
