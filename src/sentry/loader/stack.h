/* sentry/loader/stack.h - the first bytes of a new program's stack: argc, argv, envp, auxiliary vector, strings.
 *
 * Context  pure but for the arena buffer that it makes.
 * Spec     System V ABI (AMD64) 3.4.1; Linux's layout: strings at the top, execfn last.
 */
#pragma once
#include <stdint.h>

#include "base/compiler.h"
#include "sentry/loader/args.h"

#define STACK_AUXV_MAX 24u

struct stack_spec {
    uint64_t top; /* end of the stack region */
    const struct args *argv, *envp;
    const char *execfn;
    const char *platform;
    uint8_t random[16];
    uint64_t auxv[STACK_AUXV_MAX]
                 [2]; /* type, value; RANDOM, EXECFN, PLATFORM and NULL are added here */
    uint32_t nauxv;
};
struct stack_image {
    uint8_t *bytes; /* arena; size bytes, to be copied to sp */
    uint64_t size, sp;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv_off; /* of the auxiliary vector in bytes */
    uint32_t auxv_words;
};

NODISCARD int stack_build(const struct stack_spec *s,
                          struct stack_image *ret); /* -ENOMEM, -E2BIG */
void stack_image_free(struct stack_image *im);
