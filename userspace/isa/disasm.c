// SPDX-License-Identifier: MIT
/* The disassembler: walks an image, however broken, and prints it as text or JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "isa/print.h"

#define COLUMNS 80
#define INDENT	18 /* where a wrapped line goes on: under the first operand */

struct walk {
	FILE *out;
	const uint64_t *image;
	struct tern_image_header h;
	unsigned char *label; /* one per image word: something jumps there or runs it */
	bool json, first;     /* first element of a JSON array */
	int err;
	size_t err_word;
};

/* ---- text and JSON of one list of items ------------------------------------------ */
/* Every name and value is plain ASCII of our own making: nothing needs escaping. */
static void json_items(struct walk *k, size_t at, const struct tern_items *items)
{
	fprintf(k->out, "%s\n    {\"word\": %zu, \"op\": \"%s\"", k->first ? "" : ",", at,
		items->mnemonic);
	k->first = false;
	if (k->label[at])
		fputs(", \"label\": true", k->out);
	for (unsigned int i = 0; i < items->n; i++) {
		const struct tern_item *it = &items->item[i];

		if (it->style == TERN_ITEM_FLAG)
			fprintf(k->out, ", \"%s\": true", it->key);
		else
			fprintf(k->out, it->number ? ", \"%s\": %s" : ", \"%s\": \"%s\"", it->key,
				it->value);
	}
	fputc('}', k->out);
}

static void text_items(struct walk *k, size_t at, const struct tern_items *items, char label)
{
	static const char *const joint[] = {
		[TERN_ITEM_BARE] = "",
		[TERN_ITEM_NAMED] = "=",
		[TERN_ITEM_SPACED] = " ",
		[TERN_ITEM_FLAG] = "",
	};
	int col = INDENT;

	if (k->label[at])
		fprintf(k->out, "%c%zu:\n", label, at);
	fprintf(k->out, items->n ? "%7zu  %-8s" : "%7zu  %s", at, items->mnemonic);
	for (unsigned int i = 0; i < items->n; i++) {
		const struct tern_item *it = &items->item[i];
		const char *key = *joint[it->style] ? it->key : "";
		int len = (int)(1 + strlen(key) + strlen(joint[it->style]) + strlen(it->value));

		if (col + len > COLUMNS) {
			fprintf(k->out, "\n%*s", INDENT - 1, "");
			col = INDENT;
		}
		fprintf(k->out, " %s%s%s", key, joint[it->style], it->value);
		col += len;
	}
	fputc('\n', k->out);
}

static void print_items(struct walk *k, size_t at, const struct tern_items *items, char label)
{
	if (k->json)
		json_items(k, at, items);
	else
		text_items(k, at, items, label);
}

/* ---- header ----------------------------------------------------------------------- */
static void text_header(struct walk *k)
{
	const struct tern_image_header *h = &k->h;

	fprintf(k->out,
		"image    %u words, ISA %u.%u\n"
		"entry    L%u\n"
		"code     %u..%u, micro-programs ..%u, constants ..%u\n"
		"spm      %u bytes\n"
		"acc      %u\n",
		h->words, h->major, h->minor, h->entry, TERN_IMAGE_HEADER_WORDS, h->code_words,
		h->vector_words, h->words, h->spm_bytes, h->acc);
}

static void json_header(struct walk *k)
{
	const struct tern_image_header *h = &k->h;

	fprintf(k->out,
		"{\n  \"header\": {\"words\": %u, \"major\": %u, \"minor\": %u, \"entry\": %u, "
		"\"code_words\": %u, \"vector_words\": %u, \"spm_bytes\": %u, \"acc\": %u},\n",
		h->words, h->major, h->minor, h->entry, h->code_words, h->vector_words,
		h->spm_bytes, h->acc);
}

static void print_sems(struct walk *k)
{
	const char *format =
		k->json ? "%s\n    {\"sem\": %u, \"producer\": \"%s\", \"consumer\": \"%s\", "
			  "\"initial\": %u}"
			: "%ss%-7u %s -> %s, starts at %u\n";
	bool first = true;

	if (k->json)
		fputs("  \"semaphores\": [", k->out);
	for (unsigned int i = 0; i < TERN_NSEMS; i++) {
		const struct tern_image_sem *s = &k->h.sem[i];

		if (!s->used)
			continue;
		fprintf(k->out, format, first || !k->json ? "" : ",", i,
			tern_queue_name(s->producer), tern_queue_name(s->consumer), s->initial);
		first = false;
	}
	if (k->json)
		fputs("],\n", k->out);
}

/* ---- sections ----------------------------------------------------------------------- */
static void begin(struct walk *k, const char *name)
{
	k->first = true;
	if (k->json)
		fprintf(k->out, "  \"%s\": [", name);
	else
		fprintf(k->out, "\n%s:\n", name);
}

static void end(struct walk *k)
{
	if (k->json)
		fputs("],\n", k->out);
}

static void mark(struct walk *k, uint64_t word, uint64_t from, uint64_t to)
{
	if (word >= from && word < to)
		k->label[word] = 1;
}

static void mark_targets(struct walk *k, const struct tern_cmd *c, size_t at)
{
	const struct tern_image_header *h = &k->h;

	if (c->op == TERN_OP_BR || c->op == TERN_OP_LOOP)
		mark(k, at + c->w[1], TERN_IMAGE_HEADER_WORDS, h->code_words);
	else if (c->op == TERN_OP_CALL)
		mark(k, c->w[1], TERN_IMAGE_HEADER_WORDS, h->code_words);
	else if (c->op == TERN_OP_VECTOR)
		mark(k, c->w[3], h->code_words, h->vector_words);
}

static void find_labels(struct walk *k)
{
	struct tern_cmd c;

	mark(k, k->h.entry, TERN_IMAGE_HEADER_WORDS, k->h.code_words);
	for (size_t at = TERN_IMAGE_HEADER_WORDS; at < k->h.code_words; at += c.words) {
		if (tern_cmd_decode(k->image + at, k->h.code_words - at, &c))
			return;
		mark_targets(k, &c, at);
	}
}

static void print_raw(struct walk *k, size_t at)
{
	struct tern_items items = {.mnemonic = ".word", .n = 1};

	items.item[0].key = "raw";
	snprintf(items.item[0].value, sizeof(items.item[0].value), "%#018" PRIx64, k->image[at]);
	print_items(k, at, &items, 'L');
}

static void print_commands(struct walk *k)
{
	struct tern_items items;
	struct tern_cmd c;

	begin(k, "commands");
	for (size_t at = TERN_IMAGE_HEADER_WORDS; !k->err && at < k->h.code_words; at += c.words) {
		k->err = tern_cmd_decode(k->image + at, k->h.code_words - at, &c);
		if (k->err) {
			k->err_word = at;
			print_raw(k, at);
			break;
		}
		tern_describe_cmd(&c, at, &items);
		print_items(k, at, &items, 'L');
	}
	end(k);
}

static void print_vectors(struct walk *k)
{
	struct tern_items items;
	struct tern_vinstr in;

	begin(k, "microprograms");
	for (size_t at = k->h.code_words; !k->err && at < k->h.vector_words; at++) {
		tern_vinstr_decode(k->image[at], &in);
		if (!in.info) { /* data between programs is allowed: say so and go on */
			print_raw(k, at);
			continue;
		}
		tern_describe_vinstr(&in, &items);
		print_items(k, at, &items, 'V');
	}
	end(k);
}

static void print_constants(struct walk *k)
{
	const char *format = k->json ? "  \"constants\": {\"word\": %u, \"words\": %u},\n"
				     : "\nconstants: from word %u, %u words\n";

	fprintf(k->out, format, k->h.vector_words, k->h.words - k->h.vector_words);
}

static void print_verdict(struct walk *k)
{
	const char *name = tern_fault_name((unsigned int)k->err);
	const char *text = tern_fault_text((unsigned int)k->err);

	if (!k->json && k->err)
		fprintf(k->out, "\nword %zu: %s: %s\n", k->err_word, name, text);
	else if (k->json && k->err)
		fprintf(k->out,
			"  \"fault\": {\"word\": %zu, \"code\": \"%s\", \"text\": \"%s\"}\n}\n",
			k->err_word, name, text);
	else if (k->json)
		fputs("  \"fault\": null\n}\n", k->out);
}

/* The sections must lie inside the words there are before any is walked. */
static bool sections_fit(const struct tern_image_header *h, size_t words)
{
	return h->magic == TERN_IMAGE_MAGIC && h->words <= words && h->vector_words <= h->words &&
	       h->code_words <= h->vector_words && h->code_words >= TERN_IMAGE_HEADER_WORDS;
}

static void print_image(struct walk *k)
{
	if (k->json)
		json_header(k);
	else
		text_header(k);
	print_sems(k);
	find_labels(k);
	print_commands(k);
	print_vectors(k);
	print_constants(k);
}

int tern_disasm(FILE *out, const uint64_t *image, size_t words, bool json)
{
	struct walk k = {.out = out, .image = image, .json = json, .err = TERN_FAULT_IMAGE};

	if (words >= TERN_IMAGE_HEADER_WORDS)
		memcpy(&k.h, image, sizeof(k.h));
	if (words >= TERN_IMAGE_HEADER_WORDS && sections_fit(&k.h, words))
		k.label = calloc(k.h.words, 1);
	if (k.label) {
		k.err = 0;
		print_image(&k);
		if (!k.err) /* what the walk printed may still break a rule of the whole */
			k.err = tern_image_check(image, words, &k.err_word);
	} else if (json) {
		fputs("{\n", out);
	}
	print_verdict(&k);
	free(k.label);
	return k.err;
}
