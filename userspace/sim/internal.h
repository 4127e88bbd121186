/* SPDX-License-Identifier: MIT */
/*
 * The inside of the model. Private to sim/.
 *
 * A command passes through these rooms, in this order:
 *
 *   cp.c        fetch, scalar commands, and dispatch of engine commands
 *   sync.c      shadow counts of semaphores, roles, END
 *   memo.c      resolved as it was the last time? Else:
 *   resolve.c   tiles and registers captured and checked (resolve_*.c per engine)
 *   dma.c matrix.c vector.c   what the command does to SPM and memory
 *   timing.c    what it costs
 *
 * Beside them: mem.c reaches the context's memory, defer.c keeps LOADs that nobody has
 * read yet, check.c finds undefined behaviour, threads.c spreads work.
 *
 * Every function that can meet a fault records it with sim_fault() and returns its code; 0
 * is success. All run on the caller's thread, except the bodies given to sim_parallel().
 */
#ifndef TERN_SIM_INTERNAL_H
#define TERN_SIM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/hw.h>

#include "isa/codec.h"
#include "sim/constants.h"
#include "sim/resolved.h"
#include "sim/sim.h"
#include "simd/simd.h"

#define SIM_DONE (-1) /* handler: the job has ended well */

struct sim_pool;
struct sim_memo;
struct sim_defer;
struct sim_check;

/* One command, decoded and validated at its first visit; by image word. */
struct sim_slot {
	uint8_t ready;
	uint8_t op, words, a, b, c, d;
	uint8_t queue;
	uint16_t flags;
	uint16_t memo; /* engine commands: where in the table of memos */
	union {
		uint32_t eager; /* LOAD: what it brings is read as data, so do not defer it */
		uint32_t vprog; /* VECTOR: index of its analysed micro-program */
	};
};

#define SIM_TILE_PLACE (1u << TERN_TILE_ADDR | 1u << TERN_TILE_OFFS)
/* A tile descriptor as TILE left it: `regs` says which values are register numbers. */
struct sim_tile {
	_Alignas(64) const int64_t *addr; /* where the value of ADDR is */
	const int64_t *offs;
	uint64_t shape; /* stands for all the other fields: another one, other fields */
	uint32_t regs;
	int64_t v[TERN_TILE_NFIELDS];
};

/* Bytes [lo, hi) that a tile's elements lie in, gaps included. */
struct sim_range {
	uint64_t lo, hi;
};

/* How the tiles of a VECTOR command are used; found once per command of the image. */
struct sim_vprog {
	uint32_t first, n;
	uint8_t tiles;		/* mask of those named */
	uint8_t read, written;	/* masks */
	uint8_t fresh;		/* written before they are read */
	uint8_t quantised;	/* targets of STQ */
	uint8_t whole;		/* any element of the row may be touched */
	uint8_t single;		/* LDS, STS: elements up to `last` are touched */
	uint64_t loads, stores; /* bit 8 * loop + tile: LD, or ST, PACK and STQ in that loop */
	uint8_t count[64];	/* how often, by the same index */
	uint32_t cost[8];	/* per element, in loops over each tile */
	uint8_t loops[8], reducing[8]; /* how many of them; how many with a reduction */
	uint8_t scans[8];	       /* SCANs in them */
	uint32_t scalars;	       /* instructions outside loops */
	uint64_t last[8];
};

/* One LOAD or STORE: the part of the SPM tile that has a counterpart in memory. */
struct sim_dma {
	int64_t lo[TERN_NDIMS], hi[TERN_NDIMS]; /* SPM coordinates */
	bool whole;				/* all of the SPM tile */
	bool rows;
	unsigned char *host; /* of range[1].lo when it is one piece, else NULL */
};

/* An engine command, resolved. */
struct sim_resolved {
	struct tern_rcmd cmd;
	/* Of cmd.t[]. LOAD and STORE, [1]: of the part that moves; with ROWS, of all that an
	 * index could name. */
	struct sim_range range[TERN_VECTOR_TILES];
	struct sim_dma dma;
};

/* A semaphore as the CP sees it. */
struct sim_sem {
	int32_t shadow;
	uint8_t producer, consumer; /* TERN_NONE: of nobody */
};

struct sim_tlb_entry {
	uint64_t va, len;
	unsigned char *host;
	unsigned int access;
};
#define SIM_TLB 8

struct tern_sim {
	struct tern_caps caps;
	struct tern_sim_options opt;
	const struct tern_simd *simd;
	struct tern_timing *timing; /* NULL: no timing */
	const struct tern_timing_constants *constants;
	struct sim_pool *pool;
	struct sim_defer *defer; /* NULL in checking mode */
	struct sim_check *check; /* NULL: off */

	unsigned char *spm;
	float *acc;
	/* Since the last clearing, only these may differ from zero. */
	struct sim_range spm_dirty;
	uint64_t acc_dirty;

	/* The image: copied, because the context could change its memory meanwhile. */
	uint64_t *image;
	size_t image_cap, image_words;
	struct tern_image_header hdr;
	struct sim_slot *slots;
	size_t nslots;
	struct sim_vprog *vprogs;
	size_t nvprogs, vprogs_cap;
	struct sim_memo *memos; /* memo.h */
	unsigned int nmemos;	/* given out */

	/* The job. */
	struct tern_sim_run *run;
	uint64_t budget, steps;
	uint64_t dispatched;	      /* engine commands */
	uint64_t cp_cycles, cp_jumps; /* not yet told to the timing walk */
	struct sim_tlb_entry tlb[SIM_TLB];
	unsigned int tlb_next;
	uint32_t pc, next, mark;
	uint32_t stack[TERN_CALL_DEPTH];
	unsigned int depth;
	int64_t regs[TERN_NREGS];
	struct sim_tile tiles[TERN_NTILES];
	uint64_t shapes; /* the last number given to one */
	struct sim_sem sem[TERN_NSEMS];
	bool nomem; /* the host ran out of memory */

	/* Preemption. */
	bool yields;		     /* the job has executed a YIELD */
	uint64_t entered;	     /* steps it had done when it got into the engines */
	uint64_t patience;	     /* cycle at which the CP no longer looks for one; or 0 */
	struct tern_counters before; /* of a resumed job */

	struct sim_resolved *cur;	/* the command being dispatched */
	uint8_t queue;			/* for faults */
	uint32_t mac_div[TERN_T_COUNT]; /* of the full rate, by type of operand b */
};

/* ---- sim.c ---------------------------------------------------------------- */
/* Another thread or a signal handler may set it at any time. */
static inline bool sim_stopped(const struct tern_sim *s)
{
	return s->run->stop && __atomic_load_n(s->run->stop, __ATOMIC_RELAXED);
}

/* Also in the middle of a long command: only a job that nobody attends to just ends. */
static inline bool sim_stopped_now(const struct tern_sim *s)
{
	return !s->run->attend && sim_stopped(s);
}

/* Record the first fault of the job; returns code. */
int sim_fault(struct tern_sim *s, int code, uint64_t addr, uint64_t info);
void sim_spm_clear(struct tern_sim *s);

/* Where a field's value is, and so those of ADDR and OFFS once v[] and regs are set. */
static inline const int64_t *sim_tile_field(const struct tern_sim *s, const struct sim_tile *t,
					    unsigned int f)
{
	return t->regs >> f & 1 ? &s->regs[t->v[f]] : &t->v[f];
}

static inline void sim_tile_aim(const struct tern_sim *s, struct sim_tile *t)
{
	t->addr = sim_tile_field(s, t, TERN_TILE_ADDR);
	t->offs = sim_tile_field(s, t, TERN_TILE_OFFS);
}

/* ---- image.c: the private copy of the program ------------------------------ */
int sim_image_load(struct tern_sim *s);
/* Decode the command at image word pc into its slot; NULL after a fault. */
struct sim_slot *sim_fetch(struct tern_sim *s, uint32_t pc);

/* ---- cp.c, dispatch.c ------------------------------------------------------- */
int sim_cp_run(struct tern_sim *s);
void sim_cp_flush(struct tern_sim *s); /* tell timing about scalar work so far */
uint64_t sim_now(struct tern_sim *s);
int sim_dispatch(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w);
int sim_overspend(struct tern_sim *s, uint64_t cycles);
/* BUDGET fault when used up */
static inline int sim_spend(struct tern_sim *s, uint64_t cycles)
{
	if (cycles > s->budget - s->steps)
		return sim_overspend(s, cycles);
	s->steps += cycles;
	return 0;
}
void sim_drain(struct tern_sim *s); /* the CP waits for every queue */

/* ---- preempt.c ---------------------------------------------------------------- */
/* Somebody set *stop; the command in `slot` comes next. */
int sim_attend(struct tern_sim *s, struct sim_slot *slot);
int sim_resume(struct tern_sim *s);	       /* instead of beginning at the entry */
void sim_preempt_counters(struct tern_sim *s); /* add those of before */

/* ---- sync.c ------------------------------------------------------------------ */
void sim_sync_start(struct tern_sim *s);
void sim_sync_unpack(struct tern_rcmd *cmd, uint64_t word);
/* Check roles, move the shadow counts. */
int sim_sync(struct tern_sim *s, const struct tern_rcmd *cmd);
int sim_sync_end(struct tern_sim *s);

/* ---- mem.c: the context's memory ------------------------------------------- */
/* Host pointer for va; *len shrinks to what follows it in one piece. NULL: not mapped (no
 * fault recorded). */
void *sim_mem_at(struct tern_sim *s, uint64_t va, uint64_t *len, unsigned int access);
/* All of [va, va + len) when it is one piece, else NULL (no fault recorded). */
void *sim_mem_whole(struct tern_sim *s, uint64_t va, uint64_t len, unsigned int access);
/* len bytes, in place or gathered into tmp; NULL after a fault. */
const void *sim_mem_read(struct tern_sim *s, uint64_t va, void *tmp, uint64_t len);
int sim_mem_write(struct tern_sim *s, uint64_t va, const void *src, uint64_t len);

/* ---- tile.c: geometry --------------------------------------------------------- */
/* The type table once more, in the form that every command needs: blocks are powers of two. */
struct sim_type {
	uint16_t bytes;
	uint8_t shift; /* log2 of the elements of a block */
	uint8_t kind;  /* TERN_KIND_NONE: no such type */
	uint8_t align;
	uint8_t group;
};
extern const struct sim_type sim_types[256];

/* Bytes of n elements in a row without gaps. */
static inline int64_t sim_row_bytes(uint8_t type, int64_t n)
{
	const struct sim_type *t = &sim_types[type];

	return ((n + (1 << t->shift) - 1) >> t->shift) * t->bytes;
}
/* Bytes from element 0 to element n of a row; n begins a block. */
static inline int64_t sim_elem_offset(const struct tern_rtile *t, int64_t n)
{
	const struct sim_type *k = &sim_types[t->type];

	return k->kind == TERN_KIND_PLAIN ? n * t->stride[0] : (n >> k->shift) * k->bytes;
}
/* Range of `size` elements per dimension from addr; false when it overflows. */
bool sim_tile_range(const struct tern_rtile *t, const int64_t *size, struct sim_range *out);
/* Do no two elements share a byte? */
bool sim_tile_distinct(const struct tern_rtile *t, const int64_t *size);
/* Do the elements cover every byte of their range? */
bool sim_tile_dense(const struct tern_rtile *t, const struct sim_range *range);
/* Is each element of one where it is in the other, in dimensions from `first` on? */
bool sim_tile_same(const struct tern_rtile *a, const struct tern_rtile *b, unsigned int first);
/* Do two tiles of known ranges share a byte? Gaps are respected, except of tiles whose rows
 * interleave or are very many: then it may say yes where the answer is no. */
bool sim_tile_overlap(const struct tern_rtile *a, const struct tern_rtile *b);
/* Call fn for every run of bytes without gaps, in no particular order; where rows interleave
 * and are very many, once for the whole range. */
void sim_tile_runs(const struct tern_rtile *t, void (*fn)(void *, uint64_t lo, uint64_t hi),
		   void *ctx);
static inline bool sim_ranges_meet(const struct sim_range *a, const struct sim_range *b)
{
	return a->lo < b->hi && b->lo < a->hi;
}

/* ---- resolve.c, resolve_dma.c, resolve_vector.c -------------------------------- */
/* Read the descriptor of tile n into t; sizes are checked, *empty is set by a zero. `which`
 * operand of the command it is goes into faults. */
int sim_capture(struct tern_sim *s, unsigned int which, unsigned int n, struct tern_rtile *t,
		bool *empty);
/* Type, strides, alignment and range of cur->cmd.t[i]. */
int sim_check_tile(struct tern_sim *s, unsigned int i, bool spm);
int sim_check_shape(struct tern_sim *s, unsigned int which, const struct tern_rtile *t, bool spm);
int sim_check_place(struct tern_sim *s, const struct tern_rtile *t, const int64_t *size,
		    struct sim_range *range);
int sim_resolve_dma(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c);
/* Bursts of a resolved LOAD or STORE at its addresses. */
void sim_dma_bursts(const struct tern_sim *s, struct tern_rcmd *c);
int sim_resolve_matrix(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c);
int sim_resolve_vector(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c);
/* The values that S0..S7 start with. */
void sim_vector_scalars(const struct tern_sim *s, const uint64_t *w, struct tern_rcmd *c);
/* The tiles that a VECTOR command names: byte i for tile i of the micro-program. */
static inline uint64_t sim_vector_tiles(const uint64_t *w)
{
	return w[0] >> 32 | w[2] << 32;
}
/* Analyse the micro-program of a VECTOR command. */
int sim_vprog_add(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w);

/* ---- the engines ---------------------------------------------------------------- */
int sim_load(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot);
int sim_store(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot);
int sim_matrix(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot);
int sim_vector(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot);
/* Bursts of a row of n elements at `at`; elements further apart than a burst cost one each. */
uint64_t sim_row_bursts(const struct tern_rtile *t, uint64_t at, int64_t n);
/* The row index at coordinates x of the SPM tile, checked against the memory tile. */
int sim_dma_index(struct tern_sim *s, const struct tern_rcmd *c, const int64_t *x, int64_t *out);

/* n elements from memory (host, or va when host is NULL) to SPM, converted. */
struct sim_span {
	unsigned int from, to; /* types */
	uint64_t va;
	const unsigned char *host;
	int64_t from_step; /* bytes between elements, PLAIN types */
	unsigned char *dst;
	int64_t to_step;
	int64_t n;
};
int sim_span_load(struct tern_sim *s, const struct sim_span *p);
/* Elements [lo, hi) of a row of an SPM tile: the constant f. */
void sim_fill(const struct tern_simd *simd, const struct tern_rtile *t, unsigned char *row,
	      int64_t lo, int64_t hi, float f);

/* ---- spm.c: what touches SPM says so here first ----------------------------------- */
void sim_spm_reads(struct tern_sim *s, const struct sim_range *r);
/* covers: every byte of the range will be written. */
void sim_spm_writes(struct tern_sim *s, const struct tern_rtile *t, const struct sim_range *r,
		    bool covers);

/* ---- defer.c: LOADs that nobody has read yet ----------------------------------------- */
struct sim_defer *sim_defer_create(void);
void sim_defer_destroy(struct sim_defer *d);
void sim_defer_reset(struct tern_sim *s);
/* Take over the resolved LOAD; false: it must be executed. */
bool sim_defer_load(struct tern_sim *s, const struct tern_rcmd *c, struct sim_slot *slot);
void sim_defer_read(struct tern_sim *s, uint64_t lo, uint64_t hi);
void sim_defer_write(struct tern_sim *s, const struct tern_rtile *t, const struct sim_range *r,
		     bool covers);
/* All of them: nothing of memory will be read that a command before this point reads. */
void sim_defer_settle(struct tern_sim *s);
/* Host bytes [p, p + len) are about to change. */
void sim_defer_source(struct tern_sim *s, const unsigned char *p, uint64_t len);

/* Where a MATRIX operand plane really is. */
struct sim_view {
	const unsigned char *ptr;
	int64_t stride;
	unsigned int type;
	int64_t k0;
};
/* Plane (dimensions 0 and 1) of tile t at addr: in SPM, or in memory when its LOAD is
 * pending and the plane is part of it; settles what it cannot use. blocks_ok: the reader
 * can decode. */
void sim_defer_view(struct tern_sim *s, const struct tern_rtile *t, uint64_t addr, bool blocks_ok,
		    struct sim_view *v);

/* ---- check.c: checking mode ------------------------------------------------------------ */
int sim_check_create(struct tern_sim *s);
void sim_check_destroy(struct sim_check *k);
void sim_check_start(struct tern_sim *s);
/* Waits of the command: what it is ordered after. */
void sim_check_begin(struct tern_sim *s, const struct tern_rcmd *c);
/* Signals of the command. */
void sim_check_end(struct tern_sim *s, const struct tern_rcmd *c);
/* FENCE: the CP waited for every queue. */
void sim_check_drain(struct tern_sim *s);
void sim_check_forget(struct tern_sim *s); /* YIELD: SPM and accumulators lose their contents */
/* All accesses of a resolved engine command: UNINIT, OPAQUE, RACE. */
int sim_check_command(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_slot *slot);
/* An access of the CP. */
int sim_check_cp(struct tern_sim *s, uint64_t addr, uint64_t len, bool spm, bool write);

/* ---- threads.c ---------------------------------------------------------------------------- */
struct sim_pool *sim_pool_create(unsigned int threads); /* NULL: no memory */
void sim_pool_destroy(struct sim_pool *p);
unsigned int sim_pool_size(const struct sim_pool *p);
/* fn(ctx, i, worker) for every i below n, on any worker (< sim_pool_size), in any order. */
void sim_parallel(struct sim_pool *p, unsigned int n,
		  void (*fn)(void *ctx, unsigned int i, unsigned int worker), void *ctx);

#endif
