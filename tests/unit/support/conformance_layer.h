/* SPDX-License-Identifier: MIT */
/* Parts of a decoder layer as graphs, for what is fused, masked off, or sized at run time. */
#ifndef TEST_CONFORMANCE_LAYER_H
#define TEST_CONFORMANCE_LAYER_H

#include "support/conformance.h"

/* Sizes as small as the shapes allow to be odd: GQA, heads that are not the model divided. */
struct conf_layer {
	enum tern_dtype weights, cache;
	int64_t d, ff;	   /* model, feed-forward */
	int64_t hd, h, hk; /* elements of a head, heads, heads cached */
	int64_t t, n, max; /* tokens, positions, rows of the cache */
	bool symbols;	   /* t and n are symbols, these their bounds */
	bool neox, layer_norm, bias;
};

/* Each appends its operators, and returns the tensor of its result [d, t]. `x`: [d, t]. */
unsigned int conf_input(struct conf_graph *g, const struct conf_layer *l);
unsigned int conf_norm(struct conf_graph *g, const struct conf_layer *l, unsigned int x);
/* d = weights x [+ bias] [+ residual] */
unsigned int conf_product(struct conf_graph *g, const struct conf_layer *l, unsigned int x,
			  int64_t rows, int residual);
unsigned int conf_feed_forward(struct conf_graph *g, const struct conf_layer *l, unsigned int x);
/* Norm of heads, rotation, into the rows of a cache, which it returns. k: [hd * hk, t] */
unsigned int conf_cache_keys(struct conf_graph *g, const struct conf_layer *l, unsigned int k,
			     unsigned int positions, unsigned int rows);
unsigned int conf_positions(struct conf_graph *g, const struct conf_layer *l);
unsigned int conf_rows(struct conf_graph *g, const struct conf_layer *l);
unsigned int conf_decoder_layer(struct conf_graph *g, const struct conf_layer *l, unsigned int x);

#endif
