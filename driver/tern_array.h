/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_ARRAY_H
#define TERN_ARRAY_H

#include <drm/tern_accel.h>

void *tern_array_copy(const struct drm_tern_array *array, u32 element);

/*
 * Copies a checked array (tern_check_array()) of structures of another version of the
 * interface: what the caller has more must be zero (-E2BIG), what it has less is zero.
 * The result is for kvfree(); NULL if the array is empty.
 */
#define TERN_ARRAY_COPY(out, array)                                       \
	({                                                                \
		void *copy_ = tern_array_copy(array, sizeof((out)[0]));   \
									  \
		(out) = IS_ERR(copy_) ? NULL : copy_;                     \
		PTR_ERR_OR_ZERO(copy_);                                   \
	})

#endif /* TERN_ARRAY_H */
