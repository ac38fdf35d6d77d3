/* sentry/platform/space_limits.h - the application's part of an address space. */
#pragma once
#define SPACE_MIN 0x10000ULL
#define SPACE_END 0x7ffe00000000ULL /* exclusive; the stub begins at 0x7fff00000000 */
