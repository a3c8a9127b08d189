//! How the host fills the buffers of the kernels, and reads what they give.

pub(crate) mod messages;
pub(crate) mod signatures;
