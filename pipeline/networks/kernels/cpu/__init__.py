"""Kernels for CPUs, compiled by LLVM for the processor at run time."""
