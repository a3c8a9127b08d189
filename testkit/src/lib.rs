//! Workload generators, proptest strategies, public vectors and the sequential oracle
