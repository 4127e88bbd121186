// SPDX-License-Identifier: MIT
/* From operators to a program image: plan, lower, lay out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/plan.h"

int tern_solve(const struct tern_target *target, const struct tern_op_desc *op,
	       const struct tern_tensor_desc *tensors)
{
	if ((unsigned int)op->op >= TERN_OP_COUNT)
		return tern_fail(-EINVAL, "operator %d does not exist", (int)op->op);
	if (!target->npu)
		return tern_fail(-EOPNOTSUPP, "the device has no NPU");
	if (target->no_ops & (1ull << op->op))
		return tern_fail(-EOPNOTSUPP, "%s is masked off (no=)", tern_op_name(op->op));
	return tern_lowering(op->op)->solve(target, op, tensors);
}

static int lower_init(struct tern_lower *l, const struct tern_target *target,
		      const struct tern_graph *g)
{
	*l = (struct tern_lower){.target = target, .caps = &target->caps, .g = g};
	l->slot_bytes = lower_slot_bytes(&target->caps);
	l->ring_bytes = target->caps.spm_bytes - lower_spm_local(&target->caps);
	l->ring_slots = l->ring_bytes / l->slot_bytes;
	return 0;
}

static void lower_fini(struct tern_lower *l)
{
	tern_code_fini(&l->code);
	tern_code_fini(&l->main);
	tern_code_fini(&l->vprog);
	tern_code_fini(&l->consts);
	intern_fini(&l->vprog_index);
	intern_fini(&l->const_index);
	intern_fini(&l->sub_index);
	free(l->fixups);
	free(l->args);
}

static void fill_sems(const struct tern_lower *l, struct tern_image_sem *sem)
{
	static const struct {
		uint8_t prod, cons, depth;
	} pipes[] = {
#define X(name, prod, cons, depth) {TERN_Q_##prod, TERN_Q_##cons, depth},
		TERN_PIPES(X)
#undef X
	};

	for (unsigned int p = 0; p < PIPE_COUNT; p++) {
		uint8_t depth = pipes[p].depth ? pipes[p].depth : (uint8_t)l->ring_slots;

		sem[2 * p] = (struct tern_image_sem){pipes[p].prod, pipes[p].cons, 0, 1};
		sem[2 * p + 1] = (struct tern_image_sem){pipes[p].cons, pipes[p].prod, depth, 1};
	}
	sem[TERN_SEM_GROUP] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_LOAD1, 1, 1};
}

/* header | subroutines | main | micro-programs | constants */
static int assemble(struct tern_lower *l, struct tern_npu_code *out)
{
	size_t main_at = TERN_IMAGE_HEADER_WORDS + l->code.n;
	size_t vprog_at = main_at + l->main.n;
	size_t consts_at = (vprog_at + l->vprog.n + 7) / 8 * 8; /* a burst */
	struct tern_image_header *h;

	out->words = consts_at + l->consts.n;
	out->image = calloc(out->words, 8);
	if (!out->image)
		return -ENOMEM;
	h = (struct tern_image_header *)out->image;
	*h = (struct tern_image_header){
		.magic = TERN_IMAGE_MAGIC,
		.major = TERN_ISA_MAJOR,
		.minor = TERN_ISA_MINOR,
		.words = (uint32_t)out->words,
		.entry = (uint32_t)main_at,
		.code_words = (uint32_t)vprog_at,
		.vector_words = (uint32_t)(vprog_at + l->vprog.n),
		.spm_bytes = l->caps->spm_bytes,
		.acc = l->caps->acc,
	};
	fill_sems(l, h->sem);
	memcpy(out->image + TERN_IMAGE_HEADER_WORDS, l->code.w, 8 * l->code.n);
	memcpy(out->image + main_at, l->main.w, 8 * l->main.n);
	if (l->vprog.n)
		memcpy(out->image + vprog_at, l->vprog.w, 8 * l->vprog.n);
	if (l->consts.n)
		memcpy(out->image + consts_at, l->consts.w, 8 * l->consts.n);
	for (size_t i = 0; i < l->nfixups; i++)
		out->image[TERN_IMAGE_HEADER_WORDS + l->fixups[i]] += vprog_at;
	for (size_t i = 0; i < l->nargs; i++)
		if (l->args[i].storage == TERN_ARG_IMAGE)
			l->args[i].offset += (int64_t)(8 * consts_at);
	out->args = l->args;
	out->nargs = l->nargs;
	l->args = NULL;
	out->scratch_bytes = l->scratch;
	return 0;
}

static int lower_all(struct tern_lower *l, const struct tern_plan *plan, struct tern_npu_code *out)
{
	for (uint32_t i = 0; i < out->nops;) {
		i += plan_lower(plan, l, out->first + i, out->first + out->nops, &out->fused[i]);
		if (l->err || l->code.err || l->main.err || l->vprog.err || l->consts.err)
			break;
	}
	tern_emit_op(&l->main, TERN_OP_END);
	if (l->code.err || l->main.err || l->vprog.err || l->consts.err || l->err == -ENOMEM)
		return -ENOMEM;
	return l->err;
}

int tern_compile_npu(const struct tern_target *target, const struct tern_plan *plan, uint32_t first,
		     uint32_t n, struct tern_npu_code *out)
{
	struct tern_lower l;
	int err;

	*out = (struct tern_npu_code){.first = first, .nops = n};
	lower_init(&l, target, plan_graph(plan));
	out->fused = calloc(n ? n : 1, sizeof(*out->fused));
	err = out->fused ? lower_all(&l, plan, out) : -ENOMEM;
	if (!err)
		err = assemble(&l, out);
	lower_fini(&l);
	if (!err)
		return 0;
	tern_npu_code_fini(out);
	if (err == -ENOMEM)
		return tern_fail(err, "out of memory while compiling %u operators", n);
	return tern_fail(-EOPNOTSUPP,
			 "the compiler could not lower what its solver accepted (error %d): "
			 "please report this graph",
			 -err);
}

void tern_npu_code_fini(struct tern_npu_code *code)
{
	free(code->image);
	free(code->args);
	free(code->fused);
	*code = (struct tern_npu_code){0};
}
