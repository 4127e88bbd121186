/* SPDX-License-Identifier: MIT */
/* From the reset to C, and from an exception to C. */

#define MEIE	0x800 /* in mie: the external interrupt ends WFI; mstatus.MIE stays 0 */

	.section .text.start, "ax"
	.globl mcu_start
mcu_start:
	csrw	mstatus, zero
	li	t0, MEIE
	csrw	mie, t0
	la	t0, trap
	csrw	mtvec, t0
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	la	sp, mcu_stack_top
	la	t0, mcu_bss_start
	la	t1, mcu_bss_end
1:	bgeu	t0, t1, 2f
	sw	zero, 0(t0)
	addi	t0, t0, 4
	j	1b
2:	j	mcu_main

	/* The registers as they are, in a place and on a stack of their own: the stack itself may
	 * be what went wrong. Another exception from here on is told without a record. */
	.balign	4
trap:
	csrw	mscratch, sp
	la	sp, frame
	sw	zero, 0(sp)
	sw	x1, 4(sp)
	.irp	n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
		25, 26, 27, 28, 29, 30, 31
	sw	x\n, 4*\n(sp)
	.endr
	csrr	t0, mscratch
	sw	t0, 8(sp)
	la	t0, trap_again
	csrw	mtvec, t0
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	mv	a0, sp
	csrr	a1, mcause
	csrr	a2, mepc
	csrr	a3, mtval
	la	sp, mcu_trap_stack_top
	j	mcu_trap

	.balign	4
trap_again:
	la	sp, mcu_trap_stack_top
	j	mcu_trap_again

	.section .bss.frame, "aw", @nobits
	.balign	16
frame:
	.space	128
