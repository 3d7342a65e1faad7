"""LLVM code of one function: vectors of floats, loops, fused multiply-adds.

A Python loop around emitter calls is unrolled in the emitted code; `Emitter.loop` emits a loop.
Indices are 64-bit integers that count floats.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir

FLOAT, BIT, INT, LONG = ir.FloatType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
ALIGNMENT = 4  # bytes: a matrix may start at any float
SUM_LANES = 16  # floats that a sum over columns adds side by side, whatever the registers hold
Value: TypeAlias = Any  # an ir.Value: llvmlite has no type hints
Index: TypeAlias = Any  # a Value or an int
Columns: TypeAlias = list[tuple[Value, Value | None]]  # first column of each vector, and its mask


class Emitter:
    """Builder of one LLVM function."""

    def __init__(
        self, name: str, pointers: int, integers: int, *, lanes: int, shared: bool = False
    ) -> None:
        """Start the function `name`, whose arguments are pointers to floats, then integers.

        `shared`: two more integers follow, the number of a thread in a team and that of its threads
        (team.py).
        """
        self.module, self.name, self.lanes = ir.Module(name), name, lanes
        self.kinds = pointers, integers + (2 if shared else 0)
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * pointers + [LONG] * self.kinds[1])
        self.function = ir.Function(self.module, kind, name)
        self.arguments: Sequence[Value] = self.function.args[: pointers + integers]
        self._thread: Sequence[Value] = self.function.args[pointers + integers :]
        for argument in self.function.args[:pointers]:
            argument.add_attribute("noalias")
        self.vector, self.bits = ir.VectorType(FLOAT, lanes), ir.VectorType(BIT, lanes)
        self.ints = ir.VectorType(INT, lanes)
        self._build = ir.IRBuilder(self.function.append_basic_block())

    def text(self) -> str:
        """Return the LLVM code of the finished function."""
        self._build.ret_void()
        return str(self.module)

    # Indices

    def plus(self, a: Index, b: Index) -> Value:
        """Return a + b."""
        return self._build.add(_long(a), _long(b))

    def minus(self, a: Index, b: Index) -> Value:
        """Return a - b."""
        return self._build.sub(_long(a), _long(b))

    def times(self, a: Index, *others: Index) -> Value:
        """Return the product of a and all others."""
        for other in others:
            a = self._build.mul(_long(a), _long(other))
        return a

    def multiple(self, a: Index, step: int) -> Value:
        """Return the largest multiple of `step` that is at most a."""
        return self.minus(a, self.remainder(a, step))

    def remainder(self, a: Index, step: int) -> Value:
        """Return a modulo `step`; a is at least 0."""
        return self._build.urem(_long(a), _long(step))

    def minimum(self, a: Index, b: Index) -> Value:
        """Return the minimum of a and b."""
        return self._build.select(
            self._build.icmp_signed("<", _long(a), _long(b)), _long(a), _long(b)
        )

    def maximum(self, a: Index, b: Index) -> Value:
        """Return the maximum of a and b."""
        return self._build.select(
            self._build.icmp_signed("<", _long(a), _long(b)), _long(b), _long(a)
        )

    def where_equal(self, a: Index, b: Index, one: Value, other: Value) -> Value:
        """Return the vector `one` if the indices are equal, else `other`."""
        return self._build.select(self._build.icmp_signed("==", _long(a), _long(b)), one, other)

    def share(self, count: Value) -> tuple[Index, Value]:
        """Return the first column and the number of columns of this thread's share of `count`.

        All columns if the function is not shared. A share starts at a multiple of `SUM_LANES`, so
        that no two threads write to one cache line; late shares may be smaller or empty.
        """
        if not self._thread:
            return 0, count
        thread, threads = self._thread
        panels = self._build.udiv(self.plus(count, SUM_LANES - 1), _long(SUM_LANES))
        most = self._build.udiv(self.plus(panels, self.minus(threads, 1)), threads)
        size = self.times(most, SUM_LANES)
        first = self.minimum(self.times(thread, size), count)
        return first, self.minimum(size, self.minus(count, first))

    @contextmanager
    def loop(self, start: Index, stop: Index, step: int = 1) -> Iterator[Value]:
        """Emit a loop over indices from `start` up to `stop`; its body is emitted in the block."""
        before, build = self._build.block, self._build
        head, body, after = (self.function.append_basic_block() for _ in range(3))
        build.branch(head)
        build.position_at_end(head)
        index = build.phi(LONG)
        index.add_incoming(_long(start), before)
        build.cbranch(build.icmp_signed("<", index, _long(stop)), body, after)
        build.position_at_end(body)
        yield index
        index.add_incoming(self.plus(index, step), build.block)
        build.branch(head)
        build.position_at_end(after)

    def for_panels(self, count: Value, vectors: int, act: Callable[[Columns], None]) -> None:
        """Emit `act` for all panels of `vectors` vectors that cover `count` floats, in order.

        The remainder is covered by panels of one vector, the last of them masked.
        """
        wide = self.multiple(count, vectors * self.lanes)
        whole = self.multiple(count, self.lanes)
        with self.loop(0, wide, vectors * self.lanes) as first:
            act([(self.plus(first, n * self.lanes), None) for n in range(vectors)])
        if vectors > 1:
            with self.loop(wide, whole, self.lanes) as first:
                act([(first, None)])
        with self.loop(whole, count, self.lanes) as first:
            act([(first, self.first(self.minus(count, whole)))])

    def for_sums(self, count: Value, act: Callable[[Columns], None]) -> None:
        """Emit `act` for all panels of `SUM_LANES` columns that cover `count` floats, in order."""
        whole = self.multiple(count, SUM_LANES)
        starts = range(0, SUM_LANES, self.lanes)
        with self.loop(0, whole, SUM_LANES) as first:
            act([(self.plus(first, n), None) for n in starts])
        with self.loop(whole, count, SUM_LANES) as first:
            left = self.minus(count, whole)
            act([(self.plus(first, n), self.first(self.minus(left, n))) for n in starts])

    def for_vectors(self, count: Value, act: Callable[[Value, Value | None], None]) -> None:
        """Emit `act` for all vectors that cover `count` floats, the last of them masked."""
        self.for_panels(count, 1, lambda columns: act(*columns[0]))

    def integers_at(self, pointer: Value, offset: Index) -> Value:
        """Return the pointer to 64-bit integers plus an offset, in integers."""
        return self._build.gep(pointer, [_long(offset)], source_etype=LONG)

    def integer(self, pointer: Value, place: Index) -> Value:
        """Return element `place` of an array of 64-bit integers."""
        here = self._build.gep(pointer, [_long(place)], source_etype=LONG)
        return self._build.load(here, typ=LONG, align=8)

    def call_kernel(
        self, kernel: Value, addresses: Sequence[Value], integers: Sequence[Index]
    ) -> None:
        """Call the kernel whose machine code is at an address."""
        kinds = [POINTER] * len(addresses) + [LONG] * len(integers)
        callee = self._build.inttoptr(kernel, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        pointers = [self._build.inttoptr(address, POINTER) for address in addresses]
        self._build.call(callee, [*pointers, *map(_long, integers)])

    def call_number(self, function: Value) -> Value:
        """Return the result of the C function `int f(void)` at an address."""
        callee = self._build.inttoptr(function, ir.FunctionType(INT, []).as_pointer())
        return self._build.sext(self._build.call(callee, []), LONG)

    # Floats in memory

    def at(self, pointer: Value, *offsets: Index) -> Value:
        """Return the pointer plus the sum of the offsets, in floats."""
        for offset in offsets:
            pointer = self._build.gep(pointer, [_long(offset)], source_etype=FLOAT)
        return pointer

    def first(self, count: Index) -> Value:
        """Return the mask of the first `count` lanes."""
        counts = self._splat(self._build.trunc(_long(count), INT), self.ints)
        return self._build.icmp_signed("<", self.ints([*range(self.lanes)]), counts)

    def load(self, pointer: Value, mask: Value | None = None) -> Value:
        """Return the vector at a pointer; masked lanes are 0 and not read."""
        if mask is None:
            return self._build.load(pointer, typ=self.vector, align=ALIGNMENT)
        arguments = [pointer, INT(ALIGNMENT), mask, self.zeros()]
        return self._call(f"llvm.masked.load.{self._suffix}.p0", self.vector, arguments)

    def store(self, vector: Value, pointer: Value, mask: Value | None = None) -> None:
        """Write a vector; masked lanes are not written."""
        if mask is None:
            self._build.store(vector, pointer, align=ALIGNMENT)
        else:
            arguments = [vector, pointer, INT(ALIGNMENT), mask]
            self._call(f"llvm.masked.store.{self._suffix}.p0", ir.VoidType(), arguments)

    def broadcast(self, pointer: Value) -> Value:
        """Return the float at a pointer in every lane."""
        return self._splat(self._build.load(pointer, typ=FLOAT, align=ALIGNMENT), self.vector)

    def prefetch(self, pointer: Value) -> None:
        """Prefetch the cache line at a pointer, which may lie outside the array."""
        read, near, data = INT(0), INT(2), INT(1)
        self._call("llvm.prefetch.p0", ir.VoidType(), [pointer, read, near, data])

    # Arithmetic

    def zeros(self) -> Value:
        """Return a vector of zeros."""
        return self.constant(0.0)

    def constant(self, number: float) -> Value:
        """Return a number, rounded to float32, in every lane."""
        return self.vector([float(np.float32(number))] * self.lanes)

    def multiply_add(self, a: Value, b: Value, c: Value | None) -> Value:
        """Return a * b + c, rounded once, or a * b."""
        if c is None:
            return self.multiply(a, b)
        return self._call(f"llvm.fma.{self._suffix}", self.vector, [a, b, c])

    def multiply(self, a: Value, b: Value) -> Value:
        """Return a * b."""
        return self._build.fmul(a, b)

    def add(self, a: Value, b: Value) -> Value:
        """Return a + b."""
        return self._build.fadd(a, b)

    def subtract(self, a: Value, b: Value) -> Value:
        """Return a - b."""
        return self._build.fsub(a, b)

    def divide(self, a: Value, b: Value) -> Value:
        """Return a / b."""
        return self._build.fdiv(a, b)

    def negative(self, a: Value) -> Value:
        """Return -a."""
        return self._build.fneg(a)

    def absolute(self, a: Value) -> Value:
        """Return |a|."""
        return self._call(f"llvm.fabs.{self._suffix}", self.vector, [a])

    def with_sign(self, a: Value, sign: Value) -> Value:
        """Return |a| with the sign of `sign`."""
        return self._call(f"llvm.copysign.{self._suffix}", self.vector, [a, sign])

    def less(self, a: Value, b: Value) -> Value:
        """Return the mask of the lanes where a < b; False where either is NaN."""
        return self._build.fcmp_ordered("<", a, b)

    def equal(self, a: Value, b: Value) -> Value:
        """Return the mask of the lanes where a = b; False where either is NaN."""
        return self._build.fcmp_ordered("==", a, b)

    def where(self, mask: Value, a: Value, b: Value) -> Value:
        """Return a where the mask is set, else b."""
        return self._build.select(mask, a, b)

    def larger(self, a: Value, b: Value) -> Value:
        """Return b where a < b, else a; a where either is NaN."""
        return self.where(self.less(a, b), b, a)

    # Floats as integers

    def as_bits(self, a: Value) -> Value:
        """Return the bits of floats as integers."""
        return self._build.bitcast(a, self.ints)

    def from_bits(self, a: Value) -> Value:
        """Return the floats whose bits are these integers."""
        return self._build.bitcast(a, self.vector)

    def as_float(self, a: Value) -> Value:
        """Return signed integers as floats, rounded."""
        return self._build.sitofp(a, self.vector)

    def whole(self, number: int) -> Value:
        """Return an integer in every lane."""
        return self.ints([number] * self.lanes)

    def plus_whole(self, a: Value, b: Value) -> Value:
        """Return a + b of integers, modulo 2^32."""
        return self._build.add(a, b)

    def minus_whole(self, a: Value, b: Value) -> Value:
        """Return a - b of integers, modulo 2^32."""
        return self._build.sub(a, b)

    def shifted_left(self, a: Value, bits: int) -> Value:
        """Return integers times 2^bits, modulo 2^32."""
        return self._build.shl(a, self.whole(bits))

    def shifted_right(self, a: Value, bits: int) -> Value:
        """Return signed integers divided by 2^bits, rounded down."""
        return self._build.ashr(a, self.whole(bits))

    # Sums

    def folded(self, parts: Sequence[Value], combine: Callable[[Value, Value], Value]) -> Value:
        """Return all lanes of all parts combined into one float, in every lane.

        Halves are combined until one float is left: the order of the lanes, first to last part,
        alone decides which, not the width of a register.
        """
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [combine(a, b) for a, b in zip(parts[:half], parts[half:], strict=True)]
        vector, half = parts[0], self.lanes // 2
        while half:
            lower = (n % half for n in range(self.lanes))
            upper = (half + n % half for n in range(self.lanes))
            vector = combine(self._lanes(vector, lower), self._lanes(vector, upper))
            half //= 2
        return vector

    def sum_over(self, count: Value, act: Callable[[Value, Value | None], Value]) -> Value:
        """Return the sum of the vectors that `act(column, mask)` returns for all columns.

        Masked lanes have to be 0. The sum is in every lane.
        """
        parts = [self.accumulator() for _ in range(SUM_LANES // self.lanes)]

        def vectors(columns: Columns) -> None:
            for part, (column, mask) in zip(parts, columns, strict=True):
                self.assign(part, self.add(self.content(part), act(column, mask)))

        self.for_sums(count, vectors)
        return self.folded([self.content(part) for part in parts], self.add)

    def store_first(self, vector: Value, pointer: Value) -> None:
        """Write the first lane of a vector."""
        lane = self._build.extract_element(vector, INT(0))
        self._build.store(lane, pointer, align=ALIGNMENT)

    def add_first_to(self, pointer: Value, vector: Value) -> None:
        """Add the first lane of a vector to the float at a pointer."""
        self.store_first(self.add(self.broadcast(pointer), vector), pointer)

    def converted(self, integer: Value) -> Value:
        """Return an integer as a float, in every lane."""
        return self._splat(self._build.sitofp(integer, FLOAT), self.vector)

    def accumulator(self) -> Value:
        """Return a vector variable, initially 0; LLVM keeps it in a register."""
        with self._build.goto_entry_block():
            place = self._build.alloca(self.vector)
        self._build.store(self.zeros(), place)
        return place

    def content(self, place: Value) -> Value:
        """Return an accumulator's vector."""
        return self._build.load(place, typ=self.vector)

    def assign(self, place: Value, vector: Value) -> None:
        """Set an accumulator."""
        self._build.store(vector, place)

    def accumulate(self, place: Value, a: Value, b: Value) -> None:
        """Add a * b to an accumulator."""
        self._build.store(self.multiply_add(a, b, self.content(place)), place)

    @property
    def _suffix(self) -> str:
        return f"v{self.lanes}f32"

    def _splat(self, scalar: Value, kind: ir.VectorType) -> Value:
        """Return a scalar in every lane."""
        undefined = kind(ir.Undefined)
        first = self._build.insert_element(undefined, scalar, INT(0))
        return self._build.shuffle_vector(first, undefined, self.ints([0] * self.lanes))

    def _lanes(self, vector: Value, lanes: Iterable[int]) -> Value:
        """Return a vector of some lanes of a vector."""
        return self._build.shuffle_vector(vector, self.vector(ir.Undefined), self.ints([*lanes]))

    def _call(self, name: str, kind: ir.Type, arguments: list[Value]) -> Value:
        """Call an LLVM intrinsic."""
        function = self.module.globals.get(name)
        if function is None:
            signature = ir.FunctionType(kind, [value.type for value in arguments])
            function = ir.Function(self.module, signature, name)
        return self._build.call(function, arguments)


def _long(index: Index) -> Value:
    return LONG(index) if isinstance(index, int) else index
