//! What every target needs of its process. What a target does stands in `tests/src/fuzzing`.

/// Gives signal handlers a stack of their own, so that an input which overflows the stack is written down like any other
/// that kills the process.
pub fn report_overflows() {
    const BYTES: usize = 256 * 1024;
    let stack = Box::leak(vec![0_u8; BYTES].into_boxed_slice());
    let stack = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: BYTES,
    };
    // SAFETY: the memory is never freed, and the old stack is not asked for.
    let result = unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
    assert_eq!(result, 0, "the kernel takes a stack of {BYTES} bytes");
}
