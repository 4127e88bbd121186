/* SPDX-License-Identifier: MIT */
/* Single commands through the whole model: what the README ("Time") says they cost and count. */
#ifndef TEST_COST_FIXTURE_H
#define TEST_COST_FIXTURE_H

#include <math.h>

#include "sim_fixture.h"

#define K(name) (tern_timing_constant_info[TERN_K_##name].value)

static struct env e;

static inline void setup(void)
{
	env_open(&e, "small", NULL);
}

static inline void teardown(void)
{
	env_close(&e);
}

/* ---- random numbers --------------------------------------------------------------- */
static uint64_t state;

static inline void seed(int i)
{
	state = 0x9e3779b97f4a7c15ull * (uint64_t)(i + 1);
}

static inline int64_t pick(int64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (int64_t)((state >> 20) % (uint64_t)n);
}

/* ---- one command --------------------------------------------------------------------- */
struct cost {
	double busy, latency; /* cycles */
	uint64_t steps, spm_bytes, bursts, read, written, macs[4], ops;
};

static inline double longer(double a, double b)
{
	return a > b ? a : b;
}

static inline const struct tern_caps *caps(void)
{
	return tern_sim_caps(e.sim);
}

static inline double latency_cycles(double ns)
{
	return ns * caps()->clock_khz / 1e6;
}

static inline void ck_near(const char *what, double got, double want, double slack)
{
	ck_assert_msg(fabs(got - want) <= slack, "%s: %.3f, not %.3f", what, got, want);
}

static inline double energy(const struct tern_counters *n, double words)
{
	double mac[4] = {K(PJ_MAC_INT8), K(PJ_MAC_FP16), K(PJ_MAC_BF16), K(PJ_MAC_FP32)};
	double pj = K(PJ_VECTOR_OP) * (double)n->vector_ops +
		    K(PJ_SPM_BYTE) * (double)n->spm_bytes +
		    K(PJ_DRAM_BYTE) * 64 * (double)n->dram_bursts + K(PJ_CP_WORD) * words;

	for (int i = 0; i < 4; i++)
		pj += mac[i] * (double)n->macs[i];
	return pj + (double)n->cycles * (K(LEAK_MAC) * caps()->mac_int8 +
					 K(LEAK_SPM_KIB) * caps()->spm_bytes / 1024);
}

/* The program is scalar words, then one command, then END. */
static inline void ck_cost(unsigned int queue, const struct cost *want)
{
	const struct tern_counters *n = &e.run.counters;
	double words = (double)(e.code.n - TERN_IMAGE_HEADER_WORDS);
	double dispatched = (words - 1) * K(CP_WORD) + K(CP_DISPATCH);

	ck_assert_msg(!e.run.fault.code, "fault %s at word %u, 0x%llx 0x%llx",
		      tern_fault_name(e.run.fault.code), e.run.fault.word,
		      (unsigned long long)e.run.fault.addr, (unsigned long long)e.run.fault.info);
	ck_assert_uint_eq(n->steps, (uint64_t)words + want->steps);
	ck_assert_uint_eq(n->spm_bytes, want->spm_bytes);
	ck_assert_uint_eq(n->dram_bursts, want->bursts);
	ck_assert_uint_eq(n->dram_read, want->read);
	ck_assert_uint_eq(n->dram_written, want->written);
	ck_assert_uint_eq(n->vector_ops, want->ops);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(n->macs[i], want->macs[i]);
	ck_near("cycles", (double)n->cycles,
		longer(dispatched + K(CP_WORD), dispatched + want->busy + want->latency), 1);
	ck_near("busy", (double)n->busy[queue], want->busy, 1);
	ck_near("energy", (double)n->energy_pj, energy(n, words), 1);
}

#endif
