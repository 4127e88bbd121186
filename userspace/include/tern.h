/* SPDX-License-Identifier: MIT */
/*
 * libtern: transformer layers on a Tern NPU.
 *
 *	device -> buffers -> graph -> program -> session -> run
 *
 * Conventions
 *  - Functions return 0 or a negative errno; tern_last_error() of the calling thread then
 *    holds one sentence that says what was asked, which rule it met and what to do.
 *  - Handles are opaque and reference counted by what is made from them: a device lives
 *    until its buffers, programs and sessions are gone, whatever the order of destruction.
 *    A destroy function accepts NULL.
 *  - Thread safety: distinct handles may be used from distinct threads; a device and a
 *    program may be used from many at once; a buffer, graph or session from one at a time.
 *  - Sizes are bytes, shapes are elements, dimension 0 is the innermost.
 *  - Descriptors that callers fill do not grow; struct tern_stats may, so it begins with
 *    `size` = sizeof(struct tern_stats), which the caller sets.
 */
#ifndef TERN_H
#define TERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TERN_API __attribute__((visibility("default")))
#else
#define TERN_API
#endif

#define TERN_VERSION_MAJOR 0
#define TERN_VERSION_MINOR 1

/* ---- Errors and logging --------------------------------------------------- */
/* The message of the last failed call of this thread; "" if there was none. Valid until
 * the thread's next failing call. */
TERN_API const char *tern_last_error(void);

enum tern_log_level { TERN_LOG_ERROR, TERN_LOG_WARN, TERN_LOG_INFO, TERN_LOG_DEBUG };
typedef void (*tern_log_fn)(void *ctx, enum tern_log_level level, const char *text);
/* Process wide; NULL: no logging (the default). The callback may run in any thread. */
TERN_API void tern_set_log(tern_log_fn fn, void *ctx, enum tern_log_level up_to);

/* ---- Devices ---------------------------------------------------------------- */
struct tern_device;

/*
 * Open a device by name:
 *   NULL			$TERN_DEVICE, else "default"
 *   "default"			"accel" if this machine has an NPU, else "sim:ref"; parameters of either
 *   "accel"			the kernel driver's: the first, or "accel:0" for /dev/accel/accel0;
 *				"accel:0,queue=user" to ring doorbells instead of calling the kernel;
 *				"accel:0,no=rope" as with sim
 *   "sim:ref"			the in-process NPU: small, ref, large, or parameters after the colon
 *				("sim:mac=1024,spm=512K,dram=25.6"; "sim:ref,check"; "sim:ref,threads=1";
 *				"sim:ref,no=softmax+rope" masks operators off)
 *   "cpu"			no NPU: every operator on the CPU kernels ("cpu:threads=2")
 */
TERN_API int tern_device_open(const char *name, struct tern_device **out);
TERN_API void tern_device_close(struct tern_device *dev);

enum tern_device_attr {
	TERN_DEVICE_IS_NPU, /* 0 for "cpu" */
	TERN_DEVICE_CLOCK_KHZ,
	TERN_DEVICE_MAC_INT8,  /* per cycle */
	TERN_DEVICE_DRAM_X256, /* sustained bytes per cycle, times 256 */
	TERN_DEVICE_SPM_BYTES,
	TERN_DEVICE_THREADS,	 /* host threads of the CPU kernels and the model */
	TERN_DEVICE_MEMORY,	 /* bytes there are for buffers */
	TERN_DEVICE_MEMORY_FREE, /* of these, now */
};
TERN_API int tern_device_get(const struct tern_device *dev, enum tern_device_attr attr,
			     uint64_t *value);
TERN_API const char *tern_device_name(const struct tern_device *dev);

/* ---- Buffers ------------------------------------------------------------------ */
struct tern_buffer;

/* `size` bytes of zeroed, page-aligned memory that host and device share. */
TERN_API int tern_buffer_create(struct tern_device *dev, uint64_t size, struct tern_buffer **out);
enum tern_wrap_flags { TERN_WRAP_READ_ONLY = 1 }; /* the device may only read */
/* Use an existing host mapping without copying: it must stay mapped until the buffer is
 * destroyed and no session is bound to it; `mem` and `size` need no alignment. What the host writes
 * there, runs that begin afterwards see. -EFAULT: it is not mapped, or without TERN_WRAP_READ_ONLY
 * not writable for the device, such as a shared mapping of most files. -ENOBUFS: the kernel pins no
 * more for this user. -EOPNOTSUPP: it never pins memory of this kind. After these two, where
 * nobody can write, for TERN_WRAP_READ_ONLY is given and the mapping is read-only (a file's, which
 * then must not change), the device gets a copy, and a warning tells so. */
TERN_API int tern_buffer_wrap(struct tern_device *dev, void *mem, uint64_t size, unsigned int flags,
			      struct tern_buffer **out);
TERN_API void tern_buffer_destroy(struct tern_buffer *buf);
/* Host address; valid for the buffer's life. Runs must not be in flight while it is used,
 * unless they only read what the host only reads. */
TERN_API void *tern_buffer_data(struct tern_buffer *buf);
TERN_API uint64_t tern_buffer_size(const struct tern_buffer *buf);

/* ---- Data types and operators ------------------------------------------------- */
/* Numbers are ggml's. */
enum tern_dtype {
	TERN_F32 = 0,
	TERN_F16 = 1,
	TERN_Q4_0 = 2,
	TERN_Q4_1 = 3,
	TERN_Q5_0 = 6,
	TERN_Q5_1 = 7,
	TERN_Q8_0 = 8,
	TERN_Q2_K = 10,
	TERN_Q3_K = 11,
	TERN_Q4_K = 12,
	TERN_Q5_K = 13,
	TERN_Q6_K = 14,
	TERN_IQ4_NL = 20,
	TERN_I8 = 24, /* I8 and I16 are only moved */
	TERN_I16 = 25,
	TERN_I32 = 26,
	TERN_I64 = 27,
	TERN_BF16 = 30,
	TERN_MXFP4 = 39,
};
TERN_API const char *tern_dtype_name(enum tern_dtype type); /* "Q4_0"; NULL: unknown */
/* Bytes of a contiguous row of n elements; 0 if n is no multiple of the block. */
TERN_API uint64_t tern_dtype_row_bytes(enum tern_dtype type, uint64_t n);

/*
 * Operators. s0, s1, ... are sources, d the destination; ne* the sizes. Sources marked
 * with ? may be absent (TERN_NO_TENSOR).
 *
 *	name	   sources		 meaning
 */
/* clang-format off */
#define TERN_OPS(X) \
	X(MATMUL,  "s0 s1", "d[n,m,i,j] = sum_k s0[k,n,i/r2,j/r3] * s1[k,m,i,j]; s0 weights, s1 activations") \
	X(GET_ROWS, "s0 s1", "d[:,i,j,k] = s0[:, s1[i,j,k], j, k]; s1 i32") \
	X(SET_ROWS, "s0 s1", "d[:, s1[i,j,k], j, k] = s0[:,i,j,k]; s1 i32 or i64, no row twice; d is a view of its storage") \
	X(RMS_NORM, "s0 s1?", "d = s0 / sqrt(mean(s0^2) + eps) [* s1]; eps = f[0]") \
	X(NORM,	   "s0 s1? s2?", "d = (s0 - mean) / sqrt(var + eps) [* s1] [+ s2]; eps = f[0]") \
	X(L2_NORM, "s0", "d = s0 / max(sqrt(sum(s0^2)), eps); eps = f[0]") \
	X(ROPE,	   "s0 s1 s2?", "rotate pairs of s0[:,h,t,b] by position s1[t], with sections by s1[t,section] (i32); s2 frequency divisors; enum tern_rope_param") \
	X(SOFT_MAX, "s0 s1? s2?", "softmax(s0 * scale + slope * s1[mask]) over ne0; s2 sinks; scale = f[0], max_bias = f[1]") \
	X(ATTENTION, "q k v mask? sinks?", "d[dv,h,t,b] = softmax(scale q.k + mask) v; q[dk,t,h,b] k[dk,n,hk,b] v[dv,n,hk,b]; enum tern_attention_param") \
	X(GLU,	   "s0 s1?", "d = act(gate) * up; gate s0, up s1, or the first 2 * d.ne0 elements of s0, halved (i[1] = 1: swapped); i[0] enum tern_glu") \
	X(UNARY,   "s0", "d = fn(s0); i[0] enum tern_unary; f[] parameters of the last two") \
	X(BINARY,  "s0 s1", "d = s0 op s1, s1 repeated to s0's shape; i[0] enum tern_binary") \
	X(SCALE,   "s0", "d = s0 * f[0] + f[1]") \
	X(CLAMP,   "s0", "d = min(max(s0, f[0]), f[1])") \
	X(COPY,	   "s0", "d = s0, any types and strides, in element order (shapes may differ if the count agrees)") \
	X(CONCAT,  "s0 s1", "d = s0 followed by s1 along dimension i[0]") \
	X(REPEAT,  "s0", "d = s0 repeated to d's shape") \
	X(SUM_ROWS, "s0", "d[0,...] = sum over ne0") \
	X(MEAN,	   "s0", "d[0,...] = mean over ne0") \
	X(ARGMAX,  "s0", "d[i] (i32) = index of the first maximum of row i") \
	X(TOP_K,   "s0", "d[0..k) (i32) = indices of the k largest of each row, largest first; equal ones in any order") \
	X(ARGSORT, "s0", "d (i32) = permutation that sorts each row, equal ones in any order; i[0] 0 ascending, 1 descending") \
	X(MATMUL_ID, "s0 s1 s2", "d[n,u,t] = sum_k s0[k,n,s2[u,t]] * s1[k,u % s1.ne1,t]; s0 weights of experts [k,n,e], s1 activations, s2 (i32) which expert, each below e") \
	X(ADD_ID, "s0 s1 s2", "d[n,u,t] = s0[n,u,t] + s1[n,s2[u,t]]; s1 biases of experts [n,e], s2 (i32) which expert, each below e")
enum tern_opcode {
#define X(name, sources, text) TERN_##name,
	TERN_OPS(X)
#undef X
	TERN_OP_COUNT
};
/* clang-format on */
TERN_API const char *tern_op_name(enum tern_opcode op); /* "RMS_NORM" */

/* clang-format off */
/* The last two, with l = f[1]: g = min(gate, l), u = clamp(up, -l, l); OAI (a = f[0]): g * sigmoid(a * g) * (u + 1),
 * CLAMP: g * sigmoid(g) * u. */
enum tern_glu {
	TERN_GLU_REGLU, TERN_GLU_GEGLU, TERN_GLU_SWIGLU, TERN_GLU_GEGLU_ERF, TERN_GLU_GEGLU_QUICK,
	TERN_GLU_SWIGLU_OAI, TERN_GLU_SWIGLU_CLAMP, TERN_GLU_COUNT
};
enum tern_binary { TERN_ADD, TERN_SUB, TERN_MUL, TERN_DIV, TERN_BINARY_COUNT };
/* LEAKY_RELU: x > 0 ? x : f[0] * x. XIELU: x > 0 ? f[1] * x^2 + f[2] * x : f[0] * (e^min(x, f[3]) - 1 - x) + f[2] * x */
enum tern_unary {
	TERN_ABS, TERN_SGN, TERN_NEG, TERN_STEP, TERN_TANH, TERN_ELU, TERN_RELU, TERN_SIGMOID,
	TERN_GELU, TERN_GELU_QUICK, TERN_SILU, TERN_HARDSWISH, TERN_HARDSIGMOID, TERN_EXP,
	TERN_GELU_ERF, TERN_SQR, TERN_SQRT, TERN_LOG, TERN_SIN, TERN_COS, TERN_FLOOR, TERN_CEIL,
	TERN_ROUND, TERN_TRUNC, TERN_SOFTPLUS, TERN_EXPM1, TERN_LEAKY_RELU, TERN_XIELU, TERN_UNARY_COUNT
};
/* clang-format on */
/*
 * ROPE: i[] and f[] of the operator. Pair p = 0, 1, ... turns by position * rate(p) / s2[p], rate(p) =
 * base^(-2 p / dims); YaRN as in ggml: ext_factor 0 switches it off. Numbers of modes are ggml's:
 *	 0 normal	elements 2p, 2p + 1
 *	 2 NeoX		elements p, p + dims/2, as in the two below
 *	 8 sections	positions have four components; pairs take them in four sections of the given sizes
 *	40 interleaved	... in turn: 0, 1, 2, 0, ..., each for three times its size; then the fourth
 *	24 vision	dims pairs, elements p, p + dims; sections as in 8, but rate() counts from the section's start
 * After the last section the first follows.
 * An NPU takes rates as binary32, multiplies, then divides: an angle is as exact as that leaves it, and
 * where a divisor makes it more than binary32 has, the pair may be NaN. Rates that could do so without
 * a divisor are left to the CPU, which has binary64.
 */
enum tern_rope_param {
	TERN_ROPE_I_DIMS = 0, /* elements that are rotated (vision: half of them) */
	TERN_ROPE_I_MODE = 1,
	TERN_ROPE_I_CTX_ORIG = 2,
	TERN_ROPE_I_SECTIONS = 3, /* four sizes, in pairs */
	TERN_ROPE_I_OFFSET = 7,	  /* the first rotated element; the others are copied */
	TERN_ROPE_F_BASE = 0,
	TERN_ROPE_F_SCALE = 1,
	TERN_ROPE_F_EXT = 2,
	TERN_ROPE_F_ATTN = 3,
	TERN_ROPE_F_BETA_FAST = 4,
	TERN_ROPE_F_BETA_SLOW = 5,
};
/* ATTENTION: token t (of nt) sees position p when mask[p,t] allows it and, if CAUSAL,
 * p <= t + n - nt, and, with WINDOW w > 0, p > t + n - nt - w. Weights are
 * divided by their sum last, so where what v holds adds up to more than binary32 has, the result
 * may be infinite or NaN. In k and v, of blocks other than MXFP4, a number beyond F16 may count as
 * infinite. */
enum tern_attention_param {
	TERN_ATTENTION_I_CAUSAL = 0,
	TERN_ATTENTION_I_WINDOW = 1,
	TERN_ATTENTION_F_SCALE = 0,
	TERN_ATTENTION_F_SOFTCAP = 1,  /* c: scores = c * tanh(scores / c); 0: none */
	TERN_ATTENTION_F_MAX_BIAS = 2, /* ALiBi, as in ggml's flash_attn_ext; 0: none */
};

/* ---- Graphs ------------------------------------------------------------------- */
/*
 * A graph is four arrays, made and checked in one call. Storages are byte ranges; tensors are
 * views of them; operators take effect in list order and may write in place. The library
 * derives every dependence from byte ranges.
 *
 * Symbols are sizes known only at run time (tokens, cached positions), with an upper bound. A
 * size or an offset may name one; strides and storages are sized for the bound.
 */
#define TERN_NO_TENSOR UINT32_MAX
#define TERN_MAX_SRC   5

enum tern_storage_flags {
	TERN_STORAGE_BOUND = 1, /* the session binds a buffer; otherwise scratch of the library,
				 * undefined at the beginning of each run */
	TERN_STORAGE_CONST = 2, /* bound, and no operator writes it (weights) */
	TERN_STORAGE_KEEP =
		4, /* scratch whose content lasts from run to run, zero at first: the caller may
		    * read it, see tern_session_storage */
};
struct tern_storage_desc {
	uint64_t size;
	uint32_t flags;
	const char *name; /* for messages and reports; copied; may be NULL */
};
struct tern_tensor_desc {
	uint32_t storage;
	enum tern_dtype type;
	int64_t ne[4];	    /* sizes, unused ones 1; a symbolic one holds its upper bound */
	uint64_t nb[4];	    /* strides in bytes, ggml's: nb[0] is the block size */
	uint64_t offset;    /* bytes into the storage */
	uint8_t ne_sym[4];  /* 0, or symbol number + 1: the size is that symbol's value */
	uint8_t offset_sym; /* 0, or symbol number + 1: offset += (value - 1) * offset_mul, ... */
	int64_t offset_mul; /* ... the way to name the last of `value` rows */
	const char *name;   /* copied; may be NULL */
};
struct tern_op_desc {
	enum tern_opcode op;
	uint32_t src[TERN_MAX_SRC]; /* tensor numbers; TERN_NO_TENSOR: absent, and past the last */
	uint32_t dst;
	int32_t i[8];
	float f[6];
	uint32_t group; /* free for the caller: layer number in reports */
};
struct tern_symbol_desc {
	const char *name;
	int64_t max; /* 1 <= value <= max at run time */
};
struct tern_graph_desc {
	const struct tern_storage_desc *storages;
	const struct tern_tensor_desc *tensors;
	const struct tern_op_desc *ops;
	const struct tern_symbol_desc *symbols;
	uint32_t nstorages, ntensors, nops, nsymbols;
};
struct tern_graph;
/* Copies everything. -EINVAL names the operator or tensor and the rule it breaks. */
TERN_API int tern_graph_create(const struct tern_graph_desc *desc, struct tern_graph **out);
TERN_API void tern_graph_destroy(struct tern_graph *graph);

/* Strides of a contiguous tensor of that type and shape; returns its bytes. */
TERN_API uint64_t tern_contiguous(enum tern_dtype type, const int64_t ne[4], uint64_t nb[4]);

/* Would the device run this operator on the NPU? The compiler's own solver; pure, no
 * allocation, under a microsecond. 0: yes. -EOPNOTSUPP: no, tern_last_error() says why.
 * `tensors` are those that op->src and op->dst index. */
TERN_API int tern_op_supported(const struct tern_device *dev, const struct tern_op_desc *op,
			       const struct tern_tensor_desc *tensors);

/* ---- Programs -------------------------------------------------------------------- */
struct tern_program;

/* Compile for a device. What the NPU lacks is compiled to CPU kernels, in order. The graph
 * may be destroyed afterwards. -E2BIG: its scratch fits no device, whatever memory there is. */
TERN_API int tern_compile(struct tern_device *dev, const struct tern_graph *graph,
			  struct tern_program **out);
TERN_API void tern_program_destroy(struct tern_program *prog);
/* A blob with version, target and compiler fingerprint, and checksum; free() it. */
TERN_API int tern_program_save(const struct tern_program *prog, void **blob, size_t *size);
/* Refuses, with the reason, what is damaged or was made for another target or compiler. */
TERN_API int tern_program_load(struct tern_device *dev, const void *blob, size_t size,
			       struct tern_program **out);

enum tern_program_attr {
	TERN_PROGRAM_NPU_OPS,
	TERN_PROGRAM_CPU_OPS,
	TERN_PROGRAM_IMAGE_BYTES, /* commands, micro-programs and constants */
	TERN_PROGRAM_SCRATCH_BYTES,
	TERN_PROGRAM_COMPILE_NS,
	TERN_PROGRAM_SEGMENTS, /* NPU jobs and CPU stretches of one run */
};
TERN_API int tern_program_get(const struct tern_program *prog, enum tern_program_attr attr,
			      uint64_t *value);
/* Disassemble every NPU segment of a program blob or a raw image. */
TERN_API int tern_disassemble(FILE *out, const void *blob, size_t size, bool json);

/* ---- Sessions ----------------------------------------------------------------------- */
struct tern_session;
struct tern_binding {
	struct tern_buffer *buffer;
	uint64_t offset;
};
struct tern_fence;

/* On the kernel's device a session is an address space and a queue, of which a process may have
 * few: -EUSERS, -ENOSPC, -EXFULL. */
TERN_API int tern_session_create(struct tern_program *prog, struct tern_session **out);
/* With scratch of the caller's, of which the session holds a reference: a buffer that is not wrapped,
 * of TERN_PROGRAM_SCRATCH_BYTES or more. Sessions may share one if only one of them runs at a
 * time; what a run left in it is lost, so the program may have no KEEP storage (-EINVAL). -ERANGE:
 * the scratch is too small. -EXDEV: it is another device's. */
TERN_API int tern_session_create_in(struct tern_program *prog, struct tern_buffer *scratch,
				    struct tern_session **out);
TERN_API void tern_session_destroy(struct tern_session *s);
/* One entry per storage of the graph; entries of scratch are ignored. Checked against
 * sizes; takes effect with the next run. The session holds a reference to each buffer until
 * it is rebound or destroyed: a buffer may be destroyed before, its memory lives on. What a
 * buffer wraps must stay mapped for as long. */
TERN_API int tern_session_bind(struct tern_session *s, const struct tern_binding *bindings,
			       uint32_t n);
/* Change one. */
TERN_API int tern_session_bind_one(struct tern_session *s, uint32_t storage,
				   struct tern_buffer *buffer, uint64_t offset);
/* Run to completion; `symbols` holds the value of every symbol of the graph. -EINTR after
 * tern_session_stop(); -EIO when the NPU faulted (the message names operator, queue,
 * command and cause). */
TERN_API int tern_session_run(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols);
/* The same in the background; wait for the fence, then destroy it. One run at a time per
 * session. */
TERN_API int tern_session_submit(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols,
				 struct tern_fence **out);
TERN_API int tern_fence_wait(struct tern_fence *f, int64_t timeout_ns); /* -ETIME; < 0: for ever */
TERN_API void tern_fence_destroy(struct tern_fence *f);
/* Make a run in flight end soon; async-signal-safe. */
TERN_API void tern_session_stop(struct tern_session *s);
/* Host address of a KEEP storage after a run; valid until the next run. */
TERN_API void *tern_session_storage(struct tern_session *s, uint32_t storage);

/* Totals since the session was created or reset. */
struct tern_stats {
	uint32_t size; /* sizeof(struct tern_stats); set by the caller */
	uint64_t runs;
	uint64_t cycles;  /* NPU jobs, first command to END */
	uint64_t busy[5]; /* LOAD0, LOAD1, MATRIX, VECTOR, STORE */
	uint64_t commands;
	uint64_t dram_read, dram_written;
	uint64_t macs[4]; /* int8, fp16, bf16, fp32 */
	uint64_t energy_pj;
	uint64_t host_ns;	   /* wall clock inside run */
	uint64_t cpu_ns;	   /* of it, in CPU kernels */
	uint64_t npu_ops, cpu_ops; /* operators run */
	/* what the graph itself asks for, counted from its shapes and never from the program
	 * (userspace/lib/README.md: "Shares") */
	double graph_mac_cycles; /* sum of MACs / peak rate of their operand type */
	uint64_t graph_bytes;	 /* weights in file bytes + KV read and written + inputs, outputs */
	/* Sum over two phases of the larger of MAC and DRAM time: the operators at the end that
	 * share the last one's group (the head), and those before (the body). */
	double graph_bound_cycles;
};
/* Fills out->size bytes at most, and leaves `size` as it is. */
TERN_API void tern_session_stats(const struct tern_session *s, struct tern_stats *out);
TERN_API void tern_session_reset_stats(struct tern_session *s);

/* Per operator: where it ran, why, cycles, bytes, share of time, of all runs since the last
 * reset. `json`: one document instead of a table that fits 80 columns. */
TERN_API int tern_explain(const struct tern_session *s, FILE *out, bool json);

/* Record a trace of the following runs in Chrome's JSON format (opens in Perfetto): host and
 * engines on one clock, on the kernel driver also what it and the firmware did. Stop with NULL, which completes the file. The stream stays the
 * caller's. */
TERN_API int tern_session_trace(struct tern_session *s, FILE *out);

#ifdef __cplusplus
}
#endif
#endif /* TERN_H */
