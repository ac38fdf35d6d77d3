/* shim/sha256.h - SHA-256 (FIPS 180-4) of a short text: containerd names the sockets of shims by it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_BYTES 65

/* Lower-case hexadecimal digits and NUL. */
void sha256_hex(const void *data, size_t len, char ret[SHA256_HEX_BYTES]);
