/* FAIL clang-19: reading variable 'value' requires holding mutex */
#include "host/mutex.h"

struct counter {
    struct mutex lock;
    int value GUARDED_BY(&lock);
};

int counter_get(struct counter *c);
#ifdef VIOLATION
int counter_get(struct counter *c) { return c->value; }
#else
int counter_get(struct counter *c)
{
    mutex_lock(&c->lock);
    int v = c->value;
    mutex_unlock(&c->lock);
    return v;
}
#endif
