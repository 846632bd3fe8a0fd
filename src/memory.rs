//! Keeps secrets from staying in memory that was given back. Types that hold secrets zeroize
//! themselves when they are dropped, but a value that is moved leaves its bytes where it was: on the
//! stack, and in a box that it was taken out of. rustls moves its key schedule at each step.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr;

/// The allocator of the component: the system's, except that small blocks are zeroed when they are
/// freed.
pub struct Wiping;

/// Blocks below this are zeroed. What holds keys is shorter; longer are the buffers of records, of which
/// several are freed for each.
const SMALL: usize = 4096;

/// How deep calls get in a handshake, and more.
const DEPTH: usize = 64 * 1024;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: all is done by the system's allocator, with the layouts that the caller vouches for.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout, as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout, as it is.
        unsafe { System.alloc_zeroed(layout) }
    }

    // Not at each of the thousands of places where something is freed.
    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is as long as its layout, and the caller's alone until it is freed.
        unsafe {
            if layout.size() < SMALL {
                ptr::write_bytes(block, 0, layout.size());
                // The compiler may not drop the writes for that nobody reads them.
                black_box(block);
            }
            System.dealloc(block, layout);
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the new block has room for what is copied, and the old one is freed with its own
        // layout, as the caller of `realloc` asks; a size that makes no layout it may not ask for.
        unsafe {
            if layout.size() >= SMALL {
                return System.realloc(block, layout, size);
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Runs an operation, and zeroes the stack that it has used if it worked with the secrets of a
/// handshake.
pub fn wiping<T>(has_secrets: bool, operation: impl FnOnce() -> T) -> T {
    let result = operation();
    if has_secrets {
        wipe_stack();
    }
    result
}

/// Zeroes the part of the stack that calls have used and left.
#[inline(never)]
pub fn wipe_stack() {
    let mut left = [0_u8; DEPTH];
    black_box(&mut left);
}

#[cfg(test)]
#[expect(unsafe_code, reason = "an allocator cannot be called without")]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_by_growing_is_as_it_was() {
        for (first, then) in [
            (10, 20),
            (20, 10),
            (10, SMALL),
            (SMALL, 10),
            (SMALL, 2 * SMALL),
        ] {
            let layout = Layout::array::<u8>(first).unwrap();
            // SAFETY: blocks are freed once, with their layouts, and read where they were written.
            unsafe {
                let block = Wiping.alloc(layout);
                for at in 0..first {
                    block.add(at).write(u8::try_from(at % 251).unwrap());
                }
                let block = Wiping.realloc(block, layout, then);
                for at in 0..first.min(then) {
                    assert_eq!(usize::from(block.add(at).read()), at % 251);
                }
                Wiping.dealloc(block, Layout::array::<u8>(then).unwrap());
            }
        }
    }
}
