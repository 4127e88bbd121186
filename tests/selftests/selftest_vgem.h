/* SPDX-License-Identifier: MIT */
/* Another driver's fences. */
#ifndef SELFTEST_VGEM_H
#define SELFTEST_VGEM_H

#include <stdint.h>

/* In a syncobj of FD's; its driver lets it expire by itself ten seconds later. */
uint32_t fence_of_vgem(int fd);

#endif /* SELFTEST_VGEM_H */
