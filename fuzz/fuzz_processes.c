/* The list of processes that a sandbox sends. */
#include <stdlib.h>
#include <string.h>

#include "runsc/processes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process_list l;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (process_list_parse(text, &l) == 0) {
        for (size_t i = 0; i < l.count; i++)
            for (const char *p = l.v[i].name; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                    abort();
        process_list_free(&l);
    }
    free(text);
    return 0;
}
