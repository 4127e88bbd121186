// SPDX-License-Identifier: MIT
/* Checking mode. */
#include "sim/internal.h"
int sim_check_create(struct tern_sim *s)
{
	(void)s;
	return 0;
}
void sim_check_destroy(struct sim_check *k)
{
	(void)k;
}
void sim_check_start(struct tern_sim *s)
{
	(void)s;
}
void sim_check_begin(struct tern_sim *s, const struct tern_rcmd *c)
{
	(void)s;
	(void)c;
}
void sim_check_end(struct tern_sim *s, const struct tern_rcmd *c)
{
	(void)s;
	(void)c;
}
void sim_check_drain(struct tern_sim *s)
{
	(void)s;
}
void sim_check_forget(struct tern_sim *s)
{
	(void)s;
}
int sim_check_command(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_slot *l)
{
	(void)s;
	(void)c;
	(void)l;
	return 0;
}
int sim_check_cp(struct tern_sim *s, uint64_t a, uint64_t l, bool p, bool w)
{
	(void)s;
	(void)a;
	(void)l;
	(void)p;
	(void)w;
	return 0;
}
