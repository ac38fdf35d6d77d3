/* config.json, a process or resources alone: every text is one of these or an error that says something. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oci/seccomp.h"
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void error_check(int r, const char *err)
{
    if (r == -EINVAL && (!err[0] || strlen(err) >= OCI_ERROR_MAX || strchr(err, '\n')))
        abort();
}

static void spec_check(const struct oci_spec *s)
{
    if (s->process.args.count == 0 || s->process.cwd[0] != '/' || !s->root_path[0])
        abort();
    for (uint32_t i = 0; i < s->mount_count; i++)
        if (s->mounts[i].destination[0] != '/' || !s->mounts[i].type || !s->mounts[i].source)
            abort();
    for (size_t k = 0; k < OCI_HOOK_KINDS; k++)
        for (uint32_t i = 0; i < s->hooks[k].count; i++)
            if (s->hooks[k].v[i].path[0] != '/')
                abort();
    static struct linux_sock_filter prog[OCI_SECCOMP_PROGRAM_MAX];
    size_t n = 0;
    if (s->seccomp.given && oci_seccomp_compile(&s->seccomp, prog, &n) == 0 &&
        (n == 0 || n > OCI_SECCOMP_PROGRAM_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct oci_spec spec;
    static struct oci_process process;
    static struct oci_resources res;
    char err[OCI_ERROR_MAX];
    int r = oci_spec_parse("config.json", (const char *)data, size, &spec, err);
    error_check(r, err);
    if (r == 0) {
        spec_check(&spec);
        oci_spec_done(&spec);
    }
    r = oci_process_parse("process", (const char *)data, size, &process, NULL, err);
    error_check(r, err);
    if (r == 0)
        oci_process_done(&process);
    r = oci_resources_parse("resources", (const char *)data, size, &res, err);
    error_check(r, err);
    if (r == 0)
        oci_resources_done(&res);
    return 0;
}
