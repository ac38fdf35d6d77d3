/* `runsc boot`: from the exec to the kernel's main function. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "host/confine.h"
#include "host/filter.h"
#include "host/host.h"
#include "host/label.h"
#include "host/load.h"
#include "host/msg.h"
#include "sentry/boot/boot.h"
#include "sentry/boot/boot_priv.h"
#include "sentry/platform/platform.h"
#include "wire/control.h"
#include "wire/gofer.h"

/* Before there is a configuration: the control socket has its number already. */
static const struct boot_config early = {.control_fd = BOOT_FD_CONTROL,
                                         .listen_fd = -1,
                                         .log_fd = -1,
                                         .debug_log_fd = -1,
                                         .user_log_fd = -1};

static struct host_label_files label_files;

static struct host_labels labels_of(const struct boot_config *cfg)
{
    return (struct host_labels){.apparmor = cfg->apparmor, .selinux = cfg->selinux};
}

static _Noreturn void label_fail(const struct boot_config *cfg, int r)
{
    boot_fail(cfg,
              "sandbox: the label of process.apparmorProfile or selinuxLabel cannot be taken: %s; "
              "is the profile loaded, "
              "and does the policy let runsc change to it?",
              err_name(r));
}

void boot_stubs_label(const struct boot_config *cfg)
{
    struct host_labels l = labels_of(cfg);
    int r = host_labels_next(&label_files, &l);
    if (r < 0)
        label_fail(cfg, r);
}

/* Until the first stub is there. */
static int oom_fd;
static int oom_adj;

void boot_stubs_first(bool on)
{
    enum { MOST = 1000, MORE = MOST / 5 }; /* a fifth of the memory; the sentry needs far less */
    if (oom_fd < 0)
        return;
    int r = on ? host_oom_get(oom_fd, &oom_adj) : 0;
    if (r == 0)
        r = host_oom_set(oom_fd, on ? MIN(oom_adj + MORE, MOST) : oom_adj);
    if (r < 0)
        LOGD("boot: oom_score_adj: %s", err_name(r));
    if (r < 0 || !on) {
        (void)!host_close(oom_fd);
        oom_fd = -1;
    }
}

/* *ret_proc: descriptor of its own procfs, or -errno: memory use is estimated then. */
static void privileges_drop(const struct boot_config *cfg, int *ret_proc)
{
    struct host_labels l = labels_of(cfg);
    int r = host_labels_open("/proc/self/attr", &l, &label_files);
    if (r < 0)
        label_fail(cfg, r);
    oom_fd = host_oom_open();
    if ((r = host_process_detach("runsc-sandbox")) < 0)
        boot_fail(&early, "sandbox: cannot set no_new_privs: %s", err_name(r));
    host_limits_raise();
    int proc_fd = host_proc_open();
    if (proc_fd >= 0 && proc_fd != BOOT_FD_PROC) {
        r = host_dup3(proc_fd, BOOT_FD_PROC, O_CLOEXEC);
        (void)!host_close(proc_fd);
        proc_fd = r;
    }
    *ret_proc = proc_fd;
    (void)!host_load_open(); /* without it every host is idle */
    if ((r = host_root_empty()) < 0)
        boot_fail(&early, "sandbox: cannot make an empty root: %s%s", err_name(r),
                  host_confine_advice(r));
    if ((r = host_caps_keep(0)) < 0)
        boot_fail(&early, "sandbox: cannot drop capabilities: %s", err_name(r));
}

static void config_load(struct boot_config *cfg)
{
    struct stat st;
    int r = host_fstat(BOOT_FD_CONFIG, &st);
    if (r < 0 || st.st_size <= 0 || (size_t)st.st_size > BOOT_BLOB_MAX)
        boot_fail(&early, "sandbox: no configuration");
    size_t len = (size_t)st.st_size;
    size_t scratch_len = boot_config_scratch(len);
    intptr_t blob = host_mmap(NULL, len, PROT_READ, MAP_PRIVATE, BOOT_FD_CONFIG, 0);
    intptr_t scratch =
        host_mmap(NULL, scratch_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (blob < 0 || scratch < 0)
        boot_fail(&early, "sandbox: out of memory for the configuration");
    r = boot_config_read((const void *)blob, len, (void *)scratch, scratch_len, cfg);
    if (r < 0)
        boot_fail(&early, "sandbox: bad configuration: %s", err_name(r));
    (void)!host_close(BOOT_FD_CONFIG);
}

/* Passed descriptors are in one message that runsc has sent already. */
static void files_take(struct boot_config *cfg)
{
    uint8_t buf[CONTROL_BYTES_MAX];
    struct control_msg m;
    size_t count = 0, want = cfg->pass_fd_count + cfg->exec_fd;
    if (want == 0)
        return;
    ssize_t n = host_msg_recv(cfg->control_fd, buf, sizeof buf, cfg->pass_fd,
                              ARRAY_SIZE(cfg->pass_fd), &count, 0);
    if (n <= 0 || control_parse(buf, (size_t)n, &m) < 0 || m.type != CONTROL_FILES || count != want)
        boot_fail(cfg, "sandbox: the passed descriptors did not arrive");
}

/* It comes when the gofer has confined itself. */
int boot_gofer_greet(struct boot_config *cfg, int flags)
{
    uint8_t buf[256]; /* what READY needs and more */
    struct gofer_reply reply;
    int fds[BOOT_GOFER_DIRS_MAX];
    size_t count = 0;
    ssize_t n =
        host_msg_recv(cfg->gofer_fd, buf, sizeof buf, fds, BOOT_GOFER_DIRS_MAX, &count, flags);
    if (n <= 0)
        return -EPIPE;
    if (gofer_reply_parse(buf, (size_t)n, &reply) < 0 || reply.type != GOFER_READY ||
        count != (cfg->directfs ? cfg->gofer_dir_count : 0) ||
        reply.value != (int32_t)cfg->gofer_dir_count) {
        for (size_t i = 0; i < count; i++)
            (void)!host_close(fds[i]);
        return -EBADMSG;
    }
    for (size_t i = 0; i < count; i++)
        cfg->gofer_dir_fd[i] = fds[i];
    return 0;
}

_Noreturn void boot_start(void)
{
    static struct boot_config cfg;
    int proc_fd, r = host_close_range(BOOT_FD_END, ~0u, 0);
    if (r < 0)
        boot_fail(&early, "sandbox: cannot close inherited descriptors: %s", err_name(r));
    config_load(&cfg);
    privileges_drop(&cfg, &proc_fd);
    cfg.proc_fd = proc_fd;
    boot_log_start(&cfg);
    /* Until runsc lets go, the end of the control socket is the end. */
    if (cfg.detached && (r = host_prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)) < 0)
        boot_fail(&cfg, "sandbox: cannot outlive runsc: %s", err_name(r));
    files_take(&cfg);
    r = boot_gofer_greet(&cfg, 0);
    if (r < 0)
        boot_fail(&cfg, r == -EPIPE ? "sandbox: the gofer did not start"
                                    : "sandbox: the gofer sent nonsense");
    r = sentry_main(&cfg);
    boot_fail(&cfg, "sandbox: the kernel did not start (%d)", r);
}

int boot_confine(const struct boot_config *cfg)
{
    uint32_t flags = (cfg->network == BOOT_NETWORK_HOST ? HOST_FILTER_NET : 0) |
                     (cfg->directfs ? HOST_FILTER_DIRECT : 0) |
                     (cfg->directfs && cfg->fs_write ? HOST_FILTER_WRITE : 0) |
                     (cfg->gofer_access ? HOST_FILTER_UDS : 0);
    if (str_eq(platform_name(), "ptrace"))
        flags |= HOST_FILTER_PTRACE;
    if (cfg->debug && host_trap_start(cfg->debug_log_fd))
        flags |= HOST_FILTER_TRAP;
    struct host_labels l = labels_of(cfg);
    int r = host_labels_take(&label_files, &l);
    if (r < 0)
        label_fail(cfg, r);
    return host_filter_install(HOST_FILTER_SENTRY, flags);
}
