/* sentry/platform/stubs/host_vdso.h - the functions of the host's vDSO, as addresses in stub processes. */
#pragma once
#include "stub/vdso/vdso_data.h"

/* After platform_init(). Entries that the host lacks are 0. */
void host_vdso_find(struct vdso_data *ret);
