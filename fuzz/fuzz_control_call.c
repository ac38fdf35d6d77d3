/* Requests to a sandbox, its answers, and the process that CALL_EXEC brings. First byte: which one. */
#include <stdlib.h>
#include <string.h>

#include "wire/boot_config.h"
#include "wire/control_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request_check(const uint8_t *data, size_t size)
{
    static struct call_request rq;
    uint8_t again[CALL_REQUEST_BYTES_MAX];
    uint32_t min, max;
    if (call_request_parse(data, size, &rq) < 0)
        return;
    call_fds(rq.type, &min, &max);
    if (min > max || call_request_build(again, &rq) != size || memcmp(again, data, size) != 0)
        abort();
}

static void answer_check(const uint8_t *data, size_t size)
{
    static struct call_answer a;
    uint8_t again[CALL_ANSWER_BYTES_MAX];
    if (call_answer_parse(data, size, &a) < 0)
        return;
    for (const char *p = a.text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            abort();
    if (a.count > CALL_VALUES_MAX || a.error > 0 || call_answer_build(again, &a) != size)
        abort();
}

static void process_check(const uint8_t *data, size_t size)
{
    static struct boot_config c;
    size_t scratch_len = boot_config_scratch(size), len = 0;
    void *scratch = malloc(scratch_len);
    void *again = malloc(size + 1);
    if (scratch && again && boot_process_read(data, size, scratch, scratch_len, &c) == 0 &&
        (boot_process_write(&c, again, size, &len) < 0 || len != size ||
         memcmp(again, data, size) != 0))
        abort();
    free(scratch);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0: request_check(data + 1, size - 1); break;
    case 1: answer_check(data + 1, size - 1); break;
    default: process_check(data + 1, size - 1); break;
    }
    return 0;
}
