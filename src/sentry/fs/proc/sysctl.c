#include "sentry/fs/proc/sysctl.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/proc/proc.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"

#define SET_MAX   256
#define STORE_MAX 256

struct sysctl_root {
    uint32_t n;
    struct {
        const struct proc_entry *e;
        char *value;
    } set[SET_MAX];
};

static const struct proc_entry *entry_in(const struct proc_entry *table, const char *name,
                                         size_t len)
{
    for (; table && table->name; table++)
        if (str_eq_n(table->name, name, len))
            return table;
    return NULL;
}

/* Names of the key are separated by what comes first, dots or slashes. */
static const struct proc_entry *entry_find(const char *key)
{
    const char *separator = key[strcspn(key, "./")] == '/' ? "/" : ".";
    const struct proc_entry *e = NULL;
    const struct proc_entry *table = proc_sys_entries;
    const struct proc_entry *also = NULL;
    while (*key) {
        size_t n = strcspn(key, separator);
        e = entry_in(table, key, n);
        if (!e)
            e = entry_in(also, key, n);
        if (!e)
            return NULL;
        table = e->children;
        also = e->also;
        key += n + (key[n] != 0);
    }
    return e && e->show ? e : NULL;
}

static int entry_store(struct task *t, const struct proc_entry *e, const char *value)
{
    const struct proc_ctx c = {.reader = t, .opener = t->cred, .e = e};
    char text[STORE_MAX];
    size_t len = strlen(value);
    if (len >= sizeof(text))
        return -EINVAL;
    memcpy(text, value, len + 1);
    return e->store(&c, text, len);
}

int sysctl_set(struct task *t, const char *key, const char *value)
{
    const struct proc_entry *e = entry_find(key);
    if (!e)
        return -ENOENT;
    if (e->store)
        return entry_store(t, e, value);
    if (!kern()->sysctls)
        kern()->sysctls = arena_alloc(sizeof(struct sysctl_root));
    struct sysctl_root *r = kern()->sysctls;
    char *copy = r && r->n < SET_MAX ? arena_strdup(value) : NULL;
    if (!copy)
        return -ENOMEM;
    r->set[r->n].e = e;
    r->set[r->n++].value = copy;
    return 0;
}

const char *sysctl_value(const struct proc_entry *e)
{
    const struct sysctl_root *r = kern()->sysctls;
    for (uint32_t i = 0; r && i < r->n; i++)
        if (r->set[i].e == e)
            return r->set[i].value;
    return NULL;
}
