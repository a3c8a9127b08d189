//! Block-STM over any key, value and transaction: parallel speculation, one order
