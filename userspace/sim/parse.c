// SPDX-License-Identifier: MIT
/* "ref", "mac=1024,spm=512K,dram=25.6", "small,check,no=softmax+rope": text to capabilities. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/limits.h"
#include "sim/sim.h"

struct item {
	const char *key, *value; /* value NULL: no '=' */
	size_t key_len, value_len;
};

struct parse {
	struct tern_caps *caps;
	struct tern_sim_options *opt;
	char *no_ops;
	size_t no_ops_len;
	char *err;
	size_t errlen;
	bool first, save_given;
	struct item item;
};

static const struct {
	const char *name;
	struct tern_caps caps;
} configs[] = {
#define SMALL(name, small, ref, large, text) .name = small,
#define REF(name, small, ref, large, text)   .name = ref,
#define LARGE(name, small, ref, large, text) .name = large,
	{"small", {TERN_HW_CAPS(SMALL)}},
	{"ref", {TERN_HW_CAPS(REF)}},
	{"large", {TERN_HW_CAPS(LARGE)}},
};

/* ---- errors ----------------------------------------------------------------------- */
static __attribute__((format(printf, 2, 3))) int refuse(struct parse *p, const char *fmt, ...)
{
	const struct item *i = &p->item;
	int len = (int)(i->value ? i->value + i->value_len - i->key : (long)i->key_len);
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (p->errlen)
		snprintf(p->err, p->errlen, "%.*s: %s", len > 40 ? 40 : len, i->key, why);
	return -EINVAL;
}

/* ---- numbers ------------------------------------------------------------------------ */
static const char *suffix_of(const char *s, const char *end, uint64_t *factor)
{
	*factor = 1;
	if (s == end)
		return s;
	if (*s == 'K' || *s == 'k')
		*factor = 1ull << 10;
	else if (*s == 'M' || *s == 'm')
		*factor = 1ull << 20;
	else if (*s == 'G' || *s == 'g')
		*factor = 1ull << 30;
	return *factor > 1 ? s + 1 : s;
}

/* Decimal digits from *s, saturating far above every limit; false if there are none. */
static bool digits(const char **s, const char *end, uint64_t *v)
{
	const char *start = *s;

	for (*v = 0; *s < end && **s >= '0' && **s <= '9'; (*s)++) {
		if (*v < 1ull << 40)
			*v = *v * 10 + (uint64_t)(**s - '0');
	}
	return *s > start;
}

/* 512K, 1048576 */
static bool whole_number(const struct item *i, uint64_t *v)
{
	const char *s = i->value, *end = s + i->value_len;
	uint64_t factor;

	if (!digits(&s, end, v))
		return false;
	s = suffix_of(s, end, &factor);
	*v *= factor;
	return s == end;
}

/* 25.6, as the nearest multiple of 1 / scale. Not strtod: that depends on the locale. */
static bool decimal_number(const struct item *i, uint64_t scale, uint64_t *v)
{
	const char *s = i->value, *end = s + i->value_len;
	uint64_t fraction = 0, unit = 1;

	if (!digits(&s, end, v))
		return false;
	if (s < end && *s == '.') {
		for (s++; s < end && *s >= '0' && *s <= '9'; s++) {
			if (unit >= 1000000)
				continue;
			fraction = fraction * 10 + (uint64_t)(*s - '0');
			unit *= 10;
		}
	}
	*v = *v * scale + (fraction * scale * 2 + unit) / (2 * unit);
	return s == end;
}

/* ---- capabilities ---------------------------------------------------------------------- */
static bool is(const struct item *i, const char *key)
{
	return strlen(key) == i->key_len && !strncmp(i->key, key, i->key_len);
}

/* Short names for what people set most; every other capability goes by its own. */
static const struct alias {
	const char *key, *cap, *example;
	uint64_t decimal; /* scale of a decimal value; 0: a whole number */
} aliases[] = {
	{"mac", "mac_int8", "1024", 0},		 {"spm", "spm_bytes", "512K", 0},
	{"lanes", "vector_lanes", "64", 0},	 {"dram", "dram_x256", "25.6", 256},
	{"clock_mhz", "clock_khz", "800", 1000}, {"decode", "load_decode", "256", 0},
	{"encode", "store_encode", "128", 0},	 {"outstanding", "dram_outstanding", "256", 0},
	{"queue", "queue_depth", "64", 0},
};

static const struct alias *find_alias(const struct item *i)
{
	for (size_t n = 0; n < sizeof(aliases) / sizeof(aliases[0]); n++) {
		if (is(i, aliases[n].key))
			return &aliases[n];
	}
	return NULL;
}

static const struct tern_cap_limit *find_cap(const struct item *i, const struct alias *a)
{
	for (size_t n = 0; n < TERN_CAP_COUNT; n++) {
		const struct tern_cap_limit *l = &tern_cap_limits[n];

		if (a ? !strcmp(l->name, a->cap) : is(i, l->name))
			return l;
	}
	return NULL;
}

/* The array's shape follows its rate: as square as powers of two allow, rows first. */
static void shape_array(struct tern_caps *c)
{
	uint32_t tiles = c->mac_int8 / c->k0;

	c->m0 = c->n0 = 1;
	while ((uint64_t)c->m0 * c->n0 * 2 <= tiles) {
		if (c->m0 > c->n0)
			c->n0 *= 2;
		else
			c->m0 *= 2;
	}
}

static int out_of_range(struct parse *p, const struct tern_cap_limit *l, const struct alias *a)
{
	const char *text = tern_cap_text(l);
	char range[64];

	tern_cap_range(l, a ? a->decimal : 0, range, sizeof(range));
	/* Of a decimal value the register's own unit is nobody's concern. */
	return refuse(p, "%.*s must be %s%s; write for example %.*s=%s",
		      (int)(a && a->decimal ? strcspn(text, ",") : strlen(text)), text,
		      a && a->decimal ? "a decimal number " : "", range, (int)p->item.key_len,
		      p->item.key, a ? a->example : l->example);
}

static int set_cap(struct parse *p, const struct tern_cap_limit *l, const struct alias *a)
{
	uint32_t *field = tern_cap_field(p->caps, l);
	bool ok;
	uint64_t v;

	if (!p->item.value)
		return out_of_range(p, l, a);
	ok = a && a->decimal ? decimal_number(&p->item, a->decimal, &v)
			     : whole_number(&p->item, &v);
	if (!ok || v < l->low || v > l->high)
		return out_of_range(p, l, a);
	*field = (uint32_t)v;
	if (field == &p->caps->mac_int8)
		shape_array(p->caps);
	p->save_given |= field == &p->caps->save_bytes;
	return 0;
}

/* ---- options of the model ----------------------------------------------------------------- */
static int set_check(struct parse *p)
{
	if (p->item.value)
		return refuse(p, "this switch takes no value; write check");
	p->opt->check = true;
	return 0;
}

static int set_simd(struct parse *p)
{
	static const char *const sets[] = {"scalar", "avx2", "avx512", "neon"};

	for (size_t i = 0; p->item.value && i < sizeof(sets) / sizeof(sets[0]); i++) {
		if (strlen(sets[i]) == p->item.value_len &&
		    !strncmp(sets[i], p->item.value, p->item.value_len)) {
			p->opt->simd = sets[i];
			return 0;
		}
	}
	return refuse(p, "the instruction set must be scalar, avx2, avx512 or neon; leave it out "
			 "for the best this machine has");
}

static int set_threads(struct parse *p)
{
	uint64_t v;

	if (!p->item.value || !whole_number(&p->item, &v) || v < 1 || v > 1024)
		return refuse(p, "the number of host threads must be 1 to 1024; leave it out for "
				 "one per core");
	p->opt->threads = (unsigned int)v;
	return 0;
}

static int set_no(struct parse *p)
{
	const struct item *i = &p->item;

	if (!i->value || !i->value_len)
		return refuse(p, "name the operators to leave out; write for example "
				 "no=softmax+rope");
	if (i->value_len >= p->no_ops_len)
		return refuse(p, "the list of operators must be shorter than %zu characters",
			      p->no_ops_len);
	memcpy(p->no_ops, i->value, i->value_len);
	p->no_ops[i->value_len] = '\0';
	return 0;
}

static int set_time_only(struct parse *p)
{
	if (p->item.value)
		return refuse(p, "it has no value; write time-only");
	p->opt->time_only = true;
	return 0;
}

/* scale.DRAM_READ=2: for the sensitivity of a result to a constant of the model. */
static int set_factor(struct parse *p)
{
	static const char prefix[] = "scale.";
	const struct item *i = &p->item;
	uint64_t millis;

	for (unsigned int k = 0; k < TERN_K_COUNT; k++) {
		const char *name = tern_timing_constant_info[k].name;
		size_t len = strlen(name);

		if (i->key_len != sizeof(prefix) - 1 + len ||
		    strncasecmp(i->key + sizeof(prefix) - 1, name, len))
			continue;
		if (!i->value || !decimal_number(i, 1000, &millis) || !millis || millis > 1000000)
			return refuse(p, "the factor must be 0.001 to 1000; write for example "
					 "scale.DRAM_READ=2");
		p->opt->factor[k] = (double)millis / 1000;
		return 0;
	}
	return refuse(p, "no such constant; uapi/tern/time.h lists them; write for "
			 "example scale.DRAM_READ=2");
}

static const struct {
	const char *key;
	int (*set)(struct parse *p);
} options[] = {
	{"check", set_check}, {"time-only", set_time_only},
	{"simd", set_simd},   {"threads", set_threads},
	{"no", set_no},
};

/* ---- items ------------------------------------------------------------------------------------ */
static int set_config(struct parse *p, size_t n)
{
	if (!p->first || p->item.value)
		return refuse(p,
			      "a configuration must be the first item and has no value; write "
			      "for example %s,mac=1024",
			      configs[n].name);
	*p->caps = configs[n].caps;
	return 0;
}

static int set_item(struct parse *p)
{
	const struct alias *a = find_alias(&p->item);
	const struct tern_cap_limit *l = find_cap(&p->item, a);

	for (size_t n = 0; n < sizeof(configs) / sizeof(configs[0]); n++) {
		if (is(&p->item, configs[n].name))
			return set_config(p, n);
	}
	for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
		if (is(&p->item, options[n].key))
			return options[n].set(p);
	}
	if (l)
		return set_cap(p, l, a);
	if (p->item.key_len > 6 && !memcmp(p->item.key, "scale.", 6))
		return set_factor(p);
	return refuse(p,
		      "no such setting; write small, ref or large, then mac=, spm=, dram=, "
		      "lanes=, clock_mhz= or another capability of uapi/tern/hw.h, check, simd=, "
		      "threads= or no=");
}

static const char *split(const char *text, struct item *i)
{
	size_t len = strcspn(text, ",");
	const char *eq = memchr(text, '=', len);

	i->key = text;
	i->key_len = eq ? (size_t)(eq - text) : len;
	i->value = eq ? eq + 1 : NULL;
	i->value_len = eq ? len - i->key_len - 1 : 0;
	return text[len] ? text + len + 1 : NULL;
}

int tern_sim_parse(const char *text, struct tern_caps *caps, struct tern_sim_options *opt,
		   char *no_ops, size_t no_ops_len, char *err, size_t errlen)
{
	struct tern_sim_options unused = {0};
	struct parse p = {.caps = caps,
			  .opt = opt ? opt : &unused,
			  .no_ops = no_ops,
			  .no_ops_len = no_ops ? no_ops_len : 0,
			  .err = err,
			  .errlen = err ? errlen : 0,
			  .first = true};
	uint64_t need;

	*caps = configs[1].caps;
	if (p.no_ops_len)
		no_ops[0] = '\0';
	while (text && *text) {
		int rc;

		text = split(text, &p.item);
		rc = set_item(&p);
		if (rc)
			return rc;
		p.first = false;
	}
	need = tern_save_bytes(caps); /* a larger SPM needs a larger save area */
	if (!p.save_given && caps->save_bytes < need)
		caps->save_bytes = (uint32_t)need;
	return tern_caps_check(caps, err, p.errlen);
}
