/* runsc do: a program on this machine's files, in a sandbox; changes stay in memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "host/host.h"
#include "runsc/command.h"
#include "runsc/container.h"
#include "runsc/rootless.h"

#define VOLUMES_MAX 32

static const char *volumes[VOLUMES_MAX];

enum do_flag {
    DO_ROOT,
    DO_CWD,
    DO_QUIET,
    DO_VOLUME,
    DO_FORCE_OVERLAY,
    DO_IP,
    DO_UID_MAP,
    DO_GID_MAP,
    DO_EROFS
};
static struct flag do_flags[] = {
    [DO_ROOT] = {.name = "root",
                 .kind = FLAG_STRING,
                 .value = "/",
                 .help = "directory that becomes the root"},
    [DO_CWD] = {.name = "cwd",
                .kind = FLAG_STRING,
                .value = "",
                .help = "working directory; the current one if not given"},
    [DO_QUIET] = {.name = "quiet",
                  .kind = FLAG_BOOL,
                  .value = "false",
                  .help = "suppress messages of runsc itself"},
    [DO_VOLUME] = {.name = "volume",
                   .kind = FLAG_LIST,
                   .value = "",
                   .help = "SRC[:DST]: a host directory to mount; repeat for more",
                   .list = volumes,
                   .list_max = VOLUMES_MAX},
    [DO_FORCE_OVERLAY] = {.name = "force-overlay",
                          .kind = FLAG_BOOL,
                          .value = "true",
                          .help = "keep changes to root and volumes in memory"},
    [DO_IP] = {.name = "ip",
               .kind = FLAG_STRING,
               .value = "192.168.10.2",
               .status = FLAG_LATER,
               .help = "address with --network=sandbox"},
    [DO_UID_MAP] =
        {.name = "uid-map",
         .kind = FLAG_STRING,
         .value = "",
         .help =
             "\"INSIDE OUTSIDE COUNT[,...]\": user ids that an ordinary user has by /etc/subuid"},
    [DO_GID_MAP] = {.name = "gid-map",
                    .kind = FLAG_STRING,
                    .value = "",
                    .help = "the same for group ids, by /etc/subgid"},
    [DO_EROFS] = {.name = "erofs",
                  .kind = FLAG_STRING,
                  .value = "",
                  .status = FLAG_LATER,
                  .help = "EROFS image for the root"},
};

static int volume_add(struct sandbox *s, const char *spec, const struct overlay_choice *overlay,
                      char *err)
{
    const char *colon = strchr(spec, ':');
    char *source = colon ? strndup(spec, (size_t)(colon - spec)) : strdup(spec);
    const char *destination = colon ? colon + 1 : source;
    if (!source)
        return -ENOMEM;
    if (!source[0] || destination[0] != '/') {
        (void)snprintf(err, FLAGS_ERROR_MAX, "-volume %.200s: write SRC:DST with an absolute DST",
                       spec);
        return -EINVAL;
    }
    struct oci_mount m = {.destination = destination,
                          .type = "bind",
                          .source = source,
                          .bind = true,
                          .recursive = true};
    return container_mount(s, &m, overlay, err);
}

static int cwd_choose(struct sandbox *s, char *err)
{
    static char here[BOOT_PATH_MAX];
    const char *cwd = do_flags[DO_CWD].value;
    if (!do_flags[DO_CWD].given)
        cwd = !do_flags[DO_ROOT].given && getcwd(here, sizeof here) && here[0] == '/' ? here : "/";
    s->config.cwd = cwd[0] == '/' ? path_clean(cwd) : NULL;
    if (!s->config.cwd) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "-cwd %.200s: must be an absolute path inside", cwd);
        return -EINVAL;
    }
    return 0;
}

static void process_fill(struct boot_config *c, int argc, char **argv)
{
    c->argv = (struct boot_strings){.v = (const char *const *)argv, .count = (uint32_t)argc};
    c->envp.v = (const char *const *)environ;
    while (environ[c->envp.count])
        c->envp.count++;
    /* All capabilities but the one for raw packets. */
    uint64_t all = ((UINT64_C(1) << 41) - 1) & ~(UINT64_C(1) << 13);
    c->caps = (struct boot_caps){.effective = all, .permitted = all, .bounding = all};
    for (unsigned i = 0; i < BOOT_RLIMITS; i++) {
        struct rlimit l;
        if (host_prlimit64(0, (int)i, NULL, &l) == 0)
            c->rlimits[i] =
                (struct boot_rlimit){.set = true, .soft = l.rlim_cur, .hard = l.rlim_max};
    }
}

static int ids_take(struct sandbox *s, char *err)
{
    static struct oci_id_maps uids, gids;
    int r = 0;
    if (do_flags[DO_UID_MAP].given)
        r = id_maps_read("uid-map", do_flags[DO_UID_MAP].value, &uids, err);
    if (r == 0 && do_flags[DO_GID_MAP].given)
        r = id_maps_read("gid-map", do_flags[DO_GID_MAP].value, &gids, err);
    if (geteuid() == 0 && (uids.count || gids.count))
        report_warning("do -uid-map, -gid-map: root has all ids; without effect");
    s->uid_maps = &uids;
    s->gid_maps = &gids;
    return r;
}

static int do_prepare(struct sandbox *s, int argc, char **argv, char *err)
{
    bool force = flag_true(&do_flags[DO_FORCE_OVERLAY]);
    struct overlay_choice overlay;
    int r =
        overlay_parse(force ? "all:memory" : global_flags[FLAG_ID_OVERLAY2].value, &overlay, err);
    if (r < 0)
        return r;
    char *root = realpath(do_flags[DO_ROOT].value, NULL);
    if (!root) {
        (void)snprintf(err, FLAGS_ERROR_MAX, "-root %.200s: %s; name an existing directory",
                       do_flags[DO_ROOT].value, strerrordesc_np(errno));
        return -EINVAL;
    }
    process_fill(&s->config, argc, argv);
    if ((r = cwd_choose(s, err)) < 0 || (r = container_root(s, root, false, &overlay, err)) < 0 ||
        (r = container_mounts_standard(s, NULL, NULL, err)) < 0 || (r = ids_take(s, err)) < 0)
        return r;
    for (size_t i = 0; i < do_flags[DO_VOLUME].list_count; i++)
        if ((r = volume_add(s, volumes[i], &overlay, err)) < 0)
            return r;
    return 0;
}

static int do_run(int argc, char **argv)
{
    static struct sandbox s;
    struct report_files files;
    char err[FLAGS_ERROR_MAX] = "";
    char id[64];
    if (argc == 0)
        return report_fatal("do: no program given; write: runsc do PROGRAM [ARGUMENT...]");
    (void)snprintf(id, sizeof id, "runsc-%d", getpid());
    if (report_open("do", id, &files, err) < 0 || container_init(&s, &files, id, err) < 0 ||
        do_prepare(&s, argc, argv, err) < 0)
        return report_fatal("%s", err[0] ? err : "out of memory");
    for (size_t i = 0; i < ARRAY_SIZE(do_flags); i++)
        if (do_flags[i].given && do_flags[i].status == FLAG_LATER &&
            !flag_true(&do_flags[DO_QUIET]))
            report_warning("do -%s has no effect yet", do_flags[i].name);
    LOGD("do: %s root=%s", argv[0], s.mounts[0].source);
    return container_run(&s);
}

const struct command command_do = {
    .name = "do",
    .usage = "[flags] PROGRAM [ARGUMENT...]",
    .help = "run a program on this machine's files in a sandbox; changes stay in memory",
    .flags = do_flags,
    .flag_count = ARRAY_SIZE(do_flags),
    .run = do_run,
};
