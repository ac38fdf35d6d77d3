"""Hostile code in an application process: it can read and jump into the stub's text (stub/stub_abi.h). Whatever it asks for from
there that the sentry did not ask for ends its process; nothing reaches the host, and the sandbox goes on."""
import subprocess

import pytest

from conftest import PLATFORMS, RUNSC

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT 0x7fff00000000ULL
#define AREAS 0x7fff10000000ULL
static const uint8_t *gate;
static long stub(long nr, long a, long b, long c, long d, long e, long f)
{
    long r;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    /* a call to the instruction itself: it is followed by ret */
    __asm__ volatile("call *%1" : "=a"(r) : "r"(gate), "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}
static void child(int n)
{
    static char path[] = "/etc/passwd";
    switch (n) {
    case 0: stub(SYS_openat, -100, (long)path, 0, 0, 0, 0); break;
    case 1: stub(SYS_socket, 2, 1, 0, 0, 0, 0); break;
    case 2: stub(SYS_execve, (long)path, 0, 0, 0, 0, 0); break;
    case 3: stub(SYS_clone, 0x11, 0, 0, 0, 0, 0); break;
    case 4: stub(SYS_mmap, 0, 4096, 1, 1, 3, 0); break;                      /* the memfd of areas */
    case 5: stub(SYS_mmap, AREAS + (1 << 16), 65536, 3, 0x11, 3, 1 << 16); break; /* another thread's area */
    case 6: stub(SYS_mmap, TEXT, 4096, 7, 0x32, -1, 0); break;               /* over the stub */
    case 7: stub(SYS_munmap, TEXT, 4096, 0, 0, 0, 0); break;
    case 8: stub(SYS_munmap, 0x7ffd00000000, 0x400000000, 0, 0, 0, 0); break; /* into the stub */
    case 9: stub(SYS_mprotect, TEXT, 4096, 7, 0, 0, 0); break;
    case 10: stub(SYS_mmap, 0x10000000, 4096, 3, 0x22, -1, 0); break;         /* not fixed */
    case 11: stub(SYS_ptrace, 0, 0, 0, 0, 0, 0); break;
    case 12: stub(SYS_kill, 1, 9, 0, 0, 0, 0); break;
    case 13: stub(0x7102, 0, 0, 0, 0, 0, 0); break;                           /* as the zygote */
    case 14: stub(SYS_mremap, TEXT, 4096, 4096, 3, 0x10000000, 0); break;
    case 15: stub(SYS_seccomp, 1, 0, 0, 0, 0, 0); break;
    case 16: stub(SYS_recvmsg, 4, (long)path, 0, 0, 0, 0); break;             /* ptrace: another's file */
    case 17: stub(SYS_seccomp, 1, 1, (long)path, 0, 0, 0); break;             /* a filter that nobody wants */
    case 18: stub(SYS_mmap, 0x10000000, 4096, 1, 1, 5, 0); break;             /* a given file, not fixed */
    case 19: stub(SYS_mmap, TEXT, 4096, 1, 0x11, 5, 0); break;                /* .. and over the stub */
    }
    _exit(55);
}
/* While one thread maps files, another writes over the header of the message that brings their descriptors. */
#define PASS 0xf00
static sigjmp_buf missed;
static void on_fault(int n) { siglongjmp(missed, 1); }
static uint8_t *volatile header[8];
static volatile int headers;
static void *spoil(void *arg)
{
    signal(SIGSEGV, on_fault);
    for (uint64_t slot = 1; slot < 512 && headers < 8; slot++)
        if (!sigsetjmp(missed, 1)) {
            uint8_t *p = (uint8_t *)(AREAS + (slot << 16) + PASS);
            *(volatile uint8_t *)p = *(volatile uint8_t *)p;
            header[headers] = p;
            headers++;
        }
    for (unsigned n = 0;; n++)
        for (int i = 0; i < headers; i++)
            switch (n >> 4 & 3) {
            case 0: memset(header[i] + 24, 0, 24); break;          /* no room for the message */
            case 1: memset(header[i] + 32, 0, 16); break;          /* no room for the descriptor */
            case 2: *(uint64_t *)(header[i] + 40) = 8; break;
            }
    return NULL;
}
static void race(void)
{
    static const char *const path[] = {"/etc/passwd", "/etc/shells"}, *const start[] = {"root:", "# /et"};
    pthread_t t;
    int fd[2] = {open(path[0], O_RDONLY), open(path[1], O_RDONLY)};
    pthread_create(&t, NULL, spoil, NULL);
    while (!headers)
        sched_yield();
    for (int i = 0; i < 400; i++) {
        char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd[i & 1], 0);
        if (p != MAP_FAILED && memcmp(p, start[i & 1], 5))
            _exit(77);
        if (p != MAP_FAILED)
            munmap(p, 4096);
    }
    _exit(0);
}
/* One thread makes calls whose arguments go through its area; another writes words into it that could mean something. */
static unsigned seed;
static void *scribble(void *arg)
{
    static const uint32_t words[] = {0, 1, 2, 3, 4, 8, 0x1000, 0x1fff, 0x4fff, 0x5000, 0xffff, 0x7fffffff, 0xffffffff, 31, 10, 11};
    signal(SIGSEGV, on_fault);
    for (uint64_t slot = 1; slot < 512 && headers < 8; slot++)
        if (!sigsetjmp(missed, 1)) {
            uint8_t *p = (uint8_t *)(AREAS + (slot << 16));
            *(volatile uint8_t *)p = *(volatile uint8_t *)p;
            header[headers] = p;
            headers++;
        }
    for (;;) {
        uint32_t at = (uint32_t)rand_r(&seed) % 0x3c0 * 4, word = words[(uint32_t)rand_r(&seed) % 16];
        if (at >= 0x50 && at < 0x200 && rand_r(&seed) % 4) /* what names memory, most of the time */
            at = 0x50 + (uint32_t)rand_r(&seed) % 0x60 * 4;
        if (headers)
            *(volatile uint32_t *)(header[(uint32_t)rand_r(&seed) % (uint32_t)headers] + at) = word;
    }
}
static void scribbled(unsigned n)
{
    pthread_t t;
    char b[256];
    struct { long w[32]; } st;
    int fds[2], fd = open("/etc/passwd", O_RDONLY);
    seed = n;
    pipe(fds);
    alarm(1);
    pthread_create(&t, NULL, scribble, NULL);
    for (;;) {
        syscall(SYS_stat, "/etc/passwd", &st);
        pread(fd, b, sizeof b, 0);
        write(fds[1], b, 100);
        read(fds[0], b, 100);
        getppid();
        mprotect(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0), 4096, PROT_READ | PROT_WRITE);
    }
}
int main(void)
{
    const uint8_t *text = (const uint8_t *)TEXT;
    for (int i = 0; i < 0x1000 && !gate; i++)
        if (text[i] == 0x0f && text[i + 1] == 0x05 && text[i + 2] == 0xc3)
            gate = text + i;
    if (!gate)
        return 2;
    if (stub(SYS_munmap, 0x10000, 4096, 0, 0, 0, 0) != 0) /* its own memory it may spoil */
        return 3;
    for (int n = 0; n < 20; n++) {
        pid_t pid = fork();
        if (pid == 0)
            child(n);
        int st = 0;
        if (waitpid(pid, &st, 0) != pid)
            return 4;
        printf("%d %s\n", n, WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL ? "killed" : "NOT KILLED");
    }
    /* Rewriting the shared pages of its own thread harms nobody else: the area of the first thread of a process holds its frames. */
    pid_t pid = fork();
    if (pid == 0) {
        for (uint64_t a = AREAS; a < AREAS + (64ULL << 16); a += 1 << 16) {
            unsigned char v;
            if (mincore((void *)a, 4096, &v) == 0)
                memset((void *)a, 0x41, 0x10000);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    for (int n = 0; n < 10; n++) {
        int st = 0;
        pid = fork();
        if (pid == 0)
            race();
        waitpid(pid, &st, 0);
        if (WIFEXITED(st) && WEXITSTATUS(st))
            printf("status %#x\n", st);
        char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open("/etc/passwd", O_RDONLY), 0);
        if (p == MAP_FAILED || memcmp(p, "root:", 5))
            puts("another's file");
    }
    for (unsigned n = 1; n <= 6; n++) {
        pid = fork();
        if (pid == 0)
            scribbled(n);
        int st = 0;
        waitpid(pid, &st, 0);
        if (!WIFSIGNALED(st))
            printf("status %#x\n", st);
        pid = fork();
        if (pid == 0)
            _exit(7);
        if (waitpid(pid, &st, 0) != pid || WEXITSTATUS(st) != 7)
            return 5;
    }
    puts("alive");
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    d = tmp_path_factory.mktemp("stub")
    (d / "p.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-static", "-pthread", "-w", "-o", d / "p", d / "p.c"], check=True)
    return d / "p"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_calls_from_the_stub(program, platform):
    r = subprocess.run([RUNSC, f"--platform={platform}", "--network=none", "do", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert r.stdout == "".join(f"{n} killed\n" for n in range(20)) + "alive\n", r.stdout + r.stderr
    assert r.returncode == 0 and r.stderr == ""
