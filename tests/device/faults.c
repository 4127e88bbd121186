// SPDX-License-Identifier: GPL-2.0
#include "faults.h"

bool faults_on(const struct faults *f, enum device_fault which)
{
	return __atomic_load_n(&f->left[which], __ATOMIC_RELAXED);
}

bool faults_take(struct faults *f, enum device_fault which)
{
	uint32_t left = __atomic_load_n(&f->left[which], __ATOMIC_RELAXED);

	while (left && left != UINT32_MAX &&
	       !__atomic_compare_exchange_n(&f->left[which], &left, left - 1, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return left;
}

void faults_set(struct faults *f, enum device_fault which, uint32_t times)
{
	__atomic_store_n(&f->left[which], times, __ATOMIC_RELAXED);
}
