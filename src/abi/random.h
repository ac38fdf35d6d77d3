/* abi/random.h - getrandom(2) flags. */
#pragma once

#define LINUX_GRND_NONBLOCK      0x1U
#define LINUX_GRND_RANDOM        0x2U
#define LINUX_GRND_INSECURE      0x4U
