// SPDX-License-Identifier: MIT
/*
 * tok_merge.c - joining the cheapest adjacent pair of symbols, over and over.
 *
 * A binary heap holds the candidate pairs. Joining makes older candidates
 * stale; they are recognised by their length when they surface and dropped, so
 * that n characters cost O(n log n) whatever the text.
 */
#include "vocab_priv.h"

int tok_reserve(void **array, size_t *room, size_t need, size_t elem)
{
	size_t want = *room ? *room : 64;
	void *grown;

	if (need <= *room)
		return 0;
	while (want < need) {
		if (want > SIZE_MAX / 2 / elem)
			return -ENOMEM;
		want *= 2;
	}
	grown = realloc(*array, want * elem);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = want;
	return 0;
}

static bool before(const struct tok_pair *a, const struct tok_pair *b)
{
	return a->cost < b->cost || (a->cost == b->cost && a->left < b->left);
}

static int heap_push(struct tok_merger *m, struct tok_pair p)
{
	size_t i = m->n_heap;
	int rc = tok_reserve((void **)&m->heap, &m->heap_room, i + 1, sizeof(*m->heap));

	if (rc)
		return rc;
	m->n_heap++;
	while (i) {
		size_t up = (i - 1) / 2;

		if (!before(&p, &m->heap[up]))
			break;
		m->heap[i] = m->heap[up];
		i = up;
	}
	m->heap[i] = p;
	return 0;
}

static struct tok_pair heap_pop(struct tok_merger *m)
{
	struct tok_pair top = m->heap[0], last = m->heap[--m->n_heap];
	size_t i = 0;

	for (;;) {
		size_t down = 2 * i + 1;

		if (down >= m->n_heap)
			break;
		if (down + 1 < m->n_heap && before(&m->heap[down + 1], &m->heap[down]))
			down++;
		if (!before(&m->heap[down], &last))
			break;
		m->heap[i] = m->heap[down];
		i = down;
	}
	m->heap[i] = last;
	return top;
}

static int split(struct tok_merger *m, const char *text, size_t len)
{
	int rc = tok_reserve((void **)&m->symbols, &m->symbol_room, len, sizeof(*m->symbols));

	if (rc)
		return rc;
	m->n = 0;
	for (size_t at = 0; at < len; m->n++) {
		size_t n = tok_utf8_len((unsigned char)text[at]);

		n = n < len - at ? n : len - at;
		m->symbols[m->n] = (struct tok_symbol){
			.text = text + at,
			.len = (uint32_t)n,
			.prev = (int32_t)m->n - 1,
			.next = at + n < len ? (int32_t)m->n + 1 : -1,
		};
		at += n;
	}
	return 0;
}

static int offer(struct tok_merger *m, const struct vocab *v, tok_cost_fn cost, int32_t left,
		 int32_t right)
{
	struct tok_pair p = {.left = left, .right = right};
	const struct tok_symbol *l, *r;

	if (left < 0 || right < 0)
		return 0;
	l = &m->symbols[left];
	r = &m->symbols[right];
	if (!cost(v, l->text, l->len, r->len, &p.cost))
		return 0;
	p.len = l->len + r->len;
	return heap_push(m, p);
}

static int join(struct tok_merger *m, const struct vocab *v, tok_cost_fn cost, struct tok_pair p)
{
	struct tok_symbol *l = &m->symbols[p.left], *r = &m->symbols[p.right];
	int rc;

	if (!l->len || !r->len || l->len + r->len != p.len)
		return 0;
	l->len = p.len;
	r->len = 0;
	l->next = r->next;
	if (r->next >= 0)
		m->symbols[r->next].prev = p.left;
	rc = offer(m, v, cost, l->prev, p.left);
	return rc ? rc : offer(m, v, cost, p.left, l->next);
}

int tok_merge(struct tok_merger *m, const struct vocab *v, tok_cost_fn cost, const char *text,
	      size_t len)
{
	int rc = split(m, text, len);

	m->n_heap = 0;
	for (size_t i = 1; i < m->n && !rc; i++)
		rc = offer(m, v, cost, (int32_t)i - 1, (int32_t)i);
	while (m->n_heap && !rc)
		rc = join(m, v, cost, heap_pop(m));
	return rc;
}

int tok_emit(const struct tok_merger *m, const struct vocab *v, tok_spell_fn spell,
	     struct token_list *out, char *err, size_t errlen)
{
	int rc = 0;

	for (int32_t i = m->n ? 0 : -1; i >= 0 && !rc; i = m->symbols[i].next) {
		const struct tok_symbol *s = &m->symbols[i];
		int32_t id = vocab_find(v, s->text, s->len);

		rc = id != VOCAB_NO_TOKEN ? token_list_push(out, id)
					  : spell(v, s->text, s->len, out, err, errlen);
	}
	return rc;
}

void tok_merger_free(struct tok_merger *m)
{
	free(m->symbols);
	free(m->heap);
	memset(m, 0, sizeof(*m));
}
