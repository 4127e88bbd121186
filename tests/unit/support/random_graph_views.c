// SPDX-License-Identifier: MIT
/* Another view of a tensor: what programs do between operators. */
#include "support/random_graph.h"

#include "support/ref.h"

static void swap_dims(struct tern_tensor_desc *t, int a, int b)
{
	int64_t ne = t->ne[a];
	uint64_t nb = t->nb[a];
	uint8_t sym = t->ne_sym[a];

	t->ne[a] = t->ne[b];
	t->nb[a] = t->nb[b];
	t->ne_sym[a] = t->ne_sym[b];
	t->ne[b] = ne;
	t->nb[b] = nb;
	t->ne_sym[b] = sym;
}

/* [n, a, b, 1] -> [n / h, h, a, b]: heads. */
static void split_heads(struct tern_tensor_desc *t, int64_t h)
{
	const struct ref_type *type = ref_type(t->type);

	if (t->ne[3] != 1 || t->ne_sym[3] || t->ne_sym[0] || t->ne[0] % (h * type->elems))
		return;
	for (int d = 3; d > 1; d--) {
		t->ne[d] = t->ne[d - 1];
		t->nb[d] = t->nb[d - 1];
		t->ne_sym[d] = t->ne_sym[d - 1];
	}
	t->ne[0] /= h;
	t->ne[1] = h;
	t->ne_sym[1] = 0;
	t->nb[1] = (uint64_t)(t->ne[0] / type->elems) * t->nb[0];
}

/* [n, h, a, b] -> [n * h, a, b, 1] */
static void join_heads(struct tern_tensor_desc *t)
{
	uint64_t row = (uint64_t)(t->ne[0] / ref_type(t->type)->elems) * t->nb[0];

	if (t->ne_sym[0] || t->ne_sym[1] || t->nb[1] != row)
		return;
	t->ne[0] *= t->ne[1];
	for (int d = 1; d < 3; d++) {
		t->ne[d] = t->ne[d + 1];
		t->nb[d] = t->nb[d + 1];
		t->ne_sym[d] = t->ne_sym[d + 1];
	}
	t->nb[3] = t->nb[2] * (uint64_t)t->ne[2];
	t->ne[3] = 1;
	t->ne_sym[3] = 0;
}

static void half_of_row(struct tern_tensor_desc *t, unsigned int which)
{
	const struct ref_type *type = ref_type(t->type);

	if (t->ne_sym[0] || t->ne[0] % (2 * type->elems))
		return;
	t->ne[0] /= 2;
	if (which)
		t->offset += (uint64_t)(t->ne[0] / type->elems) * t->nb[0];
}

static void without_first_row(struct tern_tensor_desc *t)
{
	if (t->ne_sym[1] || t->ne[1] < 2)
		return;
	t->ne[1]--;
	t->offset += t->nb[1];
}

static void last_row(struct tern_tensor_desc *t)
{
	if (!t->ne_sym[1] || t->offset_sym)
		return;
	t->offset_sym = t->ne_sym[1];
	t->offset_mul = (int64_t)t->nb[1];
	t->ne[1] = 1;
	t->ne_sym[1] = 0;
}

static void repeated(struct tern_tensor_desc *t, unsigned int d)
{
	if (t->ne[d] != 1 || t->ne_sym[d] || !d)
		return;
	t->ne[d] = 3;
	t->nb[d] = 0;
}

static uint32_t add_view(struct rg_maker *m, const struct tern_tensor_desc *t)
{
	struct tern_graph_desc *desc = &m->g->desc;

	if (desc->ntensors == RG_TENSORS)
		return TERN_NO_TENSOR;
	m->g->tensors[desc->ntensors] = *t;
	return desc->ntensors++;
}

uint32_t rg_view(struct rg_maker *m, uint32_t of)
{
	struct tern_tensor_desc t = m->g->tensors[of];
	unsigned int kind = rg_take(&m->in, 32);

	switch (kind) {
	case 20:
		swap_dims(&t, 1, 2);
		break;
	case 21:
		swap_dims(&t, 0, 1);
		break;
	case 22:
	case 23:
		split_heads(&t, kind == 22 ? 2 : 4);
		break;
	case 24:
		join_heads(&t);
		break;
	case 25:
	case 26:
		half_of_row(&t, kind == 25);
		break;
	case 27:
		without_first_row(&t);
		break;
	case 28:
		last_row(&t);
		break;
	case 29:
		repeated(&t, 1 + rg_take(&m->in, 3));
		break;
	case 30:
		swap_dims(&t, 2, 3);
		break;
	case 31:
		split_heads(&t, 3);
		swap_dims(&t, 1, 2);
		break;
	default:
		return of;
	}
	if (m->g->desc.ntensors == RG_TENSORS ||
	    (t.nb[0] != m->g->tensors[of].nb[0] && ref_type(t.type)->elems > 1))
		return of;
	return add_view(m, &t);
}

uint32_t rg_by_token(struct rg_maker *m, uint32_t of, bool swapped)
{
	struct tern_tensor_desc t = m->g->tensors[of];

	if (t.ne_sym[1] || swapped)
		swap_dims(&t, 1, 2);
	t.ne[3] = 1;
	t.ne_sym[3] = 0;
	return add_view(m, &t);
}

uint32_t rg_first_indices(struct rg_maker *m, const struct rg_shape *s, int64_t *of)
{
	for (uint32_t i = m->g->desc.ntensors; i-- > 0;) {
		struct tern_tensor_desc t = m->g->tensors[i];

		if (t.type != TERN_I32 || t.ne_sym[0] || t.ne[0] < s->ne[0] ||
		    t.ne[1] != s->ne[1] || t.ne_sym[1] != s->sym[1] || t.ne[2] != 1 || t.ne[3] != 1)
			continue;
		*of = t.ne[0];
		t.ne[0] = s->ne[0];
		return add_view(m, &t);
	}
	return TERN_NO_TENSOR;
}
