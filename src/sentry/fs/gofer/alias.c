/* The other names of files with several: what is open stays reachable by one that is left when its own is removed, or forgotten. */
#include "abi/stat.h"
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/gofer/gofer_ops.h"

#include <string.h>

static void alias_drop(struct gofer_alias *a)
{
    if (!a->dir)
        return;
    struct dentry *dir = TAKE(a->dir);
    arena_strfree(TAKE(a->name));
    dentry_unref(dir);
}

/* Without memory it is forgotten. The oldest makes room. */
void gofer_alias_add(struct gofer_inode *g, const struct dentry *d)
{
    struct gofer_more *m = gofer_more(g);
    char *copy = m ? arena_strdup(dentry_name(d)) : NULL;
    if (!copy)
        return;
    for (unsigned i = 0; i < GOFER_ALIASES; i++)
        if (m->aliases[i].dir == d->parent && str_eq(m->aliases[i].name, copy)) {
            arena_strfree(copy);
            return;
        }
    alias_drop(&m->aliases[GOFER_ALIASES - 1]);
    for (unsigned i = GOFER_ALIASES - 1; i > 0; i--)
        m->aliases[i] = m->aliases[i - 1];
    m->aliases[0] = (struct gofer_alias){dentry_ref(d->parent), copy};
}

/* g at the alias a, if that is there: through the name cache, which holds what is looked for by a name. */
static void alias_try(struct gofer_inode *g, const struct gofer_alias *a)
{
    struct stat st;
    bool cached;
    if (gofer_stat_child(to_gofer(a->dir->inode), a->name, &st) < 0 || st.st_ino != g->vfs.ino ||
        st.st_dev != g->host_dev)
        return;
    struct dentry *d = dentry_get_child(a->dir, a->name, strlen(a->name), &cached);
    if (!d)
        return;
    if (!cached)
        dentry_set_inode(d, inode_ref(&g->vfs));
    if (d->inode == &g->vfs)
        g->at = d;
    dentry_unref(d);
}

void gofer_alias_find(struct gofer_inode *g)
{
    if (g->at || gofer_is_root(g) || !g->vfs.nlink)
        return;
    for (unsigned i = 0; g->more && !g->at && i < GOFER_ALIASES; i++) {
        struct gofer_alias *a = &g->more->aliases[i];
        if (!a->dir)
            continue;
        alias_try(g, a);
        alias_drop(a);
    }
}

/* The cache forgets a name; of a file with several that is in use otherwise, it is kept. */
void gofer_name_gone(struct dentry *d)
{
    struct gofer_inode *g = to_gofer(d->inode);
    if (g->at != d)
        return;
    g->at = NULL;
    if (d->hashed && g->vfs.nlink > 1 && !LINUX_S_ISDIR(g->vfs.mode) && ref_count(&g->vfs.ref) > 1)
        gofer_alias_add(g, d);
}

void gofer_alias_free(struct gofer_inode *g)
{
    for (unsigned i = 0; i < GOFER_ALIASES; i++)
        alias_drop(&g->more->aliases[i]);
}
