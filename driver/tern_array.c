// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays of structures that grow.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "tern_array.h"

/**
 * tern_array_copy() - See TERN_ARRAY_COPY()
 * @array: Checked
 * @element: Bytes of one as the kernel knows it
 *
 * Return: the copy, NULL, or an error pointer
 */
void *tern_array_copy(const struct drm_tern_array *array, u32 element)
{
	u8 __user *from = u64_to_user_ptr(array->pointer);
	u8 *to, *out;
	int ret = 0;
	u32 i;

	if (!array->count)
		return NULL;
	out = kvcalloc(array->count, element, GFP_KERNEL_ACCOUNT);
	if (!out)
		return ERR_PTR(-ENOMEM);
	for (i = 0, to = out; i < array->count && !ret; i++) {
		ret = copy_struct_from_user(to, element, from, array->stride);
		to += element;
		from += array->stride;
	}
	if (!ret)
		return out;
	kvfree(out);
	return ERR_PTR(ret);
}
