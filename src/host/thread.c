#include "host/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "host/host.h"

struct thread_start {
    const char *name;
    void (*run)(void *arg);
    void *arg;
};

static void *thread_main(void *p)
{
    struct thread_start start = *(struct thread_start *)p;
    free(p);
    (void)!host_prctl(PR_SET_NAME, (unsigned long)start.name, 0, 0, 0);
    start.run(start.arg);
    return NULL;
}

int host_thread_start(const char *name, void (*run)(void *arg), void *arg)
{
    struct thread_start *start = malloc(sizeof *start);
    if (!start)
        return -ENOMEM;
    *start = (struct thread_start){.name = name, .run = run, .arg = arg};

    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) {
        free(start);
        return -ENOMEM;
    }
    (void)pthread_attr_setstacksize(&attr, HOST_THREAD_STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigset_t block;
    sigset_t old;
    sigfillset(&block);
    sigdelset(&block, SIGSEGV);
    sigdelset(&block, SIGBUS);
    sigdelset(&block, SIGFPE);
    sigdelset(&block, SIGILL);
    sigdelset(&block, SIGSYS);
    sigdelset(&block, SIGTRAP);
    sigdelset(&block, SIGABRT);
    (void)pthread_sigmask(SIG_SETMASK, &block, &old);
    pthread_t id;
    int r = pthread_create(&id, &attr, thread_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (r != 0)
        free(start);
    return -r;
}
