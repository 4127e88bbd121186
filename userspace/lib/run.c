// SPDX-License-Identifier: MIT
/* One run: segments in order, the CPU's here, the NPU's in npu.c. */
#include "lib/clock.h"
#include "lib/session.h"

#include <errno.h>
#include <string.h>

/* ---- operators on the CPU ------------------------------------------------------------- */

static void tensor_at(const struct tern_session *s, uint32_t tensor, struct tern_cpu_tensor *out)
{
	struct tern_view v;

	if (tensor == TERN_NO_TENSOR) {
		memset(out, 0, sizeof(*out));
		return;
	}
	tern_view_of(&s->prog->graph->tensors[tensor], s->symbols, &v);
	out->type = v.type;
	memcpy(out->ne, v.ne, sizeof(out->ne));
	memcpy(out->nb, v.nb, sizeof(out->nb));
	out->data = tern_session_host(s, v.storage) + v.offset;
}

static uint64_t bytes_of(const struct tern_cpu_tensor *t, int64_t rows)
{
	return t->data ? tern_dtype_row_bytes(t->type, (uint64_t)t->ne[0]) * (uint64_t)rows : 0;
}

/* Rows of a source that an operator reads: of a table, or of experts, those that it picks. */
static int64_t rows_read(const struct tern_op_desc *op, int i, const struct tern_cpu_tensor *s,
			 int64_t written)
{
	if (op->op == TERN_GET_ROWS && !i)
		return written;
	if (op->op == TERN_MATMUL_ID && !i && written < s->ne[2])
		return written * s->ne[1];
	return tern_nrows(s->ne);
}

/* What an operator reads and writes; of a cache only the rows it picks. */
static uint64_t bytes_moved(const struct tern_op_desc *op, const struct tern_cpu_tensor *src,
			    const struct tern_cpu_tensor *dst)
{
	int64_t written = op->op == TERN_SET_ROWS ? tern_nrows(src[0].ne) : tern_nrows(dst->ne);
	uint64_t bytes = bytes_of(dst, written);
	int i;

	for (i = 0; i < TERN_MAX_SRC; i++)
		bytes += bytes_of(&src[i], rows_read(op, i, &src[i], written));
	return bytes;
}

static int run_cpu_op(struct tern_session *s, uint32_t i)
{
	const struct tern_graph *g = s->prog->graph;
	struct tern_cpu_tensor src[TERN_MAX_SRC], dst;
	uint64_t start = tern_now_ns(), end;
	char label[160];
	int ret, k;

	for (k = 0; k < TERN_MAX_SRC; k++)
		tensor_at(s, g->ops[i].src[k], &src[k]);
	tensor_at(s, g->ops[i].dst, &dst);
	ret = tern_device_cpu_run(s->prog->dev, &g->ops[i], src, &dst, &s->stop);
	end = tern_now_ns();
	s->run_ops[i].cpu_ns += end - start;
	s->run_ops[i].cpu_bytes += bytes_moved(&g->ops[i], src, &dst);
	s->run_stats.cpu_ns += end - start;
	s->run_stats.cpu_ops++;
	if (s->trace)
		tern_trace_host(s->trace, "operator", tern_op_label(g, i, label, sizeof(label)),
				start, end);
	if (ret && ret != -EINTR)
		return tern_fail(ret, "operator %s on the CPU: %s",
				 tern_op_label(g, i, label, sizeof(label)), tern_last_error());
	return ret;
}

static int run_cpu_segment(struct tern_session *s, const struct tern_segment *seg)
{
	uint32_t i;
	int ret = 0;

	for (i = seg->first; i < seg->first + seg->n && !ret; i++) {
		ret = run_cpu_op(s, i);
		/* A stopped kernel may have left its work half done. */
		if (!ret && tern_stopped(&s->stop))
			ret = -EINTR;
	}
	return ret;
}

/* ---- a run ------------------------------------------------------------------------------ */

static int claim(struct tern_session *s)
{
	if (s->busy)
		return tern_fail(-EBUSY,
				 "the session is running: wait for its fence, or make another");
	if (s->lent && atomic_exchange(&s->lent->running, true))
		return tern_fail(-EBUSY, "a session that shares this one's scratch is running: "
					 "wait for its fence");
	s->busy = true;
	return 0;
}

/* With the lock held. */
static void release(struct tern_session *s)
{
	s->busy = false;
	if (s->lent)
		atomic_store(&s->lent->running, false);
}

void tern_session_abandon(struct tern_session *s)
{
	pthread_mutex_lock(&s->lock);
	release(s);
	pthread_mutex_unlock(&s->lock);
}

int tern_session_begin(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols)
{
	int ret;

	if (!s)
		return tern_fail(-EINVAL, "there is no session to run");
	ret = tern_graph_check_symbols(s->prog->graph, symbols, nsymbols);
	if (ret)
		return ret;
	pthread_mutex_lock(&s->lock);
	ret = claim(s);
	pthread_mutex_unlock(&s->lock);
	if (ret)
		return ret;
	/* Cleared here and not when the run gets its turn: whoever has returned from submit may
	 * stop what it submitted. */
	__atomic_store_n(&s->stop, 0, __ATOMIC_RELAXED);
	return 0;
}

static int run_segments(struct tern_session *s)
{
	const struct tern_partition *p = &s->prog->part;
	uint64_t start;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < p->nsegs && !ret; i++) {
		if (tern_stopped(&s->stop))
			return -EINTR;
		start = tern_now_ns();
		ret = p->segs[i].npu ? tern_session_run_npu(s, i) : run_cpu_segment(s, &p->segs[i]);
		if (s->trace)
			tern_trace_host(s->trace, "segment",
					p->segs[i].npu ? "NPU job" : "CPU operators", start,
					tern_now_ns());
	}
	return ret;
}

static double mac_cycles(const struct tern_caps *c, const struct tern_graph_work *w)
{
	return ((double)w->macs[0] + (double)(w->macs[1] + w->macs[2]) * c->mac_div_f16 +
		(double)w->macs[3] * c->mac_div_f32) /
	       c->mac_int8;
}

/* What no schedule can beat: MATRIX and DRAM both at their full rate. */
static double bound_cycles(const struct tern_caps *c, const struct tern_graph_work *w)
{
	double mac = mac_cycles(c, w), dram = (double)w->bytes * 256 / c->dram_x256;

	return mac > dram ? mac : dram;
}

/* The rest of the graph; what both phases read counts for the head. */
static struct tern_graph_work without(const struct tern_graph_work *all,
				      const struct tern_graph_work *head)
{
	struct tern_graph_work body = {.bytes = all->bytes > head->bytes ? all->bytes - head->bytes
									 : 0};
	int t;

	for (t = 0; t < 4; t++)
		body.macs[t] = all->macs[t] - head->macs[t];
	return body;
}

static void count_work(struct tern_session *s)
{
	const struct tern_caps *c = &s->prog->dev->target.caps;
	struct tern_graph_work all, head, body;

	tern_graph_work(s->prog->graph, &s->prog->work, s->symbols, &all);
	s->run_stats.graph_bytes = all.bytes;
	if (!s->prog->dev->target.npu)
		return; /* no peak rate to divide by */
	tern_graph_work(s->prog->graph, &s->prog->head, s->symbols, &head);
	body = without(&all, &head);
	s->run_stats.graph_mac_cycles = mac_cycles(c, &all);
	s->run_stats.graph_bound_cycles = bound_cycles(c, &body) + bound_cycles(c, &head);
}

int tern_session_execute(struct tern_session *s, const int64_t *symbols)
{
	uint64_t start = tern_now_ns();
	int ret;

	memset(&s->run_stats, 0, sizeof(s->run_stats));
	memset(s->run_ops, 0, s->prog->graph->nops * sizeof(*s->run_ops));
	s->symbols = symbols;
	ret = tern_session_map(s);
	if (!ret)
		ret = run_segments(s);
	if (ret == -EINTR)
		tern_fail(ret, "the run was stopped; what it wrote so far is in its buffers");
	if (!ret) {
		s->run_stats.runs = 1;
		count_work(s);
	}
	s->run_stats.host_ns = tern_now_ns() - start;
	pthread_mutex_lock(&s->lock);
	tern_stats_merge(s);
	release(s);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

int tern_session_run(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols)
{
	int ret = tern_session_begin(s, symbols, nsymbols);

	return ret ? ret : tern_session_execute(s, symbols);
}
