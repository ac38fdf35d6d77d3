/* linux.seccomp: the words become numbers. seccomp.c makes a program of them. */
#include <string.h>

#include "base/str.h"
#include "oci/parse_priv.h"
#include "oci/spec.h"
#include "oci/spec_priv.h"

#define RULES_MAX 4096
#define NAMES_MAX 4096
#define ARGS_MAX  64
#define EPERM_    1

static enum oci_seccomp_action action_of(struct parse *p, const char *key, const char *name,
                                         const char *word)
{
    static const char *const words[] = {
        [OCI_SECCOMP_KILL_THREAD] = "SCMP_ACT_KILL_THREAD",
        [OCI_SECCOMP_KILL_PROCESS] = "SCMP_ACT_KILL_PROCESS",
        [OCI_SECCOMP_TRAP] = "SCMP_ACT_TRAP",
        [OCI_SECCOMP_ERRNO] = "SCMP_ACT_ERRNO",
        [OCI_SECCOMP_TRACE] = "SCMP_ACT_TRACE",
        [OCI_SECCOMP_ALLOW] = "SCMP_ACT_ALLOW",
        [OCI_SECCOMP_LOG] = "SCMP_ACT_LOG",
        [OCI_SECCOMP_NOTIFY] = "SCMP_ACT_NOTIFY",
    };
    if (str_eq(word, "SCMP_ACT_KILL"))
        return OCI_SECCOMP_KILL_THREAD;
    int n = word_find(words, ARRAY_SIZE(words), word);
    if (n < 0)
        parse_fail(p, key, name, "\"%.32s\" is unknown; they look like SCMP_ACT_ERRNO", word);
    if (n == OCI_SECCOMP_NOTIFY)
        parse_fail(p, key, name,
                   "SCMP_ACT_NOTIFY is not supported: no agent is asked; use another action");
    return n < 0 ? OCI_SECCOMP_KILL_PROCESS : (enum oci_seccomp_action)n;
}

static void args_parse(struct parse *p, json_t *rule, const char *in, struct oci_seccomp_rule *r)
{
    json_t *a = array_get(p, rule, in, "args", ARGS_MAX);
    r->args = parse_alloc(p, json_array_size(a), sizeof *r->args);
    for (size_t i = 0; r->args && i < json_array_size(a); i++) {
        char key[OCI_KEY_MAX];
        bool given;
        json_t *o = object_at(p, a, i, parse_key_at(key, in, "args", i));
        struct oci_seccomp_arg *to = &r->args[r->arg_count++];
        to->index = (uint32_t)int_get(p, o, key, "index", 0, 5, 0);
        to->value = u64_get(p, o, key, "value", &given);
        if (!given && p->result == 0)
            to->value = 0; /* Go leaves out zeroes */
        to->value_two = u64_get(p, o, key, "valueTwo", &given);
        const char *op = string_need(p, o, key, "op", 32);
        int n = -1;
        const char *word;
        for (size_t k = 0; (word = oci_word(OCI_WORDS_SECCOMP_OPS, k)); k++)
            if (str_eq(op, word))
                n = (int)k;
        if (n < 0)
            parse_fail(p, key, "op", "\"%.32s\" is unknown; they look like SCMP_CMP_EQ", op);
        to->op = n < 0 ? OCI_SECCOMP_EQ : (enum oci_seccomp_op)n;
    }
}

static void rule_parse(struct parse *p, json_t *o, const char *key, struct oci_seccomp_rule *r)
{
    r->names = strings_get(p, o, key, "names", NAMES_MAX, 128);
    const char *old = string_get(p, o, key, "name", 128); /* before 1.0 */
    if (r->names.count == 0 && old && old[0]) {
        const char **v = parse_alloc(p, 2, sizeof *v);
        if (v)
            v[0] = old;
        r->names = (struct boot_strings){.v = v, .count = v != NULL};
    }
    if (r->names.count == 0)
        parse_fail(p, key, "names", "missing or empty; name the system calls");
    r->action = action_of(p, key, "action", string_need(p, o, key, "action", 64));
    r->errno_ret = (uint32_t)int_get(p, o, key, "errnoRet", 0, 4095, EPERM_);
    json_t *errno_json = json_object_get(o, "errnoRet");
    if (errno_json && !json_is_null(errno_json) && r->action != OCI_SECCOMP_ERRNO &&
        r->action != OCI_SECCOMP_TRACE)
        parse_fail(p, key, "errnoRet", "goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only");
    args_parse(p, o, key, r);
}

static void flags_parse(struct parse *p, json_t *o, const char *key, struct oci_seccomp *s)
{
    struct boot_strings flags = strings_get(p, o, key, "flags", 16, 64);
    for (uint32_t i = 0; i < flags.count; i++) {
        const char *word;
        size_t n = 0;
        while ((word = oci_word(OCI_WORDS_SECCOMP_FLAGS, n)) && !str_eq(word, flags.v[i]))
            n++;
        if (str_eq(flags.v[i], "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
            continue; /* for notifications, of which there are none */
        if (!word)
            parse_fail(p, key, "flags", "\"%.60s\" is unknown", flags.v[i]);
        else
            s->flags |= 1u << n;
    }
}

static void archs_parse(struct parse *p, json_t *o, const char *key)
{
    struct boot_strings archs = strings_get(p, o, key, "architectures", 64, 64);
    for (uint32_t i = 0; i < archs.count; i++)
        if (strncmp(archs.v[i], "SCMP_ARCH_", 10) != 0)
            parse_fail(p, key, "architectures",
                       "\"%.32s\" is unknown; they look like SCMP_ARCH_X86_64", archs.v[i]);
}

void seccomp_parse(struct parse *p, json_t *o, struct oci_seccomp *s)
{
    static const char key[] = "linux.seccomp";
    if (!o)
        return;
    s->given = true;
    s->default_action =
        action_of(p, key, "defaultAction", string_need(p, o, key, "defaultAction", 64));
    s->default_errno = (uint32_t)int_get(p, o, key, "defaultErrnoRet", 0, 4095, EPERM_);
    json_t *given = json_object_get(o, "defaultErrnoRet");
    s->default_errno_given = given && !json_is_null(given);
    archs_parse(p, o, key);
    flags_parse(p, o, key, s);
    s->listener_path = string_get(p, o, key, "listenerPath", BOOT_PATH_MAX - 1);
    s->listener_metadata = string_get(p, o, key, "listenerMetadata", OCI_FILE_MAX);
    json_t *a = array_get(p, o, key, "syscalls", RULES_MAX);
    s->rules = parse_alloc(p, json_array_size(a), sizeof *s->rules);
    for (size_t i = 0; s->rules && p->result == 0 && i < json_array_size(a); i++) {
        char at[OCI_KEY_MAX];
        json_t *e = object_at(p, a, i, parse_key_at(at, key, "syscalls", i));
        rule_parse(p, e, at, &s->rules[s->rule_count++]);
    }
}
