/* The other names of files with several: what is open stays reachable by one that is left when its own is removed. */
#include "base/err.h"
#include "base/str.h"
#include "sentry/arena/arena.h"
#include "sentry/fs/gofer/gofer_priv.h"

static void alias_drop(struct gofer_alias *a)
{
    if (!a->dir)
        return;
    struct gofer_inode *dir = TAKE(a->dir);
    arena_strfree(TAKE(a->name));
    inode_unref(&dir->vfs);
}

/* Without memory it is forgotten. The oldest makes room. */
void gofer_alias_add(struct gofer_inode *g, struct gofer_inode *dir, const char *name)
{
    if (!g->aliases)
        g->aliases = arena_alloc(GOFER_ALIASES * sizeof(g->aliases[0]));
    char *copy = g->aliases ? arena_strdup(name) : NULL;
    if (!copy)
        return;
    for (unsigned i = 0; i < GOFER_ALIASES; i++)
        if (g->aliases[i].dir == dir && str_eq(g->aliases[i].name, name)) {
            arena_strfree(copy);
            return;
        }
    alias_drop(&g->aliases[GOFER_ALIASES - 1]);
    for (unsigned i = GOFER_ALIASES - 1; i > 0; i--)
        g->aliases[i] = g->aliases[i - 1];
    inode_ref(&dir->vfs);
    g->aliases[0] = (struct gofer_alias){dir, copy};
}

void gofer_alias_find(struct gofer_inode *g)
{
    if (g->parent || gofer_is_root(g) || !g->vfs.nlink)
        return;
    for (unsigned i = 0; g->aliases && !g->parent && i < GOFER_ALIASES; i++) {
        struct gofer_alias *a = &g->aliases[i];
        struct stat st;
        if (!a->dir)
            continue;
        if (gofer_stat_child(a->dir, a->name, &st) == 0 && st.st_ino == g->vfs.ino &&
            st.st_dev == g->host_dev)
            (void)!gofer_inode_place(g, a->dir, a->name);
        alias_drop(a);
    }
}

void gofer_alias_free(struct gofer_inode *g)
{
    for (unsigned i = 0; g->aliases && i < GOFER_ALIASES; i++)
        alias_drop(&g->aliases[i]);
    if (g->aliases)
        arena_free(g->aliases, GOFER_ALIASES * sizeof(g->aliases[0]));
    g->aliases = NULL;
}
