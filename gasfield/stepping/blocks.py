"""Blocks of particles in a field, advanced through many steps while they are in the cache.

Particles without pair forces need not wait for each other: the loop over steps is inside the loop over blocks, so that
memory is read and written once in a call. Each instruction of a `Program` is a loop over the particles of a block.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from gasfield.kernels.flags import EXACT, IN_PLACE
from gasfield.kernels.jit import jit
from gasfield.kernels.philox import address_at, normals_of_pair
from gasfield.kernels.philox_float32 import are_together, make_normals, make_words
from gasfield.kernels.pointwise import pointwise_kernel
from gasfield.spaces.fold import facing, folded, image_of
from gasfield.spaces.periodic import wrap_one
from gasfield.stepping.columns import APART, BYTES, column, row, span
from gasfield.stepping.program import Do

_LOOP: dict[str, Any] = IN_PLACE | {"error_model": "numpy"}
_ELEMENT: dict[str, Any] = _LOOP | {"forceinline": True}

_KICK, _FLY, _ARRIVE, _NOISE, _LATE_NOISE = (int(x) for x in (Do.KICK, Do.FLY, Do.ARRIVE, Do.NOISE, Do.LATE_NOISE))
_BATH, _AIM, _DEPART, _MEASURE, _WORK = (int(x) for x in (Do.BATH, Do.AIM, Do.DEPART, Do.MEASURE, Do.WORK))
_GLIDE = int(Do.GLIDE)

FREE, PERIODIC, WALLS = 0, 1, 2
"""Kinds of sides."""

State = namedtuple("State", "positions velocities heat turned images")
"""What a call changes: (N, D) positions and velocities or flights, (N,) heat and turns, (N, D) images (or (0, 0))."""
Particles = namedtuple("Particles", "ids species masses")
"""(N,) what does not change."""
Sides = namedtuple("Sides", "kind edges halves inverse")
"""FREE, PERIODIC or WALLS, and (D,) sides, their halves and their inverses."""
Course = namedtuple("Course", "codes values span widths2 step steps seed stream")
"""A program, w^2 m (K, S) of each group at each step (K = 1 if it is the same at all), and the address of its noise."""
Scratch = namedtuple("Scratch", "work heat words0 words1")


@jit(**EXACT, error_model="numpy")
def advance_blocks(law, p, make_noise, axes, state, particles, sides, course, first, last):  # type: ignore[no-untyped-def]
    """Blocks `first` to `last` - 1 through all steps; `axes` has D entries, a tuple where D is a constant of the code.

    A loop of Numba over blocks in parallel would be compiled twice; threads call this kernel (`in_threads`).
    """
    d, size = len(axes), BYTES // state.positions.itemsize
    work = np.empty(rows_of(d) * (APART // state.positions.itemsize), state.positions.dtype)
    scratch = Scratch(work, np.empty(size), np.empty(size, np.uint64), np.empty(size, np.uint64))
    for block in range(first, last):
        begin = block * size
        n = min(size, state.positions.shape[0] - begin)
        load_block(scratch, d, state, particles, course, begin, n)
        _advance_block(law, p, make_noise, d, scratch, state, particles, sides, course, begin, n)
        store_block(scratch, d, state, begin, n)


@jit(**_ELEMENT)
def _advance_block(law, p, make_noise, d, scratch, state, particles, sides, course, begin, n):  # type: ignore[no-untyped-def]
    together = are_together(span(particles.ids, begin, n))
    _push(law, p, scratch.work, d, n)
    for k in range(course.steps):
        for piece in range(course.codes.size):
            carry_out(piece, k, make_noise, together, d, scratch, state, particles, sides, course, begin, n)
            if course.codes[piece] == _ARRIVE:
                _push(law, p, scratch.work, d, n)


@jit(**_ELEMENT)
def carry_out(piece, k, make_noise, together, d, scratch, state, particles, sides, course, begin, n):  # type: ignore[no-untyped-def]
    """One instruction of step k on a block, but for the force at the positions on arrival."""
    work, code, value = scratch.work, course.codes[piece], course.values[piece]
    if code == _KICK:
        _kick(work, d, n)
    elif code == _FLY:
        _fly(work, d, n, work.dtype.type(value))
        if sides.kind == WALLS:
            _reflect(work, d, n, sides, state.turned, begin)
    elif code == _ARRIVE:
        if sides.kind == PERIODIC:
            _wrap(work, d, n, sides, state.images, begin)
    elif code in (_NOISE, _LATE_NOISE):
        ahead = k + (code == _LATE_NOISE)
        if course.widths2.shape[0] > 1:
            _set_widths(work, d, n, particles, course.widths2[ahead], begin)
        ids = span(particles.ids, begin, n)
        address = address_at(course.seed, course.stream, course.step + ahead, np.int64(value))
        for pair in range((d + 1) // 2):
            make_noise(ids, together, pair, address, scratch, _noise(d) + 2 * pair, n)
    elif code == _BATH:
        _meet_bath(work, scratch.heat, d, n, work.dtype.type(value))
    elif code == _AIM:
        _aim(work, d, n)
    elif code == _GLIDE:
        _glide(work, d, n, work.dtype.type(value))
    elif code == _DEPART:
        _depart(work, d, n)
    elif code == _MEASURE:
        _measure(work, d, n)
    elif code == _WORK:
        _add_work(work, scratch.heat, d, n)


# --- rows of the scratch array: x, v, F, R, F before, x before, then numbers of each particle ------------------------


@jit(**_ELEMENT)
def _noise(d):  # type: ignore[no-untyped-def]
    return 3 * d


@jit(**_ELEMENT)
def before_rows(d):  # type: ignore[no-untyped-def]
    return 3 * d + 2 * ((d + 1) // 2)


@jit(**_ELEMENT)
def _numbers(d):  # type: ignore[no-untyped-def]
    return 5 * d + 2 * ((d + 1) // 2)


@jit(**_ELEMENT)
def rows_of(d):  # type: ignore[no-untyped-def]
    return _numbers(d) + 3


# --- to and from the gas ----------------------------------------------------------------------------------------------


@jit(**_LOOP)
def load_block(scratch, d, state, particles, course, begin, n):  # type: ignore[no-untyped-def]
    work, heat = scratch.work, span(state.heat, begin, n)
    positions, velocities = state.positions[begin : begin + n], state.velocities[begin : begin + n]
    for j in range(d):
        x, v = row(work, j, n), row(work, d + j, n)
        for i in range(n):
            x[i], v[i] = positions[i, j], velocities[i, j]
    for i in range(n):
        scratch.heat[i] = heat[i]
    gains, halves, masses = (
        row(work, _numbers(d), n),
        row(work, _numbers(d) + 2, n),
        particles.masses[begin : begin + n],
    )
    if _are_alike(masses):
        gain, half = course.span / masses[0], 0.5 * masses[0]
        for i in range(n):
            gains[i], halves[i] = gain, half
    else:
        for i in range(n):
            gains[i], halves[i] = course.span / masses[i], 0.5 * masses[i]
    _set_widths(work, d, n, particles, course.widths2[0], begin)


@jit(**_LOOP)
def _are_alike(numbers):  # type: ignore[no-untyped-def]
    """Whether all are the same: divisions and roots for each particle would take longer than some steps."""
    differ = False
    for i in range(numbers.size):
        differ |= numbers[i] != numbers[0]
    return not differ


@jit(**_LOOP)
def _set_widths(work, d, n, particles, widths2, begin):  # type: ignore[no-untyped-def]
    """w = sqrt(w^2 m / m) of each particle."""
    widths = row(work, _numbers(d) + 1, n)
    masses, species = particles.masses[begin : begin + n], particles.species[begin : begin + n]
    if _are_alike(masses) and _are_alike(species):
        width = np.sqrt(widths2[species[0]] / masses[0])
        for i in range(n):
            widths[i] = width
    else:
        for i in range(n):
            widths[i] = np.sqrt(widths2[species[i]] / masses[i])


@jit(**_LOOP)
def store_block(scratch, d, state, begin, n):  # type: ignore[no-untyped-def]
    positions, velocities = state.positions[begin : begin + n], state.velocities[begin : begin + n]
    heat = span(state.heat, begin, n)
    for j in range(d):
        x, v = row(scratch.work, j, n), row(scratch.work, d + j, n)
        for i in range(n):
            positions[i, j], velocities[i, j] = x[i], v[i]
    for i in range(n):
        heat[i] = scratch.heat[i]


# --- instructions -----------------------------------------------------------------------------------------------------


@jit(**_ELEMENT)
def _push(law, p, work, d, n):  # type: ignore[no-untyped-def]
    """F = F(x)."""
    for i in range(n):
        force = column(work, 2 * d, i, d)
        for j in range(d):
            force[j] = 0.0
        law(column(work, 0, i, d), p, force)


@jit(**_ELEMENT)
def _kick(work, d, n):  # type: ignore[no-untyped-def]
    gains = row(work, _numbers(d), n)
    for j in range(d):
        v, f = row(work, d + j, n), row(work, 2 * d + j, n)
        for i in range(n):
            v[i] += gains[i] * f[i]


@jit(**_ELEMENT)
def _fly(work, d, n, span):  # type: ignore[no-untyped-def]
    for j in range(d):
        x, v = row(work, j, n), row(work, d + j, n)
        for i in range(n):
            x[i] += v[i] * span


@jit(**_ELEMENT)
def _aim(work, d, n):  # type: ignore[no-untyped-def]
    widths = row(work, _numbers(d) + 1, n)
    for j in range(d):
        v, r = row(work, d + j, n), row(work, _noise(d) + j, n)
        for i in range(n):
            v[i] = widths[i] * r[i]


@jit(**_ELEMENT)
def _meet_bath(work, heat, d, n, kept):  # type: ignore[no-untyped-def]
    widths, halves = row(work, _numbers(d) + 1, n), row(work, _numbers(d) + 2, n)
    for i in range(n):
        velocity, noise = column(work, d, i, d), column(work, _noise(d), i, d)
        lost = work.dtype.type(0.0)
        for j in range(d):
            before = velocity[j]
            after = kept * before + widths[i] * noise[j]
            lost += before * before - after * after
            velocity[j] = after
        heat[i] += halves[i] * lost


@jit(**_ELEMENT)
def _glide(work, d, n, span):  # type: ignore[no-untyped-def]
    """v <- v + g F, x <- x + v h, v <- w R, x <- x + v h; keeps the force and the displacement."""
    gains, widths = row(work, _numbers(d), n), row(work, _numbers(d) + 1, n)
    for j in range(d):
        x, v, f, noise = row(work, j, n), row(work, d + j, n), row(work, 2 * d + j, n), row(work, _noise(d) + j, n)
        f_before, moved = row(work, before_rows(d) + j, n), row(work, before_rows(d) + d + j, n)
        for i in range(n):
            start, force = x[i], f[i]
            place = start + (v[i] + gains[i] * force) * span
            v[i] = widths[i] * noise[i]
            x[i] = place + v[i] * span
            f_before[i], moved[i] = force, x[i] - start


@jit(**_ELEMENT)
def _depart(work, d, n):  # type: ignore[no-untyped-def]
    for j in range(d):
        f, f_before = row(work, 2 * d + j, n), row(work, before_rows(d) + j, n)
        x, x_before = row(work, j, n), row(work, before_rows(d) + d + j, n)
        for i in range(n):
            f_before[i], x_before[i] = f[i], x[i]


@jit(**_ELEMENT)
def _measure(work, d, n):  # type: ignore[no-untyped-def]
    for j in range(d):
        x, x_before = row(work, j, n), row(work, before_rows(d) + d + j, n)
        for i in range(n):
            x_before[i] = x[i] - x_before[i]


@jit(**_ELEMENT)
def _add_work(work, heat, d, n):  # type: ignore[no-untyped-def]
    half = work.dtype.type(0.5)
    for i in range(n):
        before, after, moved = (
            column(work, before_rows(d), i, d), column(work, 2 * d, i, d), column(work, before_rows(d) + d, i, d)
        )  # fmt: skip
        done = work.dtype.type(0.0)
        for j in range(d):
            done += (before[j] + after[j]) * moved[j]
        heat[i] += half * done


@jit(**_LOOP)
def _reflect(work, d, n, sides, turned, begin):  # type: ignore[no-untyped-def]
    """Folds what has flown out of a box; as a rule nothing has."""
    out = False
    for j in range(d):
        x, half = row(work, j, n), work.dtype.type(sides.halves[j])
        for i in range(n):
            out |= not abs(x[i]) <= half
    if not out:
        return
    for i in range(n):
        x, v = column(work, 0, i, d), column(work, d, i, d)
        change = 0.0
        for j in range(d):
            image = image_of(x[j], sides.halves[j], sides.inverse[j])
            change += abs(image * v[j])
            x[j] = folded(x[j], sides.halves[j], image)
            v[j] *= facing(image)
        turned[begin + i] += 2.0 * change


@jit(**_LOOP)
def _wrap(work, d, n, sides, images, begin):  # type: ignore[no-untyped-def]
    """Wraps what has left a period; as a rule nothing has."""
    for j in range(d):
        x, half = row(work, j, n), work.dtype.type(sides.halves[j])
        out = False
        for i in range(n):
            out |= not (-half <= x[i] < half)
        if out:
            for i in range(n):
                if not -half <= x[i] < half:
                    place, away = wrap_one(np.float64(x[i]), sides.edges[j])
                    images[begin + i, j] += away
                    x[i] = place
                    if x[i] >= half:  # rounded up, in float32
                        x[i] = np.nextafter(half, work.dtype.type(0.0))


@pointwise_kernel
def noise_float64(ids, together, pair, address, scratch, number, n):  # type: ignore[no-untyped-def]
    """Normals of a pair of columns into two rows."""
    first, second = row(scratch.work, number, n), row(scratch.work, number + 1, n)
    normals_of_pair(ids, pair, address, scratch.words0, scratch.words1, first, second)


@pointwise_kernel
def noise_float32(ids, together, pair, address, scratch, number, n):  # type: ignore[no-untyped-def]
    """Normals of a pair of columns into two rows."""
    size = BYTES // 4
    first, second = row(scratch.work, number, size), row(scratch.work, number + 1, size)
    radii, angles = scratch.words0[: size // 2], scratch.words1[: size // 2]
    make_words(ids, together, pair, address, radii, angles)
    make_normals(radii, angles, first, second)
