// SPDX-License-Identifier: GPL-2.0
/* Scatter lists: where the device finds a buffer. */
#include <linux/minmax.h>
#include <linux/scatterlist.h>

#include <tern/hw.h>

#include "tern_sgt.h"

/**
 * tern_sgt_holds() - Can page tables lead to a buffer?
 * @sgt: Where the device finds it; another driver may have made it
 * @size: Bytes of the buffer
 *
 * Return: true if it is made of whole pages, and not of less than @size
 */
bool tern_sgt_holds(struct sg_table *sgt, u64 size)
{
	struct scatterlist *sg;
	u64 bytes = 0;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if ((sg_dma_address(sg) | sg_dma_len(sg)) & (TERN_PAGE_SIZE - 1))
			return false;
		bytes += sg_dma_len(sg);
	}
	return bytes >= size;
}

/**
 * tern_sgt_seek() - Find an offset in a scatter list
 * @place: Zeroed, or of another offset, from where it goes on if it can; result
 * @sgt: Where the device finds the buffer
 * @offset: Offset, inside it
 */
void tern_sgt_seek(struct tern_sgt_place *place, struct sg_table *sgt, u64 offset)
{
	if (place->sgt != sgt || offset < place->begin)
		*place = (struct tern_sgt_place) {
			.sgt = sgt, .sg = sgt->sgl, .left = sgt->nents,
		};
	while (place->left && offset - place->begin >= sg_dma_len(place->sg)) {
		place->begin += sg_dma_len(place->sg);
		place->sg = sg_next(place->sg);
		place->left--;
	}
}

/**
 * tern_sgt_walk() - Go through the contiguous runs of part of a buffer
 * @place: Of @offset, by tern_sgt_seek()
 * @offset: First byte
 * @size: Bytes
 * @fn: Called for each run, with how far into the part it begins
 * @context: For @fn
 */
void tern_sgt_walk(const struct tern_sgt_place *place, u64 offset, u64 size, tern_run_fn fn,
		   void *context)
{
	struct scatterlist *sg = place->sg;
	u64 at = 0, skip = offset - place->begin;
	unsigned int left = place->left;

	while (at < size && left--) {
		u64 step = min(sg_dma_len(sg) - skip, size - at);

		fn(context, at, sg_dma_address(sg) + skip, step);
		skip = 0;
		at += step;
		sg = sg_next(sg);
	}
}
