//! `ordlane gpu shaders`: the generated WGSL.

use anyhow::bail;
use ordlane::gpu_kernels::gpu::{KERNEL_NAMES, shader};

use super::ShadersArgs;
use crate::report;

pub(crate) fn run(args: &ShadersArgs) -> anyhow::Result<()> {
    let names = match &args.kernel {
        Some(name) => vec![name.as_str()],
        None => KERNEL_NAMES.to_vec(),
    };
    for name in names {
        let Some(text) = shader(name, args.radix.into()) else {
            bail!(
                "there is no kernel {name} (hint: one of {})",
                KERNEL_NAMES.join(", ")
            );
        };
        report::print(text.trim_end())?;
    }
    Ok(())
}
