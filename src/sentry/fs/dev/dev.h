/* sentry/fs/dev/dev.h - devices by number, and the file system that holds their names.
 *
 * What     "devtmpfs": a tmpfs with the usual nodes. Opens of character devices anywhere come to dev_open() (vfs_set_device_open).
 * Spec     null(4), full(4), random(4), tty(4), pts(4); the default devices of the OCI runtime specification.
 */
#pragma once
#include "base/compiler.h"

void dev_init(void); /* after vfs_init */
