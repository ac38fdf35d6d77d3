/* What single keys of a configuration cannot tell; the refusals are runc's. */
#include <string.h>

#include "abi/sched.h"
#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

/* The namespace that keeps a sysctl apart; 0: none does. */
static uint32_t sysctl_namespace(const char *key)
{
    static const char *const ipc[] = {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    };
    if (word_find(ipc, ARRAY_SIZE(ipc), key) >= 0 || str_starts(key, "fs.mqueue."))
        return OCI_NS_IPC;
    if (str_starts(key, "net."))
        return OCI_NS_NETWORK;
    if (str_eq(key, "kernel.domainname") || str_eq(key, "kernel.hostname"))
        return OCI_NS_UTS;
    return 0;
}

/* The kernel inside has what it governs. With --network=host all of net.* is the host's (runsc says what is not). */
static bool sysctl_works(const char *key)
{
    static const char *const keys[] = {
        "kernel.shmall",   "kernel.shmmax",     "kernel.shmmni",      "kernel.shm_rmid_forced",
        "kernel.hostname", "kernel.domainname", "net.core.somaxconn", "net.unix.max_dgram_qlen",
    };
    return word_find(keys, ARRAY_SIZE(keys), key) >= 0;
}

static void sysctls_check(struct parse *p, const struct oci_spec *s)
{
    for (uint32_t i = 0; i < s->sysctl_count; i++) {
        const char *key = s->sysctls[i].key;
        char dotted[256];
        (void)strncpy(dotted, key, sizeof dotted - 1);
        dotted[sizeof dotted - 1] = 0;
        bool slashes = key[strcspn(key, "./")] == '/'; /* the first separator is it */
        for (char *c = dotted; *c && slashes; c++)
            if (*c == '/')
                *c = '.';
        uint32_t ns = sysctl_namespace(dotted);
        if (str_eq(dotted, "fs.nr_open"))
            continue; /* the kernel is the container's own */
        if (ns == 0)
            parse_fail(p, "linux.sysctl", key,
                       "is not in a separate kernel namespace: a container does not have it for "
                       "itself; remove it");
        else if (ns == OCI_NS_NETWORK && !(s->namespaces & ns))
            parse_fail(p, "linux.sysctl", key,
                       "needs a namespace of its own; add \"network\" to linux.namespaces");
        else if (str_eq(dotted, "kernel.hostname") && s->hostname && s->hostname[0])
            parse_fail(p, "linux.sysctl", key, "conflicts with \"hostname\"; remove one of them");
        else if (str_eq(dotted, "kernel.domainname") && s->domainname && s->domainname[0])
            parse_fail(p, "linux.sysctl", key, "conflicts with \"domainname\"; remove one of them");
        else if (!sysctl_works(dotted))
            parse_warn(p, "linux.sysctl", key,
                       ns == OCI_NS_IPC
                           ? "is shown inside, and has no effect: there are no message queues and "
                             "semaphores of System V, and no POSIX message queues yet"
                           : "is shown inside, and has an effect with --network=host only");
    }
}

/* Host name and IPC objects are the container's own whatever linux.namespaces says: hostname needs no "uts" there, as it would with a
 * runtime on the host's kernel. */
static void namespaces_check(struct parse *p, const struct oci_spec *s)
{
    bool user = s->namespaces & OCI_NS_USER;
    bool maps = s->uid_maps.count > 0 || s->gid_maps.count > 0;
    const char *user_path = s->namespace_paths[__builtin_ctz(OCI_NS_USER)];
    if (!user && maps)
        parse_fail(p, "linux", s->uid_maps.count ? "uidMappings" : "gidMappings",
                   "needs a user namespace; add \"user\" to linux.namespaces");
    if (user && !user_path && !(s->uid_maps.count && s->gid_maps.count))
        parse_fail(p, "linux", s->uid_maps.count ? "gidMappings" : "uidMappings",
                   "missing for the new user namespace; map the ids that are used");
    if (user && user_path && maps)
        parse_fail(p, "linux", "uidMappings",
                   "the user namespace is given by its path and has its maps; remove these");
    if ((s->monotonic.given || s->boottime.given) && !(s->namespaces & OCI_NS_TIME))
        parse_fail(p, "linux", "timeOffsets",
                   "needs a time namespace; add \"time\" to linux.namespaces");
    if ((s->monotonic.given || s->boottime.given) && s->namespace_paths[__builtin_ctz(OCI_NS_TIME)])
        parse_fail(p, "linux", "timeOffsets",
                   "the time namespace is given by its path and has its offsets; remove these");
}

void process_validate(struct parse *p, const char *key, const struct oci_process *r)
{
    if (r->scheduler.given && r->scheduler.policy == LINUX_SCHED_DEADLINE)
        parse_warn(p, key, "scheduler.policy",
                   "deadlines are the host's to keep; SCHED_DEADLINE is recorded and not enforced");
}

void spec_validate(struct parse *p, const struct oci_spec *s)
{
    static const char *const others[] = {"windows", "solaris", "vm", "zos"};
    json_t *doc = (json_t *)s->doc;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (json_object_size(json_object_get(doc, others[i])) > 0)
            parse_fail(p, "", others[i], "this runtime runs programs of Linux; remove the object");
    namespaces_check(p, s);
    sysctls_check(p, s);
    for (uint32_t i = 0; i < s->mount_count; i++)
        if (s->mounts[i].idmap && !s->mounts[i].uid_maps.count && !s->uid_maps.count)
            parse_fail(p, "mounts", "options",
                       "\"idmap\" of %.100s needs uidMappings and gidMappings, of the mount or of "
                       "linux; add them or remove it",
                       s->mounts[i].destination);
    for (uint32_t i = 0; i < s->mount_count; i++)
        if (s->mounts[i].bind && s->mounts[i].propagation == OCI_PROPAGATION_SHARED)
            parse_warn(p, "mounts", "options",
                       "the mounts of the host come to %.100s; the container's are not seen by the "
                       "host",
                       s->mounts[i].destination);
    if (s->rdt.given)
        parse_fail(p, "linux", "intelRdt", "is not supported; remove it");
    if (s->process.oom_score_adj_given && s->process.oom_score_adj < 0 &&
        (s->namespaces & OCI_NS_USER))
        parse_warn(p, "process", "oomScoreAdj",
                   "a negative value may be refused by the host, which is then ignored");
    if (s->seccomp.listener_path && s->seccomp.listener_path[0])
        parse_warn(p, "linux.seccomp", "listenerPath", "is not used: no call asks an agent");
}
