/* stub/blobs.h - the programs of this directory, as bytes for the sentry. */
#pragma once
#include <stddef.h>
#include <stdint.h>

extern const uint8_t stub_image[]; /* ELF, loaded by the host's exec */
extern const size_t stub_image_size;
extern const uint8_t
    vdso_image[]; /* ELF shared object, mapped into applications behind its data page */
extern const size_t vdso_image_size;
