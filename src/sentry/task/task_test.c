/* The run loop, signals, processes and waiting, on a platform without processes: the test plays the application. */
#include "base/test.h"

#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/syscall_nr.h"
#include "abi/wait.h"
#include "base/err.h"
#include "sentry/arena/arena_priv.h"
#include "sentry/arena/slab.h"
#include "sentry/io/worker.h"
#include "sentry/kernel.h"
#include "sentry/mm/mm.h"
#include "sentry/platform/fake/process_test.h"
#include "sentry/signal/signal.h"
#include "sentry/task/task_priv.h"
#include "sentry/time/timer.h"
#include "sentry/vfs/file.h"

#include <string.h>

#define CODE      (FAKE_MEM + 0x100)
#define DATA      (FAKE_MEM + 0x1000)
#define STACK_TOP (FAKE_MEM + 0x20000)
#define HANDLER   0x4000u
#define RESTORER  0x5000u

static int finished_with;

void sandbox_finish(int wait_status) { finished_with = wait_status; }

static struct task *first;

static struct task *make_init(void)
{
    struct task *t = fake_init(LINUX_RLIM_INFINITY, UINT64_MAX);
    t->tg->rlim[LINUX_RLIMIT_SIGPENDING].rlim_cur = 8;
    t->tg->rlim[LINUX_RLIMIT_CORE].rlim_cur = 0; /* no file system here */
    t->thread->regs.rsp = STACK_TOP;
    t->thread->regs.rip = CODE + 2;
    static const uint8_t syscall_insn[2] = {0x0f, 0x05};
    memcpy(fake_mem(t->mm->space, CODE), syscall_insn, 2);
    task_start(t);
    return t;
}

static int setup(void **state)
{
    int err = arena_init();
    if (!err)
        err = timers_init();
    if (!err)
        err = tasks_init();
    if (!err)
        err = platform_init(&task_platform_events, NULL);
    kern()->ncpus = 2;
    if (!err)
        first = make_init();
    assert_int_equal(first->tid, 1);
    return err;
}

static int teardown(void **state)
{
    arena_done();
    return 0;
}

static void set_action(struct task *t, int sig, uint64_t handler, uint64_t flags)
{
    struct linux_sigaction act = {
        .handler = handler, .flags = flags | LINUX_SA_RESTORER, .restorer = RESTORER};
    memcpy(fake_mem(t->mm->space, DATA), &act, sizeof(act));
    CALL(t, rt_sigaction, sig, DATA, 0, 8);
    assert_int_equal(result_of(t), 0);
}

static void test_simple_calls(void **state)
{
    CALL(first, getpid);
    assert_int_equal(result_of(first), 1);
    CALL(first, getppid);
    assert_int_equal(result_of(first), 0);
    fake_syscall(first, 100000, 0, 0, 0, 0, 0);
    assert_int_equal(result_of(first), -ENOSYS);
}

static void test_fork_exit_wait(void **state)
{
    struct task *c = do_fork(first, 0);
    int32_t pid = c->tid;
    CALL(c, getppid);
    assert_int_equal(result_of(c), 1);
    CALL(first, wait4, -1, DATA, LINUX_WNOHANG, 0);
    assert_int_equal(result_of(first), 0);
    CALL(first, wait4, -1, DATA, 0, 0);
    assert_int_equal(first->state, TASK_PARKED);
    CALL(c, exit_group, 7);
    assert_int_equal(result_of(first), pid);
    int32_t status;
    memcpy(&status, fake_mem(first->mm->space, DATA), 4);
    assert_int_equal(LINUX_WEXITSTATUS(status), 7);
    assert_null(task_find(pid));
    assert_null(tgroup_find(pid));
    CALL(first, wait4, -1, DATA, 0, 0);
    assert_int_equal(result_of(first), -ECHILD);
}

static void test_kill_child(void **state)
{
    struct task *c = do_fork(first, 0);
    int32_t pid = c->tid;
    CALL(first, kill, pid, LINUX_SIGTERM);
    assert_int_equal(result_of(first), 0);
    assert_true(tgroup_find(pid)->zombie);
    CALL(first, waitid, LINUX_P_PID, pid, DATA, LINUX_WEXITED | LINUX_WNOWAIT, 0);
    assert_int_equal(result_of(first), 0);
    struct linux_siginfo info;
    memcpy(&info, fake_mem(first->mm->space, DATA), sizeof(info));
    assert_int_equal(info.si_code, LINUX_CLD_KILLED);
    assert_int_equal(info.chld.status, LINUX_SIGTERM);
    CALL(first, wait4, pid, DATA, 0, 0);
    assert_int_equal(result_of(first), pid);
}

/* A handler runs in the middle of a blocked call; then the call goes on or ends, as SA_RESTART says. */
static void interrupted_wait(uint64_t sa_flags, bool restarts)
{
    struct task *c = do_fork(first, 0);
    set_action(first, LINUX_SIGUSR1, HANDLER, sa_flags);
    first->thread->regs.rip = CODE + 2;
    CALL(first, wait4, -1, 0, 0, 0);
    assert_int_equal(first->state, TASK_PARKED);
    CALL(c, kill, 1, LINUX_SIGUSR1);
    assert_int_equal(first->thread->did, FAKE_RETURNED_STOP);
    assert_int_equal(first->thread->value, -EINTR);
    fake_interrupted(first);
    assert_int_equal(first->thread->did, FAKE_RESUMED);
    struct regs *r = &first->thread->regs;
    assert_int_equal(r->rip, HANDLER);
    assert_int_equal(r->rdi, LINUX_SIGUSR1);
    assert_int_equal((r->rsp + 8) % 16, 0);
    assert_true(r->rsp < STACK_TOP - LINUX_REDZONE_SIZE);
    assert_true(first->sigmask & SIGBIT(LINUX_SIGUSR1));
    r->rsp += 8; /* ret to the restorer */
    TRAP(first, rt_sigreturn);
    assert_int_equal(first->thread->did, FAKE_RESUMED);
    assert_int_equal(first->sigmask, 0);
    assert_int_equal(r->rsp, STACK_TOP);
    assert_int_equal(r->rip, restarts ? CODE : CODE + 2);
    assert_int_equal(r->rax, restarts ? LINUX_SYS_wait4 : (uint64_t)-EINTR);
    CALL(c, exit_group, 0);
    CALL(first, wait4, -1, 0, 0, 0);
    assert_true(result_of(first) > 0);
}

static void test_eintr(void **state) { interrupted_wait(0, false); }
static void test_restart(void **state) { interrupted_wait(LINUX_SA_RESTART, true); }

/* An ignored signal, and job control, leave the call where it was. */
static void test_stop_and_continue(void **state)
{
    struct task *c = do_fork(first, 0);
    int32_t pid = c->tid;
    CALL(c, pause);
    assert_int_equal(c->state, TASK_PARKED);
    CALL(first, kill, pid, LINUX_SIGSTOP);
    assert_int_equal(c->state, TASK_STOPPED);
    CALL(first, wait4, pid, DATA, LINUX_WUNTRACED | LINUX_WNOHANG, 0);
    assert_int_equal(result_of(first), pid);
    CALL(first, wait4, pid, DATA, LINUX_WUNTRACED | LINUX_WNOHANG, 0);
    assert_int_equal(result_of(first), 0);
    CALL(first, kill, pid, LINUX_SIGCONT);
    assert_int_equal(c->state, TASK_PARKED); /* in pause again */
    CALL(first, wait4, pid, DATA, LINUX_WCONTINUED | LINUX_WNOHANG, 0);
    assert_int_equal(result_of(first), pid);
    CALL(first, kill, pid, LINUX_SIGKILL);
    CALL(first, wait4, pid, DATA, 0, 0);
    assert_int_equal(result_of(first), pid);
}

static void test_running_is_interrupted(void **state)
{
    struct task *c = do_fork(first, 0);
    set_action(c, LINUX_SIGUSR2, HANDLER, LINUX_SA_SIGINFO);
    CALL(first, tgkill, c->tid, c->tid, LINUX_SIGUSR2);
    assert_true(c->thread->interrupted);
    c->thread->regs.rax = 5;
    fake_interrupted(c);
    assert_int_equal(c->thread->regs.rip, HANDLER);
    struct linux_siginfo info;
    memcpy(&info, fake_mem(c->mm->space, c->thread->regs.rsi), sizeof(info));
    assert_int_equal(info.si_code, LINUX_SI_TKILL);
    assert_int_equal(info.kill.pid, 1);
    fake_fault(c, LINUX_SIGSEGV, 0x10);
    CALL(first, wait4, -1, DATA, 0, 0);
    int32_t status;
    memcpy(&status, fake_mem(first->mm->space, DATA), 4);
    assert_int_equal(LINUX_WTERMSIG(status), LINUX_SIGSEGV);
}

static void test_native_futex(void **state)
{
    set_action(first, LINUX_SIGUSR1, HANDLER, LINUX_SA_RESTART);
    struct task *c = do_fork(first, 0);
    struct regs *r = &first->thread->regs;
    r->rip = CODE; /* the host has made the call undone */
    r->rax = LINUX_SYS_futex;
    r->rdi = DATA;
    r->rsi = 128; /* FUTEX_WAIT_PRIVATE */
    r->r10 = 0;
    CALL(c, kill, 1, LINUX_SIGUSR1);
    assert_true(first->thread->interrupted);
    uint64_t sp = r->rsp;
    fake_interrupted(first);
    assert_int_equal(r->rip, HANDLER);
    r->rsp += 8;
    TRAP(first, rt_sigreturn);
    assert_int_equal(r->rip, CODE);
    assert_int_equal(r->rax, LINUX_SYS_futex);
    assert_int_equal(r->rsp, sp);
    CALL(c, exit_group, 0);
    CALL(first, wait4, -1, 0, 0, 0);
    r->rip = CODE + 2;
}

static uint64_t objects(void)
{
    uint64_t n = 0;
    for (int i = 0; i < SLAB_COUNT; i++)
        n += slab_live((enum slab_id)i);
    return n;
}

/* A stub that makes another call where it was to report on what was queued: nothing of the first one is left. */
static void test_call_instead_of_report(void **state)
{
    const uint64_t before = objects();
    struct task *c = do_fork(first, 0);
    int32_t pid = c->tid;
    TRAP(c, clone,
         LINUX_CLONE_VFORK | LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_SIGCHLD, 0,
         0, 0, 0);
    assert_int_equal(c->thread->did, FAKE_SYNCED);
    struct task *g = list_first_entry(&c->tg->children, struct tgroup, sibling)->leader;
    int32_t child = g->tid;
    CALL(c, getpid);
    CALL(first, wait4, pid, DATA, 0, 0);
    assert_int_equal(result_of(first), pid);
    int32_t status;
    memcpy(&status, fake_mem(first->mm->space, DATA), sizeof(status));
    assert_int_equal(status, LINUX_SIGKILL);
    CALL(g, exit_group, 0);
    CALL(first, wait4, child, 0, 0, 0);
    assert_int_equal(result_of(first), child);
    assert_int_equal(objects(), before);
}

static void test_vfork(void **state)
{
    TRAP(first, clone,
         LINUX_CLONE_VFORK | LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_SIGCHLD, 0,
         0, 0, 0);
    assert_int_equal(first->thread->did, FAKE_SYNCED);
    fake_interrupted(first);
    assert_int_equal(first->state, TASK_PARKED);
    struct tgroup *tg = list_first_entry(&first->tg->children, struct tgroup, sibling);
    struct task *c = tg->leader;
    assert_ptr_equal(c->thread->space, first->thread->space);
    int32_t pid = c->tid;
    CALL(c, exit_group, 3);
    assert_int_equal(result_of(first), pid);
    CALL(first, wait4, -1, 0, 0, 0);
    assert_int_equal(result_of(first), pid);
}

static void test_threads(void **state)
{
    struct task *c = do_fork(first, 0);
    int32_t pid = c->tid;
    TRAP(c, clone,
         LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SIGHAND |
             LINUX_CLONE_THREAD,
         STACK_TOP - 0x8000, 0, 0, 0);
    int32_t tid = (int32_t)result_of(c);
    struct task *th = task_find(tid);
    CALL(th, getpid);
    assert_int_equal(result_of(th), pid);
    CALL(th, pause);
    /* The leader ends; the process does not. */
    CALL(c, exit, 1);
    assert_false(tgroup_find(pid)->zombie);
    CALL(first, wait4, -1, 0, LINUX_WNOHANG, 0);
    assert_int_equal(result_of(first), 0);
    CALL(first, kill, pid, LINUX_SIGTERM);
    assert_null(task_find(tid));
    CALL(first, wait4, -1, DATA, 0, 0);
    assert_int_equal(result_of(first), pid);
    TRAP(first, clone, LINUX_CLONE_THREAD, 0, 0, 0, 0);
    assert_int_equal(result_of(first), -EINVAL);
}

/* A fault in one thread ends them all. */
static void test_thread_faults(void **state)
{
    struct task *c = do_fork(first, 0);
    int32_t pid = c->tid;
    TRAP(c, clone,
         LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SIGHAND |
             LINUX_CLONE_THREAD,
         STACK_TOP - 0x8000, 0, 0, 0);
    struct task *th = task_find((int32_t)result_of(c));
    CALL(c, pause);
    fake_fault(th, LINUX_SIGSEGV, 8);
    CALL(first, wait4, -1, DATA, 0, 0);
    assert_int_equal(result_of(first), pid);
    int32_t status;
    memcpy(&status, fake_mem(first->mm->space, DATA), 4);
    assert_int_equal(LINUX_WTERMSIG(status), LINUX_SIGSEGV);
}

static void test_orphans_and_autoreap(void **state)
{
    struct task *c = do_fork(first, 0);
    struct task *g = do_fork(c, 0);
    int32_t gpid = g->tid;
    CALL(c, exit_group, 0);
    CALL(g, getppid);
    assert_int_equal(result_of(g), 1);
    CALL(first, wait4, -1, 0, 0, 0);
    set_action(first, LINUX_SIGCHLD, LINUX_SIG_IGN, 0);
    CALL(g, exit_group, 0);
    assert_null(tgroup_find(gpid));
    CALL(first, wait4, -1, 0, 0, 0);
    assert_int_equal(result_of(first), -ECHILD);
    set_action(first, LINUX_SIGCHLD, LINUX_SIG_DFL, 0);
}

static void test_queue_limits(void **state)
{
    uint64_t mask = SIGBIT(40) | SIGBIT(LINUX_SIGUSR1);
    memcpy(fake_mem(first->mm->space, DATA), &mask, 8);
    CALL(first, rt_sigprocmask, LINUX_SIG_BLOCK, DATA, 0, 8);
    struct linux_siginfo info = {.si_signo = 40, .si_code = LINUX_SI_QUEUE};
    for (int i = 0; i < 10; i++) {
        info.rt.value.sival_int = i;
        memcpy(fake_mem(first->mm->space, DATA + 64), &info, sizeof(info));
        CALL(first, rt_sigqueueinfo, 1, 40, DATA + 64);
        assert_int_equal(result_of(first), i < 8 ? 0 : -EAGAIN);
    }
    CALL(first, kill, 1, LINUX_SIGUSR1);
    CALL(first, kill, 1, LINUX_SIGUSR1);
    CALL(first, rt_sigtimedwait, DATA, 0, 0, 8);
    assert_int_equal(result_of(first), LINUX_SIGUSR1);
    for (int i = 0; i < 8; i++) {
        CALL(first, rt_sigtimedwait, DATA, DATA + 64, 0, 8);
        assert_int_equal(result_of(first), 40);
        memcpy(&info, fake_mem(first->mm->space, DATA + 64), sizeof(info));
        assert_int_equal(info.rt.value.sival_int, i);
    }
    uint64_t zero[2] = {0, 0};
    memcpy(fake_mem(first->mm->space, DATA + 64), zero, sizeof(zero));
    CALL(first, rt_sigtimedwait, DATA, 0, DATA + 64, 8);
    assert_int_equal(result_of(first), -EAGAIN);
    CALL(first, rt_sigprocmask, LINUX_SIG_UNBLOCK, DATA, 0, 8);
}

static void test_sleep_timer(void **state)
{
    uint64_t ts[2] = {0, 20000000};
    memcpy(fake_mem(first->mm->space, DATA), ts, sizeof(ts));
    CALL(first, nanosleep, DATA, 0);
    assert_int_equal(first->state, TASK_PARKED);
    assert_true(timer_armed(&first->wait_timer));
    int64_t due = first->wait_timer.deadline_ns;
    (void)timers_run(due - 1);
    run_queue();
    assert_int_equal(first->state, TASK_PARKED);
    (void)timers_run(due);
    run_queue();
    assert_int_equal(result_of(first), 0);
    assert_false(timer_armed(&first->wait_timer));
}

static void test_setsid(void **state)
{
    struct task *c = do_fork(first, 0);
    CALL(c, setsid);
    assert_int_equal(result_of(c), c->tid);
    CALL(c, setsid);
    assert_int_equal(result_of(c), -EPERM);
    CALL(c, getsid, 0);
    assert_int_equal(result_of(c), c->tid);
    CALL(c, exit_group, 0);
    CALL(first, wait4, -1, 0, 0, 0);
    assert_true(result_of(first) > 0);
}

/* Every allocation of a call fails in turn, until the call succeeds. What failed leaves nothing behind. */
static void clone_under_faults(uint64_t flags)
{
    uint64_t before = objects();
    for (uint64_t n = 1;; n++) {
        arena_fail_after(n);
        TRAP(first, clone, flags, STACK_TOP - 0x8000, 0, 0, 0);
        bool failed = arena_failed();
        arena_fail_after(0);
        int64_t r = result_of(first);
        if (r > 0) {
            assert_false(failed);
            struct task *c = task_find((int32_t)r);
            CALL(c, exit, 0);
            if (!(flags & LINUX_CLONE_THREAD))
                CALL(first, wait4, r, 0, 0, 0);
            break;
        }
        assert_true(failed);
        assert_true(r == -ENOMEM || r == -EAGAIN);
        assert_int_equal(objects(), before);
    }
    assert_int_equal(objects(), before);
}

static void test_clone_without_memory(void **state)
{
    clone_under_faults(LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_SIGCHLD);
    clone_under_faults(LINUX_CLONE_FS | LINUX_SIGCHLD);
    clone_under_faults(LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_SIGCHLD);
    clone_under_faults(LINUX_CLONE_VM | LINUX_CLONE_FS | LINUX_CLONE_FILES | LINUX_CLONE_SIGHAND |
                       LINUX_CLONE_THREAD);
}

/* Nothing is left of all those processes; then the first one ends. */
static void test_leaks_and_init(void **state)
{
    assert_int_equal(slab_live(SLAB_TASK), 1);
    assert_int_equal(slab_live(SLAB_TGROUP), 1);
    assert_int_equal(slab_live(SLAB_THREAD), 1);
    assert_int_equal(slab_live(SLAB_SPACE), 1);
    assert_int_equal(slab_live(SLAB_SIGHAND), 1);
    assert_int_equal(slab_live(SLAB_SIGINFO), 0);
    assert_int_equal(slab_live(SLAB_PGRP), 1);
    assert_int_equal(slab_live(SLAB_SESSION), 1);
    assert_int_equal(slab_live(SLAB_MM), 1);
    struct task *c = do_fork(first, 0);
    CALL(c, pause);
    CALL(first, exit_group, 9);
    assert_int_equal(LINUX_WEXITSTATUS(finished_with), 9);
    assert_int_equal(slab_live(SLAB_THREAD), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_calls),
        cmocka_unit_test(test_fork_exit_wait),
        cmocka_unit_test(test_kill_child),
        cmocka_unit_test(test_eintr),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_stop_and_continue),
        cmocka_unit_test(test_running_is_interrupted),
        cmocka_unit_test(test_native_futex),
        cmocka_unit_test(test_call_instead_of_report),
        cmocka_unit_test(test_vfork),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_thread_faults),
        cmocka_unit_test(test_orphans_and_autoreap),
        cmocka_unit_test(test_queue_limits),
        cmocka_unit_test(test_sleep_timer),
        cmocka_unit_test(test_setsid),
        cmocka_unit_test(test_clone_without_memory),
        cmocka_unit_test(test_leaks_and_init),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
