/* Control messages, the boot configuration, that of the network. First byte: which one. */
#include <stdlib.h>
#include <string.h>

#include "wire/boot_config.h"
#include "wire/control.h"
#include "wire/net_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void config_check(const uint8_t *data, size_t size)
{
    static struct boot_config c;
    size_t scratch_len = boot_config_scratch(size);
    void *scratch = malloc(scratch_len);
    if (scratch && boot_config_read(data, size, scratch, scratch_len, &c) == 0) {
        size_t len = 0;
        void *again = malloc(size);
        c.control_fd = c.gofer_fd = 0;
        if (again && (boot_config_write(&c, again, size, &len) < 0 || len != size ||
                      memcmp(again, data, size) != 0))
            abort();
        free(again);
    }
    free(scratch);
}

/* What is accepted is what is written for it. */
static void network_check(const uint8_t *data, size_t size)
{
    static struct net_config c;
    if (net_config_read(data, size, &c) != 0)
        return;
    uint8_t *again = malloc(size);
    if (again && (net_config_write(&c, again, size) != size || memcmp(again, data, size) != 0))
        abort();
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_msg m;
    if (size == 0)
        return 0;
    if (data[0] & 1)
        config_check(data + 1, size - 1);
    else if (data[0] & 2)
        network_check(data + 1, size - 1);
    else if (control_parse(data + 1, size - 1, &m) == 0 && strlen(m.text) > CONTROL_TEXT_MAX)
        abort();
    return 0;
}
