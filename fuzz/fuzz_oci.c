/* config.json: every text is a configuration or an error that says something. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct oci_spec spec;
    char err[OCI_ERROR_MAX];
    int r = oci_spec_parse("config.json", (const char *)data, size, &spec, err);
    if (r == 0) {
        if (spec.args.count == 0 || spec.cwd[0] != '/' || !spec.root_path[0])
            abort();
        oci_spec_done(&spec);
    } else if (r == -EINVAL && (!err[0] || strlen(err) >= OCI_ERROR_MAX)) {
        abort();
    }
    return 0;
}
