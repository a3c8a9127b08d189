# The commands of this project. CI calls these and the README's own commands, nothing else.

# Everything that CI checks, in its order; CI has fewer of the schedules
ci: check doc test loom shuttle gpu features examples demo compare-check

# Format, lints, spelling
check:
    cargo fmt --all --check
    cargo fmt --check --manifest-path benches/rivals/Cargo.toml
    cargo fmt --check --manifest-path fuzz/Cargo.toml
    cargo fmt --check --manifest-path testkit/hostile-embedder/Cargo.toml
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --manifest-path benches/rivals/Cargo.toml --all-targets --no-default-features --locked -- -D warnings
    cargo check --manifest-path fuzz/Cargo.toml --locked
    typos
    taplo fmt --check

# The tests that the README names
test:
    cargo test --workspace

# The same in release mode, with the full counts of mutated inputs
test-slow:
    cargo test --workspace --release

# The scheduler's parts under every order of accesses that the memory model allows
loom:
    RUSTFLAGS="--cfg loom" cargo test --locked --release -p ordlane-scheduler --lib --target-dir target/loom proofs

# Whole blocks through the scheduler under a million schedules, and as many again as it takes to find planted faults
shuttle schedules="1000000":
    ORDLANE_SCHEDULES={{schedules}} RUSTFLAGS="--cfg shuttle" cargo test --locked --release -p ordlane-scheduler --lib --target-dir target/shuttle proofs

# A million mutated transactions through decode, admit and verify, and through decode alone; a hundred thousand changed
# blocks and as many replays; a million flips of proofs. CI's tests have fewer of each
mutations:
    cargo test --locked --release -p ordlane --test engine -- mutated replays --nocapture
    cargo test --locked --release -p ordlane-testkit --test decode
    cargo test --locked --release -p ordlane-state --test state multi -- --ignored --nocapture

# A million random signatures on every tier, beside ed25519-zebra
signatures:
    cargo test --locked --release -p ordlane-gpu-kernels --test tiers million -- --ignored --nocapture

# A hundred thousand modules by chance and as many damaged guests, each deployed and called; nanoseconds per gas of all kinds
# of work; other modules by chance beside wasmtime
contracts:
    cargo test --locked --release -p ordlane-wasm --test wasm -- --ignored --nocapture --test-threads 1
    cargo test --locked --release -p ordlane --test engine just_opened -- --ignored --nocapture
    cargo test --locked --release -p ordlane-wasm --test hostile_code -- --ignored --nocapture --test-threads 1
    cargo clippy --manifest-path benches/rivals/Cargo.toml --all-targets --locked -- -D warnings
    ./.ci/check-wasmtime
    cargo compare modules --count 20000

# What the GPU is, its shaders, a short measurement, and a demo on it; a software device will do (mesa-vulkan-drivers)
gpu:
    ./.ci/check-gpu

# The GPU beside the definition: a hundred thousand signatures in the 64-bit radix, fewer in the other, a million parents
gpu-slow:
    cargo test --locked --release -p ordlane-gpu-kernels --features gpu,faults --lib gpu:: -- --include-ignored --nocapture

# Stores killed a thousand times, a thousand damaged ones, torn writes; prints how often each outcome came
torture:
    cargo test --locked --release -p ordlane-state --test torture -- --include-ignored --nocapture --test-threads 1

# Documentation without a warning
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Other builds with the same results: no features, and a hostile embedder
features:
    cargo test --locked -p ordlane --no-default-features
    cargo clippy --locked -p ordlane --no-default-features --all-targets -- -D warnings
    cargo test --locked -p ordlane-scheduler --no-default-features
    cargo clippy --locked -p ordlane-scheduler --no-default-features --all-targets -- -D warnings
    cargo clippy --locked -p ordlane-state --no-default-features -- -D warnings
    cargo clippy --locked -p ordlane-cli --no-default-features -- -D warnings
    cargo clippy --locked -p ordlane-gpu-kernels --no-default-features --features gpu -- -D warnings
    cargo run --release --locked --manifest-path testkit/hostile-embedder/Cargo.toml

# Every example, run
examples:
    cargo run --release --locked -p ordlane --example embed
    cargo run --release --locked -p ordlane --example forks

# The demo in release mode, its JSON checked
demo:
    ./.ci/check-demo --txs 10000 --accounts 1000 --blocks 5
    ./.ci/check-demo --txs 10000 --accounts 1000 --blocks 2 --zipf 1.2 --failing 0.4
    ./.ci/check-demo --txs 2000 --accounts 2 --blocks 2
    ./.ci/check-demo --txs 5000 --accounts 1000 --blocks 3 --workload full
    ./.ci/check-demo --txs 2000 --accounts 1000 --blocks 2 --workload contracts

# A short comparison, its JSON checked
compare-check:
    ./.ci/check-compare

# Each fuzz target for a while: `just fuzz 60`
fuzz seconds="30":
    #!/usr/bin/env bash
    set -euo pipefail
    for target in $(cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz list); do
        RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" -- -max_total_time={{seconds}}
    done

# Criterion benches
bench *args:
    cargo bench -p ordlane-benches {{args}}

# Ours beside rivals, interleaved in one process
compare *args:
    cargo compare {{args}}

# Licences, sources and advisories of the dependencies (needs cargo-deny)
deny:
    cargo deny check
