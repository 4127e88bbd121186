// SPDX-License-Identifier: MIT
/*
 * Program blobs from anywhere: loading, listing and opening a session must refuse or work,
 * whatever the bytes. The header is made to fit the device and the checksum is set right, so
 * that what lies behind them is reached.
 *
 * TERN_FUZZ_SEEDS=DIR writes blobs of small programs to DIR and ends: how the seeds in
 * corpus/blob were made.
 */
#include <stdlib.h>
#include <string.h>

#include <tern.h>

#include "lib/blob.h"

#define MAX_BLOB    (1u << 20)
#define MAX_SCRATCH (16u << 20)

static struct tern_device *devices[2]; /* cpu, sim */
static FILE *null;

/* ---- seeds ------------------------------------------------------------------------------- */

static uint32_t tensor(struct tern_graph_desc *g, enum tern_dtype type, uint32_t flags,
		       const char *name, int64_t n0, int64_t n1, int64_t n2, uint8_t sym1)
{
	struct tern_tensor_desc *t = (struct tern_tensor_desc *)&g->tensors[g->ntensors];
	struct tern_storage_desc *s = (struct tern_storage_desc *)&g->storages[g->nstorages];

	*t = (struct tern_tensor_desc){
		.storage = g->nstorages, .type = type, .ne = {n0, n1, n2, 1}};
	t->ne_sym[1] = sym1;
	t->name = name;
	*s = (struct tern_storage_desc){tern_contiguous(type, t->ne, t->nb), flags, name};
	g->nstorages++;
	return g->ntensors++;
}

static void op(struct tern_graph_desc *g, enum tern_opcode code, uint32_t d, uint32_t s0,
	       uint32_t s1)
{
	struct tern_op_desc *o = (struct tern_op_desc *)&g->ops[g->nops++];

	*o = (struct tern_op_desc){
		.op = code,
		.src = {s0, s1, TERN_NO_TENSOR, TERN_NO_TENSOR, TERN_NO_TENSOR},
		.dst = d,
		.f = {code == TERN_RMS_NORM ? 1e-5f : 2.0f},
	};
}

/* Normalise, multiply, add, keep in a cache: a little of everything. */
static struct tern_graph *seed_graph(bool symbolic)
{
	static struct tern_storage_desc storages[8];
	static struct tern_tensor_desc tensors[8];
	static struct tern_op_desc ops[8];
	static struct tern_symbol_desc symbols[1] = {{"tokens", 4}};
	struct tern_graph_desc g = {storages, tensors, ops, symbols, 0, 0, 0, symbolic};
	const uint32_t bound = TERN_STORAGE_BOUND, weight = bound | TERN_STORAGE_CONST;
	uint8_t n = symbolic;
	uint32_t x = tensor(&g, TERN_F32, bound, "x", 32, 4, 1, n);
	uint32_t w = tensor(&g, TERN_F32, weight, "w", 32, 32, 1, 0);
	uint32_t a = tensor(&g, TERN_F32, TERN_STORAGE_KEEP, "a", 32, 4, 1, n);
	uint32_t b = tensor(&g, TERN_F32, 0, NULL, 32, 4, 1, n);
	uint32_t y = tensor(&g, TERN_F32, bound, "y", 32, 4, 1, n);
	struct tern_graph *graph = NULL;

	op(&g, TERN_SCALE, a, x, TERN_NO_TENSOR);
	op(&g, TERN_MATMUL, b, w, a);
	op(&g, TERN_BINARY, y, b, x);
	if (tern_graph_create(&g, &graph))
		abort();
	return graph;
}

static void write_seed(const char *dir, const char *device, bool symbolic)
{
	struct tern_graph *graph = seed_graph(symbolic);
	struct tern_program *prog;
	struct tern_device *dev;
	char path[1024];
	size_t size;
	void *blob;
	FILE *f;

	if (tern_device_open(device, &dev) || tern_compile(dev, graph, &prog) ||
	    tern_program_save(prog, &blob, &size)) {
		fprintf(stderr, "%s: %s\n", device, tern_last_error());
		exit(1);
	}
	snprintf(path, sizeof(path), "%s/%s-%s.bin", dir, dev->target.npu ? "npu" : "cpu",
		 symbolic ? "symbolic" : "fixed");
	f = fopen(path, "wb");
	if (!f || fwrite(blob, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
	free(blob);
	tern_program_destroy(prog);
	tern_graph_destroy(graph);
	tern_device_close(dev);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *seeds = getenv("TERN_FUZZ_SEEDS");

	(void)argc;
	(void)argv;
	if (seeds) {
		write_seed(seeds, "sim:small,no=binary", true);
		write_seed(seeds, "sim:small", false);
		write_seed(seeds, "cpu", true);
		exit(0);
	}
	if (tern_device_open("cpu:threads=1", &devices[0]) ||
	    tern_device_open("sim:small,threads=1", &devices[1])) {
		fprintf(stderr, "%s\n", tern_last_error());
		exit(1);
	}
	null = fopen("/dev/null", "w");
	return null ? 0 : 1;
}

/* ---- the target --------------------------------------------------------------------------- */

/* What the device would refuse without looking further. */
static struct tern_device *fit_header(unsigned char *blob, size_t size)
{
	struct tern_device *dev = devices[tern_get32(blob + TERN_BLOB_AT_NPU) & 1];
	uint32_t caps[TERN_BLOB_NCAPS], i;

	memcpy(caps, &dev->target.caps, sizeof(caps));
	memcpy(blob, TERN_BLOB_MAGIC, 8);
	tern_put32(blob + TERN_BLOB_AT_VERSION, TERN_BLOB_VERSION);
	tern_put64(blob + TERN_BLOB_AT_SIZE, size);
	tern_put32(blob + TERN_BLOB_AT_COMPILER, TERN_COMPILER_FINGERPRINT);
	tern_put32(blob + TERN_BLOB_AT_NPU, dev->target.npu);
	tern_put64(blob + TERN_BLOB_AT_NO_OPS, dev->target.no_ops);
	for (i = 0; i < TERN_BLOB_NCAPS; i++)
		tern_put32(blob + TERN_BLOB_AT_CAPS + 4 * i, caps[i]);
	tern_put32(blob + TERN_BLOB_AT_CRC, tern_blob_crc(blob, size));
	return dev;
}

static void use(struct tern_program *prog)
{
	struct tern_session *s;
	uint64_t scratch = 0;
	size_t size;
	void *blob;

	if (tern_program_save(prog, &blob, &size))
		abort();
	free(blob);
	tern_program_get(prog, TERN_PROGRAM_SCRATCH_BYTES, &scratch);
	if (scratch > MAX_SCRATCH || tern_session_create(prog, &s))
		return;
	tern_explain(s, null, true);
	tern_explain(s, null, false);
	tern_session_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tern_program *prog;
	struct tern_device *dev;
	unsigned char *blob;

	if (size < TERN_BLOB_HEADER_BYTES || size > MAX_BLOB) {
		tern_disassemble(null, data, size, false);
		return 0;
	}
	blob = malloc(size);
	if (!blob)
		return 0;
	memcpy(blob, data, size);
	dev = fit_header(blob, size);
	tern_disassemble(null, blob, size, size & 1);
	if (!tern_program_load(dev, blob, size, &prog)) {
		use(prog);
		tern_program_destroy(prog);
	}
	free(blob);
	return 0;
}
