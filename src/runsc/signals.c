#include "runsc/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

int signal_parse(const char *text)
{
    static const struct {
        const char *name;
        int nr;
    } names[] = {
        {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ILL", SIGILL},
        {"TRAP", SIGTRAP}, {"ABRT", SIGABRT}, {"IOT", SIGABRT},  {"BUS", SIGBUS},
        {"FPE", SIGFPE},   {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},
        {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
        {"STKFLT", 16},    {"CHLD", SIGCHLD}, {"CLD", SIGCHLD},  {"CONT", SIGCONT},
        {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},
        {"URG", SIGURG},   {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM},
        {"PROF", SIGPROF}, {"WINCH", 28},     {"IO", SIGIO},     {"POLL", SIGIO},
        {"PWR", SIGPWR},   {"SYS", SIGSYS},   {"RTMIN", 34},     {"RTMAX", 64},
    };
    uint64_t n;
    if (parse_u64(text, 10, &n) == 0)
        return n <= 64 ? (int)n : -EINVAL;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    size_t len = strcspn(text, "+-");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strlen(names[i].name) != len || strncasecmp(names[i].name, text, len) != 0)
            continue;
        if (!text[len])
            return names[i].nr;
        bool min = names[i].nr == 34 && text[len] == '+',
             max = names[i].nr == 64 && text[len] == '-';
        if ((!min && !max) || parse_u64(text + len + 1, 10, &n) < 0 || n > 30)
            return -EINVAL;
        return min ? 34 + (int)n : 64 - (int)n;
    }
    return -EINVAL;
}
