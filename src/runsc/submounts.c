#include "runsc/submounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "wire/boot_config.h"

/* "\040" is a space. In place. */
static void path_decode(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
            s[3] >= '0' && s[3] <= '7') {
            *out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = 0;
}

static uint32_t flags_of(char *options)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } words[] = {
        {"ro", BOOT_MOUNT_RDONLY},         {"nosuid", BOOT_MOUNT_NOSUID},
        {"nodev", BOOT_MOUNT_NODEV},       {"noexec", BOOT_MOUNT_NOEXEC},
        {"noatime", BOOT_MOUNT_NOATIME},   {"nodiratime", BOOT_MOUNT_NODIRATIME},
        {"relatime", BOOT_MOUNT_RELATIME}, {"nosymfollow", BOOT_MOUNT_NOSYMFOLLOW},
    };
    uint32_t flags = 0;
    char *save = NULL;
    for (char *w = strtok_r(options, ",", &save); w; w = strtok_r(NULL, ",", &save))
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            if (str_eq(w, words[i].word))
                flags |= words[i].flag;
    return flags;
}

/* Nothing lies over it, and it can be mounted. */
static bool is_seen(const char *path, uint64_t id)
{
    struct statx st;
    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID,
                 &st) == 0 &&
           (st.stx_mask & STATX_MNT_ID) && st.stx_mnt_id == id && !S_ISCHR(st.stx_mode) &&
           !S_ISBLK(st.stx_mode);
}

static bool is_for_files(const char *type)
{
    static const char *const types[] = {"tmpfs",   "ext2", "ext3", "ext4", "xfs",     "btrfs",
                                        "overlay", "nfs",  "nfs4", "cifs", "ceph",    "f2fs",
                                        "zfs",     "vfat", "9p",   "fuse", "virtiofs"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (str_eq(type, types[i]))
            return true;
    return str_starts(type, "fuse.");
}

/* The file system: its type is the first field behind the "-", its options are the third. */
static void super_parse(char **save, struct submount *ret)
{
    char *w;
    while ((w = strtok_r(NULL, " ", save)) && !str_eq(w, "-")) {
    }
    for (int i = 0; w && i < 3; i++) {
        w = strtok_r(NULL, " \n", save);
        if (w && i == 0)
            ret->of_kernel = !is_for_files(w);
    }
    ret->read_only = w && (flags_of(w) & BOOT_MOUNT_RDONLY);
}

/* One line: "36 35 98:0 /root /mnt/point rw,noatime master:1 - ext4 /dev/root rw". 1: it is one below dir. */
static int line_parse(char *line, const char *dir, struct submount *ret)
{
    char *field[6], *save = NULL;
    uint64_t id;
    size_t len = strlen(dir);
    for (size_t i = 0; i < ARRAY_SIZE(field); i++)
        if (!(field[i] = strtok_r(i == 0 ? line : NULL, " ", &save)))
            return 0;
    path_decode(field[4]);
    if (strncmp(field[4], dir, len) != 0 || field[4][len] != '/' ||
        parse_u64(field[0], 10, &id) < 0 || !is_seen(field[4], id))
        return 0;
    *ret = (struct submount){.path = strdup(field[4]), .flags = flags_of(field[5])};
    super_parse(&save, ret);
    return ret->path ? 1 : -ENOMEM;
}

static int path_compare(const void *a, const void *b)
{
    return strcmp(((const struct submount *)a)->path, ((const struct submount *)b)->path);
}

int submounts_list(const char *dir, struct submount *ret, unsigned cap)
{
    char *base = realpath(dir, NULL), *line = NULL;
    size_t line_size = 0;
    unsigned n = 0;
    FILE *f = base ? fopen("/proc/self/mountinfo", "re") : NULL;
    int r = f ? 0 : -errno;
    if (base && str_eq(base, "/"))
        base[0] = 0;
    while (f && r >= 0 && getline(&line, &line_size, f) > 0) {
        struct submount m;
        r = line_parse(line, base, &m);
        if (r > 0 && n == cap) {
            free(m.path);
            r = -E2BIG;
        } else if (r > 0) {
            ret[n++] = m;
        }
    }
    if (f)
        (void)fclose(f);
    free(line);
    free(base);
    while (r < 0 && n > 0)
        free(ret[--n].path);
    if (r < 0)
        return r;
    qsort(ret, n, sizeof *ret, path_compare);
    return (int)n;
}
