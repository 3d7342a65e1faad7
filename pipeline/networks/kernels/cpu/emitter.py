"""The code of one function in LLVM's language: vectors of floats, loops, fused multiply-adds.

A loop in Python that calls the emitter is unrolled; `Emitter.loop` makes one that runs. Indices are
64-bit integers and count floats.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir

FLOAT, BIT, INT, LONG = ir.FloatType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
ALIGNMENT = 4  # bytes: a matrix may begin at any float
Value: TypeAlias = Any  # an ir.Value: llvmlite says nothing of types
Index: TypeAlias = Any  # a Value or an int
Columns: TypeAlias = list[tuple[Value, Value | None]]  # where each vector begins, and its mask


class Emitter:
    """Writes one function."""

    def __init__(self, name: str, pointers: int, integers: int, *, lanes: int) -> None:
        """Begin the function `name` of so many pointers to floats, then so many integers."""
        self.module, self.name, self.lanes = ir.Module(name), name, lanes
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * pointers + [LONG] * integers)
        self.function = ir.Function(self.module, kind, name)
        self.arguments: Sequence[Value] = self.function.args
        for argument in self.function.args[:pointers]:
            argument.add_attribute("noalias")
        self.vector, self.bits = ir.VectorType(FLOAT, lanes), ir.VectorType(BIT, lanes)
        self.ints = ir.VectorType(INT, lanes)
        self._build = ir.IRBuilder(self.function.append_basic_block())

    def text(self) -> str:
        """Return the finished code."""
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
        """Return the product of all."""
        for other in others:
            a = self._build.mul(_long(a), _long(other))
        return a

    def multiple(self, a: Index, step: int) -> Value:
        """Return the largest multiple of `step` that is not above a."""
        return self.minus(a, self._build.urem(_long(a), _long(step)))

    def least(self, a: Index, b: Index) -> Value:
        """Return the lesser of a and b."""
        return self._build.select(
            self._build.icmp_signed("<", _long(a), _long(b)), _long(a), _long(b)
        )

    @contextmanager
    def loop(self, start: Index, stop: Index, step: int = 1) -> Iterator[Value]:
        """Run what is emitted inside for each index from `start` up to `stop`."""
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

    def each_panel(self, count: Value, vectors: int, act: Callable[[Columns], None]) -> None:
        """Emit what `act` does for each panel of `count` floats, from the first one on.

        A panel has so many vectors; what is left has one, the last of all with a mask.
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

    def each_vector(self, count: Value, act: Callable[[Value, Value | None], None]) -> None:
        """Emit what `act` does for each vector of `count` floats, the last of all with a mask."""
        self.each_panel(count, 1, lambda columns: act(*columns[0]))

    def integer(self, pointer: Value, place: Index) -> Value:
        """Return a 64-bit integer of those at a pointer."""
        here = self._build.gep(pointer, [_long(place)], source_etype=LONG)
        return self._build.load(here, typ=LONG, align=8)

    # Floats in memory

    def at(self, pointer: Value, *offsets: Index) -> Value:
        """Return the pointer moved on by the sum of the offsets."""
        for offset in offsets:
            pointer = self._build.gep(pointer, [_long(offset)], source_etype=FLOAT)
        return pointer

    def first(self, count: Index) -> Value:
        """Return the mask of the first `count` lanes."""
        counts = self._same(self._build.trunc(_long(count), INT), self.ints)
        return self._build.icmp_signed("<", self.ints([*range(self.lanes)]), counts)

    def load(self, pointer: Value, mask: Value | None = None) -> Value:
        """Return the vector at a pointer: 0 where it is masked, and not read there."""
        if mask is None:
            return self._build.load(pointer, typ=self.vector, align=ALIGNMENT)
        told = [pointer, INT(ALIGNMENT), mask, self.zeros()]
        return self._call(f"llvm.masked.load.{self._suffix}.p0", self.vector, told)

    def store(self, vector: Value, pointer: Value, mask: Value | None = None) -> None:
        """Write a vector: only where the mask says so."""
        if mask is None:
            self._build.store(vector, pointer, align=ALIGNMENT)
        else:
            told = [vector, pointer, INT(ALIGNMENT), mask]
            self._call(f"llvm.masked.store.{self._suffix}.p0", ir.VoidType(), told)

    def spread(self, pointer: Value) -> Value:
        """Return the float at a pointer in every lane."""
        return self._same(self._build.load(pointer, typ=FLOAT, align=ALIGNMENT), self.vector)

    def fetch(self, pointer: Value) -> None:
        """Ask for what lies at a pointer, which need not exist, to be brought near."""
        read, near, data = INT(0), INT(2), INT(1)
        self._call("llvm.prefetch.p0", ir.VoidType(), [pointer, read, near, data])

    # Arithmetic

    def zeros(self) -> Value:
        """Return a vector of zeros."""
        return self.vector([0.0] * self.lanes)

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

    def below(self, a: Value, b: Value) -> Value:
        """Return the mask of the lanes where a < b; not where one is NaN."""
        return self._build.fcmp_ordered("<", a, b)

    def where(self, mask: Value, a: Value, b: Value) -> Value:
        """Return a where the mask says so, else b."""
        return self._build.select(mask, a, b)

    def add_lanes_to(self, pointer: Value, vector: Value) -> None:
        """Add the sum of a vector's lanes to the float at a pointer."""
        told, name = [FLOAT(-0.0), vector], f"llvm.vector.reduce.fadd.{self._suffix}"
        total = self._call(name, FLOAT, told, ["reassoc"])
        before = self._build.load(pointer, typ=FLOAT, align=ALIGNMENT)
        self._build.store(self._build.fadd(before, total), pointer, align=ALIGNMENT)

    def accumulator(self) -> Value:
        """Return a place for a vector that loops change, now 0; LLVM finds it a register."""
        with self._build.goto_entry_block():
            place = self._build.alloca(self.vector)
        self._build.store(self.zeros(), place)
        return place

    def content(self, place: Value) -> Value:
        """Return an accumulator's vector."""
        return self._build.load(place, typ=self.vector)

    def accumulate(self, place: Value, a: Value, b: Value) -> None:
        """Add a * b to an accumulator."""
        self._build.store(self.multiply_add(a, b, self.content(place)), place)

    @property
    def _suffix(self) -> str:
        return f"v{self.lanes}f32"

    def _same(self, scalar: Value, kind: ir.VectorType) -> Value:
        """Return a scalar in every lane."""
        nothing = kind(ir.Undefined)
        one = self._build.insert_element(nothing, scalar, INT(0))
        return self._build.shuffle_vector(one, nothing, self.ints([0] * self.lanes))

    def _call(
        self, name: str, kind: ir.Type, told: list[Value], fastmath: Sequence[str] = ()
    ) -> Value:
        """Call one of LLVM's own functions."""
        function = self.module.globals.get(name)
        if function is None:
            taken = ir.FunctionType(kind, [value.type for value in told])
            function = ir.Function(self.module, taken, name)
        return self._build.call(function, told, fastmath=fastmath)


def _long(index: Index) -> Value:
    return LONG(index) if isinstance(index, int) else index
