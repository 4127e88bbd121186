/* SPDX-License-Identifier: MIT */
/*
 * SPECIALISED: a function to be specialised for constant arguments where it is called. Not
 * under sanitizers: their checks in every unrolled copy would take a compiler minutes.
 */
#ifndef TERN_SIMD_KERNEL_H
#define TERN_SIMD_KERNEL_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define TERN_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define TERN_SANITIZED
#endif

#ifdef TERN_SANITIZED
#define SPECIALISED static __attribute__((noinline))
#else
#define SPECIALISED static inline __attribute__((always_inline))
#endif

#endif
