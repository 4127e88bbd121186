/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * Time and energy: every constant that is not a capability register, each with its unit,
 * the range in which we believe the truth lies, its reason and its source. README.md, "Time"
 * and "Energy", has the formulas, in these names. They are estimates for an NPU in a 5-7 nm
 * process beside LPDDR5, and none has been adjusted to improve a result: `make bench` prints
 * what halving and doubling each of them changes.
 *
 * Sources, by tag:
 *   [H14]  M. Horowitz, "Computing's Energy Problem", ISSCC 2014: 45 nm, 0.9 V.
 *   [J21]  N. Jouppi et al., "Ten Lessons From Three Generations Shaped Google's TPUv4i",
 *	    ISCA 2021, table of energy per operation: the same operations in 7 nm.
 *   [J17]  N. Jouppi et al., "In-Datacenter Performance Analysis of a Tensor Processing
 *	    Unit", ISCA 2017: in-order queues, systolic fill.
 *   [NVDLA] NVDLA hardware architectural specification (nvdla.org): each unit has two
 *	    register groups, so that the next layer is set up while this one runs.
 *   [LP5]  JESD209-5 (LPDDR5): tRCD and tRP of 18 ns each and a read latency of about 20 ns
 *	    at 6400 MT/s, so 60 ns when a row must be opened.
 *   [M17]  M. O'Connor et al., "Fine-Grained DRAM", MICRO 2017: 4 to 14 pJ/bit by kind.
 *   [est]  our own estimate of a pipeline; the reason says of what.
 */
#ifndef TERN_TIME_H
#define TERN_TIME_H

/* clang-format off */
/*	name		value  unit	 low   high   reason, source */
#define TERN_TIMING_CONSTANTS(X) \
	X(CP_WORD,	    1, "cycle",	   1,	  2,  "fetch and decode of one 64-bit word, prefetched in order", "[est] one SRAM read a cycle") \
	X(CP_JUMP,	    4, "cycle",	   2,	 12,  "refill of the fetch pipeline after a taken branch, CALL or RET", "[est] 4-stage in-order core") \
	X(CP_DISPATCH,	    4, "cycle",	   2,	 16,  "capture of tiles and registers of one engine command", "[est] one descriptor per cycle, 2-4 named") \
	X(CP_SPM_READ,	   12, "cycle",	   6,	 30,  "LDR from SPM, through its crossbar", "[est] bank access and two crossings") \
	X(DRAM_READ,	  120, "ns",	  80,	250,  "request to first data: NoC, controller, DRAM", "[LP5] 60 ns of DRAM; [est] queueing, controller and network on chip as much again") \
	X(DRAM_WRITE,	   80, "ns",	  40,	200,  "last data sent until visible to readers", "[LP5] posted at the controller: no array access to wait for") \
	X(DMA_ISSUE,	    8, "cycle",	   2,	 32,  "set-up of one LOAD or STORE; holds the address generator, not DRAM, where earlier requests are still in flight", "[NVDLA] two register groups hide the rest") \
	X(DMA_PIPE,	   16, "cycle",	   8,	 64,  "address generator, decoder or encoder, and SPM write: depth", "[est] 3 + 8 + 5 stages") \
	X(MATRIX_ISSUE,	    4, "cycle",	   1,	 32,  "sequencer hand-over between two MATRIX commands", "[NVDLA] two register groups; [J17] operands of the next are fetched during this") \
	X(MATRIX_PIPE,	   32, "cycle",	  12,	128,  "fill and drain of the array: SPM read, dot product, scaling, rounding, SPM write", "[J17] systolic skew, here of 16 rows; [est] 16 stages besides") \
	X(MATRIX_CHAIN,	    4, "cycle",	   2,	  8,  "latency of the fp32 accumulation: fewer output quanta in flight leave the array idle", "[est] fp32 fma pipelines of 4 stages are common at 1 GHz") \
	X(VECTOR_ISSUE,	    8, "cycle",	   4,	 64,  "set-up of one VECTOR command; its program is in the sequencer's memory", "[est] 8 tile descriptors") \
	X(VECTOR_PIPE,	   24, "cycle",	  12,	 64,  "depth from SPM read to SPM write", "[est] 6 + 12 + 6 stages; drained between commands") \
	X(VECTOR_ROW,	    4, "cycle",	   1,	 16,  "row addresses; rows are independent, so the next one's issue hides the latency of this", "[est] 8 tiles, 2 adders") \
	X(VECTOR_LOOP,	    2, "cycle",	   0,	 16,  "entering and leaving LANES..ENDL", "[est] sequencer") \
	X(VECTOR_REDUCE,    4, "cycle",	   0,	 12,  "folding 16 partial sums to one, per reducing loop: passes of the lanes", "four of them, in the order README.md fixes") \
	X(VECTOR_CHAIN,	    4, "cycle",	   2,	  8,  "latency of an addition that waits for the one before it, in reductions and SCAN; other rows fill the gaps", "[est] as MATRIX_CHAIN") \
	X(PJ_MAC_INT8,	 0.15, "pJ",	0.10,	0.5,  "int8 multiply 0.07, int32 add 0.03, a 32nd of two fp32 fma, wires", "[J21] 7 nm; [H14] 0.2 + 0.1 in 45 nm") \
	X(PJ_MAC_FP16,	 0.75, "pJ",	0.50,	1.5,  "fp16 multiply 0.34, fp32 add 0.38", "[J21] 7 nm; [H14] 1.1 + 0.9 in 45 nm") \
	X(PJ_MAC_BF16,	 0.60, "pJ",	0.40,	1.5,  "bf16 multiply 0.21, fp32 add 0.38", "[J21]") \
	X(PJ_MAC_FP32,	 1.70, "pJ",	1.20,	4.6,  "fp32 multiply 1.31, add 0.38", "[J21] 7 nm; [H14] 3.7 + 0.9 in 45 nm") \
	X(PJ_VECTOR_OP,	 2.50, "pJ",	1.50,	6.0,  "one fp32 operation of cost 1 with its register file", "[J21] fma 1.7, and 12 bytes of registers") \
	X(PJ_SPM_BYTE,	 1.75, "pJ",	0.90,	5.0,  "byte read or written in a 1 MiB memory", "[J21] 14 pJ per 64 bits in 7 nm; [H14] 100 in 45 nm") \
	X(PJ_DRAM_BYTE,	   36, "pJ",	  24,	 80,  "byte of a burst: LPDDR5 array, interface and controller, 4.5 pJ/bit", "[M17] HBM2 3.9, GDDR5 14 pJ/bit; LPDDR5 data sheets lie between") \
	X(PJ_CP_WORD,	   15, "pJ",	   5,	 70,  "one command word through the CP", "[H14] 70 pJ an instruction in 45 nm, scaled as [J21] scales its arithmetic") \
	X(LEAK_MAC,	0.002, "pJ/cycle", 0.0005, 0.008, "leakage per int8 multiplier at 1 GHz, 2 uW", "[est] 300 gates of a 7 nm library") \
	X(LEAK_SPM_KIB,	0.006, "pJ/cycle", 0.002, 0.02, "leakage per KiB of SPM at 1 GHz, 6 uW", "[est] 0.7 nW a bit, high-density SRAM with retention off")

#endif /* TERN_TIME_H */
