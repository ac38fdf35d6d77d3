/* sentry/platform/platform.h - how application code is run and reached.
 *
 * Trust    everything that comes from below was produced by hostile code: registers and words are data.
 * Owner    struct space = one guest address space (a host process); struct thread = one guest thread. A
 *          task owns its thread; a space lives as long as it has threads.
 * Locks    the kernel lock for all functions; none sleeps.
 * Context  A thread is RUNNING (application code), or stopped: at a notified system call (STOP_CALL: number and
 *          arguments only), or with its whole context (STOP_CONTEXT: trapped call, fault, interrupt, start).
 * Mapping  Memory operations are queued on a thread that is in STOP_CONTEXT (calls that change the map always are) and
 *          are done by it, in order, before it resumes. Failure is reported by platform_events.map_failed.
 * Kinds    stubs/ runs applications in host processes, with systrap/ (seccomp notification) or ptrace/ to stop and answer
 *          them; fake/ is for unit tests: memory is the test's own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/types.h"

struct space;
struct thread;
struct task;
struct hostfile;

/* The application's registers. Order is ours. fs_base is the thread's own business (arch_prctl is native). */
struct regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t rip, rflags;
    uint64_t cs_gs_fs; /* as the host saved it; informational, frames copy it */
};

enum stop_kind { STOP_RUNNING, STOP_CALL, STOP_CONTEXT };

/* A synchronous fault of application code. */
struct fault {
    int signo;     /* LINUX_SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP */
    int code;      /* si_code as the host gave it (> 0) */
    uint64_t addr; /* si_addr */
    uint64_t trapno, err, cr2;
};

/* What the kernel implements for platforms (task/run.c); kernel lock held. */
struct platform_events {
    /* A system call. STOP_CALL or STOP_CONTEXT (platform_stop tells). */
    void (*syscall)(struct task *t, uint64_t nr, const uint64_t args[6]);
    void (*fault)(struct task *t, const struct fault *f); /* STOP_CONTEXT */
    void (*interrupted)(struct task *t); /* STOP_CONTEXT: after interrupt(), or return_and_stop() */
    /* The host's interval timer of CPU time has run out while t was running; one of the other events of this stop follows.
     * signo: SIGVTALRM or SIGPROF */
    void (*cpu_timer)(struct task *t, int signo);
    /* A queued operation failed in the host; the thread is in STOP_CONTEXT again, the rest of the queue is dropped. */
    void (*map_failed)(struct task *t, int err);
    void (*clone_failed)(struct task *parent, struct task *child,
                         int err);       /* parent in STOP_CONTEXT; child never ran */
    void (*space_died)(struct space *s); /* host process gone: all its tasks are killed */
};

/* Threads and spaces. */
/* A new, empty space with its first thread, in STOP_CONTEXT with zero registers. -ENOMEM, -EAGAIN. */
NODISCARD int platform_space_new(struct task *t, struct thread **ret);
/* A host process from which the spaces of groups with this tgroup.zygote are made, and which they are in the control groups of, then.
 * made is called once, later, with its number in our pid namespace, 0: there will be none, and spaces are made as before. The id;
 * -EOPNOTSUPP the platform has none, -ENOMEM. */
NODISCARD int64_t platform_zygote_new(void (*made)(void *arg, int32_t pid), void *arg);
/* Ends it; made will not be called. Harmless if it is gone. */
void platform_zygote_end(uint32_t id);
/* A copy-on-write copy of the caller's space with one thread, whose context is the caller's with rax = 0. by: STOP_CONTEXT.
 * The child runs once `by` has been resumed AND platform_resume(child) was called. -ENOMEM, -EAGAIN. */
NODISCARD int platform_fork(struct thread *by, struct task *child, struct thread **ret);
/* One more thread in the caller's space; context is the caller's, rax = 0, rsp = stack unless 0, %fs base = tls if set_tls;
 * clear_tid: the host clears this word and wakes its futex when the thread exits (0: none). Resume rule as platform_fork. */
struct thread_start {
    uint64_t stack;
    bool set_tls;
    uint64_t tls;
    uint64_t clear_tid;
};
NODISCARD int platform_thread_new(struct thread *by, const struct thread_start *st,
                                  struct task *child, struct thread **ret);
/* The thread is the kernel's no more: it ends as soon as it can, whatever it is doing. When it is the last of its space, the
 * space and its memory go at once. th is invalid afterwards. */
void platform_thread_exit(struct thread *th);
/* Is th the only thread of its space? Then exec may empty the space instead of making a new one. */
bool platform_space_is_single(const struct thread *th);
/* Queues: unmap everything the application has, %fs base = 0, clear_tid off. th: STOP_CONTEXT, single. */
void platform_space_reset(struct thread *th);
struct space *platform_space(const struct thread *th);
/* In space_died(): the signal that its processes die of. */
int platform_space_death(const struct space *s);
/* A new space has no memory until its process has begun in the host. */
bool platform_space_is_there(const struct space *s);
/* Waits until some space has begun, or 10 ms. Drops the lock. */
void platform_space_wait(void);

/* Stops and resumes. */
enum stop_kind platform_stop(const struct thread *th);
/* In syscall(): the address behind the call's instruction. */
uint64_t platform_call_ip(const struct thread *th);
/* STOP_CALL or STOP_CONTEXT after syscall(): the call returns value (0.. or -errno) and the application goes on. */
void platform_return(struct thread *th, int64_t value);
/* STOP_CALL: as platform_return, but before the application's next instruction the thread stops: interrupted() follows. */
void platform_return_and_stop(struct thread *th, int64_t value);
/* STOP_CONTEXT: do the queued operations, load the registers, go on. */
void platform_resume(struct thread *th);
/* STOP_CONTEXT: do the queued operations and stop again (interrupted()): for work that needs the memory to be there. */
void platform_sync(struct thread *th);
/* RUNNING: interrupted() follows soon. Nothing for stopped threads. */
void platform_interrupt(struct thread *th);
/* STOP_CONTEXT: the registers, to read and to change. In another stop, or running: NULL. */
struct regs *platform_regs(struct thread *th);
/* STOP_CONTEXT: vector and FPU state as the host's XSAVE area with its signal-frame trailer. set: validated; -EINVAL. size 0
 * resets to the initial state. */
size_t platform_fpstate(struct thread *th, const void **ret);
NODISCARD int platform_set_fpstate(struct thread *th, const void *p, size_t size_bytes);

/* Memory of a space. All ranges page-aligned and in the application's part. Done by `th` (STOP_CONTEXT) before it resumes.
 * -EAGAIN: another thread of the space has an operation on these pages under way; it was interrupted: wait on
 * platform_map_waitq() and run again. -ENOMEM queue full. */
#define PLATFORM_QUEUE_MAX 48
NODISCARD int platform_map_anon(struct thread *th, struct urange r, uint32_t prot,
                                uint32_t flags); /* LINUX_MAP_* extra bits */
NODISCARD int platform_map_file(struct thread *th, struct urange r, uint32_t prot, bool shared,
                                struct hostfile *f, uint64_t off_bytes);
NODISCARD int platform_unmap(struct thread *th, struct urange r);
NODISCARD int platform_protect(struct thread *th, struct urange r, uint32_t prot);
NODISCARD int platform_madvise(struct thread *th, struct urange r, uint32_t advice);
NODISCARD int platform_mremap(struct thread *th, struct urange from, struct urange to,
                              uint32_t flags); /* always MAYMOVE|FIXED if moved */
/* Copies bytes to dst once the queued mappings stand (exec's stack). size <= PLATFORM_COPY_MAX in all per resume. */
#define PLATFORM_COPY_MAX 15360
NODISCARD int platform_queue_copy(struct thread *th, struct uaddr dst, const void *src,
                                  size_t size_bytes);
/* msync/mlock and other calls on its own memory that the host shall do: nr from a short list; the result is the call's. */
NODISCARD int platform_native_call(struct thread *th, uint64_t nr, const uint64_t args[6]);
/* STOP_CONTEXT: memory that a native call may read and write, as the thread names it (its address is no application's) and
 * as the kernel does. What is there after the call was written by hostile code. */
#define PLATFORM_SCRATCH_SIZE 512u
uint64_t platform_scratch(struct thread *th, void **ret);
/* Queues: from now on the host refuses th's calls by this seccomp program too, which answers ALLOW or TRAP; trapped calls come as
 * syscall(). Threads and copies that th makes have it as well. The platform's own calls pass. -ENOSPC: not beside what is queued. */
#define PLATFORM_FILTER_MAX 1900u /* instructions */
struct linux_sock_filter;
NODISCARD int platform_filter(struct thread *th, const struct linux_sock_filter *prog, uint32_t n);
struct waitq *platform_map_waitq(struct thread *th);

/* Application memory: bytes moved (may be short at a hole), -EFAULT if none. Works on any space, whatever its threads do. */
ssize_t platform_copy_in(struct space *s, void *dst, struct uaddr src, size_t size_bytes);
ssize_t platform_copy_out(struct space *s, struct uaddr dst, const void *src, size_t size_bytes);

/* What the host says that a space uses, its stub included. */
struct platform_usage {
    uint64_t rss_kb, rss_max_kb, anon_kb, file_kb, shmem_kb, min_flt, maj_flt;
};
/* -ENOSYS: there is no way to ask; -ESRCH: the process is not there. */
NODISCARD int platform_usage(const struct space *s, struct platform_usage *ret);
/* The text of the host's /proc/PID/file of this process, cut off at size - 1, and terminated; its length. -ENOSYS: there is no way. */
NODISCARD ssize_t platform_own_text(const char *file, char *buf, size_t size);
/* The quick part of it: pages that are there, and those of them that files and shared memory have too. Errors as above. */
NODISCARD int platform_resident(const struct space *s, uint64_t *ret_pages, uint64_t *ret_shared);
/* proc_pid_smaps(5) of the host, terminated; *ret_cap bytes of the arena to free. -ENOSYS, -ESRCH, -EACCES, -ENOMEM. */
NODISCARD int platform_smaps(const struct space *s, char **ret, size_t *ret_cap);
/* Its process's number in our pid namespace; 0: it has none. */
int32_t platform_space_pid(const struct space *s);
/* Once, before the first question: fd (taken) is a procfs of our pid namespace; < 0: there is none. */
void platform_set_proc(int fd);

#define PLATFORM_CPUS_MAX 256u
/* The host CPUs that there are for us; none if the host does not say. */
void platform_cpus(uint64_t ret[PLATFORM_CPUS_MAX / 64]);
/* The host CPUs that the thread may run on; threads that it makes inherit them, a new space does not. */
void platform_set_affinity(struct thread *th, const uint64_t cpus[PLATFORM_CPUS_MAX / 64]);
/* Near memory: bytes of th's own space that came with its stop or can go with its answer. From a stop to the resume. */
/* The first bytes at src that are near, at most size_bytes: their number, 0 if none is. */
size_t platform_near_in(struct thread *th, void *dst, struct uaddr src, size_t size_bytes);
/* False: not possible, nothing done. True: all will be at dst before the thread goes on. Until then other ways see the old bytes. */
bool platform_near_out(struct thread *th, struct uaddr dst, const void *src, size_t size_bytes);
/* Bytes at these addresses are under way by platform_near_out. */
bool platform_near_pending(struct thread *th, struct uaddr a, size_t size_bytes);
/* What is under way is there when this returns. */
void platform_near_flush(struct thread *th);

/* CPU time the thread has used, ns (for /proc, times, CPU clocks). */
int64_t platform_thread_cpu_ns(struct thread *th);
/* The same, as the host's clock ticks have divided it: for the proportion. */
void platform_thread_cpu_split(struct thread *th, int64_t *ret_user_ns, int64_t *ret_sys_ns);
/* The host's clock id of th's CPU time, for clock_gettime as a native call of a thread of the same space. 0: not started */
uint64_t platform_thread_cpu_clock(const struct thread *th);
/* Once, before the first space. ev must outlive the sandbox. name: "systrap", "ptrace" or NULL for the best that the host has.
 * -ENOMEM, or what the host refused. */
NODISCARD int platform_init(const struct platform_events *ev, const char *name);
const char *platform_name(void);
