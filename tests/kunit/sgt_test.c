// SPDX-License-Identifier: GPL-2.0
/* Scatter lists that another driver has made. */
#include <linux/sizes.h>

#include <kunit/test.h>

#include "tern_sgt.c"

static struct sg_table table;

/* Two entries; the second begins at 1 MiB. */
static bool holds(struct kunit *test, u64 first, u32 first_size, u32 second_size, u64 size)
{
	bool result;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(&table, 2, GFP_KERNEL), 0);
	sg_dma_address(table.sgl) = first;
	sg_dma_len(table.sgl) = first_size;
	sg_dma_address(sg_next(table.sgl)) = SZ_1M;
	sg_dma_len(sg_next(table.sgl)) = second_size;
	result = tern_sgt_holds(&table, size);
	sg_free_table(&table);
	return result;
}

static void whole_pages_are_taken(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, holds(test, SZ_4K, SZ_8K, SZ_4K, SZ_8K + SZ_4K));
	KUNIT_EXPECT_TRUE(test, holds(test, SZ_4K, SZ_8K, SZ_4K, SZ_8K));
}

static void parts_of_pages_are_not(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, holds(test, SZ_4K, SZ_4K, 904, SZ_4K));
	KUNIT_EXPECT_FALSE(test, holds(test, SZ_4K, SZ_4K + 904, SZ_4K, SZ_8K));
	KUNIT_EXPECT_FALSE(test, holds(test, SZ_4K + 8, SZ_4K, SZ_4K, SZ_8K));
}

static void short_lists_are_not(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, holds(test, SZ_4K, SZ_4K, SZ_4K, SZ_8K + 1));
	KUNIT_EXPECT_FALSE(test, holds(test, SZ_4K, 0, SZ_4K, SZ_8K));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(whole_pages_are_taken),
	KUNIT_CASE(parts_of_pages_are_not),
	KUNIT_CASE(short_lists_are_not),
	{},
};

static struct kunit_suite suite = {.name = "tern_sgt", .test_cases = cases};
kunit_test_suite(suite);
