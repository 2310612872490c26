//! Memory that will be needed soon is asked for before it is.
//!
//! A cluster of thousands of nodes does not fit into a core's nearest cache, and which node an event is about is known
//! before its turn comes. Everything here is a hint: it changes no value and no outcome.

/// Asks for the memory of a value.
#[inline(always)]
pub fn value<T>(value: &T) {
    slice(std::slice::from_ref(value));
}

/// Asks for the memory of some values, at most [`MOST`] bytes of it.
#[inline(always)]
pub fn slice<T>(values: &[T]) {
    let begin = values.as_ptr().cast::<u8>();
    for offset in (0..size_of_val(values).min(MOST)).step_by(LINE) {
        line(begin.wrapping_add(offset));
    }
}

/// How much is asked for at once.
const MOST: usize = 4 * LINE;
/// What a cache holds in one piece.
const LINE: usize = 64;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(unsafe_code)]
fn line(place: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: the instruction is part of every x86-64 processor. It reads nothing that the program could see and cannot
    // fault, whatever the address; here it is one within a live value.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
}

/// Elsewhere the standard library has no such hint yet.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn line(_place: *const u8) {}
