//! The GPU's kernels: generated WGSL, what their buffers hold, and how the host fills them.
//!
//! Invariant: nothing here talks to a device, so that everything here is tested without one.
