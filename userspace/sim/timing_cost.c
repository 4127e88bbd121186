// SPDX-License-Identifier: MIT
/* What one command costs its engine, apart from waiting; and energy. */
#include <string.h>

#include "isa/codec.h"
#include "sim/timing.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* Products of hostile sizes saturate instead of wrapping. */
static uint64_t mul_cycles(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_mul_overflow(a, b, &r) ? MAX_CYCLES : min_u64(r, MAX_CYCLES);
}

static uint64_t ticks(uint64_t cycles)
{
	return min_u64(cycles, MAX_CYCLES) << TICK_SHIFT;
}

/* Time to pass `amount` at `per_cycle`, to the tick above. */
static uint64_t ticks_at(uint64_t amount, uint64_t per_cycle)
{
	return ceil_div(min_u64(amount, MAX_BYTES) << TICK_SHIFT, per_cycle);
}

/* ---- constants to ticks --------------------------------------------------------- */
static uint64_t cycles_ticks(const struct tern_timing *t, enum tern_timing_constant i)
{
	return (uint64_t)(t->k.v[i] * (1 << TICK_SHIFT) + 0.5);
}

static uint64_t ns_ticks(const struct tern_timing *t, enum tern_timing_constant i)
{
	double cycles = t->k.v[i] * t->caps.clock_khz / 1e6;

	return (uint64_t)(cycles * (1 << TICK_SHIFT) + 0.5);
}

/* Little's law: bytes in flight over the latency, in units per tick. */
static uint64_t outstanding_rate(const struct tern_timing *t, uint64_t latency)
{
	uint64_t units = (uint64_t)t->caps.dram_outstanding * t->caps.dram_burst << UNIT_SHIFT;

	return latency ? max_u64(units / latency, 1) : UINT64_MAX;
}

void timing_costs(struct tern_timing *t)
{
	struct costs *c = &t->cost;

	c->cp_word = cycles_ticks(t, TERN_K_CP_WORD);
	c->cp_jump = cycles_ticks(t, TERN_K_CP_JUMP);
	c->cp_dispatch = cycles_ticks(t, TERN_K_CP_DISPATCH);
	c->cp_spm_read = cycles_ticks(t, TERN_K_CP_SPM_READ);
	c->dram_read = ns_ticks(t, TERN_K_DRAM_READ);
	c->dram_write = ns_ticks(t, TERN_K_DRAM_WRITE);
	c->dma_issue = cycles_ticks(t, TERN_K_DMA_ISSUE);
	c->dma_pipe = cycles_ticks(t, TERN_K_DMA_PIPE);
	c->matrix_issue = cycles_ticks(t, TERN_K_MATRIX_ISSUE);
	c->matrix_pipe = cycles_ticks(t, TERN_K_MATRIX_PIPE);
	c->matrix_chain = tern_timing_whole(&t->k, TERN_K_MATRIX_CHAIN);
	c->vector_issue = cycles_ticks(t, TERN_K_VECTOR_ISSUE);
	c->vector_pipe = cycles_ticks(t, TERN_K_VECTOR_PIPE);
	c->read_rate = outstanding_rate(t, c->dram_read);
	c->write_rate = outstanding_rate(t, c->dram_write);
}

/* ---- LOAD and STORE --------------------------------------------------------------- */
static void cost_dma(const struct tern_timing *t, const struct tern_rcmd *cmd,
		     struct tern_rcost *out)
{
	bool store = cmd->op == TERN_OP_STORE;
	uint32_t convert = store ? t->caps.store_encode : t->caps.load_decode;
	uint64_t outstanding = store ? t->cost.write_rate : t->cost.read_rate;
	uint64_t engine = t->cost.dma_issue + ticks_at(cmd->spm_bytes, t->caps.spm_dma);

	if (cmd->t[0].type != cmd->t[1].type)
		engine = max_u64(engine, t->cost.dma_issue + ticks_at(cmd->elems, convert));
	out->latency = t->cost.dma_pipe + (store ? t->cost.dram_write : t->cost.dram_read);
	out->work = min_u64(cmd->dram_bursts, MAX_BYTES / TERN_BURST) * TERN_BURST << UNIT_SHIFT;
	out->rate = max_u64(1, min_u64(outstanding, out->work / max_u64(engine, 1)));
	out->own = engine;
	if (out->work)
		out->own = max_u64(engine, ceil_div(out->work, min_u64(out->rate, t->dram.rate)));
}

/* ---- MATRIX --------------------------------------------------------------------------- */
/* Rate divisor and the MAC counter of an operand type. */
static uint32_t divisor(const struct tern_caps *c, unsigned int type, uint8_t *counter)
{
	*counter = 0;
	switch (type) {
	case TERN_T_OP32M:
		return c->mac_div_min;
	case TERN_T_OP16:
		return c->mac_div_g16;
	case TERN_T_OP16M:
		return c->mac_div_g16min;
	case TERN_T_F16:
		*counter = 1;
		return c->mac_div_f16;
	case TERN_T_BF16:
		*counter = 2;
		return c->mac_div_f16;
	case TERN_T_F32:
		*counter = 3;
		return c->mac_div_f32;
	default:
		return 1;
	}
}

static uint64_t size_of(const struct tern_rtile *t, unsigned int d)
{
	return t->size[d] > 0 ? (uint64_t)t->size[d] : 0;
}

static uint64_t out_bytes(const struct tern_rcmd *cmd, uint64_t outputs)
{
	const struct tern_type_info *info = tern_type_info(cmd->t[2].type);

	return cmd->flags & TERN_MATRIX_OUT && info ? mul_cycles(outputs, info->bytes) : 0;
}

static void cost_matrix(const struct tern_timing *t, const struct tern_rcmd *cmd,
			struct tern_rcost *out)
{
	const struct tern_caps *c = &t->caps;
	bool kn = cmd->flags & TERN_MATRIX_KN;
	uint64_t k = size_of(&cmd->t[0], 0), m = size_of(&cmd->t[0], 1);
	uint64_t n = size_of(&cmd->t[1], kn ? 0 : 1);
	uint64_t batches = mul_cycles(size_of(&cmd->t[0], 2), size_of(&cmd->t[0], 3));
	uint64_t outputs = mul_cycles(batches, mul_cycles(m, n)), quanta, steps;
	uint32_t div = divisor(c, cmd->t[1].type, &out->mac_counter);

	quanta = mul_cycles(batches, mul_cycles(ceil_div(m, c->m0), ceil_div(n, c->n0)));
	quanta = max_u64(mul_cycles(quanta, div), t->cost.matrix_chain);
	steps = mul_cycles(quanta, ceil_div(k, c->k0));
	out->own = t->cost.matrix_issue +
		   max_u64(ticks(steps), ticks_at(out_bytes(cmd, outputs), c->spm_matrix_out));
	out->latency = t->cost.matrix_pipe;
	out->macs = mul_cycles(outputs, k);
}

/* ---- VECTOR ------------------------------------------------------------------------------ */
static void cost_vector(const struct tern_timing *t, const struct tern_rcmd *cmd,
			struct tern_rcost *out)
{
	out->own = t->cost.vector_issue +
		   max_u64(ticks(cmd->vector_cost), ticks_at(cmd->spm_bytes, t->caps.spm_vector));
	out->latency = t->cost.vector_pipe;
}

void tern_timing_cost(const struct tern_timing *t, const struct tern_rcmd *cmd,
		      struct tern_rcost *out)
{
	/* a head that only waits and signals passes in a cycle */
	*out = (struct tern_rcost){.own = 1 << TICK_SHIFT};
	if (cmd->empty || cmd->op == TERN_OP_SYNC)
		return;
	if (cmd->queue == TERN_Q_MATRIX)
		cost_matrix(t, cmd, out);
	else if (cmd->queue == TERN_Q_VECTOR)
		cost_vector(t, cmd, out);
	else
		cost_dma(t, cmd, out);
}

/* ---- energy --------------------------------------------------------------------------------- */
static double leakage(const struct tern_timing *t)
{
	const double *k = t->k.v;

	return k[TERN_K_LEAK_MAC] * t->caps.mac_int8 +
	       k[TERN_K_LEAK_SPM_KIB] * (t->caps.spm_bytes / 1024.0);
}

void timing_energy(const struct tern_timing *t, struct tern_counters *out)
{
	static const uint8_t mac[4] = {TERN_K_PJ_MAC_INT8, TERN_K_PJ_MAC_FP16, TERN_K_PJ_MAC_BF16,
				       TERN_K_PJ_MAC_FP32};
	const double *k = t->k.v;
	double pj = leakage(t) * (double)out->cycles;

	for (int i = 0; i < 4; i++)
		pj += k[mac[i]] * (double)out->macs[i];
	pj += k[TERN_K_PJ_VECTOR_OP] * (double)out->vector_ops;
	pj += k[TERN_K_PJ_SPM_BYTE] * (double)out->spm_bytes;
	pj += k[TERN_K_PJ_DRAM_BYTE] * (double)out->dram_bursts * TERN_BURST;
	pj += (k[TERN_K_PJ_DRAM_BYTE] + k[TERN_K_PJ_SPM_BYTE]) * (double)t->streamed;
	pj += k[TERN_K_PJ_CP_WORD] * (double)t->cp_words;
	out->energy_pj = pj < (double)(1ull << 62) ? (uint64_t)pj : 1ull << 62;
}
