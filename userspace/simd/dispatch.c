// SPDX-License-Identifier: MIT
/* The tables of functions, and which of them this CPU can run. */
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "decode.h"
#include "gemm.h"
#include "simd.h"
#include "vector.h"

#define TABLE(level, dec)                                                           \
	{                                                                           \
		.name = #level, .decode_operand = tern_decode_operand_##dec,        \
		.to_f32 = tern_to_f32_##dec, .from_f32 = tern_from_f32_##dec,       \
		.quantise_act = tern_quantise_act_##dec, .gemm = tern_gemm_##level, \
		.vector = tern_vector_run_##dec,                                    \
	}

const struct tern_simd tern_simd_scalar = TABLE(scalar, scalar);

static bool always(void)
{
	return true;
}

#if defined(__x86_64__)
static const struct tern_simd simd_avx2 = TABLE(avx2, avx2);
static const struct tern_simd simd_avx512 = TABLE(avx512, avx512);

static bool has_avx2(void)
{
	unsigned int a, b, c = 0, d;

	__builtin_cpu_init();
	/* clang 14 does not know "f16c" */
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}
#elif defined(__aarch64__)
/* NEON is part of the base architecture: plain C is compiled to it already. */
static const struct tern_simd simd_neon = TABLE(neon, scalar);
#endif

/* Best first. */
static const struct {
	const struct tern_simd *table;
	bool (*usable)(void);
} levels[] = {
#if defined(__x86_64__)
	{&simd_avx512, has_avx512},
	{&simd_avx2, has_avx2},
#elif defined(__aarch64__)
	{&simd_neon, always},
#endif
	{&tern_simd_scalar, always},
};

const struct tern_simd *tern_simd_get(const char *name)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if ((!name || !strcmp(name, levels[i].table->name)) && levels[i].usable())
			return levels[i].table;
	return NULL;
}
