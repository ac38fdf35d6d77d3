#include "runsc/exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "runsc/client.h"
#include "runsc/flags.h"
#include "runsc/memory_file.h"

static int process_file(const struct boot_config *config, char *err)
{
    size_t len = 0;
    (void)!boot_process_write(config, NULL, 0, &len);
    void *buf = len <= BOOT_BLOB_MAX ? malloc(len) : NULL;
    int r = buf ? boot_process_write(config, buf, len, &len) : -ENOMEM;
    if (r == 0)
        r = memory_file("process", buf, len);
    free(buf);
    if (r < 0)
        (void)snprintf(err, FLAGS_ERROR_MAX, "cannot hand over the process: %s",
                       strerrordesc_np(-r));
    return r;
}

int exec_begin(const struct state *s, const struct boot_config *config, int32_t *ret_pid, char *err)
{
    static struct call_answer a;
    struct call_request rq = {.type = CALL_EXEC, .flags = CALL_EXEC_TIED};
    int fds[1 + 3 + BOOT_PASS_FDS_MAX + 1];
    size_t n = 0;
    int file = process_file(config, err);
    if (file < 0)
        return file;
    fds[n++] = file;
    for (int i = 0; i < 3; i++)
        if (config->stdio_fd[i] >= 0)
            fds[n++] = config->stdio_fd[i];
    for (uint32_t i = 0; i < config->pass_fd_count + config->exec_fd; i++)
        fds[n++] = config->pass_fd[i];
    int fd = client_connect(s, err);
    int r = fd < 0 ? fd : client_call(fd, s, &rq, fds, n, &a, err);
    (void)!host_close(file);
    if (r < 0 && fd >= 0)
        (void)!host_close(fd);
    *ret_pid = a.value;
    return r < 0 ? r : fd;
}

static void signals_pass(int fd, const struct state *s, int32_t pid, int signal_fd, bool terminal)
{
    struct signalfd_siginfo si;
    char ignored[FLAGS_ERROR_MAX];
    while (host_read(signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
        struct call_request rq = {
            .type = CALL_SIGNAL,
            .pid = pid,
            .value = (int)si.ssi_signo,
            .flags = terminal ? CALL_SIGNAL_TERMINAL : 0,
        };
        (void)!client_send(fd, s, &rq, NULL, 0, ignored); /* its answer is passed over below */
    }
}

int exec_wait(int fd, const struct state *s, int32_t pid, int signal_fd, bool terminal, char *err)
{
    static struct call_answer a;
    struct call_request rq = {.type = CALL_WAIT, .pid = pid};
    int r = client_send(fd, s, &rq, NULL, 0, err);
    while (r >= 0) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
        int n = host_ppoll(p, 2, NULL, NULL, 0);
        if (n < 0 && n != -EINTR)
            return n;
        if (n > 0 && p[1].revents)
            signals_pass(fd, s, pid, signal_fd, terminal);
        if (n <= 0 || !p[0].revents)
            continue;
        r = client_receive(fd, &a, err);
        if (r < 0 && a.type == CALL_SIGNAL && r != -ECONNRESET)
            r = 0; /* it has just ended */
        else if (r == 0 && a.type == CALL_WAIT)
            break;
    }
    if (r == -ECONNRESET || r == -EPIPE)
        return 128 + SIGKILL; /* the sandbox is gone, and all that ran in it */
    if (r < 0)
        return r;
    return WIFSIGNALED(a.value) ? 128 + WTERMSIG(a.value) : WEXITSTATUS(a.value);
}
