/* abi/random.h - getrandom(2) flags. */
#ifndef CVISOR_ABI_RANDOM_H
#define CVISOR_ABI_RANDOM_H

#define LINUX_GRND_NONBLOCK 0x1U
#define LINUX_GRND_RANDOM   0x2U
#define LINUX_GRND_INSECURE 0x4U

#endif
