// SPDX-License-Identifier: MIT
/*
 * Any bytes as a graph (support/random_graph.h), through everything between tern.h and memory:
 *
 *  - tern_op_supported(), tern_graph_create(), tern_compile() for each device, save and load;
 *    what the solver accepts must be on the NPU, and no compiled graph may end in "please report";
 *  - where the graph is small, one operator after the other on one device, with every byte of
 *    memory watched: the result against the reference in double precision within the bounds of
 *    support/judge.h, and the CPU kernel's on the same memory likewise;
 *  - the whole graph, twice with different symbols: bit by bit what the operators gave one by
 *    one. That judges fusion, order, scratch memory and turns between NPU and CPU.
 *
 * TERN_FUZZ_PRINT=1 prints each graph.
 */
#include <errno.h>

#include <tern.h>

#include "graph_step.h"
#include "lib/program.h"

enum { MAX_STORAGE = 256 << 10, MAX_WORK = 1 << 21 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (unsigned int i = 0; i < DEVICES; i++) {
		if (tern_device_open(devices[i].name, &devices[i].dev)) {
			fprintf(stderr, "%s\n", tern_last_error());
			exit(1);
		}
	}
	if (tern_cpu_create(1, &cpu))
		exit(1);
	return 0;
}

/* ---- solver and compiler ----------------------------------------------------------------- */

static bool exists(uint32_t t)
{
	return t == TERN_NO_TENSOR || t < g.desc.ntensors;
}

static bool indices_exist(const struct tern_op_desc *op)
{
	bool all = exists(op->dst);

	for (int s = 0; s < TERN_MAX_SRC; s++)
		all &= exists(op->src[s]);
	return all;
}

static int ask(unsigned int dev, uint32_t op)
{
	int ret;

	if (!indices_exist(&g.ops[op]))
		return -EINVAL;
	ret = tern_op_supported(devices[dev].dev, &g.ops[op], g.tensors);
	if (ret && ret != -EINVAL && ret != -EOPNOTSUPP)
		die(dev, "op %" PRIu32 ": tern_op_supported gives %d: %s", op, ret,
		    tern_last_error());
	return ret;
}

static void check_places(unsigned int dev, const struct tern_program *prog)
{
	for (uint32_t op = 0; op < g.desc.nops; op++) {
		int ret = ask(dev, op);

		if (ret == -EINVAL)
			die(dev, "op %" PRIu32 " of a graph that was accepted: %s", op,
			    tern_last_error());
		if (!ret != !prog->part.why[op])
			die(dev, "op %" PRIu32 ": supported %d, yet it is on the %s", op, !ret,
			    prog->part.why[op] ? "CPU" : "NPU");
	}
}

/* The program as it comes back from a file; its file again must be the same. */
static struct tern_program *reload(unsigned int dev, const struct tern_program *prog)
{
	struct tern_program *loaded;
	size_t size, again_size;
	void *blob, *again;

	must(dev, tern_program_save(prog, &blob, &size));
	must(dev, tern_program_load(devices[dev].dev, blob, size, &loaded));
	must(dev, tern_program_save(loaded, &again, &again_size));
	if (size != again_size || memcmp(blob, again, size))
		die(dev, "saved, loaded and saved again, a program is another");
	free(blob);
	free(again);
	return loaded;
}

/* NULL: it needs more memory than there can be, or an operator runs nowhere. */
static struct tern_program *compile(unsigned int dev, const struct tern_graph *graph)
{
	struct tern_program *prog;
	int ret = tern_compile(devices[dev].dev, graph, &prog);

	if (ret == -E2BIG)
		return NULL;
	if (ret == -EOPNOTSUPP && strstr(tern_last_error(), "runs nowhere"))
		return NULL;
	must(dev, ret);
	check_places(dev, prog);
	return prog;
}

/* ---- operators one by one, and the whole ---------------------------------------------------- */

/* A session that runs one operator, on storages that are all bound. */
static struct tern_session *step_session(unsigned int dev, uint32_t op, const struct memory *m)
{
	struct tern_storage_desc storages[RG_STORAGES];
	struct tern_graph_desc desc = g.desc;
	struct tern_session *session;
	struct tern_program *prog;
	struct tern_graph *graph;

	memcpy(storages, g.storages, sizeof(storages));
	for (uint32_t s = 0; s < desc.nstorages; s++)
		storages[s].flags = TERN_STORAGE_BOUND | (storages[s].flags & TERN_STORAGE_CONST);
	desc.storages = storages;
	desc.ops = &g.ops[op];
	desc.nops = 1;
	must(dev, tern_graph_create(&desc, &graph));
	must(dev, tern_compile(devices[dev].dev, graph, &prog));
	must(dev, tern_session_create(prog, &session));
	bind(dev, session, m);
	tern_graph_destroy(graph);
	tern_program_destroy(prog);
	return session;
}

static void compare(unsigned int dev, struct tern_session *whole, const struct memory *m,
		    const struct memory *steps, unsigned int run)
{
	for (uint32_t s = 0; s < g.desc.nstorages; s++) {
		const unsigned char *got = bytes_of(m, s), *want = bytes_of(steps, s);
		uint64_t i;

		if (g.storages[s].flags & TERN_STORAGE_KEEP)
			got = tern_session_storage(whole, s);
		else if (!(g.storages[s].flags & TERN_STORAGE_BOUND))
			continue;
		for (i = 0; got && i < g.storages[s].size; i++)
			if (got[i] != want[i] && defined.bytes[s][i])
				break;
		if (got && i < g.storages[s].size)
			die(dev,
			    "run %u: byte %" PRIu64 " of storage %" PRIu32
			    " is not what the operators give one by one",
			    run, i, s);
	}
}

static enum verdict run_steps(unsigned int dev, unsigned int run, struct tern_session *const *step,
			      const int64_t *symbols, const struct memory *m)
{
	begin_run(run);
	for (uint32_t op = 0; op < g.desc.nops; op++) {
		if (undefined_indices(op, symbols))
			return UNDEFINED;
		if (!run_step(dev, op, step[op], symbols, m))
			return OUT_OF_RANGE;
	}
	return FINE;
}

static void run_both(unsigned int dev, struct tern_session *whole, struct tern_session *const *step,
		     const struct memory *m, const struct memory *steps)
{
	char why[512];

	for (unsigned int r = 0; r < RG_RUNS; r++) {
		const int64_t *symbols = g.values[r];
		enum verdict v;
		int ret;

		if (!g.desc.nsymbols && r)
			break;
		ret = tern_session_run(whole, symbols, g.desc.nsymbols);
		if (ret == -EINVAL && strstr(tern_last_error(), "must be 1 to"))
			return;
		if (ret == -EINVAL && strstr(tern_last_error(), "causal attention needs"))
			continue;
		if (ret)
			snprintf(why, sizeof(why), "%s", tern_last_error());
		v = run_steps(dev, r, step, symbols, steps);
		if (v == UNDEFINED)
			return;
		if ((v == FINE) != !ret)
			die(dev, "run %u: %d %s; one by one the operators %s", r, ret,
			    ret ? why : "", v == FINE ? "work" : "fail");
		if (v != FINE)
			return;
		compare(dev, whole, m, steps, r);
	}
}

static void run(unsigned int dev, struct tern_program *prog, unsigned int flags)
{
	struct tern_session *whole, *step[RG_OPS];
	struct memory m, steps;

	make_memory(dev, 64 * (flags >> 1 & 3), &m);
	make_memory(dev, 0, &steps);
	must(dev, tern_session_create(prog, &whole));
	bind(dev, whole, &m);
	defined = snapshot(&steps);
	for (uint32_t op = 0; op < g.desc.nops; op++)
		step[op] = step_session(dev, op, &steps);
	run_both(dev, whole, step, &m, &steps);
	for (uint32_t op = 0; op < g.desc.nops; op++)
		tern_session_destroy(step[op]);
	tern_session_destroy(whole);
	free_snapshot(&defined);
	free_memory(&m);
	free_memory(&steps);
}

/* ---- the target ------------------------------------------------------------------------------ */

static bool affordable(const struct tern_op_desc *op)
{
	double work = 1;

	for (int s = 0; s <= TERN_MAX_SRC; s++) {
		uint32_t t = s < TERN_MAX_SRC ? op->src[s] : op->dst;
		const int64_t *ne = g.tensors[t == TERN_NO_TENSOR ? 0 : t].ne;
		double n = (double)ne[0] * (double)ne[1] * (double)ne[2] * (double)ne[3];

		if (t == TERN_NO_TENSOR)
			continue;
		if (n > 1 << 16)
			return false;
		if (s < 2 && (op->op == TERN_MATMUL || op->op == TERN_ATTENTION))
			work *= n;
		if (op->op == TERN_MATMUL && !s)
			work /= (double)ne[0];
		if (op->op == TERN_MATMUL_ID && s < 3 && s != 1) /* an expert, and how often */
			work *= n / (s ? 1 : (double)ne[2]);
	}
	return work <
	       (op->op == TERN_MATMUL || op->op == TERN_MATMUL_ID ? MAX_WORK : 8.0 * MAX_WORK);
}

static bool runnable(void)
{
	bool small = true;

	for (uint32_t s = 0; s < g.desc.nstorages; s++)
		small &= g.storages[s].size <= MAX_STORAGE;
	for (uint32_t op = 0; op < g.desc.nops && small; op++)
		small &= affordable(&g.ops[op]);
	return small && g.desc.nops;
}

static void use_graph(const struct tern_graph *graph, unsigned int device, unsigned int flags)
{
	for (unsigned int dev = 0; dev < DEVICES; dev++) {
		struct tern_program *prog = compile(dev, graph), *loaded;

		if (!prog)
			continue;
		loaded = reload(dev, prog);
		if (dev == device && runnable())
			run(dev, flags & 1 ? loaded : prog, flags);
		tern_program_destroy(prog);
		tern_program_destroy(loaded);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tern_graph *graph;
	unsigned int dev;
	int ret;

	random_graph(data, size, &g);
	if (getenv("TERN_FUZZ_PRINT"))
		random_graph_print(&g, stderr);
	for (dev = 0; dev < DEVICES; dev++)
		for (uint32_t op = 0; op < g.desc.nops; op++)
			ask(dev, op);
	ret = tern_graph_create(&g.desc, &graph);
	if (ret == -EINVAL && g.hostile)
		return 0;
	must(0, ret);
	use_graph(graph, size > RG_DEVICE ? data[RG_DEVICE] % DEVICES : 0,
		  size > RG_FLAGS ? data[RG_FLAGS] : 0);
	tern_graph_destroy(graph);
	return 0;
}
