// SPDX-License-Identifier: MIT
/*
 * Preloaded into llama.cpp's programs: they exit without waiting for the thread that writes their
 * log, so that on a busy machine the result is often missing. Half a second helps.
 */
#include <unistd.h>

__attribute__((destructor)) static void linger(void)
{
	usleep(500000);
}
