#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/fcntl.h"
#include "abi/stat.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/control/user.h"
#include "sentry/task/task.h"
#include "sentry/vfs/vfs.h"

#define FILE_MAX   ((size_t)4 * 1024 * 1024)
#define GROUPS_MAX 65536u
#define ID_LAST    4294967294u

struct text_file {
    char *text; /* size bytes, the last is NUL */
    size_t size;
};

/* "" for one that is not there, no regular file, or cannot be read. -ENOMEM */
static int file_load(struct task *t, const char *name, struct text_file *ret)
{
    struct walk w;
    struct kstat st;
    struct file *f = NULL;
    *ret = (struct text_file){0};
    if (!t->fs || walk_at(t, LINUX_AT_FDCWD, name, 0, &w))
        return 0;
    struct inode *i = w.path.dentry->inode;
    int err = i && inode_is(i, LINUX_S_IFREG) ? inode_getattr(i, &st) : -ENOENT;
    if (!err)
        err = file_open_path(t, &w.path, LINUX_O_RDONLY, &f);
    path_unref(&w.path);
    if (err)
        return 0;
    size_t size = MIN((size_t)st.size, FILE_MAX) + 1;
    char *text = arena_alloc(size);
    ssize_t n = text ? file_pread_kernel(t, f, text, size - 1, 0) : 0;
    file_unref(f);
    if (!text)
        return -ENOMEM;
    text[n > 0 ? n : 0] = '\0';
    *ret = (struct text_file){text, size};
    return 0;
}

static void file_drop(struct text_file *f) { arena_free(f->text, f->size); }

/* Cuts the line at *at into fields at ':'; *at goes behind it. Missing fields are "". False: no more lines. */
static bool line_next(char **at, char *fields[], unsigned count)
{
    static char none[1];
    char *p = *at;
    if (!p || !*p)
        return false;
    char *end = p + strcspn(p, "\n");
    *at = *end ? end + 1 : end;
    *end = '\0';
    for (unsigned i = 0; i < count; i++) {
        fields[i] = p ? p : none;
        p = p ? strchr(p, ':') : NULL;
        if (p)
            *p++ = '\0';
    }
    return true;
}

static bool id_parse(const char *s, uint32_t *ret)
{
    uint64_t v;
    if (parse_u64(s, 10, &v) < 0 || v > ID_LAST)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* The entry of a name, or of a number if name is NULL. */
struct passwd_entry {
    bool found;
    uint32_t uid, gid;
    char name[256], home[1024];
};

static int passwd_find(struct task *t, const char *name, uint32_t uid, struct passwd_entry *ret)
{
    struct text_file f;
    char *v[6]; /* name, password, uid, gid, comment, home */
    int err = file_load(t, "/etc/passwd", &f);
    *ret = (struct passwd_entry){0};
    char *at = f.text;
    while (!err && !ret->found && line_next(&at, v, ARRAY_SIZE(v))) {
        if (!id_parse(v[2], &ret->uid) || !id_parse(v[3], &ret->gid))
            continue;
        ret->found = name ? str_eq(name, v[0]) : ret->uid == uid;
        if (ret->found) {
            (void)snprintf(ret->name, sizeof(ret->name), "%s", v[0]);
            (void)snprintf(ret->home, sizeof(ret->home), "%.*s", (int)strcspn(v[5], ":"), v[5]);
        }
    }
    file_drop(&f);
    return err;
}

static bool list_has(const char *list, const char *name)
{
    while (*list) {
        size_t n = strcspn(list, ",");
        if (str_eq_n(name, list, n) && strlen(name) == n)
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

static int group_find(struct task *t, const char *name, bool *ret_found, uint32_t *ret_gid)
{
    struct text_file f;
    char *v[3];
    int err = file_load(t, "/etc/group", &f);
    char *at = f.text;
    *ret_found = false;
    while (!err && !*ret_found && line_next(&at, v, ARRAY_SIZE(v)))
        *ret_found = str_eq(name, v[0]) && id_parse(v[2], ret_gid);
    file_drop(&f);
    return err;
}

/* Groups that list the user, after those that were given. */
static int groups_add(struct task *t, struct user_found *u, const char *user)
{
    struct text_file f;
    char *v[4]; /* name, password, gid, members */
    uint32_t gid, n = u->cfg.group_count, max = 0;
    int err = file_load(t, "/etc/group", &f);
    if (err || !f.text) {
        file_drop(&f);
        return err;
    }
    for (const char *p = f.text; *p; p++)
        max += *p == '\n';
    max = MIN(max + 1 + n, GROUPS_MAX);
    u->groups = arena_alloc(max * sizeof(uint32_t));
    u->groups_bytes = u->groups ? max * sizeof(uint32_t) : 0;
    if (u->groups && n)
        memcpy(u->groups, u->cfg.groups, n * sizeof(uint32_t));
    char *at = f.text;
    while (u->groups && n < max && line_next(&at, v, ARRAY_SIZE(v)))
        if (id_parse(v[2], &gid) && gid != u->cfg.gid && list_has(v[3], user))
            u->groups[n++] = gid;
    file_drop(&f);
    if (!u->groups)
        return -ENOMEM;
    u->cfg.groups = u->groups;
    u->cfg.group_count = n;
    return 0;
}

/* "NAME[:GROUP]" */
static int identity_find(struct task *t, struct user_found *u, char *text, size_t cap)
{
    char name[BOOT_USER_MAX + 1];
    struct passwd_entry e;
    bool found;
    (void)snprintf(name, sizeof(name), "%s", u->cfg.user);
    char *group = strchr(name, ':');
    if (group)
        *group++ = '\0';
    bool number = id_parse(name, &u->cfg.uid);
    int err = passwd_find(t, number ? NULL : name, u->cfg.uid, &e);
    if (err)
        return err;
    if (!number && !e.found) {
        (void)snprintf(text, cap, "unable to find user %s: no matching entries in passwd file",
                       name);
        return -ENOENT;
    }
    if (e.found) {
        u->cfg.uid = e.uid;
        u->cfg.gid = e.gid;
    }
    if (!group || !*group)
        return number ? 0 : groups_add(t, u, name);
    if (id_parse(group, &u->cfg.gid))
        return 0;
    err = group_find(t, group, &found, &u->cfg.gid);
    if (!err && !found) {
        (void)snprintf(text, cap, "unable to find group %s: no matching entries in group file",
                       group);
        return -ENOENT;
    }
    return err;
}

static bool env_has_home(const struct boot_strings *env)
{
    for (uint32_t i = 0; i < env->count; i++)
        if (strncmp(env->v[i], "HOME=", 5) == 0)
            return true;
    return false;
}

static int home_add(struct task *t, struct user_found *u)
{
    struct passwd_entry e;
    char home[1024 + 8];
    uint32_t n = u->cfg.envp.count;
    int err = passwd_find(t, NULL, u->cfg.uid, &e);
    if (err)
        return err;
    (void)snprintf(home, sizeof(home), "HOME=%s", e.found && e.home[0] ? e.home : "/");
    u->env_bytes = (n + 2) * sizeof(*u->env);
    u->env = arena_alloc(u->env_bytes);
    u->home_bytes = strlen(home) + 1;
    u->home = arena_memdup(home, u->home_bytes);
    if (!u->env || !u->home)
        return -ENOMEM;
    memcpy(u->env, u->cfg.envp.v, n * sizeof(*u->env));
    u->env[n] = u->home;
    u->cfg.envp = (struct boot_strings){.v = u->env, .count = n + 1};
    return 0;
}

int user_find(struct task *from, const struct boot_config *cfg, struct user_found *ret, char *text,
              size_t cap)
{
    *ret = (struct user_found){.cfg = *cfg};
    int err = cfg->user && cfg->user[0] ? identity_find(from, ret, text, cap) : 0;
    if (!err && cfg->home && !env_has_home(&cfg->envp))
        err = home_add(from, ret);
    if (err == -ENOMEM)
        (void)snprintf(text, cap, "out of memory");
    if (err)
        user_done(ret);
    return err;
}

void user_done(struct user_found *u)
{
    if (u->env)
        arena_free(u->env, u->env_bytes);
    if (u->home)
        arena_free(u->home, u->home_bytes);
    if (u->groups)
        arena_free(u->groups, u->groups_bytes);
    *u = (struct user_found){0};
}
