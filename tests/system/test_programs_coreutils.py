"""Every program of coreutils under `runsc do`: output and exit status compared with the host's."""
import re
import subprocess

import pytest

from programs import bash

SCRIPTS = {
    "encode": "seq 3000 >n; for p in base32 base64 'basenc --base16' 'basenc --z85'; do head -c 1000 n | $p >o; $p -d <o | cmp - <(head -c 1000 n); md5sum <o; done",
    "sums": "seq 3000 >n; : >empty; for p in b2sum cksum 'cksum -a crc' md5sum md5sum.textutils sha1sum sha224sum sha256sum sha384sum sha512sum sum 'sum -s'; do $p n empty; done; sha256sum n >s; echo x >>n; sha256sum -c s; echo $?",
    "names": "basename /a/b.c .c; dirname /a/b/c; pathchk -p 'a b'; echo $?; pathchk $(printf 'x%.0s' {1..300}); echo $?; realpath -m /x/../y; ln -s a b; readlink b; readlink -f b; mktemp -u -p . XXXX | wc -c; mktemp -d ./dXXXX | wc -c",
    "text_1": "seq 20 >n; cat -A <<<$'a\\tb'; comm <(seq 3) <(seq 2 4); csplit -s n 5 12; wc xx*; cut -c2- n; expand <<<$'\\ta'; unexpand -a <<<'        a'; fmt -w 20 <<<'some words that are to be filled into lines'; fold -s -w 9 <<<'some words of text'; head -n -17 n; tail -n +18 n; tail -c 5 n; join <(echo a 1) <(echo a 2); nl -ba n | tail -2; numfmt --to=iec 123456789; od -c <<<abc; paste -d, <(seq 2) <(seq 3 4)",
    "text_2": "seq 20 >n; pr -t -3 -l 7 n; ptx <<<'one two three'; shuf --random-source=n -n 3 n; sort -rn n | head -2; sort -k2,2 -u <<<$'a 2\\nb 1\\nc 2'; split -n l/3 n; cat xaa xab xac | cmp - n; tac n | head -2; tee o p <n | wc; cmp o p; tr -s ab <<<aabbcc; tr -d '[:digit:]' <<<a1b2; tsort <<<'a b b c c d'; uniq -dc <<<$'a\\na\\nb'; wc -lwcmL n; printf '%05.2f|%-5s|%q\\n' 3.14159 ab 'c d'; seq -w -s, 8 11; yes | head -2; echo -e 'a\\tb'; factor 1234567890123; expr length abc + 2; numfmt --from=si 1K",
    "date_env": "date -u -d @1000000000 +%FT%T%z; TZ=Europe/Berlin date -d '2020-07-01 12:00 UTC'; env -i A=1 env; printenv HOME; env -u HOME printenv HOME; echo $?; nproc --all; nproc; hostid; arch; uname -s -m -n -p -o; id; id -un; groups; logname; echo $?; whoami; users; who | wc -l; pinky -s root | head -1; tty; echo $?; stty size; echo $?; pwd -P",
    "files_1": "umask 022; mkdir -p -m 700 a/b; touch -d 2001-01-01 a/f; cp -p a/f g; stat -c '%y %a %n' g; cp -r a c; cp --reflink=auto g h; cp --sparse=always /dev/null z; ln g l; ln -s g s; link g m; stat -c %h g; unlink m; stat -c %h g; mv -n g a; mv -T c d; dd if=/dev/zero of=q bs=4k count=5 conv=fsync 2>&1 | head -2; dd if=q of=r bs=3 skip=2 seek=1 count=4 conv=notrunc status=none; stat -c %s r; install -d -m 711 i; install -m 4755 q i/q; stat -c '%a %A' i i/q; shred -n1 -u q; ls; rm -rf a; rmdir d 2>&1; rm nothing; echo $?; rm -f nothing; echo $?",
    "files_2": "mkfifo -m 600 p; stat -c '%F %a' p; (echo word >p &) ; cat p; mknod f p; mknod n c 1 3; stat -c '%F %t %T %a' n; echo x >n; cat n | wc -c; truncate -s 1M t; truncate -s -5 t; stat -c '%s' t; truncate -r t u; stat -c %s u; chmod a=rX,u+w t; stat -c %a t; chmod -v 4711 t; chmod --reference=t u; stat -c %a u; chown 12:34 t; stat -c '%u %g' t; chgrp -v 56 t; chown --from=99 1:1 t; stat -c '%u %g' t; sync t; sync; chcon x t 2>&1; runcon a:b:c:d true 2>&1; echo $?",
    "list": "mkdir -p d/e; touch -d 2001-01-01 d/a d/b; touch -d 2002-02-02 d/e/c; ln -s a d/l; mkfifo d/p; echo text >d/t; touch -d 2003-03-03T03:03:03Z d/t; touch -d 2004-04-04 d/e; touch -h -d 2005-05-05 d/l d/p; touch -d 2006-06-06 d; ls -1aF d; ls -lR --time-style=long-iso d | grep -v ^total | sed 's/  *[0-9]* \\([12]...-\\)/ \\1/'; ls -St d; ls -n --time-style=+%s d/t; dir d; vdir --time-style=iso d/t; du -a --apparent-size -b d | grep t; dircolors -p | head -3; dircolors -b | wc -l; ls --color=always d | cat -v; test -p d/p; echo $?; [ d/b -nt d/t ]; echo $?; test -L d/l -a ! -e d/zz; echo $?; stat -f -c %T /proc; df --output=target /proc | tail -1; df . | wc -l",
    "run": "exec 2>&1; timeout 0.1 sleep 100; echo $?; sh -c 'timeout -s KILL 0.1 sleep 100; echo $?' 2>/dev/null; timeout 5 sh -c 'exit 3'; echo $?; nice; nice -n 5 nice; nohup echo text; stdbuf -o0 echo word; true; echo $?; false; echo $?; sleep 0.01 0.01; echo $?; chroot / sh -c 'echo in; pwd'; chroot --userspec=1:2 / id; chroot /no/such true; echo $?; env -S 'sh -c \"echo $0\" x'; env --chdir=/usr pwd; env --ignore-signal=TERM sh -c 'kill -TERM $$; echo alive'; seq 1 100000 | head -1; timeout --foreground 5 true; nohup sh -c 'exit 7'; echo $?; /bin/kill -l TERM; runcon 2>&1 | wc -l",
}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_script(name, tmp_path):
    status, out, _ = bash(SCRIPTS[name], tmp_path)
    assert status == 0 and out


def test_all_are_used():
    out = subprocess.run(["dpkg", "-L", "coreutils"], check=True, capture_output=True, text=True).stdout
    programs = re.findall(r"^/(?:usr/)?s?bin/(\S+)$", out, re.M)
    assert len(programs) > 100
    missing = [p for p in programs if not any(re.search(rf"(?<![\w.-]){re.escape(p)}(?![\w.-])", s) for s in SCRIPTS.values())]
    assert not missing
