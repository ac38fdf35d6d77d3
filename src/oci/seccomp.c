#include "oci/seccomp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/filter.h"
#include "base/str.h"
#include "oci/spec.h"

#define NRS      1024 /* numbers below it have rules */
#define ENOSYS_  38
#define DATA(at) ((uint32_t)offsetof(struct linux_seccomp_data, at))

static const struct call_name {
    const char *name;
    uint16_t nr;
} calls[] = {
#define X86(n) n
#define ARM(n)
#define SYS(name, nr, ...) {#name, nr},
#include "abi/syscalls.def"
#undef SYS
#undef ARM
#undef X86
};

/* One way out for a number: rules in order, then the end. */
struct rule_ref {
    const struct oci_seccomp_rule *rule;
    uint32_t next; /* index + 1 */
};

struct compiler {
    const struct oci_seccomp *s;
    struct linux_sock_filter *out;
    size_t n;
    bool full;
    uint32_t fallback; /* the answer where no rule matches */
    struct rule_ref *refs;
    uint32_t ref_count, ref_max;
    uint32_t first[NRS]; /* index + 1 of the first rule with arguments; 0: none */
    uint32_t last[NRS];
    uint32_t end[NRS]; /* answer without arguments */
};

static uint32_t answer_of(enum oci_seccomp_action a, uint32_t errno_ret)
{
    switch (a) {
    case OCI_SECCOMP_KILL_THREAD: return LINUX_SECCOMP_RET_KILL_THREAD;
    case OCI_SECCOMP_TRAP: return LINUX_SECCOMP_RET_TRAP;
    case OCI_SECCOMP_ERRNO: return LINUX_SECCOMP_RET_ERRNO | errno_ret;
    case OCI_SECCOMP_TRACE: return LINUX_SECCOMP_RET_TRACE | errno_ret;
    case OCI_SECCOMP_ALLOW: return LINUX_SECCOMP_RET_ALLOW;
    case OCI_SECCOMP_LOG: return LINUX_SECCOMP_RET_LOG;
    default: return LINUX_SECCOMP_RET_KILL_PROCESS;
    }
}

static size_t emit(struct compiler *c, uint32_t code, uint32_t k, size_t jt, size_t jf)
{
    if (c->n >= OCI_SECCOMP_PROGRAM_MAX || jt > 255 || jf > 255) {
        c->full = true;
        return 0;
    }
    c->out[c->n] = (struct linux_sock_filter){
        .code = (uint16_t)code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
    return c->n++;
}

static void load(struct compiler *c, uint32_t off)
{
    (void)emit(c, LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS, off, 0, 0);
}

static void answer(struct compiler *c, uint32_t k)
{
    (void)emit(c, LINUX_BPF_RET | LINUX_BPF_K, k, 0, 0);
}

/* A comparison of 64 bits as instructions whose jumps are symbols: PASS the rule goes on behind the comparison, FAIL it does not
 * match. */
enum { NEXT = 0, PASS = 1, FAIL = 2 };
struct step {
    uint32_t code, k;
    uint8_t jt, jf;
};

#define JEQ  (LINUX_BPF_JMP | LINUX_BPF_JEQ | LINUX_BPF_K)
#define JGT  (LINUX_BPF_JMP | LINUX_BPF_JGT | LINUX_BPF_K)
#define JGE  (LINUX_BPF_JMP | LINUX_BPF_JGE | LINUX_BPF_K)
#define LD   (LINUX_BPF_LD | LINUX_BPF_W | LINUX_BPF_ABS)
#define AND  (LINUX_BPF_ALU | LINUX_BPF_AND | LINUX_BPF_K)
#define STEP 6

static size_t steps_of(const struct oci_seccomp_arg *a, struct step out[STEP])
{
    uint32_t lo = DATA(args) + a->index * 8;
    uint32_t v = (uint32_t)a->value;
    uint32_t vh = (uint32_t)(a->value >> 32);
    const struct step hi_load = {LD, lo + 4, NEXT, NEXT};
    const struct step lo_load = {LD, lo, NEXT, NEXT};
    size_t n = 0;
    out[n++] = hi_load;
    switch (a->op) {
    case OCI_SECCOMP_EQ:
    case OCI_SECCOMP_NE: {
        bool eq = a->op == OCI_SECCOMP_EQ;
        out[n++] = (struct step){JEQ, vh, NEXT, eq ? FAIL : PASS};
        out[n++] = lo_load;
        out[n++] = (struct step){JEQ, v, eq ? PASS : FAIL, eq ? FAIL : PASS};
        break;
    }
    case OCI_SECCOMP_GT:
    case OCI_SECCOMP_GE:
        out[n++] = (struct step){JGT, vh, PASS, NEXT};
        out[n++] = (struct step){JEQ, vh, NEXT, FAIL};
        out[n++] = lo_load;
        out[n++] = (struct step){a->op == OCI_SECCOMP_GT ? JGT : JGE, v, PASS, FAIL};
        break;
    case OCI_SECCOMP_LT:
    case OCI_SECCOMP_LE:
        out[n++] = (struct step){JGT, vh, FAIL, NEXT};
        out[n++] = (struct step){JEQ, vh, NEXT, PASS};
        out[n++] = lo_load;
        out[n++] = (struct step){a->op == OCI_SECCOMP_LT ? JGE : JGT, v, FAIL, PASS};
        break;
    default:
        out[n++] = (struct step){AND, vh, NEXT, NEXT};
        out[n++] = (struct step){JEQ, (uint32_t)(a->value_two >> 32), NEXT, FAIL};
        out[n++] = lo_load;
        out[n++] = (struct step){AND, v, NEXT, NEXT};
        out[n++] = (struct step){JEQ, (uint32_t)a->value_two, PASS, FAIL};
        break;
    }
    return n;
}

/* All of these arguments, then the answer. */
static void rule_emit(struct compiler *c, const struct oci_seccomp_arg *args, uint32_t count,
                      uint32_t k)
{
    struct step s[STEP];
    size_t total = 1;
    for (uint32_t i = 0; i < count; i++)
        total += steps_of(&args[i], s);
    size_t fail_at = c->n + total;
    for (uint32_t i = 0; i < count; i++) {
        size_t n = steps_of(&args[i], s);
        size_t pass_at = c->n + n;
        for (size_t j = 0; j < n; j++) {
            size_t to[] = {c->n + 1, pass_at, fail_at};
            (void)emit(c, s[j].code, s[j].k, to[s[j].jt] - c->n - 1, to[s[j].jf] - c->n - 1);
            if (c->full)
                return;
        }
    }
    answer(c, k);
}

/* As runc: several conditions on one argument are alternatives, and then all of the rule's are. */
static bool has_alternatives(const struct oci_seccomp_rule *r)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < r->arg_count; i++) {
        if (seen & 1u << r->args[i].index)
            return true;
        seen |= 1u << r->args[i].index;
    }
    return false;
}

static void leaf(struct compiler *c, uint32_t nr)
{
    for (uint32_t at = nr < NRS ? c->first[nr] : 0; at; at = c->refs[at - 1].next) {
        const struct oci_seccomp_rule *r = c->refs[at - 1].rule;
        uint32_t k = answer_of(r->action, r->errno_ret);
        if (has_alternatives(r))
            for (uint32_t i = 0; i < r->arg_count; i++)
                rule_emit(c, &r->args[i], 1, k);
        else
            rule_emit(c, r->args, r->arg_count, k);
    }
    answer(c, nr < NRS ? c->end[nr] : c->fallback);
}

/* Numbers from each edge on have the same way out. */
static void tree(struct compiler *c, const uint32_t *edges, size_t count)
{
    if (c->full)
        return;
    if (count == 1) {
        leaf(c, edges[0]);
        return;
    }
    size_t mid = count / 2;
    (void)emit(c, JGE, edges[mid], 0, 1);
    size_t far = emit(c, LINUX_BPF_JMP | LINUX_BPF_JA, 0, 0, 0);
    tree(c, edges, mid);
    if (c->full)
        return;
    c->out[far].k = (uint32_t)(c->n - far - 1);
    tree(c, edges + mid, count - mid);
}

static int rule_add(struct compiler *c, uint32_t nr, const struct oci_seccomp_rule *r)
{
    if (r->arg_count == 0) {
        c->end[nr] = answer_of(r->action, r->errno_ret);
        return 0;
    }
    if (c->ref_count == c->ref_max) {
        uint32_t max = c->ref_max ? c->ref_max * 2 : 64;
        struct rule_ref *refs = realloc(c->refs, max * sizeof *refs);
        if (!refs)
            return -ENOMEM;
        c->refs = refs;
        c->ref_max = max;
    }
    c->refs[c->ref_count++] = (struct rule_ref){.rule = r};
    if (c->last[nr])
        c->refs[c->last[nr] - 1].next = c->ref_count;
    else
        c->first[nr] = c->ref_count;
    c->last[nr] = c->ref_count;
    return 0;
}

/* *ret_top: the highest number that is named. */
static int rules_sort(struct compiler *c, uint32_t *ret_top)
{
    for (uint32_t i = 0; i < c->s->rule_count; i++) {
        const struct oci_seccomp_rule *r = &c->s->rules[i];
        for (uint32_t k = 0; k < r->names.count; k++)
            for (size_t j = 0; j < ARRAY_SIZE(calls); j++) {
                if (calls[j].nr >= NRS || !str_eq(calls[j].name, r->names.v[k]))
                    continue;
                int err = rule_add(c, calls[j].nr, r);
                if (err)
                    return err;
                *ret_top = MAX(*ret_top, (uint32_t)calls[j].nr);
                break;
            }
    }
    return 0;
}

static int compile(struct compiler *c)
{
    uint32_t edges[NRS + 1];
    size_t count = 0;
    uint32_t top = 0;
    c->fallback = answer_of(c->s->default_action, c->s->default_errno);
    bool permissive =
        c->s->default_action == OCI_SECCOMP_ALLOW || c->s->default_action == OCI_SECCOMP_LOG;
    for (size_t i = 0; i < NRS; i++)
        c->end[i] = c->fallback;
    int err = rules_sort(c, &top);
    if (err)
        return err;
    if (!permissive)
        c->fallback = LINUX_SECCOMP_RET_ERRNO | ENOSYS_;
    for (uint32_t nr = 0; nr < NRS; nr++) {
        if (nr > top)
            c->end[nr] = c->fallback;
        if (nr == 0 || c->first[nr] || c->first[nr - 1] || c->end[nr] != c->end[nr - 1])
            edges[count++] = nr;
    }
    load(c, DATA(arch));
    (void)emit(c, JEQ, LINUX_AUDIT_ARCH_X86_64, 1, 0);
    answer(c, LINUX_SECCOMP_RET_KILL_PROCESS);
    load(c, DATA(nr));
    tree(c, edges, count);
    return c->full ? -E2BIG : 0;
}

int oci_seccomp_compile(const struct oci_seccomp *s, struct linux_sock_filter *out, size_t *ret_len)
{
    struct compiler *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->s = s;
    c->out = out;
    int err = compile(c);
    *ret_len = c->n;
    free(c->refs);
    free(c);
    return err;
}
